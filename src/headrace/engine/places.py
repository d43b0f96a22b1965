"""Who may work: places for activities in this worker, and a run's place among those that work.

A run in the queue of runs holds one of the worker's places from its first activity to its end. One that will only wait for a while goes
over to the queue of waiting runs, where there is room for all, and comes back through the queue of runs. Both moves are one row's change:
it is in one queue at every moment, so a place cannot leak. The execution that moved it halts, and the next one goes on.
"""

import asyncio

from headrace.core.crashpoints import crash_point
from headrace.core.queueing import RUNS_QUEUE, WAITING_QUEUE
from headrace.engine.configuration import EngineConfig
from headrace.engine.hands import Moved
from headrace.engine.writer import Writer
from headrace.store import queue, workers


class Places:
    """Places in this worker."""

    def __init__(self, config: EngineConfig, writer: Writer) -> None:
        self._writer = writer
        self._heavy_kinds = config.heavy_kinds
        self._heavy = asyncio.Semaphore(config.heavy_concurrency)
        self._light = asyncio.Semaphore(config.light_concurrency)

    def for_kind(self, kind: str) -> asyncio.Semaphore:
        """Return the places for activities of ``kind``."""
        return self._heavy if kind in self._heavy_kinds else self._light

    def queue_of(self, run_id: str) -> str | None:
        """Return the queue that the run came from; None: it is in none."""
        return self._writer.patiently(self._look_up, run_id)

    def park(self, run_id: str) -> None:
        """Move the run to the queue of waiting runs, and halt here; one of a flow with a bound stays, for its place is what bounds the others."""
        if self.queue_of(run_id) == RUNS_QUEUE:
            self._move(run_id, WAITING_QUEUE)

    def unpark(self, run_id: str) -> None:
        """Move the run back to the queue of runs, and halt here."""
        self._move(run_id, RUNS_QUEUE)

    def give_back(self, run_id: str) -> None:
        """Put a run that was halted here back into its queue, if nobody else has it: it would be in the hand of a worker that does nothing."""
        name = self.queue_of(run_id)
        if name is not None:
            self._writer.patiently(self._hand_over, run_id, name)

    def _move(self, run_id: str, name: str) -> None:
        self._writer.patiently(self._hand_over, run_id, name)
        crash_point("run-moved")
        raise Moved(f"the run goes on in the queue {name}")

    def _look_up(self, run_id: str) -> str | None:
        with self._writer.database.reading() as tx:
            return queue.name_of(tx, run_id)

    def _hand_over(self, run_id: str, name: str) -> None:
        self._writer.hands.moved([run_id])
        with self._writer.database.transaction() as tx:
            # A worker that was declared dead has no run to move, whatever it had before it was frozen.
            workers.check(tx, self._writer.claim)
            queue.hand_over(tx, [run_id], name, holder=self._writer.claim.worker_id)
