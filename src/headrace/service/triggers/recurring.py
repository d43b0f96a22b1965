"""Schedule triggers: one trigger run for each occurrence of the recurrence, each occurrence once."""

from headrace.core.clock import MINUTE, to_iso
from headrace.core.codec import decode
from headrace.core.crashpoints import crash_point
from headrace.core.outcome import Failure
from headrace.core.recurrence import Recurrence, next_occurrence, occurrence_before
from headrace.core.trigger import Trigger, TriggerRun
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.firing import Occurrence, fire_occurrence, in_one
from headrace.store import triggers
from headrace.store.database import Transaction

YOUNG = 5 * MINUTE
"""What was missed is made up for if it is younger than this, and only the latest of it."""
SCHEDULED = "scheduled"
"""The fact of a trigger run that says for when it was due."""


def recurrence_of(trigger: Trigger) -> Recurrence:
    """Return when the trigger is due."""
    return decode(Recurrence, trigger.definition, what=f"the ledger's trigger {trigger.name}")


def fire_recurring(desk: TriggerDesk, trigger_id: str) -> TriggerRun | None:
    """Fire the trigger for the occurrence that is due; None: there is none, or another process fires it at this moment.

    Raises:
        Problem: ``UNAVAILABLE`` or ``DISK_FULL``.
    """

    def fire(tx: Transaction, failure: Failure | None) -> TriggerRun | None:
        trigger, now = triggers.hold(tx, trigger_id), desk.clock.now()
        if trigger is None or not trigger.is_started or trigger.next_at is None or trigger.next_at > now:
            return None
        recurrence = recurrence_of(trigger)
        at = occurrence_before(recurrence, trigger.next_at, now, YOUNG)
        if not triggers.advance(tx, trigger, now, next_at=next_occurrence(recurrence, now)) or at is None:
            return None
        crash_point("trigger-advanced")
        occurrence = Occurrence(key=to_iso(at), scheduled=at, facts={SCHEDULED: at})
        return fire_occurrence(tx, desk, trigger, occurrence, failure)

    run = in_one(desk, fire)
    crash_point("trigger-fired")
    return run
