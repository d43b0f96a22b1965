"""Trigger runs: windows are asked for again, or cancelled while they wait."""

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.trigger import Trigger, TriggerRun, TriggerRunStatus
from headrace.service.triggers.windows import tumbling_of
from headrace.store import audit, trigger_runs, triggers
from headrace.store.database import Transaction

_S = TriggerRunStatus
_AGAIN = frozenset({_S.FAILED, _S.CANCELLED})


def rerun_window(tx: Transaction, trigger: Trigger, run: TriggerRun, who: str, now: Instant) -> None:
    """Let a window that failed or was cancelled begin again, with the parameters that it had. The caller holds the trigger.

    Raises:
        Problem: ``ILLEGAL_STATE``: it is no window of this trigger, or its status is another one.
    """
    if run.window_start is None:
        raise Problem(
            Code.ILLEGAL_STATE,
            f"Trigger run {run.id} is no window; windows of tumbling window triggers can be run again",
        )
    if run.trigger_id != trigger.id:
        raise Problem(Code.ILLEGAL_STATE, f"Trigger run {run.id} belongs to an earlier trigger of this name")
    if run.status not in _AGAIN:
        raise Problem(
            Code.ILLEGAL_STATE, f"Trigger run {run.id} is {run.status}; a failed or cancelled one can be run again"
        )
    blocked = bool(tumbling_of(trigger).depends_on)
    to, since = (_S.BLOCKED, now) if blocked else (_S.WAITING, None)
    trigger_runs.move(tx, run, to, now, attempt=0, message="", try_at=None, waits_since=since)
    triggers.wake(tx, trigger.id, now)
    audit.record(tx, run.scope, who, "trigger_run.rerun", run.id, now)


def cancel_window(tx: Transaction, run: TriggerRun, who: str, now: Instant) -> None:
    """Cancel a window that waits.

    Raises:
        Problem: ``ILLEGAL_STATE``: it does not.
    """
    if run.status not in {_S.WAITING, _S.BLOCKED} or not trigger_runs.move(tx, run, _S.CANCELLED, now):
        raise Problem(Code.ILLEGAL_STATE, f"Trigger run {run.id} is not in WaitingOnDependency state")
    triggers.wake(tx, run.trigger_id, now)
    audit.record(tx, run.scope, who, "trigger_run.cancel", run.id, now)
