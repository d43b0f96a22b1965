"""What rests in a run: it costs no thread, and while all that is open in a run rests, the run waits and holds no place among those that work."""

import asyncio
from collections.abc import Callable

from headrace.core.clock import SECOND, Instant
from headrace.core.queueing import RUNS_QUEUE, WAITING_QUEUE
from headrace.engine import telling
from headrace.engine.tools import Tools

NEVER = Instant(2**62)
"""When that goes on by the clock which does not: only a signal or a cancellation wakes it."""


class Rests:
    """The account of one run in hand: does everything rest, and until when? ``until`` answers, None: something goes on.

    The run's rows are asked by nobody here: what is open stands in memory, and the answer is put together anew from the level at the top down,
    so that it cannot drift. ``waiting``: the ledger says already that the run waits.
    """

    def __init__(
        self, run_id: str, tools: Tools, queue: str | None, until: Callable[[], Instant | None], *, waiting: bool
    ) -> None:
        self._run_id = run_id
        self._tools = tools
        self._until = until
        self._parkable = queue == RUNS_QUEUE
        self._settling = asyncio.Lock()
        self._said_so = waiting
        self._begun = 0
        self.parked = queue == WAITING_QUEUE
        self.signalled: set[tuple[str, int]] = set()
        """Attempts, by path and number, that had a signal when the run was taken up."""

    async def settle(self) -> None:
        """Let the ledger say that the run waits when all that is open rests, and give its place back when that lasts."""
        if self._until() is None:
            return
        async with self._settling:
            if self._until() is None:
                return
            if not self._said_so:
                begun = self._begun
                waits = await self._tools.in_thread(self._tools.ledger.rest, self._run_id)
                self._said_so = waits and begun == self._begun
                if waits:
                    with self._tools.lines.at(self._run_id):
                        telling.run_waits()
            until = self._until()
            if until is None or not self._parkable:
                return
            if (until - self._tools.clock.now()) / SECOND >= self._tools.config.park_after_seconds:
                await self._tools.in_thread(self._tools.places.park, self._run_id)
                self._parkable = False

    def goes_on(self) -> None:
        """Take note that something is begun, after which the ledger does not say any more that the run waits."""
        self._said_so = False
        self._begun += 1

    async def unpark(self) -> None:
        """Go back to the queue of runs, and halt here, if the run is among those that wait."""
        if self.parked:
            await self._tools.in_thread(self._tools.places.unpark, self._run_id)
