"""Schedules (4.3): checked here; recurring ones are stored, and not fired yet."""

from collections.abc import Mapping
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.wire import flag, instant, integer
from headrace.core.clock import Instant

ONCE = "once"
_FREQUENCIES = (ONCE, "minute", "hour", "day", "week")
_LEAST_MINUTES = 15


def check_schedule(params: Mapping[str, Any]) -> bool:
    """Check ``scheduleParams``; return whether the flow runs once.

    Raises:
        Refusal: 1317, 1304, 1397, 1340, 1361, 1364, 1312, 1362, in the order of 4.2.
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
    if instant(params["startTime"]) is None:
        raise Refusal(Fault.TIME, f"scheduleParams.startTime is {params['startTime']!r}; epoch seconds are expected")
    if frequency == ONCE:
        _check_once(params)
    else:
        _check_recurring(params, frequency)
    return bool(frequency == ONCE)


def start_of(params: Mapping[str, Any], now: Instant) -> Instant:
    """Return when a flow starts; a start in the past means now (4.2)."""
    start = instant(params["startTime"])
    return now if start is None else Instant(max(start, now))


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
