"""One level of a run, from its first activity to its end: the parent in which all branching stands.

The ledger is the only memory. Whoever takes the run up reads the rows of the level and goes on from their statuses; nothing hangs on the order in
which things were done before. All that is done here is harmless to repeat: the ledger moves by compare-and-set.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from headrace.core.clock import SECOND, Instant
from headrace.core.flow import Activity
from headrace.core.progress import ready
from headrace.core.run import ActivityStatus
from headrace.engine import telling
from headrace.engine.containers import Container
from headrace.engine.lines import Done, Line, line_of
from headrace.engine.records import Ending, Level, Standing, Try
from headrace.engine.resting import NEVER, Rests
from headrace.engine.tools import Tools
from headrace.engine.waits import ONLY_WAIT


@dataclass(eq=False)
class _Operation:
    """What goes on with one activity. ``due``: it rests until then. ``container``: its bodies are run."""

    task: "asyncio.Task[Done] | None" = None
    due: Instant | None = None
    container: Container | None = None

    def rests_until(self) -> Instant | None:
        """Return until when it rests; None: it goes on, or has ended and nobody has taken note."""
        if self.task is not None and self.task.done():
            return None
        return self.due if self.container is None else self.container.rests_until()


class Walk:
    """Goes through the activities of a level."""

    def __init__(self, level: Level, standings: Mapping[str, Standing], tools: Tools, rests: Rests) -> None:
        self._level = level
        self._tools = tools
        self._rests = rests
        self._standings = dict(standings)
        self._statuses = {name: standing.status for name, standing in standings.items()}
        self._open: dict[str, _Operation] = {}
        self._end: ActivityStatus | None = None
        self._deciding = True
        self._loop = asyncio.get_running_loop()

    def rests_until(self) -> Instant | None:
        """Return until when all that is open rests; None: something goes on, or nothing is open."""
        if self._deciding:
            return None
        until = NEVER
        for operation in self._open.values():
            its = operation.rests_until()
            if its is None:
                return None
            until = min(until, its)
        return until if self._open else None

    async def carry_out(self) -> ActivityStatus | None:
        """Do all that is to be done in the level, and give it its end; return how it ended."""
        try:
            for name, standing in list(self._standings.items()):
                if not standing.status.is_final and standing.status is not ActivityStatus.PENDING:
                    self._start(name, standing, begun_before=True)
            await self._go_on()
        finally:
            tasks = [operation.task for operation in self._open.values() if operation.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._end is None:
            ending, tools = Ending(self._level, self._statuses), self._tools
            end = tools.bodies.end if self._level.path else tools.ledger.end
            self._end = ActivityStatus((await tools.in_thread(end, ending)).value)
        return self._end

    async def _go_on(self) -> None:
        while await self._start_what_can() or self._open:
            if not self._open:
                continue
            self._deciding = False
            await self._rests.settle()
            ended = await self._ended()
            self._deciding = True
            for name in ended:
                self._take(self._open.pop(name))

    def _take(self, operation: _Operation) -> None:
        """Take note of what an operation came to, and open what goes on at once."""
        if operation.task is None:
            return
        done = operation.task.result()
        self._end = done.level_end
        for name, stands in done.ends:
            going_on = stands if isinstance(stands, Standing) else stands.again
            if going_on is None and not isinstance(stands, Standing):
                self._statuses[name] = stands.status
            elif going_on is not None:
                self._start(name, going_on)

    async def _start_what_can(self) -> bool:
        """Start and mark what follows from the statuses; say whether anything was marked or started."""
        if ActivityStatus.CANCELLED in self._statuses.values():
            marks = dict.fromkeys(self._pending(), ActivityStatus.CANCELLED)
            starts: tuple[str, ...] = ()
        else:
            step = ready(self._level.plan, self._statuses)
            marks = dict.fromkeys(step.skip, ActivityStatus.SKIPPED)
            marks |= dict.fromkeys(step.inactive, ActivityStatus.INACTIVE)
            starts = step.start
        if marks:
            await self._tools.in_thread(self._tools.bodies.mark, self._level, marks)
            with self._tools.lines.at(self._level.run.id, self._level.path):
                telling.marked(self._level, marks)
            self._statuses.update(marks)
        alone = len(starts) == 1 and not self._open
        for name in starts:
            standing = self._standings.get(name, Standing(ActivityStatus.PENDING))
            self._start(name, standing, alone=alone)
        return bool(marks or starts)

    def _pending(self) -> list[str]:
        known = self._statuses
        names = [activity.name for activity in self._level.plan.in_order()]
        return [name for name in names if known.get(name, ActivityStatus.PENDING) is ActivityStatus.PENDING]

    async def _ended(self) -> list[str]:
        """Return the names of activities whose operations have ended, at least one, in the order in which they were started."""
        tasks = [operation.task for operation in self._open.values() if operation.task is not None]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return [name for name, operation in self._open.items() if operation.task is not None and operation.task.done()]

    def _start(self, name: str, standing: Standing, *, alone: bool = False, begun_before: bool = False) -> None:
        """Open the operation that goes on with an attempt; ``alone``: nothing else is going on, so what follows in its line is done too."""
        chance = Try(self._level, self._level.plan.by_name[name], standing)
        self._statuses[name] = ActivityStatus.QUEUED
        operation = _Operation()
        self._open[name] = operation
        if standing.has_bodies:
            operation.container = Container(chance, self._tools, self._rests, self._inside)
            work = operation.container.carry_out(begun_before=begun_before)
        else:
            work = self._attempt(chance, operation, alone=alone)
        operation.task = asyncio.create_task(work)

    def _inside(self, level: Level, standings: Mapping[str, Standing]) -> "Walk":
        return Walk(level, standings, self._tools, self._rests)

    async def _attempt(self, chance: Try, operation: _Operation, *, alone: bool) -> Done:
        standing = chance.standing
        if standing.is_paused or (standing.status is ActivityStatus.QUEUED and standing.wake_at is not None):
            await self._rest(chance, operation)
        bell = self._level.bell
        if self._rests.parked and not bell.rung.is_set() and chance.activity.kind not in ONLY_WAIT:
            await self._rests.unpark()
        line = self._line_of(chance) if alone else Line((chance,))
        async with self._tools.places.for_kind(chance.activity.kind):
            self._tools.hands.check()
            self._rests.goes_on()
            return await self._watched(line)

    def _line_of(self, chance: Try) -> Line:
        """Return what one thread may do: the attempt, and what its success leads to in places of the same sort."""
        places = self._tools.places

        def joins(activity: Activity) -> bool:
            return places.for_kind(activity.kind) is places.for_kind(chance.activity.kind)

        return line_of(chance, self._statuses, self._standings, joins)

    async def _watched(self, line: Line) -> Done:
        """Do the line; when an activity does not stop although it was told to, go on without it."""
        left: asyncio.Future[Callable[[], Done]] = self._loop.create_future()

        def settle(give_up: Callable[[], Done]) -> None:
            if not left.done():
                left.set_result(give_up)

        def abandon(give_up: Callable[[], Done]) -> None:
            self._loop.call_soon_threadsafe(settle, give_up)

        work: asyncio.Future[Done] = self._tools.at_work(self._tools.attempts.perform, line, abandon)
        work.add_done_callback(_retrieved)
        both: set[asyncio.Future[Any]] = {work, left}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        result: Done = await self._tools.in_thread(left.result())
        return result

    async def _rest(self, chance: Try, operation: _Operation) -> None:
        """Do nothing until the attempt is due, hears a signal, is out of time, or the bell is rung."""
        standing, key = chance.standing, (chance.path, chance.attempt)
        hears = standing.pause is not None and standing.pause.hears and not standing.heard
        due = self._due(chance)
        if hears and key in self._rests.signalled:
            self._rests.signalled.discard(key)
            return
        if due is not None and due <= self._tools.clock.now():
            return
        operation.due = NEVER if due is None else due
        heard = asyncio.Event()
        events = (self._level.bell.rung, heard) if hears else (self._level.bell.rung,)
        waiting = [asyncio.create_task(event.wait()) for event in events]
        try:
            with self._tools.hands.listen(chance.run.id, *key, self._from_elsewhere(heard)) if hears else nullcontext():
                await self._rests.settle()
                await self._first_of(waiting, due)
            self._tools.hands.check()
        finally:
            for one in waiting:
                one.cancel()
            operation.due = None

    async def _first_of(self, waiting: "list[asyncio.Task[Literal[True]]]", due: Instant | None) -> None:
        """Return when the first of them is done, or when it is ``due`` by the clock: the loop's own time may be a moment ahead of that."""
        while True:
            seconds = None if due is None else max((due - self._tools.clock.now()) / SECOND, 0.0)
            done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if done or (due is not None and self._tools.clock.now() >= due):
                return

    def _due(self, chance: Try) -> Instant | None:
        """Return when the attempt is to be gone on with by the clock; None: never."""
        standing = chance.standing
        policy = standing.policy or chance.activity.policy
        if standing.started_at is None or policy.timeout_seconds is None or not standing.is_paused:
            return standing.wake_at
        end = Instant(standing.started_at + round(policy.timeout_seconds * SECOND))
        return end if standing.wake_at is None else min(end, standing.wake_at)

    def _from_elsewhere(self, event: asyncio.Event) -> Callable[[], None]:
        """Return what sets ``event`` from another thread."""
        return lambda: self._loop.call_soon_threadsafe(event.set)  # type: ignore[return-value]  # a handle that nobody needs


def _retrieved(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()
