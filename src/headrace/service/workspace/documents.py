"""Documents of spaces: pages that are shown beside the sheets."""

from collections.abc import Mapping
from dataclasses import replace

from headrace.core.blueprint_reading import check_actions
from headrace.core.codec import Json
from headrace.core.job import Actor
from headrace.core.shapes import Shapes, without_nulls
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.workspace.desk import Hand, WorkspaceDesk, resource_of, space_of
from headrace.store import resources
from headrace.store.database import Transaction
from headrace.store.places import place_of_resource

_BODY = ("actions", "body", "treatments")


def create(desk: WorkspaceDesk, actor: Actor, space_id: str, raw: Mapping[str, Json]) -> Resource:
    """Return a new document of a space.

    Raises:
        Problem: ``NOT_FOUND``: the space; ``INVALID``: something in ``raw`` is wrong.
    """
    shapes = _checked(raw)
    title = shapes.text(raw, "title", required=True)
    if not isinstance(raw.get("body"), str):
        shapes.wrong("body", "body is required")
    shapes.finish("the document")
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        space = space_of(tx, actor, space_id, hold=True)
        document = Resource(
            scope=space.scope,
            kind=ResourceKind.DOCUMENT,
            id=short_id("dc", desk.ids),
            name=str(title),
            body={name: raw[name] for name in _BODY if raw.get(name) is not None},
            created_by=actor.id,
            created_at=now,
            updated_at=now,
            parent_id=space.id,
            space_id=space.id,
        )
        resources.insert(tx, document)
        Hand(tx, desk, actor, now).tell(place_of_resource(tx, document), "document:created", {})
    return document


def list_all(desk: WorkspaceDesk, actor: Actor, space_id: str) -> list[Resource]:
    """Return the documents of a space, the oldest first.

    Raises:
        Problem: ``NOT_FOUND``: the space.
    """
    with desk.database.reading() as tx:
        space = space_of(tx, actor, space_id)
        return resources.of_parent(tx, space.id, ResourceKind.DOCUMENT)


def get(desk: WorkspaceDesk, actor: Actor, space_id: str, document_id: str) -> Resource:
    """Return the document.

    Raises:
        Problem: ``NOT_FOUND``: there is none in that space.
    """
    with desk.database.reading() as tx:
        return _document_of(tx, actor, space_id, document_id)


def patch(desk: WorkspaceDesk, actor: Actor, space_id: str, document_id: str, raw: Mapping[str, Json]) -> Resource:
    """Replace each key of a document that ``raw`` has.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: something in ``raw`` is wrong.
    """
    _checked(raw).finish("the document")
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        before = _document_of(tx, actor, space_id, document_id, hold=True)
        given = {name: value for name, value in without_nulls(raw).items() if name in _BODY}
        after = replace(before, name=str(raw.get("title") or before.name), body={**before.body, **given})
        if after == before:
            return before
        written = resources.replace(tx, replace(after, updated_at=now))
        Hand(tx, desk, actor, now).tell(place_of_resource(tx, written), "document:updated", {})
        return written


def remove(desk: WorkspaceDesk, actor: Actor, space_id: str, document_id: str) -> None:
    """Remove a document.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        document = _document_of(tx, actor, space_id, document_id, hold=True)
        place = place_of_resource(tx, document)
        resources.remove_of_parent(tx, [document.id])
        resources.remove(tx, document.id)
        Hand(tx, desk, actor, desk.clock.now()).tell(place, "document:deleted", {})


def _document_of(tx: Transaction, actor: Actor, space_id: str, document_id: str, *, hold: bool = False) -> Resource:
    document = resource_of(tx, actor, ResourceKind.DOCUMENT, document_id, hold=hold)
    if document.space_id != space_id:
        raise resources.missing(ResourceKind.DOCUMENT)
    return document


def _checked(raw: Mapping[str, Json]) -> Shapes:
    shapes = Shapes()
    for name in ("title", "body"):
        shapes.text(raw, name)
    shapes.texts(raw, "treatments")
    check_actions(shapes, raw)
    return shapes
