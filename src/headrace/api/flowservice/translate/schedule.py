"""Schedules (4.3): checked here, and given to what fires them."""

from collections.abc import Mapping
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.translate.plan import delta_of
from headrace.api.flowservice.wire import Item, flag, instant, integer, list_in, object_in, text_in
from headrace.core.clock import Instant
from headrace.core.flow import Flow
from headrace.core.schedule import Schedule, Unit

LABEL = "flowservice"
"""Where a flow's labels hold what the door keeps of it: ``item`` (its definition on the wire) and ``frozen`` (what it was made of)."""
SCHEDULER = "headrace"
"""The client under which the scheduler's runs are shown (1.7)."""
ONCE = "once"
_RECURRING = ("minute", "hour", "day", "week")
_FREQUENCIES = (ONCE, *_RECURRING)
_LEAST_MINUTES = 15


def check_schedule(params: Mapping[str, Any], earliest: Instant | None = None) -> bool:
    """Check ``scheduleParams``; return whether the flow runs once. ``earliest``: the start may not lie before (None: it may; a past one means now).

    Raises:
        Refusal: 1317, 1304, 1397, 1340, 1360, 1361, 1364, 1312, 1362, in the order of 4.2.
    """
    if not params:
        raise Refusal(Fault.NO_SCHEDULE, "scheduleParams is missing or empty; startTime and frequency are expected")
    for name in ("startTime", "frequency"):
        if params.get(name) in (None, ""):
            raise Refusal(Fault.MISSING, f"scheduleParams.{name} is missing")
    frequency = params["frequency"]
    if frequency not in _FREQUENCIES:
        raise Refusal(
            Fault.FREQUENCY, f"scheduleParams.frequency is {frequency!r}; one of {', '.join(_FREQUENCIES)} is expected"
        )
    start = instant(params["startTime"])
    if start is None:
        raise Refusal(Fault.TIME, f"scheduleParams.startTime is {params['startTime']!r}; epoch seconds are expected")
    if earliest is not None and start < earliest:
        raise Refusal(Fault.START_PAST, f"scheduleParams.startTime {params['startTime']!r} lies in the past")
    if frequency == ONCE:
        _check_once(params)
    else:
        _check_recurring(params, frequency)
    return bool(frequency == ONCE)


def schedule_of(flow: Flow) -> Schedule | None:
    """Return the schedule by which a flow of this door is fired; None: none of this door, or a draft.

    The start is the flow's ``startTime``, or the moment of its making where that lay later. Whether the flow is enabled is not looked at.
    """
    label = object_in(flow.labels, LABEL)
    params = object_in(object_in(label, "item"), "scheduleParams")
    frequency, start = text_in(params, "frequency"), instant(params.get("startTime"))
    if text_in(object_in(label, "item"), "state") == "draft" or start is None or frequency not in _FREQUENCIES:
        return None
    frozen = object_in(label, "frozen")
    # A start in the past means now (4.2): the moment at which the schedule was given.
    given = integer(frozen.get("startsAt", label.get("createdAt"))) or 0
    since = integer(frozen.get("scheduledAgainAt"))
    return Schedule(
        start=Instant(max(start, given)),
        unit=Unit(frequency),
        interval=max(1, integer(params.get("interval")) or 1),
        backfill=flag(params.get("backfill")) is not False,
        since=None if since is None else Instant(since),
    )


def scheduled_details(flow: Flow) -> Item:
    """Return the door's own facts about a run that the scheduler makes of ``flow`` (``RunRequest.details``)."""
    label = object_in(flow.labels, LABEL)
    item = object_in(label, "item")
    once = object_in(item, "scheduleParams").get("frequency") == ONCE
    return {
        "params": {},
        "type": "one-time" if once else "incremental",
        "deltaColumn": {} if once else delta_of(list_in(item, "transformations")),
        "user": text_in(label, "createdBy"),
        "client": SCHEDULER,
        "flow": facts_for_runs(item, object_in(label, "frozen")),
    }


def facts_for_runs(item: Item, frozen: Item) -> Item:
    """Return what run objects say about their flow: kept with each run, since runs outlive flows."""
    return {
        "flowSpec": object_in(item, "flowSpec"),
        "sourceConnectionIds": list_in(item, "sourceConnectionIds"),
        "targetConnectionIds": list_in(item, "targetConnectionIds"),
        "sourceSpecName": text_in(frozen, "sourceSpecName"),
    }


def _check_once(params: Mapping[str, Any]) -> None:
    if params.get("interval") is not None:
        raise Refusal(Fault.ONCE_INTERVAL, "scheduleParams.interval does not go with the frequency once")
    if params.get("backfill") is not None:
        raise Refusal(Fault.ONCE_BACKFILL, "scheduleParams.backfill does not go with the frequency once")


def _check_recurring(params: Mapping[str, Any], frequency: str) -> None:
    if params.get("interval") in (None, ""):
        raise Refusal(Fault.MISSING, "scheduleParams.interval is missing")
    interval = integer(params["interval"])
    if interval is None:
        raise Refusal(Fault.VALUE, f"scheduleParams.interval is {params['interval']!r}; a whole number is expected")
    least = _LEAST_MINUTES if frequency == "minute" else 1
    if interval < least:
        raise Refusal(Fault.INTERVAL_SMALL, f"scheduleParams.interval is {interval}; for {frequency} at least {least}")
    if params.get("backfill") is not None and flag(params["backfill"]) is None:
        raise Refusal(Fault.VALUE, f"scheduleParams.backfill is {params['backfill']!r}; true or false is expected")
