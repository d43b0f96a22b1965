"""Sheets: made, found and changed, with their fields. Their records are the business of ``service.records``.

Values of a field that is taken out of a blueprint stay with their records, unseen, and come back with the field.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from headrace.core.blueprint import Blueprint
from headrace.core.blueprint_reading import blueprint_with
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.record import RecordCounts
from headrace.core.shapes import Shapes, without_nulls
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind, Sheet
from headrace.service.records.revalidating import revalidate, revalidate_sheet
from headrace.service.records.writing import hold
from headrace.service.workspace.blueprints import Difference, differences, field_of, rebuilt
from headrace.service.workspace.desk import Hand, WorkspaceDesk, resource_of, sheet_of
from headrace.store import record_blocks, sheets
from headrace.store.database import Transaction
from headrace.store.places import place_of_sheet


def add_to(hand: Hand, workbook: Resource, blueprint: Blueprint) -> Sheet:
    """Return a new sheet behind the others of a workbook, whose records may refer to it; the caller holds workbook and sheets.

    Raises:
        Problem: ``CONFLICT``: the workbook has a sheet with that slug.
    """
    place = max((sheet.place for sheet in sheets.of_workbook(hand.tx, workbook.id)), default=-1) + 1
    sheet = add(hand, workbook, blueprint, place)
    revalidate(hand.tx, hand.desk.records, hand.actor, None, sheet, hand.now)
    return sheet


def add(hand: Hand, workbook: Resource, blueprint: Blueprint, place: int) -> Sheet:
    """Return a new sheet of a workbook that the caller holds, or has just made.

    Raises:
        Problem: ``CONFLICT``: the workbook has a sheet with that slug.
    """
    metadata = blueprint.raw.get("metadata")
    sheet = sheets.insert(
        hand.tx,
        Sheet(
            id=short_id("sh", hand.desk.ids),
            number=0,
            scope=workbook.scope,
            space_id=str(workbook.space_id),
            workbook_id=workbook.id,
            name=str(blueprint.raw["name"]),
            slug=str(blueprint.raw["slug"]),
            blueprint=blueprint,
            created_at=hand.now,
            updated_at=hand.now,
            place=place,
            metadata=metadata,
        ),
    )
    payload: dict[str, Json] = {
        "sheetId": sheet.id,
        "workbookId": workbook.id,
        "name": sheet.name,
        "slug": sheet.slug,
        "fieldCount": len(blueprint.fields),
    }
    hand.tell(place_of_sheet(hand.tx, sheet), "sheet:created", payload)
    return sheet


def change(hand: Hand, sheet: Sheet, raw: Mapping[str, Json], metadata: Json, path: str = "") -> bool:
    """Replace each key that ``raw`` has of the configuration of a sheet that the caller holds; say whether that changed anything.

    Raises:
        Problem: ``INVALID``: something in ``raw`` is wrong; ``CONFLICT``: the workbook has another sheet with that slug.
    """
    shapes = Shapes()
    blueprint = blueprint_with(shapes, {**sheet.blueprint.raw, **without_nulls(raw)}, path)
    shapes.finish("the configuration of the sheet")
    after = replace(
        sheet,
        name=str(blueprint.raw["name"]),
        slug=str(blueprint.raw["slug"]),
        blueprint=blueprint,
        metadata=sheet.metadata if metadata is None else metadata,
    )
    return after != sheet and bool(_write(hand, sheet, after))


def get(desk: WorkspaceDesk, actor: Actor, sheet_id: str) -> tuple[Sheet, RecordCounts]:
    """Return the sheet, and how many records it has.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        sheet = sheet_of(tx, actor, sheet_id)
        return sheet, record_blocks.counts(tx, sheet)


def list_all(desk: WorkspaceDesk, actor: Actor, workbook_id: str) -> list[tuple[Sheet, RecordCounts]]:
    """Return the sheets of a workbook in their order, with how many records they have.

    Raises:
        Problem: ``NOT_FOUND``: the workbook.
    """
    with desk.database.reading() as tx:
        workbook = resource_of(tx, actor, ResourceKind.WORKBOOK, workbook_id)
        return [(sheet, record_blocks.counts(tx, sheet)) for sheet in sheets.of_workbook(tx, workbook.id)]


def patch(desk: WorkspaceDesk, actor: Actor, sheet_id: str, raw: Mapping[str, Json]) -> Sheet:
    """Change the name, slug or metadata of a sheet.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: something in ``raw`` is wrong; ``CONFLICT``: another sheet has that slug.
    """
    shapes = Shapes()
    named = {name: value for name in ("name", "slug") if (value := shapes.text(raw, name))}
    shapes.finish("the sheet")
    with desk.database.transaction() as tx:
        sheet = _held(tx, actor, sheet_id)
        change(Hand(tx, desk, actor, desk.clock.now()), sheet, named, raw.get("metadata"))
        return sheets.get(tx, sheet.scope, sheet.id)


