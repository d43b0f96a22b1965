"""Workbooks: made with their sheets, found and changed. Removing them is in ``removal``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headrace.core.blueprint import Blueprint
from headrace.core.blueprint_reading import blueprint_with, check_actions
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.shapes import Shapes, without_nulls
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind, Sheet
from headrace.service.workspace import sheets as sheet_changes
from headrace.service.workspace.desk import Hand, WorkspaceDesk, resource_of, space_of
from headrace.store import resources, sheets
from headrace.store.database import Transaction
from headrace.store.places import place_of_resource
from headrace.store.resources import ResourceQuery

_BODY = ("actions", "folder", "labels", "metadata", "settings", "storageStrategy", "treatments")
_OF_SHEETS = frozenset({"id", "workbookId", "createdAt", "updatedAt", "config"})
"""What an entry of ``sheets`` in a change has beside a configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbookQuery:
    """Which workbooks a list has. A label or treatment that is not to be there has its flag ``without``."""

    resources: ResourceQuery
    label: str | None = None
    label_not: str | None = None
    treatment: str | None = None


def create(desk: WorkspaceDesk, actor: Actor, space_id: str, raw: Mapping[str, Json]) -> tuple[Resource, list[Sheet]]:
    """Return a new workbook and its sheets in the order given.

    Raises:
        Problem: ``NOT_FOUND``: the space; ``INVALID``: something in ``raw`` is wrong.
    """
    with desk.database.transaction() as tx:
        return create_in(tx, desk, actor, space_id, raw, desk.clock.now())


def create_in(
    tx: Transaction, desk: WorkspaceDesk, actor: Actor, space_id: str, raw: Mapping[str, Json], now: Instant
) -> tuple[Resource, list[Sheet]]:
    """Return a new workbook and its sheets, made in the caller's transaction.

    Raises:
        Problem: ``NOT_FOUND``: the space; ``INVALID``: something in ``raw`` is wrong.
    """
    shapes = Shapes()
    _check(shapes, raw)
    shapes.text(raw, "name", required=True)
    blueprints = _blueprints(shapes, raw)
    shapes.finish("the workbook")
    space = space_of(tx, actor, space_id, hold=True)
    workbook = Resource(
        scope=space.scope,
        kind=ResourceKind.WORKBOOK,
        id=short_id("wb", desk.ids),
        name=str(raw["name"]),
        slug=_namespace(raw),
        body={name: raw[name] for name in _BODY if raw.get(name) is not None},
        created_by=actor.id,
        created_at=now,
        updated_at=now,
        parent_id=space.id,
        space_id=space.id,
    )
    resources.insert(tx, workbook)
    hand = Hand(tx, desk, actor, now)
    payload: dict[str, Json] = {
        "workbookId": workbook.id,
        "spaceId": space.id,
        "name": workbook.name,
        **({} if workbook.slug is None else {"namespace": workbook.slug}),
        "sheetCount": len(blueprints),
    }
    hand.tell(place_of_resource(tx, workbook), "workbook:created", payload)
    return workbook, [sheet_changes.add(hand, workbook, item, place) for place, item in enumerate(blueprints)]


