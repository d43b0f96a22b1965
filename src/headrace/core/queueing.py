"""Names that the two sides of the queue agree on: who asks for runs, and the engine that does them (what is said to a run: ``core.messages``)."""

RUN_WORKFLOW = "execute_run"
"""The name of the durable workflow that carries a run from its first activity to its end; its id is the run's, so is its one argument."""
RUNS_QUEUE = "headrace-runs"
"""Runs of flows without a bound: first in, first out within a priority."""
WAITING_QUEUE = "headrace-waiting"
"""Runs that only wait, so that they hold no place among those that work."""
_LIMITED_QUEUE = "headrace-flow-"


def queue_of(concurrency: int | None) -> str:
    """Return the queue for the runs of a flow that bounds how many go on at once.

    Bounded flows with the same bound share a queue, which is partitioned by the flow's id: each flow has the bound for itself.
    """
    return RUNS_QUEUE if concurrency is None else f"{_LIMITED_QUEUE}{concurrency}"


def bound_of(queue: str) -> int | None:
    """Return how many runs of one flow may go on at once in ``queue``; None: it is no queue of bounded flows."""
    return int(queue.removeprefix(_LIMITED_QUEUE)) if queue.startswith(_LIMITED_QUEUE) else None
