"""Containers: activities whose bodies are run, any number of times, in lanes that go on side by side."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code
from headrace.core.flow import Plan
from headrace.core.outcome import Expansion, Failure
from headrace.core.planning import rebuilds
from headrace.core.run import ActivityStatus
from headrace.engine import telling
from headrace.engine.bells import Bell
from headrace.engine.lines import Done
from headrace.engine.records import Level, Standing, Try, has_activity
from headrace.engine.recovering import Earlier
from headrace.engine.resting import NEVER, Rests
from headrace.engine.tools import Goes, Tools

Walks: TypeAlias = Callable[[Level, Mapping[str, Standing]], Goes]
"""Makes what goes through the activities of a level."""

_CARRIED_AT_ONCE = 100
_CANCELLED = Failure(Code.CANCELLED, "the run was cancelled")


class Container:
    """One container whose bodies are run, of which at most as many are in memory as there are lanes."""

    def __init__(self, chance: Try, tools: Tools, rests: Rests, walks: Walks) -> None:
        expansion = chance.standing.expansion
        if expansion is None:
            message = f"{chance.path!r} has not said which bodies are to be run"
            raise ValueError(message)
        self._chance = chance
        self._tools = tools
        self._rests = rests
        self._walks = walks
        self._expansion: Expansion = expansion
        self._body: Plan = chance.activity.bodies.get(expansion.body, Plan(()))
        self._bell = Bell(chance.level.bell)
        self._going: dict[int, Goes | None] = {}
        self._begun: Mapping[str, ActivityStatus] = {}
        self._earlier: Earlier | None = None
        self._first_failed: int | None = None
        self._cut_short = False
        self._deadline = self._find_deadline()

    def rests_until(self) -> Instant | None:
        """Return until when all lanes rest; None: something goes on in one of them."""
        until = NEVER if self._deadline is None else self._deadline
        for going in self._going.values():
            its = None if going is None else going.rests_until()
            if its is None:
                return None
            until = min(until, its)
        return until if self._going else None

    async def carry_out(self, *, begun_before: bool) -> Done:
        """Run the bodies, as far as they have not been run, and return how the container stands then."""
        tools, chance = self._tools, self._chance
        count = self._count()
        if count and begun_before:
            self._begun = await tools.in_thread(tools.bodies.begun, chance.run.id, chance.path)
        if count and chance.standing.enters is not None:
            self._earlier = await tools.in_thread(tools.bodies.look_back, chance)
            await self._carry_over()
        timer = self._start_timer()
        lanes = [
            asyncio.create_task(self._lane(number, count))
            for number in range(min(max(self._expansion.lanes, 1), count))
        ]
        try:
            await _all(lanes)
        finally:
            if timer is not None:
                timer.cancel()
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        return await self._end()

    async def _carry_over(self) -> None:
        """Carry over at once the bodies that an earlier run did for the same items, unless something has to be rebuilt in them."""
        tools, chance = self._tools, self._chance
        if self._earlier is None or self._expansion.items is None or rebuilds(self._body):
            return
        named = chance.run.plan.get("activity")
        if isinstance(named, str) and has_activity(self._body, named):
            return
        done = [index for index in sorted(self._earlier.done) if self._path(index) not in self._begun]
        for start in range(0, len(done), _CARRIED_AT_ONCE):
            tools.hands.check()
            some = done[start : start + _CARRIED_AT_ONCE]
            if not await tools.in_thread(tools.bodies.carry, chance, self._earlier, some):
                return
        self._begun = {**self._begun, **{self._path(index): ActivityStatus.CARRIED for index in done}}

    async def _lane(self, number: int, count: int) -> None:
        """Run every so-many-th body, one after the other; a failed one does not stop the others."""
        lanes = self._expansion.lanes
        self._going[number] = None
        for index in range(number, count, max(lanes, 1)):
            status = self._begun.get(self._path(index))
            if status is None or not status.is_final:
                status = await self._run_body(number, index)
            if status is ActivityStatus.FAILED:
                self._first_failed = index if self._first_failed is None else min(index, self._first_failed)
            elif status is None or status is ActivityStatus.CANCELLED:
                self._cut_short = True
        del self._going[number]
        await self._rests.settle()

    async def _run_body(self, number: int, index: int) -> ActivityStatus | None:
        """Return how the body ended; None: it was not begun, since the run is being stopped."""
        tools, chance = self._tools, self._chance
        items = self._expansion.items
        item = () if items is None else (items[index],)
        repair = None if self._earlier is None else self._earlier.repair(self._expansion, index)
        level = Level(chance.run, self._body, self._path(index), item, chance.level, self._bell, repair)
        tools.hands.check()
        if self._cut_short:
            return None
        begun = await tools.in_thread(tools.bodies.begin, chance.path, level)
        if begun is None or begun.ended is not None:
            return None if begun is None else begun.ended
        walk = self._walks(begun.level, begun.standings)
        self._going[number] = walk
        try:
            return await walk.carry_out()
        finally:
            self._going[number] = None

    async def _end(self) -> Done:
        tools, chance = self._tools, self._chance
        self._rests.goes_on()
        failure: Failure | None = None
        if self._bell.is_out_of_time and not chance.level.bell.is_out_of_time:
            failure = Failure(Code.TIMED_OUT, f"it did not end within {self._seconds():g} s")
            status = ActivityStatus.TIMED_OUT
        elif self._first_failed is not None:
            path = self._path(self._first_failed)
            failure = await tools.in_thread(tools.bodies.failure_of, chance.run.id, path)
            status = ActivityStatus.FAILED
        elif self._cut_short:
            status, failure = ActivityStatus.CANCELLED, _CANCELLED
        elif self._expansion.again:
            return Done(((chance.activity.name, replace(chance.standing, bodies_ended=True)),))
        else:
            status = ActivityStatus.SUCCEEDED
        ended = await tools.in_thread(tools.trials.end_container, chance, status, failure)
        with tools.lines.at(chance.run.id, chance.path, chance.attempt):
            telling.container_ended(ended.status, failure)
        return Done(((chance.activity.name, ended),))

    def _count(self) -> int:
        if not self._body.activities:
            return 0
        return 1 if self._expansion.items is None else len(self._expansion.items)

    def _path(self, index: int) -> str:
        expansion, path = self._expansion, self._chance.path
        if expansion.items is not None:
            return f"{path}/{index}"
        return f"{path}/{expansion.body if expansion.number is None else expansion.number}"

    def _seconds(self) -> float | None:
        standing = self._chance.standing
        policy = standing.policy or self._chance.activity.policy
        return policy.timeout_seconds

    def _find_deadline(self) -> Instant | None:
        seconds, started = self._seconds(), self._chance.standing.started_at
        return None if seconds is None or started is None else Instant(started + round(seconds * SECOND))

    def _start_timer(self) -> asyncio.TimerHandle | None:
        if self._deadline is None:
            return None
        left = (self._deadline - self._tools.clock.now()) / SECOND
        if left <= 0:
            # It ran out while nobody had the run: nothing begins any more.
            self._time_is_over()
            return None
        return asyncio.get_running_loop().call_later(max(left, 0), self._time_is_over)

    def _time_is_over(self) -> None:
        self._bell.ring(out_of_time=True)
        chance = self._chance
        self._tools.hands.stop_below(chance.run.id, chance.path, "the activity around it ran out of time")


async def _all(lanes: "list[asyncio.Task[None]]") -> None:
    """Wait until all have ended, or one could not go on."""
    if not lanes:
        return
    done, _ = await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
    for lane in done:
        lane.result()
