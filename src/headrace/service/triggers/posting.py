"""Events that somebody posts: each makes one trigger run of every started trigger that wants it, however often it is posted."""

from headrace.core.codec import decode
from headrace.core.outcome import Failure
from headrace.core.posted_events import EventFilter, PostedEvent
from headrace.core.trigger import Trigger, TriggerKind, TriggerRun
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.firing import Occurrence, fire_occurrence, in_one
from headrace.store import triggers
from headrace.store.database import Transaction


def post_event(desk: TriggerDesk, scope: str, event: PostedEvent) -> list[TriggerRun]:
    """Return the trigger runs that the event makes: none for a trigger that has had it before.

    Raises:
        Problem: ``UNAVAILABLE`` or ``DISK_FULL``: the ledger; the event is to be posted again.
    """
    with desk.database.reading() as tx:
        found = triggers.started(tx, TriggerKind.EVENTS, scope)
    made = (_fire(desk, trigger, event) for trigger in found if _wanted(trigger).takes(event))
    return [run for run in made if run is not None]


def _fire(desk: TriggerDesk, trigger: Trigger, event: PostedEvent) -> TriggerRun | None:
    occurrence = Occurrence(
        key=event.id,
        body={"event": dict(event.body)},
        facts={"EventId": event.id, "EventType": event.type, "Subject": event.subject},
    )

    def fire(tx: Transaction, failure: Failure | None) -> TriggerRun | None:
        held = triggers.find(tx, trigger.scope, trigger.name)
        if held is None or held.id != trigger.id or not held.is_started:
            return None
        return fire_occurrence(tx, desk, held, occurrence, failure)

    return in_one(desk, fire)


def _wanted(trigger: Trigger) -> EventFilter:
    return decode(EventFilter, trigger.definition, what=f"the ledger's trigger {trigger.name}")
