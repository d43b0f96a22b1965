"""A clock and ids that tests foresee."""

import itertools

from headrace.core.clock import Instant
from headrace.core.ids import ulid_of


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: int = 1_700_000_000_000_000) -> None:
        self._now = now

    def now(self) -> Instant:
        """Return the present instant."""
        return Instant(self._now)

    def advance(self, microseconds: int) -> Instant:
        """Let time pass, and return the new present."""
        self._now += microseconds
        return self.now()


class CountingIds:
    """Ids that count: the first UUID ends in 1, the second in 2."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def uuid(self) -> str:
        """Return the next number as a UUID."""
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"

    def ulid(self) -> str:
        """Return the next number as a ULID."""
        return ulid_of(0, next(self._numbers))
