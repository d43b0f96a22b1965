"""The door's documents: one kind for each collection, within the caller's scope only."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.entities import Entity, Maker, shown
from headrace.api.flowservice.errors import unknown
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.queries import ListRequest, envelope, project
from headrace.api.flowservice.selection import ORDERS, Kept, compiled, next_token, paged
from headrace.api.flowservice.wire import Item, object_in, text_in
from headrace.core.errors import Code, Problem
from headrace.core.query import Order
from headrace.service.documents import (
    Along,
    Document,
    DocumentDraft,
    DocumentQuery,
    count_documents,
    delete_document,
    get_document,
    page_documents,
    put_document,
)

MAX_ENTITIES = 10_000
"""Things of one collection that a list looks at, newest first."""
_PAGE = 1000
_KEPT = Kept(
    texts={"id": "id"},
    times={"createdAt": "created_at", "updatedAt": "updated_at"},
    within="body.item",
    roots=frozenset({"name", "description", "state", "connectionSpec", "baseConnectionId"}),
)


def keep(  # noqa: PLR0913 — what is kept where, the condition of the change, and what goes with it
    tenant: Tenant,
    collection: str,
    subject: str,
    name: str,
    item: Item,
    *,
    expected: Entity | None = None,
    along: Along = lambda _tx: None,
) -> Entity:
    """Return the thing as it is kept now: new, or the next revision of ``expected``; ``along`` is done in the same transaction.

    Raises:
        Problem: ``STALE``: another revision came first.
    """
    maker = expected.maker if expected is not None else Maker(tenant.user, tenant.client, tenant.user, tenant.client)
    body: dict[str, Any] = {
        "item": item,
        "createdBy": maker.created_by,
        "createdClient": maker.created_client,
        "updatedBy": tenant.user,
        "updatedClient": tenant.client,
    }
    draft = DocumentDraft(scope=tenant.scope, kind=_kind(collection), id=subject, name=name, body=body, who=tenant.user)
    seen = 0 if expected is None else expected.revision
    return _entity(put_document(tenant.door.database, draft, tenant.door.clock, expected=seen, along=along))


def find(tenant: Tenant, collection: str, subject: str) -> Entity:
    """Return a thing of the caller's scope.

    Raises:
        Refusal: 1439-404: there is none, here.
    """
    entity = find_or_none(tenant, collection, subject)
    if entity is None:
        raise unknown(collection, subject[:200])
    return entity


def find_or_none(tenant: Tenant, collection: str, subject: str) -> Entity | None:
    """Return a thing of the caller's scope, or None."""
    try:
        return _entity(get_document(tenant.door.database, tenant.scope, _kind(collection), subject))
    except Problem as problem:
        if problem.code in {Code.NOT_FOUND, Code.INVALID}:
            return None
        raise


def all_of(tenant: Tenant, collection: str) -> list[Entity]:
    """Return the collection's things, newest first, at most ``MAX_ENTITIES``."""
    query = DocumentQuery(scope=tenant.scope, kind=_kind(collection))
    return [_entity(document) for document in _documents(tenant, query)]


def listing(
    tenant: Tenant, collection: str, listed: ListRequest, show: Callable[[Entity], Item] | None = None
) -> Response:
    """Return the answer to a list: what the ledger can select and order it does, the rest is looked at in all of the collection's things.

    ``show``: how a thing is shown, for what needs more than ``entities.shown`` does.
    """

    def as_shown(entity: Entity) -> Item:
        return shown(tenant, entity) if show is None else show(entity)

    where, left = compiled(listed.filters, _KEPT)
    query = DocumentQuery(scope=tenant.scope, kind=_kind(collection), filter=where)
    door = tenant.door
    if left or (not listed.count and listed.order[0] not in ORDERS):
        found = [as_shown(entity) for entity in map(_entity, _documents(tenant, query))]
        return answers.listed(collection, found, replace(listed, filters=left))
    if listed.count:
        return JSONResponse({"count": count_documents(door.database, query)})
    query = replace(query, order=Order(ORDERS[listed.order[0]], descending=listed.order[1]))
    found_page = paged(listed, lambda cursor: page_documents(door.database, query, listed.limit, cursor))
    items = [project(as_shown(_entity(document)), listed.projection) for document in found_page.items]
    return JSONResponse(envelope(collection, items, next_token(listed, found_page)))


def remove(tenant: Tenant, collection: str, entity: Entity, along: Along = lambda _tx: None) -> None:
    """Remove a thing; ``along`` is done in the same transaction.

    Raises:
        Problem: ``STALE``: it has changed since it was read.
    """
    door = tenant.door
    document = get_document(door.database, tenant.scope, _kind(collection), entity.id)
    delete_document(door.database, document, tenant.user, door.clock, expected=entity.revision, along=along)


def _documents(tenant: Tenant, query: DocumentQuery) -> Iterator[Document]:
    cursor: str | None = None
    for _ in range(MAX_ENTITIES // _PAGE):
        page = page_documents(tenant.door.database, query, _PAGE, cursor)
        yield from page.items
        if page.next is None:
            return
        cursor = page.next.token()


def _kind(collection: str) -> str:
    return f"flowservice.{collection}"


def _entity(document: Document) -> Entity:
    body: Item = dict(document.body)
    created_by = text_in(body, "createdBy")
    maker = Maker(
        created_by,
        text_in(body, "createdClient"),
        text_in(body, "updatedBy", created_by),
        text_in(body, "updatedClient"),
    )
    return Entity(
        document.id, object_in(body, "item"), document.revision, document.created_at, document.updated_at, maker
    )
