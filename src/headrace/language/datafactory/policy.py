"""Policies of activities (section 7.4 of the contract), as documents write them or as their expressions came out."""

from collections.abc import Mapping

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Policy
from headrace.core.timespan import parse_timespan

DEFAULT_TIMEOUT = 7 * 86_400.0
"""Seconds that an attempt has when its policy says nothing."""
MAX_TIMEOUT = 90 * 86_400.0
"""Seconds that an attempt has at most."""
DEFAULT_INTERVAL = 30.0
"""Seconds before a further attempt when the policy says nothing."""
MAX_INTERVAL = 86_400.0
"""Seconds before a further attempt at most."""


def read_policy(policy: Mapping[str, Json], *, default_timeout: float = DEFAULT_TIMEOUT) -> Policy:
    """Return what ``timeout``, ``retry`` and ``retryIntervalInSeconds`` of ``policy`` say; what is absent or null is as by default.

    Raises:
        Problem: ``INVALID``: a value is none (an expression is none either).
    """
    interval = _seconds(policy.get("retryIntervalInSeconds"), "retryIntervalInSeconds", DEFAULT_INTERVAL)
    if not 0 <= interval <= MAX_INTERVAL:
        raise _wrong("retryIntervalInSeconds", interval, f"0 to {MAX_INTERVAL:.0f} seconds")
    return Policy(
        retries=_retries(policy.get("retry")),
        interval_seconds=interval,
        max_interval_seconds=MAX_INTERVAL,
        timeout_seconds=read_timeout(policy.get("timeout"), default_timeout),
    )


def read_timeout(timeout: Json, default: float) -> float:
    """Return the seconds of a timeout, ``default`` where it is absent or null.

    Raises:
        Problem: ``INVALID``: it is no span of time, not positive, or longer than 90 days.
    """
    if timeout is None:
        return default
    seconds = parse_timespan(timeout) if isinstance(timeout, str) else None
    if seconds is None or not 0 < seconds <= MAX_TIMEOUT:
        raise _wrong("timeout", timeout, "a positive span of time d.hh:mm:ss of at most 90 days")
    return seconds


def _retries(value: Json) -> int:
    retries = _seconds(value, "retry", 0.0)
    if retries < 0 or not retries.is_integer():
        raise _wrong("retry", value, "a whole number from 0 on")
    return int(retries)


def _seconds(value: Json, name: str, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal():
        return float(value.strip())
    raise _wrong(name, value, "a number")


def _wrong(name: str, value: Json, expected: str) -> Problem:
    return Problem(Code.INVALID, f"the policy's {name} is {str(value)[:100]!r}; {expected} is expected")
