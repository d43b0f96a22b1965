"""Records that are there: changed, and removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.record import CommitWish, Record, RecordChange
from headrace.core.workspace import Sheet, Written
from headrace.service.records import commits
from headrace.service.records.cells import same
from headrace.service.records.checking import is_wrong, json_texts, said_of
from headrace.service.records.desk import RecordDesk
from headrace.service.records.fields import with_fields
from headrace.service.records.judging import (
    SaidOf,
    check_cells,
    check_sets,
    custom_only,
    in_order,
    raw_messages,
    settle,
)
from headrace.service.records.keeping import change as change_keys
from headrace.service.records.keeping import leave
from headrace.service.records.keys import Rules, columns_of, rules_of
from headrace.store import record_blocks, record_commits, record_versions, records, sheets
from headrace.store.database import Transaction
from headrace.store.record_rows import kept_id

_LISTED = 10
"""Ids that a refusal names at most."""


@dataclass(slots=True)
class _Draft:
    """A record that is being changed. ``said``: what clients said, then all of it."""

    before: Record
    values: dict[str, Json]
    said: SaidOf
    metadata: Mapping[str, Json]
    config: Mapping[str, Json]

    @property
    def has_new_data(self) -> bool:
        """Say whether more than what clients said of it is different."""
        before = self.before
        return not (
            same(self.values, before.values)
            and same(self.metadata, before.metadata)
            and same(self.config, before.config)
        )


def update_in(
    tx: Transaction, desk: RecordDesk, sheet: Sheet, changes: Sequence[RecordChange], wish: CommitWish, now: Instant
) -> Written:
    """Change records as one commit, in the caller's transaction, which holds ``sheet``.

    Returns:
        What was written; when nothing changed, the newest commit of the sheet (or the one that was joined), and nobody is told.

    Raises:
        Problem: ``INVALID``: the sheet has no records with these ids, or no such fields (and does not allow more).
    """
    known = set(sheet.blueprint.by_key)
    brought = set().union(*(one.values.keys() for one in changes), *(one.messages.keys() for one in changes))
    if not brought <= known:
        sheet = with_fields(tx, desk.ids, sheet, sorted(brought - known), commits.actor_of(wish, sheet), now)
    siblings = sheets.of_workbook(tx, sheet.workbook_id)
    rules = rules_of(sheet, siblings)
    drafts = _drafts(tx, sheet, changes)
    columns = columns_of([draft.values for draft in drafts], sheet.blueprint.by_key)
    cells: list[SaidOf] = [{} for _ in drafts]
    check_cells(rules, columns, cells)
    for index, draft in enumerate(drafts):
        read = {key: column[index] for key, column in columns.items() if column[index] is not None}
        hidden = {key: value for key, value in draft.values.items() if key not in columns}
        draft.values = hidden | read
    touched = [
        index
        for index, draft in enumerate(drafts)
        if draft.has_new_data or custom_only(raw_messages(draft.before.messages)) != in_order(draft.said)
    ]
    if not touched:
        return _unchanged(tx, desk, sheet, wish, now)
    chosen = [drafts[index] for index in touched]
    for draft, index in zip(chosen, touched, strict=True):
        for key, items in cells[index].items():
            draft.said.setdefault(key, []).extend(items)
    return _write(tx, desk, rules, siblings, chosen, wish, now)


def refuse_unknown_ids(tx: Transaction, sheet: Sheet, changes: Sequence[RecordChange]) -> None:
    """Look whether the records are there, before the first of several commits.

    Raises:
        Problem: ``INVALID``.
    """
    there = records.taken(tx, sheet, {kept_id(change.id) for change in changes})
    _refuse([change.id for change in changes if kept_id(change.id) not in there])


def remove_in(
    tx: Transaction, desk: RecordDesk, sheet: Sheet, gone: Sequence[Record], wish: CommitWish, now: Instant
) -> Written:
    """Remove records as one commit, in the caller's transaction, which holds ``sheet`` and has read them in it."""
    if not gone:
        return Written(record_commits.newest(tx, sheet))
    siblings = sheets.of_workbook(tx, sheet.workbook_id)
    rules = rules_of(sheet, siblings)
    _, number = sheets.take(tx, sheet, 0, 1)
    record_versions.keep(tx, sheet, gone, number)
    positions = [record.position for record in gone]
    records.delete(tx, sheet, positions)
    record_blocks.removed(tx, sheet, positions, [record.position for record in gone if not record.valid])
    others = settle(tx, rules, siblings, leave(tx, rules, gone))
    commit = commits.make(tx, desk, sheet, wish, now, number, worth_telling=False)
    record_commits.touch(tx, sheet, commits.number_of(commit, wish, number), positions)
    if not wish.silent:
        commits.tell_removed(tx, desk, sheet, wish, now, [record.id for record in gone])
    commits.tell_all_counts(tx, desk, sheet, [one for one in siblings if one.id in others], wish, now, len(gone))
    return Written(commit, deleted=len(gone))


