"""Records as they are read: a page with its counts, values of a field, places of records, commits (jobs contract 12.3, 12.5, 12.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.record import Commit, RecordCounts
from headrace.core.short_ids import short_id
from headrace.core.workspace import ResourceKind, Sheet
from headrace.service.records.counting import FieldCounts
from headrace.service.records.desk import RecordDesk
from headrace.service.records.linking import Links, links_of
from headrace.service.records.selecting import SelectionAsked, selection_of
from headrace.store import record_commits, record_pages, resources, sheets
from headrace.store.database import Database, Transaction
from headrace.store.record_values import ValueCount, record_values

MAX_PAGE = 50_000
"""Records of one page."""

_field_counts = FieldCounts()


@dataclass(frozen=True, slots=True)
class Page:
    """A page of records. ``rows``: as ``store.record_rows.COLUMNS``, undecoded. ``commit``: the newest of the sheet."""

    sheet: Sheet
    rows: Sequence[Sequence[Any]]
    commit: Commit | None
    counts: RecordCounts | None = None
    links: Links | None = None


def reachable(tx: Transaction, actor: Actor, sheet_id: str) -> Sheet:
    """Return the sheet.

    Raises:
        Problem: ``NOT_FOUND``: there is none that ``actor`` may see.
    """
    sheet = sheets.get(tx, actor.scope, sheet_id)
    if actor.space_id not in {None, sheet.space_id}:
        raise Problem(Code.NOT_FOUND, "Sheet not found", (FieldError("sheetId", "Sheet not found"),))
    return sheet


def page(  # noqa: PLR0913 — which page of what, and how it is counted
    database: Database,
    actor: Actor,
    sheet_id: str,
    asked: SelectionAsked,
    size: int,
    number: int,
    *,
    counted: bool = False,
    linked: bool = False,
) -> Page:
    """Return page ``number`` of ``size`` records.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the selection.
    """
    with database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        selection = selection_of(tx, sheet, asked)
        rows = record_pages.rows(tx, sheet, selection, size, number)
        counts = record_pages.counts(tx, sheet, selection) if counted else None
        links = links_of(tx, sheet, rows) if linked else None
        return Page(sheet, rows, record_commits.newest(tx, sheet), counts, links)


def of_ids(database: Database, actor: Actor, sheet_id: str, ids: Sequence[str]) -> Page:
    """Return the records with these ids, in their order; those that are gone are left out."""
    with database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        return Page(sheet, record_pages.rows_of_ids(tx, sheet, ids), None)


def counts(
    database: Database, actor: Actor, sheet_id: str, asked: SelectionAsked, *, by_field: bool = False
) -> RecordCounts:
    """Return the counts of a selection.

    Raises:
        Problem: as ``page``.
    """
    with database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        selection = selection_of(tx, sheet, asked)
        return (
            _field_counts.of(database, tx, sheet, selection) if by_field else record_pages.counts(tx, sheet, selection)
        )


def values(  # noqa: PLR0913, PLR0917 — which values of what, and which page of them
    database: Database,
    actor: Actor,
    sheet_id: str,
    key: str,
    asked: SelectionAsked,
    size: int,
    number: int,
    *,
    descending: bool,
) -> list[ValueCount]:
    """Return a page of the distinct values of field ``key``.

    Raises:
        Problem: as ``page``; ``INVALID`` (``fieldKey``): the sheet has no such field.
    """
    with database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        _check_field(sheet, key)
        selection = selection_of(tx, sheet, asked)
        offset = (number - 1) * size
        return record_values(tx, sheet, key, selection, limit=size, offset=offset, descending=descending)


def cells(  # noqa: PLR0913, PLR0917 — which field of what, and which page of it
    database: Database, actor: Actor, sheet_id: str, key: str, asked: SelectionAsked, size: int, number: int
) -> list[Json]:
    """Return the value that each record of a page has in field ``key``.

    Raises:
        Problem: as ``values``.
    """
    with database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        _check_field(sheet, key)
        found = record_pages.page(tx, sheet, selection_of(tx, sheet, asked), size, number)
        return [record.values.get(key) for record in found]


def _check_field(sheet: Sheet, key: str) -> None:
    if key not in sheet.blueprint.by_key:
        message = f"the sheet has no field {key[:80]!r}"
        raise Problem(Code.INVALID, message, (FieldError("fieldKey", message),))


def indices(
    database: Database, actor: Actor, sheet_id: str, asked: SelectionAsked, ids: Sequence[str]
) -> dict[str, int]:
    """Return the places of records in the order of a selection.

    Raises:
        Problem: as ``page``.
    """
    with database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        return record_pages.indices(tx, sheet, selection_of(tx, sheet, asked), ids)


def commits_of_sheet(database: Database, actor: Actor, sheet_id: str, *, completed: bool | None) -> list[Commit]:
    """Return the commits of a sheet, the oldest first.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        return record_commits.of_sheets(tx, [sheet.number], completed=completed)


def commits_of_workbook(database: Database, actor: Actor, workbook_id: str, *, completed: bool | None) -> list[Commit]:
    """Return the commits of all sheets of a workbook, the oldest first.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        workbook = resources.find(tx, actor.scope, ResourceKind.WORKBOOK, workbook_id)
        if workbook is None or actor.space_id not in {None, workbook.space_id}:
            raise Problem(Code.NOT_FOUND, "Workbook not found", (FieldError("workbookId", "Workbook not found"),))
        numbers = [sheet.number for sheet in sheets.of_workbook(tx, workbook_id)]
        return record_commits.of_sheets(tx, numbers, completed=completed)


def mark(desk: RecordDesk, actor: Actor, sheet_id: str) -> Commit:
    """Write a commit that changes nothing, and return it: a version of the sheet that later changes can be asked for since.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        sheet = sheets.hold(tx, actor.scope, reachable(tx, actor, sheet_id).id)
        _, number = sheets.take(tx, sheet, 0, 1)
        now = desk.clock.now()
        commit = Commit(
            id=short_id("vr", desk.ids),
            sheet_id=sheet.id,
            number=number,
            created_by=actor.id,
            created_at=now,
            completed_by=actor.id,
            completed_at=now,
        )
        record_commits.insert(tx, sheet, commit)
        return commit
