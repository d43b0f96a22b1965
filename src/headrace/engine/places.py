"""Who may work: places for activities in this worker, and a run's place among those that work.

A run in the queue of runs holds one of the worker's places from its first activity to its end. One that will only wait for a while goes
over to the queue of waiting runs, where there is room for all, and comes back through the queue of runs. Both moves are DBOS's own
``resume``: the row is in one queue at every moment, so a place cannot leak; the execution that moved it halts, and the next one replays.
"""

import asyncio

from dbos import DBOS

from headrace.core.crashpoints import crash_point
from headrace.core.queueing import RUNS_QUEUE, WAITING_QUEUE
from headrace.engine.configuration import EngineConfig
from headrace.engine.hands import Halted, Hands


class Places:
    """Places in this worker."""

    def __init__(self, config: EngineConfig, hands: Hands) -> None:
        self._hands = hands
        self._heavy_kinds = config.heavy_kinds
        self._heavy = asyncio.Semaphore(config.heavy_concurrency)
        self._light = asyncio.Semaphore(config.light_concurrency)

    def for_kind(self, kind: str) -> asyncio.Semaphore:
        """Return the places for activities of ``kind``."""
        return self._heavy if kind in self._heavy_kinds else self._light

    def queue_of(self, run_id: str) -> str | None:
        """Return the queue that the run came from. Called outside of workflows' context, so it is no durable step."""
        status = DBOS.get_workflow_status(run_id)
        return None if status is None else status.queue_name

    def park(self, run_id: str) -> None:
        """Move the run to the queue of waiting runs, and halt here; one of a flow with a bound stays, for its place is what bounds the others."""
        if self.queue_of(run_id) == RUNS_QUEUE:
            self._move(run_id, WAITING_QUEUE)

    def unpark(self, run_id: str) -> None:
        """Move the run back to the queue of runs, and halt here."""
        self._move(run_id, RUNS_QUEUE)

    def _move(self, run_id: str, queue: str) -> None:
        self._hands.moved([run_id])
        DBOS.resume_workflow(run_id, queue_name=queue)
        crash_point("run-moved")
        raise Halted(f"the run goes on in the queue {queue}")