def _write(  # noqa: PLR0913, PLR0917 — which records of which sheet, and by whom
    tx: Transaction,
    desk: RecordDesk,
    rules: Rules,
    siblings: Sequence[Sheet],
    drafts: Sequence[_Draft],
    wish: CommitWish,
    now: Instant,
) -> Written:
    sheet = rules.sheet
    _, number = sheets.take(tx, sheet, 0, 1)
    before = [draft.before for draft in drafts]
    record_versions.keep(tx, sheet, before, number)
    aftermath = change_keys(tx, rules, before, [draft.values for draft in drafts])
    columns = columns_of([draft.values for draft in drafts], rules.fields)
    check_sets(tx, rules, columns, [draft.said for draft in drafts])
    said = [in_order(draft.said) for draft in drafts]
    valid = [not is_wrong(one) for one in said]
    records.update(tx, sheet, _rows(drafts, said, valid), number, now)
    turned = [(old.position, good) for old, good in zip(before, valid, strict=True) if old.valid != good]
    record_blocks.changed(tx, sheet, [at for at, good in turned if not good], [at for at, good in turned if good])
    others = settle(tx, rules, siblings, aftermath)
    worth_telling = any(draft.has_new_data for draft in drafts)
    commit = commits.make(tx, desk, sheet, wish, now, number, worth_telling=worth_telling)
    record_commits.touch(tx, sheet, commits.number_of(commit, wish, number), [old.position for old in before])
    commits.tell_all_counts(tx, desk, sheet, [one for one in siblings if one.id in others], wish, now, len(drafts))
    return Written(commit, updated=len(drafts))


def _rows(drafts: Sequence[_Draft], said: Sequence[SaidOf], valid: Sequence[bool]) -> list[records.RowChange]:
    texts = [
        json_texts(part)
        for part in (
            [draft.values for draft in drafts],
            said,
            [draft.metadata for draft in drafts],
            [draft.config for draft in drafts],
        )
    ]
    return [
        records.RowChange(
            draft.before.position,
            values,
            messages if said[index] else None,
            valid[index],
            metadata if draft.metadata else None,
            config if draft.config else None,
        )
        for index, (draft, values, messages, metadata, config) in enumerate(zip(drafts, *texts, strict=True))
    ]


def _drafts(tx: Transaction, sheet: Sheet, changes: Sequence[RecordChange]) -> list[_Draft]:
    """Return the records with what is to be changed of them, in the order of their positions."""
    found = records.of_ids(tx, sheet, {change.id for change in changes})
    _refuse([change.id for change in changes if change.id not in found])
    drafts: dict[str, _Draft] = {}
    for change in changes:
        record = found[change.id]
        draft = drafts.get(change.id)
        if draft is None:
            said = custom_only(raw_messages(record.messages))
            draft = drafts[change.id] = _Draft(record, dict(record.values), said, record.metadata, record.config)
        draft.values.update(change.values)
        draft.said.update({key: said_of(items) for key, items in change.messages.items()})
        if change.metadata is not None:
            draft.metadata = change.metadata
        if change.config is not None:
            draft.config = change.config
    return sorted(drafts.values(), key=lambda draft: draft.before.position)


def _refuse(unknown: Sequence[str]) -> None:
    if unknown:
        message = f"the sheet has no record {', '.join(map(repr, unknown[:_LISTED]))}"
        errors = tuple(FieldError("id", f"the sheet has no record {one!r}") for one in unknown[:_LISTED])
        raise Problem(Code.INVALID, message, errors)


def _unchanged(tx: Transaction, desk: RecordDesk, sheet: Sheet, wish: CommitWish, now: Instant) -> Written:
    if wish.joins is not None:
        return Written(commits.make(tx, desk, sheet, wish, now, 0, worth_telling=False))
    return Written(record_commits.newest(tx, sheet))
