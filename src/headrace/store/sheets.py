"""Sheets without their records: one row each, which who writes records holds until the transaction ends.

A sheet that is removed belongs nowhere from then on (scope, space and workbook are empty), so nobody finds it; its records go piece by piece
(``clear``), in transactions of their own, until its row can go too.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headrace.core.blueprint import Blueprint
from headrace.core.blueprint_reading import read_blueprint
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.workspace import Sheet
from headrace.store.columns import load, searchable
from headrace.store.database import Transaction, refused
from headrace.store.sheet_tables import (
    commit_ranges,
    record_versions,
    sheet_blocks,
    sheet_commits,
    sheet_keys,
    sheet_records,
    snapshots,
)
from headrace.store.sheet_tables import sheets as table

_NOWHERE = ""
_SMALL = 64 << 10
"""Characters of a configuration of which many are remembered; of larger ones (thousands of options) only a few, for the sake of memory."""
_PLAIN = tuple(column.name for column in table.c if column.name not in {"config", "counts_told_at", "counts_due_at"})
# The text of the configuration, not its value: what was read of the same text before need not be read again.
_READ = (*(table.c[name] for name in _PLAIN), sa.type_coerce(table.c.config, sa.Text).label("config"))
_FIND = sa.select(*_READ).where(table.c.id == sa.bindparam("its_id"), table.c.scope != _NOWHERE)
_HOLD = _FIND.with_for_update()
_CLEAR_KEYS = sa.text(
    "DELETE FROM sheet_keys WHERE ctid = ANY(ARRAY(SELECT ctid FROM sheet_keys WHERE sheet = :number LIMIT :limit))"
)
_COMMITS = 500
"""Commits that are removed at once, with the ranges that they touched."""


def insert(tx: Transaction, sheet: Sheet) -> Sheet:
    """Write a new sheet, whatever its ``number``, and return it with the one that it got.

    Raises:
        Problem: ``CONFLICT``: its workbook has a sheet with that slug.
    """
    try:
        row = tx.first(sa.insert(table).values(**_values(sheet)).returning(table.c.number))
    except IntegrityError as error:
        raise _translated(error, sheet) from error
    if row is None:
        message = "an insert of one row returned none"
        raise AssertionError(message)
    return replace(sheet, number=int(row["number"]))


def find(tx: Transaction, scope: str | None, sheet_id: str) -> Sheet | None:
    """Return the sheet, or None; with ``scope`` None, whichever it is in."""
    return _of(tx.first(_FIND, {"its_id": sheet_id}), scope)


def get(tx: Transaction, scope: str | None, sheet_id: str) -> Sheet:
    """Return the sheet; with ``scope`` None, whichever it is in.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    return _there(find(tx, scope, sheet_id))


