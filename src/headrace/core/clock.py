"""Time as an argument: instants are integer microseconds since 1970-01-01T00:00Z, everywhere."""

from datetime import UTC, datetime, timedelta
from typing import NewType, Protocol

Instant = NewType("Instant", int)
"""Microseconds since the epoch, UTC."""

SECOND = 1_000_000
"""Microseconds in a second."""
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the time; tests bring one that they move themselves."""

    def now(self) -> Instant:
        """Return the present instant."""
        ...


def from_datetime(moment: datetime) -> Instant:
    """Return the instant of an aware ``moment``, exact to the microsecond.

    Raises:
        ValueError: ``moment`` has no time zone, so it is no instant.
    """
    if moment.tzinfo is None:
        message = f"{moment.isoformat()} has no time zone"
        raise ValueError(message)
    return Instant((moment - _EPOCH) // timedelta(microseconds=1))


def to_datetime(instant: Instant) -> datetime:
    """Return ``instant`` as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def to_iso(instant: Instant) -> str:
    """Return ``instant`` as ISO 8601 text in UTC, with microseconds only where there are any."""
    return to_datetime(instant).isoformat().replace("+00:00", "Z")
