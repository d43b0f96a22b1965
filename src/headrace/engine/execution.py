"""One run, from its first activity to its end: the parent in which all branching stands; its leaves are thin steps.

This code is replayed after a worker was lost. How attempts ended, the ledger knows; it is their only memory. What the ledger does not know, DBOS
records: messages, and, while several operations are open, which of them had ended when a decision was made (``asyncio_wait``). DBOS numbers
its records in the order in which they are asked for. So they are asked for in an order that follows from the ledger and from records only: a
message takes its number when its activity is started; starts follow decisions. All else is harmless to repeat: the ledger moves by compare-and-set.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from dbos import DBOS

from headrace.core.clock import SECOND, Clock, Instant
from headrace.core.codec import Json
from headrace.core.flow import Activity
from headrace.core.messages import completion_topic
from headrace.core.progress import ready
from headrace.core.queueing import RUNS_QUEUE, WAITING_QUEUE
from headrace.core.run import ActivityStatus, RunStatus
from headrace.engine.attempts import Attempts
from headrace.engine.configuration import EngineConfig
from headrace.engine.hands import Halted, Hands
from headrace.engine.ledger import Ledger
from headrace.engine.lines import Done, Line, line_of
from headrace.engine.places import Places
from headrace.engine.records import Begun, Ended, Try
from headrace.engine.waits import Waits, deadline_of, is_external, is_timer


@dataclass(frozen=True, slots=True)
class Tools:
    """What an execution works with; one for all executions of a worker."""

    ledger: Ledger
    attempts: Attempts
    waits: Waits
    hands: Hands
    places: Places
    config: EngineConfig
    clock: Clock
    in_thread: Callable[..., Any]
    """Does a short transaction."""
    at_work: Callable[..., Any]
    """Does an activity."""


class Execution:
    """One run in hand of this worker."""

    def __init__(self, begun: Begun, tools: Tools, queue: str | None) -> None:
        self._run = begun.run
        self._tools = tools
        self._first = begun.first
        self._parked = queue == WAITING_QUEUE
        self._parkable = queue == RUNS_QUEUE
        self._statuses: dict[str, ActivityStatus] = dict(begun.settled)
        self._open: dict[str, asyncio.Task[Done]] = {}
        self._due: dict[str, Instant] = {}
        self._settling = asyncio.Lock()
        self._awake = asyncio.Event()
        self._run_ended = False
        self._loop = asyncio.get_running_loop()
        if begun.run.status is RunStatus.CANCELLING:
            self._awake.set()

    async def carry_out(self) -> None:
        """Do the run to its end."""
        with self._tools.hands.hold(self._run.id, self._wake):
            try:
                await self._go_on()
            finally:
                for task in self._open.values():
                    task.cancel()
                await asyncio.gather(*self._open.values(), return_exceptions=True)
        if not self._run_ended:
            await self._tools.in_thread(self._tools.ledger.end, self._run, self._statuses)

    async def _go_on(self) -> None:
        while await self._start_what_can() or self._open:
            for path in await self._next_ended():
                done = self._open.pop(path).result()
                self._run_ended = done.run_ended
                for name, ended in done.ends:
                    self._statuses[name] = ActivityStatus.QUEUED if ended.again else ended.status
                name, ended = done.ends[-1]
                if ended.again:
                    await self._start(self._run.definition.by_name[name], ended.attempt + 1)

    async def _start_what_can(self) -> bool:
        """Start and mark what follows from the statuses; say whether anything was marked or started."""
        if ActivityStatus.CANCELLED in self._statuses.values():
            marks = dict.fromkeys(self._pending(), ActivityStatus.CANCELLED)
            starts: tuple[str, ...] = ()
        else:
            step = ready(self._run.definition, self._statuses)
            marks = dict.fromkeys(step.skip, ActivityStatus.SKIPPED)
            marks |= dict.fromkeys(step.inactive, ActivityStatus.INACTIVE)
            starts = step.start
        if marks:
            await self._tools.in_thread(self._tools.ledger.mark, self._run, marks)
            self._statuses.update(marks)
        alone = len(starts) == 1 and not self._open
        for path in starts:
            self._statuses[path] = ActivityStatus.QUEUED
            await self._start(self._run.definition.by_name[path], 1, alone=alone)
        return bool(marks or starts)

    def _pending(self) -> list[str]:
        known = self._statuses
        names = [activity.name for activity in self._run.definition.in_order()]
        return [name for name in names if known.get(name, ActivityStatus.PENDING) is ActivityStatus.PENDING]

    async def _next_ended(self) -> list[str]:
        """Return the paths of operations that have ended, at least one, in the order in which they were started; empty: none is open."""
        if not self._open:
            return []
        await self._settle()
        tasks = list(self._open.values())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and isinstance(_exception_of(task), Halted):
                task.result()
        if len(tasks) == 1:
            return list(self._open)
        awaited: list[Awaitable[Any]] = list(tasks)
        done, _ = await DBOS.asyncio_wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        return [path for path, task in self._open.items() if task in done]

    async def _start(self, activity: Activity, attempt: int, *, alone: bool = False) -> None:
        """Open the operation that does one attempt; ``alone`` (nothing else is going on): and what follows in its line.

        A message takes its number here, and nowhere else.
        """
        chance = Try(self._run, activity, attempt)
        message: asyncio.Task[Json] | None = None
        if is_external(activity):
            topic = completion_topic(activity.name, attempt)
            message = asyncio.create_task(DBOS.recv_async(topic, timeout_seconds=deadline_of(activity)))
            message.add_done_callback(_retrieved)
            await asyncio.sleep(0)  # the task takes its number in its first moment, which is now
        self._open[activity.name] = asyncio.create_task(self._operate(chance, message, alone=alone))

    async def _operate(self, chance: Try, message: asyncio.Task[Json] | None, *, alone: bool) -> Done:
        try:
            if chance.attempt > 1:
                due = await self._tools.in_thread(self._tools.ledger.due_at, chance)
                await self._rest(chance.activity.name, due)
            if message is not None:
                return _alone(chance, await self._hear(chance, message))
            if is_timer(chance.activity):
                due = await self._tools.in_thread(self._tools.waits.begin, chance)
                await self._rest(chance.activity.name, due)
                return _alone(chance, await self._tools.in_thread(self._tools.waits.end, chance))
            return await self._work(self._line_of(chance) if alone else Line((chance,)))
        finally:
            if message is not None:
                message.cancel()

    async def _work(self, line: Line) -> Done:
        chance = line.tries[0]
        ended = None if self._first else await self._tools.in_thread(self._tools.ledger.ended, chance)
        if ended is not None:
            return _alone(chance, ended)
        if self._parked and not self._awake.is_set():
            await self._tools.in_thread(self._tools.places.unpark, self._run.id)
        async with self._tools.places.for_kind(chance.activity.kind):
            self._tools.hands.check()
            return await self._watched(line)

    def _line_of(self, chance: Try) -> Line:
        """Return what one thread may do: the attempt, and what its success leads to in places of the same sort."""
        places = self._tools.places

        def joins(activity: Activity) -> bool:
            waits = is_timer(activity) or is_external(activity)
            return not waits and places.for_kind(activity.kind) is places.for_kind(chance.activity.kind)

        return line_of(chance, self._statuses, joins)

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

    async def _hear(self, chance: Try, message: asyncio.Task[Json]) -> Ended:
        path = chance.activity.name
        due = await self._tools.in_thread(self._tools.waits.begin, chance)
        await self._rest(path, due, message)
        # Not done: cancelled, or the message's own deadline is a moment later than the ledger's.
        heard = message.result() if message.done() else None
        ended: Ended = await self._tools.in_thread(self._tools.waits.complete, chance, heard)
        return ended

    async def _rest(self, path: str, due: Instant | None, message: asyncio.Task[Json] | None = None) -> None:
        """Do nothing until ``due`` (None: it is over), a message, or the run's cancellation."""
        if due is None:
            return
        self._due[path] = due
        awake = asyncio.create_task(self._awake.wait())
        try:
            await self._settle()
            # A message brings its own deadline, which is durable; the ledger's is for the picture.
            until = {awake} if message is None else {awake, message}
            seconds = max((due - self._tools.clock.now()) / SECOND, 0.0)
            timeout = seconds if message is None else None
            await asyncio.wait(until, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            self._tools.hands.check()
        finally:
            awake.cancel()
            self._due.pop(path, None)

    async def _settle(self) -> None:
        """Let the ledger say that the run waits when all that is open rests, and give its place back when that lasts."""
        async with self._settling:
            if not self._all_rests():
                return
            await self._tools.in_thread(self._tools.ledger.rest, self._run.id)
            if not self._all_rests():
                return
            seconds = (min(self._due.values()) - self._tools.clock.now()) / SECOND
            if self._parkable and seconds >= self._tools.config.park_after_seconds:
                await self._tools.in_thread(self._tools.places.park, self._run.id)

    def _all_rests(self) -> bool:
        return bool(self._open) and self._due.keys() == self._open.keys() and not self._awake.is_set()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._awake.set)


def _alone(chance: Try, ended: Ended) -> Done:
    return Done(((chance.activity.name, ended),))


def _retrieved(task: "asyncio.Future[Any]") -> None:
    _exception_of(task)


def _exception_of(task: "asyncio.Future[Any]") -> BaseException | None:
    return None if task.cancelled() else task.exception()
