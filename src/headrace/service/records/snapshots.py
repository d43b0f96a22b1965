"""Snapshots of sheets: taken, compared with what is there, and brought back (jobs contract 12.8).

Bringing back is a row of ordinary commits: listeners are told of them, rules are checked, and a snapshot that was taken before can undo it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.record import CommitWish, Message, Messages, MessageSource, NewRecord, Record, RecordChange
from headrace.core.short_ids import short_id
from headrace.core.workspace import Sheet, Snapshot
from headrace.service.happenings.announce import tell
from headrace.service.records.desk import RecordDesk
from headrace.service.records.reading import reachable
from headrace.service.records.writing import hold, insert_in, remove_in, update_in
from headrace.store import record_versions, sheets, snapshots
from headrace.store.database import Database, Transaction
from headrace.store.places import place_of_sheet
from headrace.store.snapshots import Changed, Old

MAX_LABEL = 1_000
"""Characters of a label."""
_READ_AT_ONCE = 5_000
_Item = TypeVar("_Item", Record, Old)


class Change(StrEnum):
    """What has become of a record since a snapshot."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that differs from a snapshot. ``old`` None: it was not there; ``now`` None: it is gone."""

    change: Change
    old: Old | None
    now: Record | None


@dataclass(frozen=True, slots=True)
class Summary:
    """How a sheet differs from a snapshot.

    ``updated_by_field``: how many of the updated records differ there; ``schema``: by key, what became of a field.
    """

    created: int
    updated: int
    deleted: int
    updated_by_field: Mapping[str, int]
    schema: Mapping[str, str]


def take(tx: Transaction, desk: RecordDesk, actor: Actor, sheet: Sheet, label: str | None, now: Instant) -> Snapshot:
    """Take a snapshot of a sheet that the caller holds, as it is in this transaction, and tell of it."""
    _, next_commit = sheets.take(tx, sheet, 0, 0)
    snapshot = Snapshot(
        id=short_id("ss", desk.ids),
        sheet_id=sheet.id,
        commit=next_commit - 1,
        created_by=actor.id,
        created_at=now,
        label=label,
        fields=tuple(field.raw for field in sheet.blueprint.fields),
    )
    snapshots.insert(tx, sheet, snapshot)
    place = replace(place_of_sheet(tx, sheet), more={"snapshotId": snapshot.id})
    payload: Mapping[str, Json] = {
        "snapshotId": snapshot.id,
        "sheetId": sheet.id,
        "workbookId": sheet.workbook_id,
        "spaceId": sheet.space_id,
    }
    tell(tx, desk.ids, now, actor, place, "snapshot:created", payload)
    return snapshot


def create(desk: RecordDesk, actor: Actor, sheet_id: str, label: str | None) -> Snapshot:
    """Take a snapshot of a sheet.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        sheet = sheets.hold(tx, actor.scope, reachable(tx, actor, sheet_id).id)
        return take(tx, desk, actor, sheet, label, desk.clock.now())


def of_sheet(database: Database, actor: Actor, sheet_id: str) -> list[Snapshot]:
    """Return the snapshots of a sheet, the oldest first.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        return snapshots.of_sheet(tx, reachable(tx, actor, sheet_id))


def find(tx: Transaction, actor: Actor, snapshot_id: str) -> tuple[Sheet, Snapshot]:
    """Return a snapshot and its sheet.

    Raises:
        Problem: ``NOT_FOUND``: there is none that ``actor`` may see.
    """
    snapshot = snapshots.find(tx, snapshot_id)
    sheet = None if snapshot is None else sheets.find(tx, actor.scope, snapshot.sheet_id)
    if snapshot is None or sheet is None or actor.space_id not in {None, sheet.space_id}:
        raise Problem(Code.NOT_FOUND, "Snapshot not found", (FieldError("snapshotId", "Snapshot not found"),))
    return sheet, snapshot


