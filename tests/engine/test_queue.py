"""Who is done when: order, bounds of flows, due times."""

import threading
from dataclasses import dataclass, field, replace

from engine_desk import QUICK, Desk, MakesEngines, activity, pass_time, plan
from headrace.core.outcome import Outcome
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.task import Context, Task
from headrace.engine.configuration import EngineConfig

ONE = plan(activity("a", "counted"))


@dataclass
class Counter:
    """An activity that counts how many of each flow go on at once, and in which order they began."""

    seconds: float = 0.0
    order: list[str] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=dict)
    _now: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, task: Task, context: Context) -> Outcome:
        """Take a while, and be counted."""
        with self._lock:
            self.order.append(task.run_id)
            self._now[task.flow_id] = self._now.get(task.flow_id, 0) + 1
            self.most[task.flow_id] = max(self.most.get(task.flow_id, 0), self._now[task.flow_id])
        pass_time(context, self.seconds)
        with self._lock:
            self._now[task.flow_id] -= 1
        return Outcome()


def test_runs_of_one_priority_are_done_first_in_first_out(desk: Desk, make_engine: MakesEngines) -> None:
    """Who asked first is served first."""
    run_ids = [desk.ask(ONE) for _ in range(6)]
    counter = Counter()
    make_engine({"counted": counter}, EngineConfig(worker_concurrency=1))
    desk.ended(run_ids[-1])
    assert counter.order == run_ids


def test_a_smaller_priority_goes_first(desk: Desk, make_engine: MakesEngines) -> None:
    """Priority comes before the order of asking."""
    run_ids = [desk.ask(ONE, priority=100 - number) for number in range(5)]
    counter = Counter()
    make_engine({"counted": counter}, EngineConfig(worker_concurrency=1))
    desk.ended(run_ids[0])
    assert counter.order == run_ids[::-1]


def test_a_worker_has_only_so_many_runs_in_hand(desk: Desk, make_engine: MakesEngines) -> None:
    """The bound of the worker holds for all flows together."""
    counter = Counter(seconds=0.3)
    make_engine({"counted": counter}, EngineConfig(worker_concurrency=2))
    for run_id in [desk.ask(ONE) for _ in range(5)]:
        desk.ended(run_id)
    assert counter.most["flow"] == 2


def test_heavy_activities_of_one_worker_are_bounded(desk: Desk, make_engine: MakesEngines) -> None:
    """A run with many heavy branches does not take the machine down."""
    counter = Counter(seconds=0.3)
    make_engine({"counted": counter}, EngineConfig(heavy_concurrency=1, heavy_kinds=frozenset({"counted"})))
    desk.ended(desk.ask(plan(*(activity(name, "counted") for name in "abcd"))))
    assert counter.most["flow"] == 1


def test_runs_of_a_bounded_flow_go_on_only_so_many_at_once_and_block_nobody(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """The bound is each flow's own; runs beyond it stay queued and hold no place of the worker (C11)."""
    counter = Counter(seconds=0.4)
    make_engine({"counted": counter}, EngineConfig(worker_concurrency=2))
    bounded = [desk.ask(ONE, flow="one", concurrency=1) for _ in range(4)]
    bounded += [desk.ask(ONE, flow="two", concurrency=2) for _ in range(4)]
    free = [desk.ask(ONE) for _ in range(2)]
    assert all(desk.ended(run_id).status is RunStatus.SUCCEEDED for run_id in [*free, *bounded])
    assert counter.most == {"one": 1, "two": 2, "flow": 2}


def test_c11_places_of_a_bounded_flow_come_back_however_its_runs_end(desk: Desk, make_engine: MakesEngines) -> None:
    """Failed, cancelled and waiting runs of a bounded flow leave no place taken behind."""
    make_engine(config=QUICK)
    endings = [
        plan(activity("a", "failing")),
        plan(activity("a", "wait", settings={"seconds": 60})),
        plan(activity("a")),
    ]
    run_ids = [desk.ask(of, flow="one", concurrency=1) for of in endings]
    desk.becomes(run_ids[1], RunStatus.WAITING)
    assert desk.run(run_ids[2]).status is RunStatus.QUEUED
    desk.cancel(run_ids[1])
    assert desk.ended(run_ids[2]).status is RunStatus.SUCCEEDED


def test_a_run_that_waits_keeps_its_place_among_those_of_a_bounded_flow(desk: Desk, make_engine: MakesEngines) -> None:
    """It gives back its place in the worker, not the one that its flow has: the next begins when it has ended."""
    make_engine(config=replace(QUICK, park_after_seconds=0.1))
    first = desk.ask(plan(activity("a", "wait", settings={"seconds": 1})), flow="one", concurrency=1)
    second = desk.ended(desk.ask(plan(activity("a")), flow="one", concurrency=1))
    ended = desk.run(first).ended_at
    assert ended is not None
    assert second.started_at is not None
    assert second.started_at >= ended


def test_a_run_that_was_cancelled_in_the_queue_is_never_begun(desk: Desk, make_engine: MakesEngines) -> None:
    """Its place in the queue is passed over."""
    run_id = desk.ask(ONE)
    desk.cancel_queued(run_id)
    counter = Counter()
    make_engine({"counted": counter})
    desk.ended(desk.ask(ONE, flow="next"))
    assert (desk.run(run_id).status, len(counter.order)) == (RunStatus.CANCELLED, 1)


def test_a_run_is_not_begun_before_it_is_due(desk: Desk, make_engine: MakesEngines) -> None:
    """Until then it is queued; others are not held up."""
    counter = Counter()
    make_engine({"counted": counter})
    later = desk.ask(ONE, due_in=2.0)
    now = desk.ask(ONE)
    desk.ended(now)
    assert desk.run(later).status is RunStatus.QUEUED
    run = desk.ended(later)
    assert run.started_at is not None
    assert run.started_at >= run.created_at + 2_000_000
    assert counter.order == [now, later]


def test_a_run_that_came_back_to_a_full_queue_is_cancelled_within_two_seconds(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """A run whose timer ended, and that stands behind others now, does not wait for its turn to be cancelled."""
    make_engine(config=replace(QUICK, worker_concurrency=1, park_after_seconds=0.2))
    run_id = desk.ask(plan(activity("t", "wait", settings={"seconds": 2}), activity("a", after=["t"])))
    desk.becomes(run_id, RunStatus.WAITING)
    desk.activity_becomes(desk.ask(plan(activity("p", "patient"))), "p", ActivityStatus.RUNNING)
    desk.activity_becomes(run_id, "t", ActivityStatus.SUCCEEDED)
    desk.cancel(run_id)
    assert desk.ended(run_id, seconds=2).status is RunStatus.CANCELLED
