"""The look at the clock: every trigger that is to be looked at, and every window whose pipeline run has ended."""

import structlog

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Problem
from headrace.core.trigger import TriggerKind
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.recurring import fire_recurring
from headrace.service.triggers.windows import look_at_windows
from headrace.store import trigger_runs, triggers
from headrace.store.database import Database

_log = structlog.get_logger(__name__)

AT_ONCE = 200
"""Triggers that one call looks at at most."""
_BY_THE_CLOCK = (TriggerKind.SCHEDULE, TriggerKind.TUMBLING)
_WHILE_RUNNING = SECOND // 4
"""How soon to look whether windows have ended, while some go on."""


def fire_due(desk: TriggerDesk, limit: int = AT_ONCE) -> int:
    """Do what triggers have to do now, the longest due first; return how much that was (nothing: there is nothing more to do now).

    What one trigger's runs cannot be made of fails its trigger run, and never holds up another trigger.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger cannot be reached.
    """
    with desk.database.reading() as tx:
        due = {trigger.id: trigger.kind for trigger in triggers.due(tx, desk.clock.now(), limit, _BY_THE_CLOCK)}
        ended = trigger_runs.ended_below(tx, limit)
    done = 0
    for trigger_id in dict.fromkeys([*due, *ended]):
        try:
            if due.get(trigger_id) is TriggerKind.SCHEDULE:
                done += fire_recurring(desk, trigger_id) is not None
            else:
                done += look_at_windows(desk, trigger_id)
        except Problem as problem:
            # The ledger is busy, or the trigger's row is of another version: the next look finds it again.
            _log.warning("a trigger could not be fired now", trigger=trigger_id, problem=problem.message)
        except Exception:  # noqa: BLE001 — a bug that one trigger brings to light must not stop the clock for all others
            _log.exception("a look at a trigger failed", trigger=trigger_id)
    return done


def next_look(database: Database, after: Instant) -> Instant | None:
    """Return the first moment after ``after`` at which there may be something to do by the clock, or None."""
    with database.reading() as tx:
        due, running = triggers.next_due(tx, after, _BY_THE_CLOCK), trigger_runs.any_running(tx)
    moments = [due] + ([Instant(after + _WHILE_RUNNING)] if running else [])
    return min((moment for moment in moments if moment is not None), default=None)
