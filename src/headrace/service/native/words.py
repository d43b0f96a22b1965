"""Counts and lengths of time in words."""

from headrace.core.clock import DAY, HOUR, MINUTE, SECOND

_UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))


def counted_as(count: int, one: str, several: str = "") -> str:
    """Return how many: ``1 worker``, ``2 workers``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def length(microseconds: int) -> str:
    """Return a length of time, rounded down to the largest unit that it has: ``7 minutes``."""
    for unit, name in _UNITS:
        if microseconds >= unit:
            return counted_as(microseconds // unit, name)
    return "less than a second"


def exact_length(microseconds: int) -> str:
    """Return a length of time in the largest unit that it is whole in: ``90 minutes``."""
    for unit, name in _UNITS:
        if microseconds >= unit and microseconds % unit == 0:
            return counted_as(microseconds // unit, name)
    return f"{microseconds / SECOND:g} seconds"


def listed(names: list[str]) -> str:
    """Return names as a person lists them: ``a, b and c``."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}" if names else ""
