"""Small values of jobs: percents and lengths of time in words."""

import math

from headrace.core.clock import HOUR, MINUTE, SECOND

_UNITS = ((HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))


def percents(value: float) -> int:
    """Return progress as whole percents: rounded half up, then kept within 0 and 100."""
    if not math.isfinite(value):
        return 100 if value == math.inf else 0
    return min(100, max(0, math.floor(value + 0.5)))


def length(microseconds: int) -> str:
    """Return a length of time in the largest unit that it is whole in: ``5 minutes``."""
    for unit, name in _UNITS:
        if microseconds % unit == 0 and microseconds >= unit:
            return f"{microseconds // unit} {name}{'' if microseconds == unit else 's'}"
    return f"{microseconds / SECOND:g} seconds"