def get(desk: WorkspaceDesk, actor: Actor, workbook_id: str) -> tuple[Resource, list[Sheet]]:
    """Return the workbook and its sheets.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        workbook = resource_of(tx, actor, ResourceKind.WORKBOOK, workbook_id)
        return workbook, sheets.of_workbook(tx, workbook.id)


def list_all(desk: WorkspaceDesk, query: WorkbookQuery, limit: int) -> list[tuple[Resource, list[Sheet]]]:
    """Return the workbooks of a query with their sheets, the oldest first, at most ``limit``."""
    with desk.database.reading() as tx:
        found, _ = resources.page(tx, query.resources, limit)
        kept = [workbook for workbook in found if _is_asked(query, workbook)]
        theirs = sheets.of_workbooks(tx, [workbook.id for workbook in kept])
    return [(workbook, theirs[workbook.id]) for workbook in kept]


def patch(desk: WorkspaceDesk, actor: Actor, workbook_id: str, raw: Mapping[str, Json]) -> tuple[Resource, list[Sheet]]:
    """Replace each key of a workbook that ``raw`` has, and change the sheets that it lists; others stay as they are.

    Sheets are matched by ``id``, else by ``slug``; one that matches none is added.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: something in ``raw`` is wrong.
    """
    shapes = Shapes()
    _check(shapes, raw)
    asked = shapes.objects(raw, "sheets")
    shapes.finish("the workbook")
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        before = resource_of(tx, actor, ResourceKind.WORKBOOK, workbook_id, hold=True)
        if raw.get("spaceId") not in {None, before.space_id}:
            message = "a workbook stays in its space"
            raise Problem(Code.INVALID, message, (FieldError("spaceId", message),))
        hand = Hand(tx, desk, actor, now)
        changes = _change_sheets(hand, before, asked)
        given = {name: value for name, value in without_nulls(raw).items() if name in _BODY}
        after = replace(
            before,
            name=str(raw.get("name") or before.name),
            slug=_namespace(raw) or before.slug,
            body={**before.body, **given},
        )
        changes = [*_changes(before, after), *changes]
        if changes:
            after = resources.replace(tx, replace(after, updated_at=now))
            payload: dict[str, Json] = {"workbookId": after.id, "spaceId": after.space_id, "changes": changes}
            hand.tell(place_of_resource(tx, after), "workbook:updated", payload)
        return after, sheets.of_workbook(tx, after.id)


def _check(shapes: Shapes, raw: Mapping[str, Json]) -> None:
    for name in ("name", "namespace", "spaceId", "environmentId", "storageStrategy", "folder"):
        shapes.text(raw, name)
    for name in ("labels", "treatments"):
        shapes.texts(raw, name)
    settings = shapes.object(raw, "settings") or {}
    for name in ("trackChanges", "noMappingRedirect"):
        shapes.flag(settings, name, "settings.")
    shapes.texts(settings, "sheetSidebarOrder", "settings.")
    check_actions(shapes, raw)


def _blueprints(shapes: Shapes, raw: Mapping[str, Json]) -> list[Blueprint]:
    found: list[Blueprint] = []
    slugs: set[str] = set()
    for path, config in shapes.objects(raw, "sheets"):
        blueprint = blueprint_with(shapes, config, path)
        slug = str(blueprint.raw["slug"])
        if slug in slugs:
            if config.get("slug"):
                shapes.wrong(f"{path}slug", f"there are several sheets with slug {slug!r}")
            blueprint = sheet_changes.with_slug(blueprint, sheet_changes.free_slug(slug, slugs))
        slugs.add(str(blueprint.raw["slug"]))
        found.append(blueprint)
    return found


def _change_sheets(hand: Hand, workbook: Resource, asked: Sequence[tuple[str, Mapping[str, Json]]]) -> list[Json]:
    changes: list[Json] = []
    if asked:
        # All of them, in order: sheets depend on one another, and whoever writes records holds those in the same order.
        sheets.hold_several(hand.tx, workbook.scope, [sheet.id for sheet in sheets.of_workbook(hand.tx, workbook.id)])
    for path, item in asked:
        shapes = Shapes()
        config = shapes.object(item, "config", path)
        shapes.finish("the workbook")
        change = {k: v for k, v in item.items() if k not in _OF_SHEETS} if config is None else config
        inner = path if config is None else f"{path}config."
        there = _matched(hand, workbook, item, change, path)
        if there is None:
            blueprint = blueprint_with(shapes, change, inner)
            shapes.finish("the workbook")
            added = sheet_changes.add_to(hand, workbook, blueprint)
            changes.append({"type": "sheet_added", "details": {"sheetId": added.id, "slug": added.slug}})
        elif sheet_changes.change(hand, there, change, item.get("metadata"), inner):
            changes.append({"type": "sheet_updated", "details": {"sheetId": there.id, "slug": there.slug}})
    return changes


def _matched(
    hand: Hand, workbook: Resource, item: Mapping[str, Json], change: Mapping[str, Json], path: str
) -> Sheet | None:
    """Return the sheet that is meant; None: there is none with that slug."""
    sheet_id, slug = item.get("id"), item.get("slug") or change.get("slug")
    if isinstance(sheet_id, str) and sheet_id:
        found = sheets.find(hand.tx, workbook.scope, sheet_id)
        if found is None or found.workbook_id != workbook.id:
            message = f"the workbook has no sheet {sheet_id!r}"
            raise Problem(Code.INVALID, message, (FieldError(f"{path}id", message),))
        return found
    return sheets.by_slug(hand.tx, workbook.id, slug) if isinstance(slug, str) else None


def _changes(before: Resource, after: Resource) -> list[Json]:
    earlier = {"name": before.name, "namespace": before.slug, **before.body}
    later = {"name": after.name, "namespace": after.slug, **after.body}
    return [
        {"type": f"{name}_updated", "details": {"previousValue": earlier.get(name), "newValue": value}}
        for name, value in later.items()
        if earlier.get(name) != value
    ]


def _is_asked(query: WorkbookQuery, workbook: Resource) -> bool:
    labels, treatments = (_texts(workbook.body.get(name)) for name in ("labels", "treatments"))
    return (
        (query.label is None or query.label in labels)
        and (query.label_not is None or query.label_not not in labels)
        and (query.treatment is None or query.treatment in treatments)
    )


def _texts(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _namespace(raw: Mapping[str, Json]) -> str | None:
    value = raw.get("namespace")
    return value if isinstance(value, str) and value else None
