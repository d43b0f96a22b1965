"""Changes to triggers: put, started, stopped, removed. Each is done in the transaction of the door's own change."""

from dataclasses import dataclass
from typing import cast

from headrace.core.clock import Instant
from headrace.core.codec import Json, JsonObject, encode
from headrace.core.ids import Ids
from headrace.core.recurrence import next_occurrence
from headrace.core.trigger import Trigger, TriggerKind, TriggerRunStatus, TriggerState
from headrace.core.tumbling import Tumbling
from headrace.service.triggers.recurring import recurrence_of
from headrace.service.triggers.watching import SINCE
from headrace.service.triggers.windows import tumbling_of
from headrace.store import audit, trigger_runs, triggers, watched_files
from headrace.store.database import Transaction

_S = TriggerRunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerDraft:
    """A trigger as a door has it: ``type`` in its own words, ``definition`` what its kind is made of."""

    scope: str
    name: str
    type: str
    kind: TriggerKind
    definition: object

    def encoded(self) -> JsonObject:
        """Return the definition as the ledger keeps it."""
        return cast("JsonObject", encode(self.definition))


def put_trigger(tx: Transaction, draft: TriggerDraft, ids: Ids, now: Instant) -> Trigger:
    """Return the trigger as it is kept now, stopped. One that is there keeps its windows and its cursor; of another kind, it is another trigger."""
    kept = triggers.find(tx, draft.scope, draft.name)
    fresh = Trigger(
        id=ids.uuid(),
        scope=draft.scope,
        name=draft.name,
        type=draft.type,
        kind=draft.kind,
        definition=draft.encoded(),
    )
    if kept is not None and kept.kind is draft.kind:
        fresh = Trigger(
            id=kept.id,
            scope=draft.scope,
            name=kept.name,
            type=draft.type,
            kind=draft.kind,
            definition=draft.encoded(),
            cursor=_cursor(kept, draft),
            removed_until=kept.removed_until,
            revision=kept.revision + 1,
        )
    elif kept is not None:
        _end(tx, kept, now)
    triggers.put(tx, fresh, now)
    return fresh


def start_trigger(tx: Transaction, trigger: Trigger, who: str, now: Instant) -> None:
    """Let a trigger fire from now on: a recurrence at its next occurrence, windows and files where they were left."""
    next_at: Instant | None = None
    cursor = dict(trigger.cursor)
    if trigger.kind is TriggerKind.SCHEDULE:
        next_at = next_occurrence(recurrence_of(trigger), now)
    elif trigger.kind in {TriggerKind.TUMBLING, TriggerKind.FILES}:
        next_at = now
    if trigger.kind is TriggerKind.FILES:
        # Perhaps nobody looks for a while: what comes until then came after the start.
        cursor.setdefault(SINCE, now)
    triggers.set_state(tx, trigger, TriggerState.STARTED, next_at, now, cursor)
    audit.record(tx, trigger.scope, who, "trigger.start", trigger.name, now)


def stop_trigger(tx: Transaction, trigger: Trigger, who: str, now: Instant) -> None:
    """Let a trigger fire no more; its runs go on, and windows that wait do so until the next start."""
    triggers.set_state(tx, trigger, TriggerState.STOPPED, None, now)
    audit.record(tx, trigger.scope, who, "trigger.stop", trigger.name, now)


def remove_trigger(tx: Transaction, scope: str, name: str, now: Instant) -> None:
    """Remove a trigger, if it is there: windows that wait are cancelled, those that go on end as their pipeline runs do."""
    kept = triggers.find(tx, scope, name)
    if kept is not None:
        triggers.remove(tx, scope, name)
        _end(tx, kept, now)


def _end(tx: Transaction, trigger: Trigger, now: Instant) -> None:
    """Let go of what a trigger has that is no more: files that it knew, windows that wait."""
    watched_files.forget(tx, trigger)
    for each in trigger_runs.open_windows(tx, trigger.id):
        if each.run.status is not _S.RUNNING:
            trigger_runs.move(tx, each.run, _S.CANCELLED, now, message="The trigger was removed.")
        elif each.run.try_at is not None:
            trigger_runs.move(tx, each.run, _S.FAILED, now, try_at=None)


def _cursor(kept: Trigger, draft: TriggerDraft) -> dict[str, Json]:
    """Return from where on windows are written: from the start if that is another one, since those that are there are not written twice.

    What was written since a start to a store that is watched no more is nothing to the next one.
    """
    if draft.kind is TriggerKind.FILES and dict(kept.definition) != draft.encoded():
        return {name: value for name, value in kept.cursor.items() if name != SINCE}
    if not isinstance(draft.definition, Tumbling) or draft.definition.start == tumbling_of(kept).start:
        return dict(kept.cursor)
    start = draft.definition.start
    is_later = start > tumbling_of(kept).start and kept.removed_until is not None
    return {"start": max(start, kept.removed_until or start) if is_later else start}
