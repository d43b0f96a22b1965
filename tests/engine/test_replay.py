"""Taking over: whoever goes on with a run finds in the ledger how it stands, and needs nothing else."""

import random
import threading

import pytest
from dbos import DBOSClient

from engine_desk import QUICK, Desk, MakesEngines, activity, pass_time, plan
from headrace.core.flow import Policy
from headrace.core.outcome import Outcome
from headrace.core.run import RunStatus
from headrace.core.task import Context, Task
from headrace.store import queue

BRANCHES = plan(
    activity("a", "random"),
    *(activity(f"b{number}", "random", ["a"]) for number in range(4)),
    *(activity(f"c{number}", "random", [f"b{number}"], policy=Policy(retries=1, interval_seconds=0.05)) for number in range(4)),
    activity("t", "wait", ["a"], {"seconds": 0.4}),
    activity("z", "random", ["c0", "c1", "c2", "c3", "t"]),
)  # fmt: skip


class Random:
    """Takes a random time, and counts how often each attempt came to its end."""

    def __init__(self, seed: int) -> None:
        self.ends: dict[tuple[str, int], int] = {}
        self._random = random.Random(seed)  # noqa: S311 — no secret
        self._lock = threading.Lock()

    def __call__(self, task: Task, context: Context) -> Outcome:
        """Work for a while."""
        pass_time(context, self._random.uniform(0, 0.3))
        with self._lock:
            self.ends[task.path, task.attempt] = self.ends.get((task.path, task.attempt), 0) + 1
        return Outcome(output={"path": task.path})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_parallel_branches_are_gone_on_with_as_they_stood(desk: Desk, make_engine: MakesEngines, seed: int) -> None:
    """Stopped in the middle and gone on with by others, a run of branches ends as planned, and no result is taken for another's.

    DBOS keeps no record of what was done: it knows in whose hand the run is, and the ledger all else.
    """
    pauses = random.Random(seed)  # noqa: S311 — no secret
    branches = Random(seed)
    engine = make_engine({"random": branches})
    run_id = desk.ask(BRANCHES)
    for _ in range(3):
        threading.Event().wait(pauses.uniform(0.1, 0.5))
        engine.stop()
        engine = make_engine({"random": branches})
    assert desk.ended(run_id, seconds=30).status is RunStatus.SUCCEEDED
    worked = [row for row in desk.rows(run_id) if row.kind == "random"]
    assert all(row.output == {"path": row.path} for row in worked)
    assert _steps(desk, run_id) == []


def test_a_run_in_hand_goes_on_after_a_restart_of_its_worker(desk: Desk, make_engine: MakesEngines) -> None:
    """What had ended is not done again."""
    branches = Random(0)
    engine = make_engine({"random": branches}, QUICK)
    run_id = desk.ask(
        plan(activity("a", "random"), activity("t", "wait", ["a"], {"seconds": 1}), activity("b", "random", ["t"]))
    )
    desk.becomes(run_id, RunStatus.WAITING)
    assert engine.drain(5)
    make_engine({"random": branches}, QUICK)
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    assert branches.ends == {("a", 1): 1, ("b", 1): 1}


def _steps(desk: Desk, run_id: str) -> list[str]:
    client = DBOSClient(
        system_database_engine=desk.database.engine, serializer=queue.serializer(), application_name=queue.APPLICATION
    )
    return [step["function_name"] for step in client.list_workflow_steps(run_id)]