def hold(tx: Transaction, scope: str | None, sheet_id: str) -> Sheet:
    """Return the sheet, and keep others from it until the transaction ends. Of several, hold them in the order of their numbers.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    return _there(_of(tx.first(_HOLD, {"its_id": sheet_id}), scope))


def hold_several(tx: Transaction, scope: str | None, sheet_ids: Collection[str]) -> list[Sheet]:
    """Return those of the sheets that there are, held, in the order of their numbers: nobody who does so too waits in a circle."""
    where = [table.c.id.in_(sheet_ids), table.c.scope != _NOWHERE]
    if scope is not None:
        where.append(table.c.scope == scope)
    return [_sheet(row) for row in tx.rows(sa.select(*_READ).where(*where).order_by(table.c.number).with_for_update())]


def of_workbook(tx: Transaction, workbook_id: str) -> list[Sheet]:
    """Return the sheets of a workbook in their order."""
    return [] if workbook_id == _NOWHERE else _of_parents(tx, table.c.workbook_id, [workbook_id])


def of_workbooks(tx: Transaction, workbook_ids: Collection[str]) -> dict[str, list[Sheet]]:
    """Return the sheets of several workbooks in their order, by workbook."""
    found: dict[str, list[Sheet]] = {workbook_id: [] for workbook_id in workbook_ids}
    for sheet in _of_parents(tx, table.c.workbook_id, workbook_ids):
        found[sheet.workbook_id].append(sheet)
    return found


def of_space(tx: Transaction, space_id: str) -> list[Sheet]:
    """Return the sheets of a space."""
    return [] if space_id == _NOWHERE else _of_parents(tx, table.c.space_id, [space_id])


def by_slug(tx: Transaction, workbook_id: str, slug: str) -> Sheet | None:
    """Return the sheet of the workbook with that slug, or None."""
    where = (table.c.workbook_id == workbook_id, table.c.slug == slug, table.c.scope != _NOWHERE)
    row = tx.first(sa.select(*_READ).where(*where))
    return None if row is None else _sheet(row)


def take(tx: Transaction, sheet: Sheet, positions: int, commits: int) -> tuple[int, int]:
    """Take positions and commit numbers of a sheet that is held; return the first of each."""
    counted = (
        sa.update(table)
        .where(table.c.number == sheet.number)
        .values(next_position=table.c.next_position + positions, next_commit=table.c.next_commit + commits)
        .returning(table.c.next_position, table.c.next_commit)
    )
    row = tx.first(counted)
    if row is None:
        raise _missing()
    return int(row["next_position"]) - positions, int(row["next_commit"]) - commits


def rewrite(tx: Transaction, sheet: Sheet) -> Sheet:
    """Write name, slug, blueprint, place, metadata, lock and time of a sheet that is held, and return it with its new revision.

    Raises:
        Problem: ``CONFLICT``: its workbook has another sheet with that slug; ``STALE``: it was not held.
    """
    written = replace(sheet, revision=sheet.revision + 1)
    values = {name: value for name, value in _values(written).items() if name not in {"next_position", "next_commit"}}
    seen = (table.c.number == sheet.number, table.c.revision == sheet.revision, table.c.scope != _NOWHERE)
    try:
        if tx.execute(sa.update(table).where(*seen).values(values)).rowcount == 0:
            raise Problem(Code.STALE, f"sheet {sheet.id} was changed by somebody else; try again")
    except IntegrityError as error:
        raise _translated(error, sheet) from error
    return written


def remove(tx: Transaction, sheets: Collection[Sheet]) -> None:
    """Let nobody find the sheets any more; ``clear`` removes what they hold. A writer that waits for one of them does not find it then."""
    ids = [sheet.id for sheet in sheets]
    _remove(tx, [sheet.number for sheet in hold_several(tx, None, ids)])


def remove_of_space(tx: Transaction, space_id: str) -> None:
    """Remove the sheets of a space as ``remove`` does."""
    held = sa.select(table.c.number).where(table.c.space_id == space_id).order_by(table.c.number).with_for_update()
    _remove(tx, [int(row["number"]) for row in tx.rows(held)])


def removed(tx: Transaction) -> int | None:
    """Return the number of a sheet that was removed, but has not been cleared, or None."""
    statement = sa.select(table.c.number).where(table.c.workbook_id == _NOWHERE).order_by(table.c.number).limit(1)
    number = tx.scalar(statement)
    return None if number is None else int(number)


def clear(tx: Transaction, number: int, limit: int) -> bool:
    """Remove some of what a removed sheet holds: rows of about ``limit`` records. Say whether it is gone as a whole now.

    Records go from the last to the first, commits likewise: what is left is what the sheet's own row counts.
    """
    row = tx.first(sa.select(table.c.next_position, table.c.next_commit).where(_is_removed(number)))
    if row is None:
        return True
    if (end := int(row["next_position"])) > 0:
        start = max(end - limit, 0)
        for part in (sheet_records, record_versions):
            tx.execute(sa.delete(part).where(part.c.sheet == number, part.c.position >= start, part.c.position < end))
        tx.execute(sa.update(table).where(_is_removed(number)).values(next_position=start))
        return False
    if (end := int(row["next_commit"])) > 1:
        start = max(end - _COMMITS, 1)
        theirs = (commit_ranges.c.commit_number >= start, commit_ranges.c.commit_number < end)
        tx.execute(sa.delete(commit_ranges).where(commit_ranges.c.sheet == number, *theirs))
        own = (sheet_commits.c.number >= start, sheet_commits.c.number < end)
        tx.execute(sa.delete(sheet_commits).where(sheet_commits.c.sheet == number, *own))
        tx.execute(sa.update(table).where(_is_removed(number)).values(next_commit=start))
        return False
    if _clear_keys(tx, number, limit):
        return False
    for small in (sheet_blocks, snapshots):
        tx.execute(sa.delete(small).where(small.c.sheet == number))
    tx.execute(sa.delete(table).where(_is_removed(number)))
    return True


def _is_removed(number: int) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.number == number, table.c.workbook_id == _NOWHERE)


def _remove(tx: Transaction, numbers: Collection[int]) -> None:
    gone = {"scope": _NOWHERE, "space_id": _NOWHERE, "workbook_id": _NOWHERE, "slug": table.c.id}
    tx.execute(sa.update(table).where(table.c.number.in_(numbers)).values(**gone))


def _clear_keys(tx: Transaction, number: int, limit: int) -> bool:
    """Remove up to ``limit`` keys, and say whether there may be more."""
    if tx.dialect == "postgresql":
        # By their places on disk: looking for the first ones in order would sort all of them, piece after piece.
        return tx.execute(_CLEAR_KEYS, {"number": number, "limit": limit}).rowcount == limit
    keys = (sheet_keys.c.rule, sheet_keys.c.key, sheet_keys.c.position)
    mine = sheet_keys.c.sheet == number
    last = tx.first(sa.select(*keys).where(mine).order_by(*keys).offset(limit - 1).limit(1))
    if last is None:
        tx.execute(sa.delete(sheet_keys).where(mine))
        return False
    upto = sa.tuple_(*keys) <= sa.tuple_(*(sa.literal(last[key.name], key.type) for key in keys))
    tx.execute(sa.delete(sheet_keys).where(mine, upto))
    return True


def _of_parents(tx: Transaction, column: sa.Column[Any], parents: Collection[str]) -> list[Sheet]:
    ordered = sa.select(*_READ).where(column.in_(parents)).order_by(table.c.workbook_id, table.c.place, table.c.number)
    return [_sheet(row) for row in tx.rows(ordered)]


def _values(sheet: Sheet) -> dict[str, Any]:
    values = {name: getattr(sheet, name) for name in _PLAIN if name != "number"}
    values["config"] = searchable(sheet.blueprint.raw, "the sheet")
    searchable({"metadata": sheet.metadata}, "the sheet's metadata")
    return values


def _of(row: Mapping[str, Any] | None, scope: str | None) -> Sheet | None:
    return None if row is None or (scope is not None and row["scope"] != scope) else _sheet(row)


def _sheet(row: Mapping[str, Any]) -> Sheet:
    values = {name: value for name, value in row.items() if name != "config"}
    return Sheet(**values, blueprint=_blueprint(row["config"]))


def _blueprint(text: str) -> Blueprint:
    return _small_blueprint(text) if len(text) <= _SMALL else _large_blueprint(text)


@lru_cache(maxsize=128)
def _small_blueprint(text: str) -> Blueprint:
    return _read_blueprint(text)


@lru_cache(maxsize=4)
def _large_blueprint(text: str) -> Blueprint:
    return _read_blueprint(text)


def _read_blueprint(text: str) -> Blueprint:
    raw = load(text)
    if not isinstance(raw, Mapping):
        message = "the configuration of a sheet is no object"
        raise TypeError(message)
    return read_blueprint(raw)


def _there(sheet: Sheet | None) -> Sheet:
    if sheet is None:
        raise _missing()
    return sheet


def _missing() -> Problem:
    return Problem(Code.NOT_FOUND, "Sheet not found", (FieldError("sheetId", "Sheet not found"),))


def _translated(error: IntegrityError, sheet: Sheet) -> Exception:
    if not refused(error, "uq_sheets_workbook_id_slug", "sheets.workbook_id, sheets.slug"):
        return error
    message = f"the workbook has a sheet with slug {sheet.slug!r} already"
    return Problem(Code.CONFLICT, message, (FieldError("slug", message, "give it another slug"),))
