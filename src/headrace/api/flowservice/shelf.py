"""The door's documents: one kind for each collection, within the caller's scope only."""

from collections.abc import Iterator
from typing import Any

from headrace.api.flowservice.entities import Entity, Maker
from headrace.api.flowservice.errors import unknown
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.wire import Item, object_in, text_in
from headrace.core.errors import Code, Problem
from headrace.service.documents import (
    Document,
    DocumentDraft,
    DocumentQuery,
    delete_document,
    get_document,
    page_documents,
    put_document,
)

MAX_ENTITIES = 10_000
"""Things of one collection that a list looks at, newest first."""
_PAGE = 1000


def keep(
    tenant: Tenant, collection: str, subject: str, name: str, item: Item, *, expected: Entity | None = None
) -> Entity:
    """Return the thing as it is kept now: new, or the next revision of ``expected``.

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
    return _entity(put_document(tenant.door.database, draft, tenant.door.clock, expected=seen))


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
    return [_entity(document) for document in _documents(tenant, collection)]


def remove(tenant: Tenant, collection: str, entity: Entity) -> None:
    """Remove a thing.

    Raises:
        Problem: ``STALE``: it has changed since it was read.
    """
    door = tenant.door
    document = get_document(door.database, tenant.scope, _kind(collection), entity.id)
    delete_document(door.database, document, tenant.user, door.clock, expected=entity.revision)


def _documents(tenant: Tenant, collection: str) -> Iterator[Document]:
    query = DocumentQuery(scope=tenant.scope, kind=_kind(collection))
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
