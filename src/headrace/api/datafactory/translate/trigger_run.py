"""Trigger runs as clients see them (4.4)."""

from collections.abc import Mapping

from headrace.api.datafactory.translate.statuses import TRIGGER_WORDS
from headrace.api.datafactory.wire import Item, date
from headrace.core.clock import Instant, to_datetime
from headrace.core.trigger import TriggerRun
from headrace.service.triggers.recurring import SCHEDULED

_STANDS: Mapping[str, str] = {"succeeded": "Succeeded", "waiting": "Waiting", "failed": "Failed"}


def trigger_run_object(run: TriggerRun) -> Item:
    """Return a trigger run as the wire has it."""
    of_window = run.window_start is not None
    return {
        "triggerName": run.trigger_name,
        "triggerRunId": run.id,
        "triggerType": run.trigger_type,
        "triggerRunTimestamp": date(run.created_at),
        "status": TRIGGER_WORDS[run.status],
        "message": run.message or (None if of_window else ""),
        "properties": _properties(run),
        "triggeredPipelines": dict(run.pipelines),
        "groupId": run.id,
        "runDimension": {},
        "dependencyStatus": {name: _STANDS.get(status, status) for name, status in run.dependencies.items()},
    }


def _properties(run: TriggerRun) -> dict[str, str]:
    shown = {"TriggerTime": american(run.created_at)}
    if run.window_start is not None and run.window_end is not None:
        return {**shown, "windowStartTime": american(run.window_start), "windowEndTime": american(run.window_end)}
    scheduled = run.facts.get(SCHEDULED)
    if isinstance(scheduled, int):
        shown["ScheduleTime"] = american(Instant(scheduled))
    return {**shown, **{name: str(value) for name, value in run.facts.items() if name != SCHEDULED}}


def american(instant: Instant) -> str:
    """Return a moment in UTC as ``M/d/yyyy h:mm:ss tt`` of en-US."""
    at = to_datetime(instant)
    return f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at:%M:%S} {'AM' if at.hour < 12 else 'PM'}"
