"""Long polls: who waits holds a place in the event loop, and no thread and no connection to the ledger."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from headrace.core.job import Actor
from headrace.service.happenings import reading
from headrace.service.happenings.desk import HappeningDesk
from headrace.service.happenings.reading import Delivery
from headrace.store.happenings import HappeningQuery

Spaces = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What several who are woken at once read only once."""

    scope: str
    number: int
    spaces: Spaces
    limit: int


@dataclass(frozen=True, slots=True)
class Listening:
    """Waits for happenings, in one event loop."""

    desk: HappeningDesk
    _reads: dict[_Wanted, "asyncio.Task[Delivery]"] = field(default_factory=dict)

    async def after(self, scope: str, number: int, spaces: Spaces, limit: int, seconds: float) -> Delivery:
        """Return what follows ``number``, as soon as there is something; after ``seconds``, nothing.

        Raises:
            Problem: ``UNAVAILABLE``.
        """
        wanted = _Wanted(scope, number, spaces, limit)
        return await self._until(scope, seconds, lambda: self._read(wanted))

    async def page(
        self, actor: Actor, query: HappeningQuery, size: int, number: int, seconds: float
    ) -> Delivery:  # fmt: skip
        """Return a page as ``reading.page`` does, but wait until something is in it, at most ``seconds``.

        Raises:
            Problem: ``UNAVAILABLE``.
        """
        return await self._until(
            actor.scope, seconds, lambda: asyncio.to_thread(reading.page, self.desk, actor, query, size, number)
        )

    async def _until(self, scope: str, seconds: float, read: Callable[[], Awaitable[Delivery]]) -> Delivery:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            delivery = await read()
            remaining = deadline - loop.time()
            if delivery.happenings or remaining <= 0 or self.desk.dispatcher.is_stopped:
                return delivery
            await self.desk.dispatcher.wait(scope, delivery.number, remaining)

    async def _read(self, wanted: _Wanted) -> Delivery:
        task = self._reads.get(wanted)
        if task is None:
            task = asyncio.create_task(
                asyncio.to_thread(
                    reading.after, self.desk, wanted.scope, wanted.number, wanted.spaces, wanted.limit
                )
            )  # fmt: skip
            self._reads[wanted] = task
            task.add_done_callback(lambda _: self._reads.pop(wanted, None))
        # One who goes away does not take from the others what they have asked for too.
        return await asyncio.shield(task)
