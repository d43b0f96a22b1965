"""Commits of records: how they are made and completed, and who is told (jobs contract 9.6 and 12.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headrace.core.clock import SECOND, Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.happening import Place
from headrace.core.job import SYSTEM, Actor
from headrace.core.record import Commit, CommitWish
from headrace.core.short_ids import short_id
from headrace.core.workspace import ResourceKind, Sheet
from headrace.service.happenings.announce import tell
from headrace.service.records.desk import RecordDesk
from headrace.store import record_blocks, record_commits, resources, sheets
from headrace.store.database import Database, Transaction
from headrace.store.places import place_of_sheet

_SWEPT = 100
"""Commits, or sheets, that one round of the timekeeper looks at."""
_LISTED_IDS = 1_000
"""Ids that word of removed records has at most."""


def make(  # noqa: PLR0913 — what was touched, by whom, and whether it is worth a word
    tx: Transaction, desk: RecordDesk, sheet: Sheet, wish: CommitWish, now: Instant, number: int, *, worth_telling: bool
) -> Commit:
    """Write the commit of a change that took ``number``, or complete the one that it joins; tell whom it concerns. Return the commit.

    Raises:
        Problem: ``INVALID``: the sheet has no commit that it could join.
    """
    if wish.joins is not None:
        return _join(tx, desk, sheet, wish, now)
    telling = wish.forced or (worth_telling and not wish.silent)
    tracking = telling and _tracks_changes(tx, sheet)
    commit = Commit(
        id=short_id("vr", desk.ids),
        sheet_id=sheet.id,
        number=number,
        created_by=wish.actor_id,
        created_at=now,
        completed_by=None if tracking else wish.actor_id,
        completed_at=None if tracking else now,
    )
    record_commits.insert(tx, sheet, commit)
    if telling:
        _tell_created(tx, desk, sheet, commit, actor_of(wish, sheet), now, tracking=tracking)
    return commit


def number_of(commit: Commit, wish: CommitWish, number: int) -> int:
    """Return the number of the commit to which positions are added that a change with ``number`` touched."""
    return number if wish.joins is None else commit.number


def actor_of(wish: CommitWish, sheet: Sheet) -> Actor:
    """Return who changes records of ``sheet``."""
    return Actor(wish.actor_id, sheet.scope, request=wish.request)


def complete(desk: RecordDesk, actor: Actor, commit_id: str) -> Commit:
    """Say that nothing more belongs to a commit; one that is complete stays as it is. Return it.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        sheet, commit = find(tx, actor, commit_id)
        return _complete(tx, desk, sheet, commit, actor, desk.clock.now()) or commit