def validate(desk: WorkspaceDesk, actor: Actor, sheet_id: str) -> None:
    """Look at every record of a sheet anew.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        sheet = sheet_of(tx, actor, sheet_id)
    revalidate_sheet(desk.records, actor, sheet.id)


def lock(desk: WorkspaceDesk, actor: Actor, sheet_id: str, *, locked: bool) -> None:
    """Write down that somebody has locked a sheet, or that nobody has; clients look at it, records may be written all the same.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        sheet = sheet_of(tx, actor, sheet_id, hold=True)
        if locked == (sheet.locked_by is not None):
            return
        after = replace(sheet, locked_by=actor.id if locked else None, locked_at=now if locked else None)
        hand = Hand(tx, desk, actor, now)
        written = sheets.rewrite(tx, replace(after, updated_at=now))
        _tell(hand, written, (Difference("config_updated", {"keys": ["lockedBy"]}),))


def add_field(
    desk: WorkspaceDesk, actor: Actor, sheet_id: str, raw: Mapping[str, Json], index: int | None = None
) -> Mapping[str, Json]:
    """Add a field at a place among the others (None, or beyond them: at the end), and return it.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the field is wrong; ``CONFLICT``: there is a field with that key.
    """
    spec = field_of(raw)
    with desk.database.transaction() as tx:
        sheet = _held(tx, actor, sheet_id)
        if spec.key in sheet.blueprint.by_key:
            message = f"the sheet has a field with key {spec.key!r} already"
            raise Problem(Code.CONFLICT, message, (FieldError("key", message),))
        fields = [field.raw for field in sheet.blueprint.fields]
        fields.insert(len(fields) if index is None else index, spec.raw)
        after = replace(sheet, blueprint=rebuilt(sheet.blueprint, fields))
        _write(Hand(tx, desk, actor, desk.clock.now()), sheet, after)
    return spec.raw


def remove_field(desk: WorkspaceDesk, actor: Actor, sheet_id: str, key: str) -> None:
    """Take a field out of the blueprint.

    Raises:
        Problem: ``NOT_FOUND``: the sheet or the field; ``INVALID``: a constraint of the sheet names the field.
    """
    with desk.database.transaction() as tx:
        sheet = _held(tx, actor, sheet_id)
        if key not in sheet.blueprint.by_key:
            raise Problem(Code.NOT_FOUND, "Field not found", (FieldError("fieldKey", "Field not found"),))
        fields = [field.raw for field in sheet.blueprint.fields if field.key != key]
        after = replace(sheet, blueprint=rebuilt(sheet.blueprint, fields))
        _write(Hand(tx, desk, actor, desk.clock.now()), sheet, after)


def free_slug(wished: str, taken: Collection[str]) -> str:
    """Return the first of ``wished``, ``wished-2``, ``wished-3`` … that is not taken."""
    slug, number = wished, 1
    while slug in taken:
        number += 1
        slug = f"{wished}-{number}"
    return slug


def with_slug(blueprint: Blueprint, slug: str, name: str | None = None) -> Blueprint:
    """Return the blueprint with another slug, and another name."""
    return replace(blueprint, raw={**blueprint.raw, "slug": slug, "name": name or blueprint.raw["name"]})


def _held(tx: Transaction, actor: Actor, sheet_id: str) -> Sheet:
    """Return a sheet whose blueprint is going to change, held with those whose records depend on its own."""
    return hold(tx, actor.scope, sheet_of(tx, actor, sheet_id).id)


def _write(hand: Hand, before: Sheet, after: Sheet) -> tuple[Difference, ...]:
    found = differences(before.blueprint, after.blueprint)
    if before.metadata != after.metadata and not any(item.type == "config_updated" for item in found):
        found = (*found, Difference("config_updated", {"keys": ["metadata"]}))
    written = sheets.rewrite(hand.tx, replace(after, updated_at=hand.now))
    if _weighs(before) != _weighs(after):
        revalidate(hand.tx, hand.desk.records, hand.actor, before, written, hand.now)
    _tell(hand, written, found)
    return found


def _weighs(sheet: Sheet) -> tuple[object, ...]:
    """Return what records are judged by: their own, and those of sheets that refer to this one by its slug, and name it in messages."""
    return sheet.slug, sheet.name, sheet.blueprint.fields, sheet.blueprint.uniques


def _tell(hand: Hand, sheet: Sheet, found: tuple[Difference, ...]) -> None:
    changes: list[Json] = [{"type": item.type, "details": dict(item.details)} for item in found]
    payload: dict[str, Json] = {"sheetId": sheet.id, "workbookId": sheet.workbook_id, "changes": changes}
    hand.tell(place_of_sheet(hand.tx, sheet), "sheet:updated", payload)
