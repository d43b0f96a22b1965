"""What all collections of a factory have in common: GET, PUT, DELETE and lists of documents with etags (contract 2 and 3)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of
from headrace.api.datafactory.checks import properties_of
from headrace.api.datafactory.errors import missing_document
from headrace.api.datafactory.etags import check_match, etag_of, is_known
from headrace.api.datafactory.gateway import Factory, InFactory, hold_factory
from headrace.api.datafactory.names import check_resource, key_of
from headrace.api.datafactory.paging import BY_NAME, gather, given_cursor
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.references import Reference, check_references, check_unreferenced
from headrace.api.datafactory.secrets import seal_secrets
from headrace.api.datafactory.wire import Item, answer, empty
from headrace.core.clock import Instant
from headrace.service.documents import Document, DocumentDraft, DocumentQuery, erase_document, write_document
from headrace.store import documents
from headrace.store.database import Transaction

_OURS = frozenset({"name", "id", "type", "etag"})
"""What the server says of a resource; in a body it is ignored."""


def _as_it_is(_factory: Factory, _name: str, properties: Item) -> Item:
    return properties


def _nothing_said(_target: str, _current: Document) -> None:
    """Refuse nothing."""


def _nothing_more(_tx: Transaction, _factory: Factory, _document: Document, _now: Instant) -> None:
    """Write nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One kind of documents in a factory.

    ``segment`` is its name in paths and types. ``check`` returns the properties as they are to be stored, or refuses them; it runs before the
    transaction and may look things up. ``before_change`` and ``before_removal`` refuse what the present document does not allow, ``along`` and
    ``along_removal`` write what belongs to it, in the same transaction. ``plain_secrets``: texts of properties such as ``password`` are secrets.
    """

    kind: str
    segment: str
    check: Callable[[Factory, str, Item], Item] = _as_it_is
    before_change: Callable[[str, Document], None] = _nothing_said
    before_removal: Callable[[str, Document], None] = _nothing_said
    along: Callable[[Transaction, Factory, Document, Instant], None] = _nothing_more
    along_removal: Callable[[Transaction, Factory, Document, Instant], None] = _nothing_more
    plain_secrets: bool = False

    def path(self, factory: Factory, name: str) -> str:
        """Return the resource id of the one with this name."""
        return f"{factory.path}/{self.segment}/{name}"


def router_of(collection: Collection) -> APIRouter:
    """Return the routes of a collection: list, GET, PUT, DELETE."""
    router = APIRouter(prefix=f"{FACTORY}/{collection.segment.lower()}")

    def list_resources(request: Request, factory: InFactory) -> Response:
        """List the resources, by name."""
        return list_all(request, factory, collection)

    def get_resource(name: str, request: Request, factory: InFactory) -> Response:
        """Show one resource; 304 if the caller has this version."""
        document = find(factory, collection, name)
        if is_known(request, document):
            return empty(304, {"etag": etag_of(document)})
        return shown_answer(factory, collection, document)

    def put_resource(name: str, request: Request, factory: InFactory, body: DocumentBody) -> Response:
        """Make or replace one resource."""
        return shown_answer(factory, collection, put(request, factory, collection, name, object_of(body)))

    def delete_resource(name: str, request: Request, factory: InFactory) -> Response:
        """Remove one resource that nothing refers to."""
        return empty(200 if remove(request, factory, collection, name) else 204)

    router.add_api_route("", list_resources, methods=["GET"])
    router.add_api_route("/{name}", get_resource, methods=["GET"])
    router.add_api_route("/{name}", put_resource, methods=["PUT"])
    router.add_api_route("/{name}", delete_resource, methods=["DELETE"])
    return router


def find(factory: Factory, collection: Collection, name: str) -> Document:
    """Return the document.

    Raises:
        Refusal: 404 ``NotFound``, target = its resource id.
    """
    with factory.door.database.reading() as tx:
        found = documents.find(tx, factory.scope, collection.kind, key_of(name))
    if found is None:
        raise missing_document(collection.path(factory, name))
    return found


def list_all(request: Request, factory: Factory, collection: Collection) -> Response:
    """Answer with a page of the collection.

    Raises:
        Refusal: 400: the token.
    """
    query = DocumentQuery(scope=factory.scope, kind=collection.kind, order=BY_NAME)
    cursor = given_cursor(request)
    with factory.door.database.reading() as tx:
        found = gather(tx, query, cursor, lambda document: shown(factory, collection, document))
    return found.linked(request)


def put(request: Request, factory: Factory, collection: Collection, name: str, body: Item) -> Document:
    """Return the document as it is kept now; a name keeps the case of its first PUT.

    Raises:
        Refusal: 400: name, body or references; 404: the factory was removed; 412: the etag.
    """
    check_resource(name)
    resource: Item = {key: value for key, value in body.items() if key not in _OURS}
    resource["properties"] = collection.check(factory, name, properties_of(resource))
    target, now = collection.path(factory, name), factory.door.clock.now()
    place = (factory.scope, collection.kind, key_of(name))
    sealed = seal_secrets(resource["properties"], factory.door.sealer, place, plain=collection.plain_secrets)
    with factory.door.database.transaction() as tx:
        hold_factory(tx, factory)
        current = documents.find(tx, *place)
        check_match(request, current, target)
        if current is not None:
            collection.before_change(target, current)
        check_references(tx, factory.scope, Reference(collection.kind, name), resource["properties"])
        kept_name = name if current is None else current.name
        draft = DocumentDraft(
            scope=factory.scope,
            kind=collection.kind,
            id=key_of(name),
            name=kept_name,
            body={**resource, "properties": sealed},
            who=factory.who,
        )
        written = write_document(tx, draft, now)
        collection.along(tx, factory, written, now)
    return written


def remove(request: Request, factory: Factory, collection: Collection, name: str) -> bool:
    """Remove the document; say whether there was one.

    Raises:
        Refusal: 400: it is referred to, or its state does not allow it; 404: the factory was removed; 412: the etag.
    """
    target, now = collection.path(factory, name), factory.door.clock.now()
    with factory.door.database.transaction() as tx:
        hold_factory(tx, factory)
        current = documents.find(tx, factory.scope, collection.kind, key_of(name))
        check_match(request, current, target)
        if current is None:
            return False
        collection.before_removal(target, current)
        check_unreferenced(tx, factory.scope, Reference(collection.kind, current.name))
        erase_document(tx, factory.scope, collection.kind, current.id, factory.who, now)
        collection.along_removal(tx, factory, current, now)
        return True


def shown(factory: Factory, collection: Collection, document: Document) -> Item:
    """Return a document as clients see it."""
    return {
        "id": collection.path(factory, document.name),
        "name": document.name,
        "type": f"Microsoft.DataFactory/factories/{collection.segment}",
        **_plain(document),
        "etag": etag_of(document),
    }


def shown_answer(factory: Factory, collection: Collection, document: Document) -> Response:
    """Return 200 with a document and its etag."""
    return answer(shown(factory, collection, document), headers={"etag": etag_of(document)})


def _plain(document: Document) -> dict[str, Any]:
    return dict(document.body)
