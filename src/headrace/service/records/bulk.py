"""Changes of many records at once: found and replaced, given one value, or removed, in chunks of one commit each.

The makers of changes are pure; the drivers walk over a selection by position, so that no chunk costs more than another one, and what is inserted
behind the end of the sheet meanwhile is passed over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.record import And, CommitWish, Compare, Operator, Record, RecordChange, Selection
from headrace.core.text_budget import TextBudget, letters_of
from headrace.core.workspace import Sheet, Written
from headrace.service.records.desk import RecordDesk
from headrace.service.records.reading import reachable
from headrace.service.records.selecting import SelectionAsked, selection_of
from headrace.service.records.writing import hold, remove_in, update_in
from headrace.store import record_commits, record_pages
from headrace.store.database import Transaction

Maker: TypeAlias = Callable[[Sheet, Sequence[Record]], list[RecordChange]]
"""Says what is to change in a chunk of records."""

_QUOTE = '"'


def find_replace_chunk(
    sheet: Sheet,
    records: Sequence[Record],
    field_key: str,
    find: str | None,
    replace: str | None,
) -> list[RecordChange]:
    """Return the changes that put ``replace`` (None, empty: null) where ``find`` was in field ``field_key``; of lists in every element.

    ``find`` in double quotes is a whole value, else a part of one, in the case that it has; None or empty: what is empty is filled.

    Raises:
        Problem: ``INVALID`` (``fieldKey``): the sheet has no such field; ``LIMIT_EXCEEDED`` (``replace``): it would make too much text.
    """
    check_field(sheet, field_key)
    changes = []
    budget = TextBudget("replace")
    for record in records:
        before = record.values.get(field_key)
        after = _replaced(before, find, replace or "", budget)
        if after != before:
            changes.append(RecordChange(record.id, {field_key: after}))
    return changes


def bulk_update_chunk(records: Sequence[Record], values: Mapping[str, Json]) -> list[RecordChange]:
    """Return the changes that give ``values`` to every record.

    Raises:
        Problem: ``LIMIT_EXCEEDED``: all of them together would be too much text.
    """
    TextBudget("fieldUpdates").take(letters_of(values) * len(records))
    return [RecordChange(record.id, dict(values)) for record in records]


def narrowed(selection: Selection, field_key: str, find: str | None) -> Selection:
    """Return ``selection`` without most of the records in which ``find_replace_chunk`` has nothing to do."""
    text = _whole(find) or find
    if not text:
        found = Compare(field_key, Operator.EQ, None)
    else:
        # With a wildcard in it the pattern takes more than it need to; less it never takes.
        found = Compare(field_key, Operator.LIKE, f"%{text}%" if "%" in text or "_" in text else text)
    return replace(selection, where=found if selection.where is None else And((selection.where, found)))


def find_replace(  # noqa: PLR0913, PLR0917 — who, where, in which records, and what
    desk: RecordDesk,
    actor: Actor,
    sheet_id: str,
    asked: SelectionAsked,
    field_key: str,
    find: str | None,
    replacement: str | None,
    wish: CommitWish,
) -> Written:
    """Replace in the selected records, as ``find_replace_chunk`` says, and return the last commit.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the selection, or ``fieldKey``.
    """
    with desk.database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        check_field(sheet, field_key)
        selection = narrowed(selection_of(tx, sheet, asked), field_key, find)
    return change_selected(
        desk,
        actor,
        sheet,
        selection,
        lambda held, records: find_replace_chunk(held, records, field_key, find, replacement),
        wish,
    )


def bulk_update(
    desk: RecordDesk,
    actor: Actor,
    sheet_id: str,
    asked: SelectionAsked,
    values: Mapping[str, Json],
    wish: CommitWish,
) -> Written:
    """Give ``values`` to all selected records, and return the last commit.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the selection, or fields that the sheet does not have.
    """
    with desk.database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        selection = selection_of(tx, sheet, asked)
    for key in values:
        check_field(sheet, key, f"fieldUpdates.{key}")
    return change_selected(desk, actor, sheet, selection, lambda _, records: bulk_update_chunk(records, values), wish)


def change_selected(
    desk: RecordDesk, actor: Actor, sheet: Sheet, selection: Selection, make: Maker, wish: CommitWish
) -> Written:
    """Change the selected records in chunks, each a commit and a transaction of its own, and return the last commit with the sums."""
    asked = replace(wish, request=actor.request)

    def change(tx: Transaction, held: Sheet, records: Sequence[Record]) -> Written | None:
        changes = make(held, records)
        return update_in(tx, desk, held, changes, asked, desk.clock.now()) if changes else None

    return _in_chunks(desk, actor, sheet, selection, change)


def remove_selected(desk: RecordDesk, actor: Actor, sheet: Sheet, selection: Selection, wish: CommitWish) -> Written:
    """Remove the selected records in chunks, each a commit and a transaction of its own, and return the last commit with the sums."""
    asked = replace(wish, request=actor.request)

    def remove(tx: Transaction, held: Sheet, records: Sequence[Record]) -> Written:
        return remove_in(tx, desk, held, records, asked, desk.clock.now())

    return _in_chunks(desk, actor, sheet, selection, remove)


def check_field(sheet: Sheet, key: str, name: str = "fieldKey") -> None:
    """Refuse a field that the sheet does not have.

    Raises:
        Problem: ``INVALID``, with ``name`` as the place.
    """
    if key not in sheet.blueprint.by_key:
        message = f"the sheet has no field {key[:80]!r}"
        raise Problem(Code.INVALID, message, (FieldError(name, message),))


def _in_chunks(
    desk: RecordDesk,
    actor: Actor,
    sheet: Sheet,
    selection: Selection,
    write: Callable[[Transaction, Sheet, Sequence[Record]], Written | None],
) -> Written:
    after: int | None = None
    written = Written(None)
    while True:
        with desk.database.transaction() as tx:
            held = hold(tx, actor.scope, sheet.id)
            found = record_pages.walk(tx, held, selection, after, desk.limits.commit_records)
            records = [record for record in found if record.position < sheet.next_position]
            done = write(tx, held, records) if records else None
        if done is not None:
            updated, deleted = written.updated + done.updated, written.deleted + done.deleted
            written = replace(done, updated=updated, deleted=deleted)
        if len(records) < desk.limits.commit_records:
            return written if written.commit is not None else _unchanged(desk, sheet)
        after = records[-1].position


def _unchanged(desk: RecordDesk, sheet: Sheet) -> Written:
    with desk.database.reading() as tx:
        return Written(record_commits.newest(tx, sheet))


def _replaced(value: Json, find: str | None, replacement: str, budget: TextBudget) -> Json:
    if not find:
        budget.take(len(replacement) if value is None else 0)
        return (replacement or None) if value is None else value
    if isinstance(value, list):
        items = [_replaced(item, find, replacement, budget) for item in value]
        kept = [item for item, before in zip(items, value, strict=True) if item is not None or before is None]
        return kept or None
    text = _text(value)
    if text is None:
        return value
    whole = _whole(find)
    if whole is not None:
        budget.take(len(replacement) if text == whole else 0)
        return (replacement or None) if text == whole else value
    if find not in text:
        return value
    budget.take(len(text) + text.count(find) * (len(replacement) - len(find)))
    return text.replace(find, replacement) or None


def _whole(find: str | None) -> str | None:
    """Return the whole value that is looked for, None where it is a part of one."""
    if find is not None and len(find) > len(_QUOTE) * 2 and find.startswith(_QUOTE) and find.endswith(_QUOTE):
        return find[1:-1]
    return None


def _text(value: Json) -> str | None:
    """Return what a cell shows; None: nothing, or no text that could be replaced in."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format(Decimal(repr(value)), "f")
    return value if isinstance(value, str) else None