def get(database: Database, actor: Actor, snapshot_id: str, *, summed: bool) -> tuple[Sheet, Snapshot, Summary | None]:
    """Return a snapshot, and with ``summed`` how its sheet differs from it.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        sheet, snapshot = find(tx, actor, snapshot_id)
        return sheet, snapshot, _summary(tx, sheet, snapshot) if summed else None


def differences(
    database: Database, actor: Actor, snapshot_id: str, change: Change | None, size: int, number: int
) -> tuple[Sheet, list[Difference]]:
    """Return page ``number`` of ``size`` records that differ from a snapshot, of one kind, or created, updated and deleted ones in this order.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    kinds = tuple(Change) if change is None else (change,)
    skipped, found = (number - 1) * size, []
    with database.reading() as tx:
        sheet, snapshot = find(tx, actor, snapshot_id)
        for kind in kinds:
            for difference in _of_kind(tx, sheet, snapshot, kind):
                if skipped > 0:
                    skipped -= 1
                    continue
                found.append(difference)
                if len(found) == size:
                    return sheet, found
    return sheet, found


def restore(desk: RecordDesk, actor: Actor, snapshot_id: str, changes: frozenset[Change]) -> Snapshot:
    """Bring a sheet back to a snapshot: ``CREATED`` removes what was created since, ``UPDATED`` brings back old values, ``DELETED`` deleted records.

    It is done in chunks of one commit each: whoever reads meanwhile sees some of it. Records that are brought back stand at the end.

    Raises:
        Problem: ``NOT_FOUND``; what writing records raises: what was committed before stays, and restoring again goes on.
    """
    with desk.database.reading() as tx:
        sheet, snapshot = find(tx, actor, snapshot_id)
    restoring = _Restoring(desk, actor, sheet, snapshot)
    for kind in (Change.CREATED, Change.UPDATED, Change.DELETED):
        if kind in changes:
            restoring.work_through(kind)
    return snapshot