def replay(desk: RecordDesk, actor: Actor, commit_id: str) -> Commit:
    """Tell of a commit once more, and return it.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        sheet, commit = find(tx, actor, commit_id)
        tracking = _tracks_changes(tx, sheet)
        _tell_created(tx, desk, sheet, commit, actor, desk.clock.now(), tracking=tracking)
    return commit


def find(tx: Transaction, actor: Actor, commit_id: str) -> tuple[Sheet, Commit]:
    """Return a commit and its sheet.

    Raises:
        Problem: ``NOT_FOUND``: there is none that ``actor`` may see.
    """
    commit = record_commits.find(tx, commit_id)
    sheet = None if commit is None else sheets.find(tx, actor.scope, commit.sheet_id)
    if commit is None or sheet is None or actor.space_id not in {None, sheet.space_id}:
        raise Problem(Code.NOT_FOUND, "Commit not found", (FieldError("commitId", "Commit not found"),))
    return sheet, commit


def tell_removed(
    tx: Transaction, desk: RecordDesk, sheet: Sheet, wish: CommitWish, now: Instant, ids: list[str]
) -> None:
    """Tell that records were removed."""
    payload: Mapping[str, Json] = {"sheetId": sheet.id, "recordIds": ids[:_LISTED_IDS], "recordCount": len(ids)}
    place = place_of_sheet(tx, sheet)
    tell(tx, desk.ids, now, actor_of(wish, sheet), place, "records:deleted", payload)


def tell_counts(tx: Transaction, desk: RecordDesk, sheet: Sheet, actor: Actor, now: Instant, updated: int) -> None:
    """Tell the counts of a sheet that is held, or, when they were told a moment ago, note that they are to be told."""
    told, due = record_blocks.told(tx, sheet)
    if told is not None and told <= now < told + SECOND:
        if due is None:
            record_blocks.set_due(tx, sheet, Instant(told + SECOND))
        return
    counts = record_blocks.counts(tx, sheet)
    payload: Mapping[str, Json] = {
        "sheetId": sheet.id,
        "workbookId": sheet.workbook_id,
        "counts": {"total": counts.total, "valid": counts.valid, "error": counts.error, "updated": updated},
    }
    tell(tx, desk.ids, now, actor, place_of_sheet(tx, sheet), "sheet:counts-updated", payload)
    record_blocks.set_told(tx, sheet, now)


def tell_all_counts(  # noqa: PLR0913, PLR0917 — of which sheets, by whom
    tx: Transaction,
    desk: RecordDesk,
    sheet: Sheet,
    others: Sequence[Sheet],
    wish: CommitWish,
    now: Instant,
    updated: int,
) -> None:
    """Tell the counts of a sheet in which ``updated`` records were written, and of others whose records became valid or invalid by that."""
    if wish.silent:
        return
    actor = actor_of(wish, sheet)
    tell_counts(tx, desk, sheet, actor, now, updated)
    for other in others:
        if other.id != sheet.id:
            tell_counts(tx, desk, other, actor, now, 0)


def tick(desk: RecordDesk) -> bool:
    """Complete commits that nobody completed in time, and tell counts that are due; for the timekeeper. Say whether there is more to do."""
    now = desk.clock.now()
    with desk.database.reading() as tx:
        overdue = record_commits.open_before(tx, Instant(now - desk.limits.commit_timeout + 1), _SWEPT)
        due = record_blocks.due(tx, now, _SWEPT)
    for commit in overdue:
        _complete_overdue(desk, commit, now)
    for sheet_id in due:
        _tell_due(desk, sheet_id, now)
    return len(overdue) == _SWEPT or len(due) == _SWEPT


def next_at(database: Database, desk: RecordDesk) -> Instant | None:
    """Return when ``tick`` has something to do, as far as is known now; None: nothing."""
    with database.reading() as tx:
        opened, due = record_commits.oldest_open(tx), record_blocks.next_due(tx)
    ends = [due] if due is not None else []
    if opened is not None:
        ends.append(Instant(opened + desk.limits.commit_timeout))
    return min(ends, default=None)


def _complete_overdue(desk: RecordDesk, commit: Commit, now: Instant) -> None:
    with desk.database.transaction() as tx:
        sheet = sheets.find(tx, None, commit.sheet_id)
        if sheet is None:
            record_commits.complete(tx, commit, SYSTEM, now)
        else:
            _complete(tx, desk, sheet, commit, Actor(SYSTEM, sheet.scope), now)


def _tell_due(desk: RecordDesk, sheet_id: str, now: Instant) -> None:
    with desk.database.transaction() as tx:
        found = sheets.hold_several(tx, None, [sheet_id])
        if not found:
            record_blocks.forget_due(tx, sheet_id)
        elif record_blocks.told(tx, found[0])[1] is not None:
            tell_counts(tx, desk, found[0], Actor(SYSTEM, found[0].scope), now, 0)


def _join(tx: Transaction, desk: RecordDesk, sheet: Sheet, wish: CommitWish, now: Instant) -> Commit:
    commit = None if wish.joins is None else record_commits.find(tx, wish.joins)
    if commit is None or commit.sheet_id != sheet.id:
        message = f"the sheet has no commit {wish.joins!r}"
        raise Problem(Code.INVALID, message, (FieldError("commitId", message),))
    return _complete(tx, desk, sheet, commit, actor_of(wish, sheet), now) or commit


def _complete(
    tx: Transaction, desk: RecordDesk, sheet: Sheet, commit: Commit, actor: Actor, now: Instant
) -> Commit | None:
    done = record_commits.complete(tx, commit, actor.id, now)
    if done is not None and _tracks_changes(tx, sheet):
        payload: Mapping[str, Json] = {
            "sheetId": sheet.id,
            "workbookId": sheet.workbook_id,
            "versionId": commit.id,
            "commitId": commit.id,
        }
        tell(tx, desk.ids, now, actor, _place(tx, sheet, commit), "commit:completed", payload)
    return done


def _tell_created(  # noqa: PLR0913 — which commit of which sheet, by whom
    tx: Transaction, desk: RecordDesk, sheet: Sheet, commit: Commit, actor: Actor, now: Instant, *, tracking: bool
) -> None:
    payload: Mapping[str, Json] = {
        "sheetId": sheet.id,
        "workbookId": sheet.workbook_id,
        "versionId": commit.id,
        "sheetSlug": sheet.slug,
        "trackChanges": tracking,
    }
    data = f"v1/sheets/{sheet.id}/records?commitId={commit.id}"
    tell(tx, desk.ids, now, actor, _place(tx, sheet, commit), "commit:created", payload, data_url=data)


def _place(tx: Transaction, sheet: Sheet, commit: Commit) -> Place:
    return replace(place_of_sheet(tx, sheet), more={"commitId": commit.id, "versionId": commit.id})


def _tracks_changes(tx: Transaction, sheet: Sheet) -> bool:
    workbook = resources.find(tx, sheet.scope, ResourceKind.WORKBOOK, sheet.workbook_id)
    settings = None if workbook is None else workbook.body.get("settings")
    return isinstance(settings, Mapping) and settings.get("trackChanges") is True
