"""Sheets made after others, with their records."""

from collections.abc import Collection, Mapping

from headrace.core.blueprint_reading import default_slug
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.job import Actor
from headrace.core.record import CommitWish, MessageSource, NewRecord, Record, Selection
from headrace.core.shapes import Shapes
from headrace.core.workspace import ResourceKind, Sheet
from headrace.service.records import writing
from headrace.service.workspace import removal
from headrace.service.workspace import sheets as sheet_changes
from headrace.service.workspace.desk import Hand, WorkspaceDesk, resource_of, sheet_of
from headrace.store import record_pages, sheets


def duplicate(desk: WorkspaceDesk, actor: Actor, sheet_id: str, raw: Mapping[str, Json]) -> Sheet:
    """Return a new sheet of the same workbook with the same fields and records; ``name`` and ``slug`` may be given.

    Records are copied in pieces; of a copy that fails nothing stays. Hooks do not run: they have run on the originals.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: something in ``raw`` is wrong; ``CONFLICT``: the slug is taken.
    """
    shapes = Shapes()
    name, slug = shapes.text(raw, "name"), shapes.text(raw, "slug")
    shapes.finish("the sheet")
    with desk.database.transaction() as tx:
        workbook_id = sheet_of(tx, actor, sheet_id).workbook_id
        workbook = resource_of(tx, actor, ResourceKind.WORKBOOK, workbook_id, hold=True)
        original = sheet_of(tx, actor, sheet_id)
        named = name or f"{original.name} copy"
        siblings = sheets.hold_several(tx, None, [sheet.id for sheet in sheets.of_workbook(tx, workbook.id)])
        taken = {sheet.slug for sheet in siblings}
        chosen = slug or sheet_changes.free_slug(default_slug(named), taken)
        blueprint = sheet_changes.with_slug(original.blueprint, chosen, named)
        hand = Hand(tx, desk, actor, desk.clock.now())
        made = sheet_changes.add_to(hand, workbook, blueprint)
    try:
        _copy_records(desk, actor, original, made)
    except Problem:
        removal.remove_sheet(desk, actor, made.id)
        raise
    return made


def _copy_records(desk: WorkspaceDesk, actor: Actor, original: Sheet, made: Sheet) -> None:
    most = desk.limits.commit_records
    wish = CommitWish(actor_id=actor.id, silent=True)
    after = None
    while True:
        with desk.database.transaction() as tx:
            held = writing.hold(tx, actor.scope, made.id)
            # Of an original that was removed meanwhile no half a copy is to stay.
            sheets.get(tx, actor.scope, original.id)
            records = record_pages.walk(tx, original, Selection(), after, most)
            if records:
                known = held.blueprint.by_key.keys()
                new = [_new(record, known) for record in records]
                writing.insert_in(tx, desk.records, held, new, wish, desk.clock.now())
        if len(records) < most:
            return
        after = records[-1].position


def _new(record: Record, known: Collection[str]) -> NewRecord:
    # What the original keeps of fields that were removed stays there.
    values = {key: value for key, value in record.values.items() if key in known}
    own = {
        key: kept
        for key, messages in record.messages.items()
        if key in known and (kept := tuple(message for message in messages if message.source is MessageSource.CUSTOM))
    }
    return NewRecord(values=values, messages=own, metadata=record.metadata, config=record.config)