def remove(desk: RecordDesk, actor: Actor, snapshot_id: str) -> None:
    """Remove a snapshot, and the old states of records that no other one needs.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        sheet, snapshot = find(tx, actor, snapshot_id)
        sheets.hold(tx, actor.scope, sheet.id)
        snapshots.remove(tx, snapshot.id)
    after: int | None = -1
    while after is not None:
        with desk.database.transaction() as tx:
            sheets.hold(tx, actor.scope, sheet.id)
            after = record_versions.forget(tx, sheet, after)


_Write: TypeAlias = Callable[[Transaction, Sheet, int | None], tuple[int, int | None]]
"""Writes the next chunk behind a position; says how many records there were, and where it ended."""


@dataclass(frozen=True, slots=True)
class _Restoring:
    desk: RecordDesk
    actor: Actor
    sheet: Sheet
    snapshot: Snapshot

    def work_through(self, kind: Change) -> None:
        write: Mapping[Change, _Write] = {
            Change.DELETED: self._bring_back,
            Change.UPDATED: self._set_back,
            Change.CREATED: self._take_out,
        }
        after: int | None = None
        while True:
            with self.desk.database.transaction() as tx:
                held = hold(tx, self.actor.scope, self.sheet.id)
                count, after = write[kind](tx, held, after)
            if count < self.desk.limits.commit_records:
                return

    def _bring_back(self, tx: Transaction, sheet: Sheet, after: int | None) -> tuple[int, int | None]:
        gone = snapshots.deleted_since(tx, sheet, self.snapshot, after, self.desk.limits.commit_records)
        new = [
            NewRecord(_known(old.values, sheet), _custom(old.messages, sheet), old.metadata, old.config, old.id)
            for old in gone
        ]
        if new:
            insert_in(tx, self.desk, sheet, new, self._wish, self.desk.clock.now())
        return len(gone), gone[-1].position if gone else after

    def _set_back(self, tx: Transaction, sheet: Sheet, after: int | None) -> tuple[int, int | None]:
        touched = snapshots.touched_since(tx, sheet, self.snapshot, after, self.desk.limits.commit_records)
        changes = [_change_back(one, sheet) for one in touched if _differs(one, sheet)]
        if changes:
            update_in(tx, self.desk, sheet, changes, self._wish, self.desk.clock.now())
        return len(touched), touched[-1].old.position if touched else after

    def _take_out(self, tx: Transaction, sheet: Sheet, after: int | None) -> tuple[int, int | None]:
        most = self.desk.limits.commit_records
        # What is inserted while this goes on is not what was created before it.
        until = self.sheet.next_position
        created = snapshots.created_since(tx, sheet, self.snapshot, after, most, before=until)
        if created:
            remove_in(tx, self.desk, sheet, created, self._wish, self.desk.clock.now())
        return len(created), created[-1].position if created else after

    @property
    def _wish(self) -> CommitWish:
        return CommitWish(actor_id=self.actor.id, request=self.actor.request)


def changed_fields(old: Old, now: Record, sheet: Sheet) -> list[str]:
    """Return the keys of the fields whose value is another one than it was."""
    return [key for key in sheet.blueprint.by_key if old.values.get(key) != now.values.get(key)]


def _differs(one: Changed, sheet: Sheet) -> bool:
    old, now = one.old, one.now
    return (
        bool(changed_fields(old, now, sheet))
        or (old.metadata, old.config) != (now.metadata, now.config)
        or _custom(old.messages, sheet) != _custom(now.messages, sheet)
    )


def _change_back(one: Changed, sheet: Sheet) -> RecordChange:
    said = _custom(one.old.messages, sheet)
    keys = said.keys() | _custom(one.now.messages, sheet).keys()
    return RecordChange(
        one.now.id,
        {key: one.old.values.get(key) for key in changed_fields(one.old, one.now, sheet)},
        {key: said.get(key, ()) for key in keys},
        one.old.metadata,
        one.old.config,
    )


def _known(values: Mapping[str, Json], sheet: Sheet) -> dict[str, Json]:
    """Return the values of fields that the sheet still has."""
    return {key: value for key, value in values.items() if key in sheet.blueprint.by_key}


def _custom(messages: Messages, sheet: Sheet) -> dict[str, tuple[Message, ...]]:
    """Return what clients said of fields that the sheet still has; all else is said anew."""
    said = {
        key: tuple(item for item in items if item.source is MessageSource.CUSTOM)
        for key, items in messages.items()
        if key in sheet.blueprint.by_key
    }
    return {key: items for key, items in said.items() if items}


def _of_kind(tx: Transaction, sheet: Sheet, snapshot: Snapshot, kind: Change) -> Iterator[Difference]:
    match kind:
        case Change.CREATED:
            for record in _walked(lambda at: snapshots.created_since(tx, sheet, snapshot, at, _READ_AT_ONCE)):
                yield Difference(kind, None, record)
        case Change.UPDATED:
            for one in _touched(tx, sheet, snapshot):
                if _differs(one, sheet):
                    yield Difference(kind, one.old, one.now)
        case Change.DELETED:
            for old in _walked(lambda at: snapshots.deleted_since(tx, sheet, snapshot, at, _READ_AT_ONCE)):
                yield Difference(kind, old, None)


def _walked(read: Callable[[int | None], Sequence[_Item]]) -> Iterator[_Item]:
    after: int | None = None
    while True:
        items = read(after)
        yield from items
        if len(items) < _READ_AT_ONCE:
            return
        after = items[-1].position


def _touched(tx: Transaction, sheet: Sheet, snapshot: Snapshot) -> Iterator[Changed]:
    after: int | None = None
    while True:
        items = snapshots.touched_since(tx, sheet, snapshot, after, _READ_AT_ONCE)
        yield from items
        if len(items) < _READ_AT_ONCE:
            return
        after = items[-1].old.position


def _summary(tx: Transaction, sheet: Sheet, snapshot: Snapshot) -> Summary:
    updated, by_field = 0, dict.fromkeys(sheet.blueprint.by_key, 0)
    for one in _touched(tx, sheet, snapshot):
        if _differs(one, sheet):
            updated += 1
            for key in changed_fields(one.old, one.now, sheet):
                by_field[key] += 1
    then = {str(field.get("key")) for field in snapshot.fields}
    keys = [*sheet.blueprint.by_key, *sorted(then - set(sheet.blueprint.by_key))]
    return Summary(
        created=snapshots.count_created(tx, sheet, snapshot),
        updated=updated,
        deleted=snapshots.count_deleted(tx, sheet, snapshot),
        updated_by_field={key: count for key, count in by_field.items() if count},
        schema={key: _became(key, then, sheet) for key in keys},
    )


def _became(key: str, then: set[str], sheet: Sheet) -> str:
    if key not in then:
        return "added"
    return "unchanged" if key in sheet.blueprint.by_key else "removed"
