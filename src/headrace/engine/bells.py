"""Bells: what wakes everything that rests in a level of a run, and below it."""

import asyncio
from weakref import WeakSet


class Bell:
    """Rung when the run is cancelled, when the worker leaves, or when a container around is out of time. It is not rung back.

    It is rung, and waited for, in the event loop's thread only; ``is_out_of_time`` may be asked by every thread.
    """

    def __init__(self, above: "Bell | None" = None) -> None:
        self.rung = asyncio.Event()
        self._above = above
        self._below: WeakSet[Bell] = WeakSet()
        self._out_of_time = False
        if above is not None:
            above._below.add(self)  # noqa: SLF001 — another one of this class
            if above.rung.is_set():
                self.rung.set()

    @property
    def is_out_of_time(self) -> bool:
        """Say whether a container that this belongs to has run out of time, so that nothing may begin in it any more."""
        return self._out_of_time or (self._above is not None and self._above.is_out_of_time)

    def ring(self, *, out_of_time: bool = False) -> None:
        """Wake everything."""
        self._out_of_time = self._out_of_time or out_of_time
        self.rung.set()
        for bell in self._below:
            bell.ring()
