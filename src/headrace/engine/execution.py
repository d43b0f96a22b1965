"""One run in hand of this worker, from where it stands to its end. What is done in it stands in ``walk``."""

import asyncio

from headrace.core.clock import Instant
from headrace.core.run import RunStatus
from headrace.engine import telling
from headrace.engine.bells import Bell
from headrace.engine.records import Begun
from headrace.engine.resting import Rests
from headrace.engine.tools import Tools
from headrace.engine.walk import Walk


class Execution:
    """One run in hand of this worker."""

    def __init__(self, begun: Begun, tools: Tools, queue: str | None) -> None:
        self._run_id = begun.level.run.id
        self._tools = tools
        self._bell: Bell = begun.level.bell
        waiting = begun.level.run.status is RunStatus.WAITING
        rests = Rests(self._run_id, tools, queue, self._rests_until, waiting=waiting)
        rests.signalled.update(begun.signalled)
        self._walk = Walk(begun.level, begun.standings, tools, rests)
        self._loop = asyncio.get_running_loop()
        if begun.level.run.status is RunStatus.CANCELLING:
            self._bell.ring()

    async def carry_out(self) -> None:
        """Do the run to its end."""
        with self._tools.hands.hold(self._run_id, self._wake):
            status = await self._walk.carry_out()
        with self._tools.lines.at(self._run_id):
            if status is not None:
                telling.run_ended(status)

    def _rests_until(self) -> Instant | None:
        return None if self._bell.rung.is_set() else self._walk.rests_until()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._bell.ring)
