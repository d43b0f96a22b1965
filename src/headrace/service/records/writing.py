"""Records inserted, changed and removed, each time as a commit (jobs contract 12.5 and 12.6).

Whoever writes holds the sheet, and with it those that refer to it or that it refers to: ``hold``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.record import CommitWish, NewRecord, RecordChange
from headrace.core.short_ids import record_id
from headrace.core.workspace import Sheet, Written
from headrace.service.records import commits
from headrace.service.records.changing import refuse_unknown_ids, remove_in, update_in
from headrace.service.records.checking import (
    Batch,
    UnknownFieldsError,
    batch_of,
    batch_of_columns,
    checked_again,
    is_wrong,
    json_texts,
    page_of,
)
from headrace.service.records.desk import RecordDesk
from headrace.service.records.fields import with_fields
from headrace.service.records.holding import hold, linked_ids, reachable
from headrace.service.records.judging import in_order, settle
from headrace.service.records.keeping import enter
from headrace.service.records.keys import rules_of
from headrace.store import record_blocks, record_commits, records, sheets
from headrace.store.database import Transaction
from headrace.store.record_rows import kept_id, shown_id

__all__ = [
    "RecordDesk",
    "hold",
    "insert",
    "insert_in",
    "insert_page",
    "linked_ids",
    "remove",
    "remove_in",
    "update",
    "update_in",
]

_TIME_DIGITS = 13
_CHANCE_DIGITS = 12


def insert(desk: RecordDesk, actor: Actor, sheet_id: str, new: Sequence[NewRecord], wish: CommitWish) -> Written:
    """Insert records in their order, in commits of up to ``desk.limits.commit_records``, each a transaction of its own.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: records bring fields that the sheet does not have, or ids that it has.
    """
    most = desk.limits.commit_records
    written = Written(None)
    for start in range(0, max(len(new), 1), most):
        with desk.database.transaction() as tx:
            sheet = reachable(hold(tx, actor.scope, sheet_id), actor)
            asked = replace(wish, request=actor.request)
            written = _sum(written, insert_in(tx, desk, sheet, new[start : start + most], asked, desk.clock.now()))
    return written


def insert_page(desk: RecordDesk, actor: Actor, sheet_id: str, raw: bytes, wish: CommitWish) -> Written:
    """Insert a page of records as it came from the wire (``checking.page_of``), as ``insert`` does; it is read before the sheet is held.

    Raises:
        Problem: as ``insert`` and ``checking.page_of`` do.
    """
    with desk.database.reading() as tx:
        sheet = reachable(sheets.get(tx, actor.scope, sheet_id), actor)
    batch = _page(desk, actor, sheet, raw)
    asked = replace(wish, request=actor.request)
    written = Written(None)
    for read in batch.parts(desk.limits.commit_records):
        with desk.database.transaction() as tx:
            held = hold(tx, actor.scope, sheet_id)
            # Somebody may have changed the fields meanwhile: what was checked was checked against others.
            part = read if held.blueprint == batch.blueprint else checked_again(held.blueprint, read)
            written = _sum(written, _insert(tx, desk, held, part, asked, desk.clock.now()))
    return written


def insert_in(
    tx: Transaction, desk: RecordDesk, sheet: Sheet, new: Sequence[NewRecord], wish: CommitWish, now: Instant
) -> Written:
    """Insert up to ``desk.limits.commit_records`` records as one commit, in the caller's transaction, which holds ``sheet``.

    Raises:
        Problem: ``INVALID``: records bring fields that the sheet does not have (and it does not allow more), or ids that it has.
    """
    try:
        batch = batch_of(sheet.blueprint, new)
    except UnknownFieldsError as unknown:
        sheet = with_fields(tx, desk.ids, sheet, unknown.keys, commits.actor_of(wish, sheet), now)
        batch = batch_of(sheet.blueprint, new)
    return _insert(tx, desk, sheet, batch, wish, now)


def insert_columns_in(  # noqa: PLR0913, PLR0917 — a transaction, a desk and a moment beside what is written
    tx: Transaction,
    desk: RecordDesk,
    sheet: Sheet,
    columns: Mapping[str, Sequence[Json]],
    size: int,
    wish: CommitWish,
    now: Instant,
) -> Written:
    """Insert ``size`` records as ``insert_in`` does, given column by column: fields that ``columns`` does not have are empty, and so are null cells.

    Raises:
        Problem: ``INVALID``: the sheet does not have such a field (and it does not allow more).
    """
    unknown = sorted(set(columns) - set(sheet.blueprint.by_key))
    if unknown:
        sheet = with_fields(tx, desk.ids, sheet, unknown, commits.actor_of(wish, sheet), now)
    return _insert(tx, desk, sheet, batch_of_columns(sheet.blueprint, columns, size), wish, now)


def update(desk: RecordDesk, actor: Actor, sheet_id: str, changes: Sequence[RecordChange], wish: CommitWish) -> Written:
    """Change records, in commits of up to ``desk.limits.commit_records``, each a transaction of its own.

    Returns:
        As ``update_in`` does.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the sheet has no records with these ids, or no such fields.
    """
    most = desk.limits.commit_records
    if len(changes) > most:
        with desk.database.reading() as tx:
            refuse_unknown_ids(tx, reachable(sheets.get(tx, actor.scope, sheet_id), actor), changes)
    written = Written(None)
    for start in range(0, max(len(changes), 1), most):
        with desk.database.transaction() as tx:
            sheet = reachable(hold(tx, actor.scope, sheet_id), actor)
            asked = replace(wish, request=actor.request)
            part = changes[start : start + most]
            written = _sum(written, update_in(tx, desk, sheet, part, asked, desk.clock.now()))
    return written


def remove(desk: RecordDesk, actor: Actor, sheet_id: str, ids: Sequence[str], wish: CommitWish) -> Written:
    """Remove the records with those ids that there are, in commits as ``update`` makes them.

    Raises:
        Problem: ``NOT_FOUND``: the sheet.
    """
    most = desk.limits.commit_records
    written = Written(None)
    for start in range(0, max(len(ids), 1), most):
        with desk.database.transaction() as tx:
            sheet = reachable(hold(tx, actor.scope, sheet_id), actor)
            asked = replace(wish, request=actor.request)
            found = records.of_ids(tx, sheet, ids[start : start + most])
            gone = sorted(found.values(), key=lambda record: record.position)
            written = _sum(written, remove_in(tx, desk, sheet, gone, asked, desk.clock.now()))
    return written


def _insert(tx: Transaction, desk: RecordDesk, sheet: Sheet, batch: Batch, wish: CommitWish, now: Instant) -> Written:
    if batch.size == 0:
        return Written(record_commits.newest(tx, sheet))
    first, number = sheets.take(tx, sheet, batch.size, 1)
    kept = _ids(tx, desk, sheet, batch, now)
    siblings = sheets.of_workbook(tx, sheet.workbook_id)
    rules = rules_of(sheet, siblings)
    aftermath = enter(tx, rules, batch, first)
    wrong = {index for index, said in batch.said.items() if is_wrong(said)}
    rows = records.NewRows(
        ids=kept,
        values=batch.texts(),
        messages=dict(zip(batch.said, json_texts([in_order(said) for said in batch.said.values()]), strict=True)),
        wrong=wrong,
        metadata=dict(zip(batch.metadata, json_texts(list(batch.metadata.values())), strict=True)),
        config=dict(zip(batch.config, json_texts(list(batch.config.values())), strict=True)),
    )
    records.insert(tx, sheet, first, rows, number, now)
    record_blocks.added(tx, sheet, first, batch.size, (first + index for index in wrong))
    others = settle(tx, rules, siblings, aftermath)
    commit = commits.make(tx, desk, sheet, wish, now, number, worth_telling=True)
    record_commits.touch(tx, sheet, commits.number_of(commit, wish, number), range(first, first + batch.size))
    commits.tell_all_counts(tx, desk, sheet, [one for one in siblings if one.id in others], wish, now, batch.size)
    # Where nobody asked for ids, all of them are ours.
    shown = map(shown_id, kept) if batch.ids else map(record_id("").__add__, kept)
    return Written(commit, created=batch.size, created_ids=tuple(shown))


def _ids(tx: Transaction, desk: RecordDesk, sheet: Sheet, batch: Batch, now: Instant) -> list[str]:
    """Return ids as the column has them. Ours grow with time and place, so that their index grows at its end."""
    head = f"{now // 1000:0{_TIME_DIGITS}x}"[-_TIME_DIGITS:] + desk.ids.uuid()[-_CHANCE_DIGITS:]
    tail = 32 - len(head)
    kept = [f"{head}{index:0{tail}x}" for index in range(batch.size)]
    if batch.ids:
        for index, shown in batch.ids.items():
            kept[index] = kept_id(shown)
        asked = [kept[index] for index in batch.ids]
        twice = records.taken(tx, sheet, asked) or {one for one, count in Counter(asked).items() if count > 1}
        if twice:
            known = ", ".join(sorted(map(shown_id, twice))[:10])
            message = f"the sheet has records with these ids already: {known}"
            raise Problem(Code.INVALID, message, (FieldError("id", message),))
    return kept


def _page(desk: RecordDesk, actor: Actor, sheet: Sheet, raw: bytes) -> Batch:
    try:
        return page_of(sheet.blueprint, raw)
    except RecursionError as error:
        raise Problem(Code.MALFORMED, "the body is nested too deep") from error
    except UnknownFieldsError as unknown:
        with desk.database.transaction() as tx:
            held = hold(tx, actor.scope, sheet.id)
            renewed = with_fields(tx, desk.ids, held, unknown.keys, actor, desk.clock.now())
        return page_of(renewed.blueprint, raw)


def _sum(before: Written, after: Written) -> Written:
    return Written(
        after.commit or before.commit,
        before.created + after.created,
        before.updated + after.updated,
        before.deleted + after.deleted,
        before.created_ids + after.created_ids,
    )
