"""Every durable step is at least once: done twice, it has the effect of once."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from engine_desk import Desk, GoingClock, activity, plan
from headrace.core.errors import Code, Problem
from headrace.core.flow import Policy
from headrace.core.outcome import BatchReport, Failure, Figures, Outcome
from headrace.core.run import ActivityStatus
from headrace.core.task import Context, Task
from headrace.engine.attempt_ledger import AttemptLedger, Result
from headrace.engine.attempts import Attempts
from headrace.engine.body_ledger import BodyLedger
from headrace.engine.hands import Halted, Hands
from headrace.engine.ledger import Ledger
from headrace.engine.lines import Done, Line
from headrace.engine.records import Ending, Level, Try, standing_of
from headrace.engine.run_lines import RunLines
from headrace.store import batches, runs, workers

PLAN = plan(
    activity("work", "work"),
    activity("flaky", "flaky", policy=Policy(retries=1, interval_seconds=0)),
    activity("reject", "reject"),
    activity("timer", "wait", settings={"seconds": 0}),
    activity("outside", "external", settings={"deadline_seconds": 60}),
    activity("later"),
)


@dataclass
class Bench:
    """The steps of one worker on one run, and how often the activities were called."""

    desk: Desk
    run_id: str = ""
    called: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run_id = self.desk.ask(PLAN)
        self.ledger, self.attempts = self.worker("first")

    @property
    def trials(self) -> AttemptLedger:
        """Return the transactions about attempts."""
        return AttemptLedger(self.ledger.writer)

    @property
    def bodies(self) -> BodyLedger:
        """Return the transactions about levels and bodies."""
        return BodyLedger(self.ledger.writer)

    def worker(self, name: str) -> tuple[Ledger, Attempts]:
        """Return the steps of another worker."""
        hands = Hands(stop_seconds=1)
        with self.desk.database.transaction() as tx:
            claim = workers.register(tx, name, "here", 1, self.desk.clock.now())
        ledger = Ledger(self.desk.database, GoingClock(), hands, claim)
        functions = {"work": self._work, "flaky": self._flaky, "reject": self._reject}
        lines = RunLines(self.desk.database, GoingClock(), 0)
        return ledger, Attempts(ledger.writer, AttemptLedger(ledger.writer), functions, 5, lines)

    def level(self) -> Level:
        """Return the run's own level."""
        return Level(self.desk.run(self.run_id), PLAN)

    def chance(self, path: str) -> Try:
        """Return the first attempt at an activity of the run, as it stands now."""
        row = next(row for row in self.desk.rows(self.run_id) if (row.path, row.attempt) == (path, 1))
        return Try(self.level(), PLAN.by_name[path], standing_of(row))

    def state(self) -> list[object]:
        """Return all that the ledger says about the run."""
        with self.desk.database.reading() as tx:
            found = batches.of_run(tx, self.run_id)
        return [self.desk.run(self.run_id), self.desk.rows(self.run_id), found, list(self.called)]

    def perform(self, path: str) -> Done:
        """Do an attempt."""
        return self.attempts.perform(Line((self.chance(path),)), lambda give_up: None)  # noqa: ARG005 — nobody is left to itself here

    def hear(self) -> Done:
        """Let an activity wait for a signal, and hear it."""
        self.perform("outside")
        self.desk.tell(self.run_id, "outside", {"output": {"a": 1}})
        return self.perform("outside")

    def _work(self, task: Task, context: Context) -> Outcome:
        del context
        self.called.append(task.path)
        return Outcome(output={"done": True}, figures=Figures(rows_read=3))

    def _flaky(self, task: Task, context: Context) -> Outcome:
        del context
        self.called.append(task.path)
        raise Problem(Code.SOURCE_UNAVAILABLE, "not now")

    def _reject(self, task: Task, context: Context) -> Outcome:
        del context
        self.called.append(task.path)
        figures = Figures(rows_read=1, rows_rejected=1, rows_accepted=0, rows_skipped=0)
        report = BatchReport("1" * 26, "t", task.commit_key, None, figures)
        return Outcome(failure=Failure(Code.TOO_MANY_REJECTS, "too many"), batch=report, figures=figures)

    def end_of_all(self) -> None:
        """Let every activity end, and then the run."""
        statuses = dict.fromkeys(PLAN.by_name, ActivityStatus.SUCCEEDED)
        self.perform("work")
        self.ledger.end(Ending(self.level(), statuses))


STEPS: Mapping[str, Callable[[Bench], object]] = {
    "begin": lambda bench: bench.ledger.begin(bench.run_id) is not None,
    "perform": lambda bench: bench.perform("work"),
    "perform and try again": lambda bench: bench.perform("flaky"),
    "perform with a batch": lambda bench: bench.perform("reject"),
    "mark": lambda bench: bench.bodies.mark(bench.level(), {"later": ActivityStatus.SKIPPED}),
    "wait, and end": lambda bench: (bench.perform("timer"), bench.perform("timer"))[1],
    "hear": lambda bench: bench.hear(),
    "rest": lambda bench: bench.ledger.rest(bench.run_id),
    "end": Bench.end_of_all,
    "abandon": lambda bench: bench.ledger.abandon(bench.run_id, Failure(Code.INTERNAL, "x")),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_done_twice_has_the_effect_of_once(desk: Desk, step: str) -> None:
    """The second time changes nothing in the ledger, calls no activity, and returns the same."""
    bench = Bench(desk)
    bench.ledger.begin(bench.run_id)
    first = STEPS[step](bench)
    state = bench.state()
    second = STEPS[step](bench)
    assert bench.state() == state
    assert second == first


def test_an_attempt_that_died_is_done_again_with_a_higher_epoch(desk: Desk) -> None:
    """A claim without an end is taken over by the next worker."""
    bench = Bench(desk)
    bench.ledger.begin(bench.run_id)
    bench.trials.claim(bench.chance("work"))
    _, attempts = bench.worker("second")
    attempts.perform(Line((bench.chance("work"),)), lambda give_up: None)  # noqa: ARG005 — as above
    row = desk.rows(bench.run_id)[0]
    assert (row.status, row.epoch, row.worker_id) == (ActivityStatus.SUCCEEDED, 2, "second")


def test_c2_who_was_overtaken_writes_nothing(desk: Desk) -> None:
    """The slow worker's result is refused, and its execution halts without a record."""
    bench = Bench(desk)
    bench.ledger.begin(bench.run_id)
    claimed = bench.trials.claim(bench.chance("work"))
    _, attempts = bench.worker("second")
    attempts.perform(Line((bench.chance("work"),)), lambda give_up: None)  # noqa: ARG005 — as above
    state = bench.state()
    with pytest.raises(Halted):
        bench.trials.finish(bench.chance("work"), Result(claimed.epoch, Outcome(failure=Failure(Code.INVALID, "late"))))  # type: ignore[union-attr]  # it was claimed
    assert bench.state() == state


def test_c2_who_was_declared_dead_writes_nothing(desk: Desk) -> None:
    """Not even the status of a run."""
    bench = Bench(desk)
    with desk.database.transaction() as tx:
        workers.declare_dead(tx, desk.clock.now(), desk.clock.now())
    state = bench.state()
    with pytest.raises(Halted):
        bench.ledger.begin(bench.run_id)
    assert bench.state() == state


def test_an_attempt_that_lost_its_worker_too_often_is_given_up(desk: Desk) -> None:
    """After so many take-overs the activity fails, and says why."""
    bench = Bench(desk)
    bench.ledger.begin(bench.run_id)
    for _ in range(5):
        bench.trials.claim(bench.chance("work"))
    bench.perform("work")
    row = desk.rows(bench.run_id)[0]
    assert row.failure is not None
    assert (row.failure.code, bench.called) == (Code.WORKER_LOST, [])


def test_a_worker_that_stops_by_itself_is_no_loss(desk: Desk) -> None:
    """A drain that runs out of time hands its activities over; a rolling restart makes no poison of them."""
    bench = Bench(desk)
    bench.ledger.begin(bench.run_id)
    for number in range(6):
        bench.trials.claim(bench.chance("work"))
        with desk.database.transaction() as tx:
            workers.stop(tx, bench.ledger.writer.claim, desk.clock.now())
        bench.ledger, bench.attempts = bench.worker(f"next {number}")
    bench.perform("work")
    assert (desk.rows(bench.run_id)[0].status, bench.called) == (ActivityStatus.SUCCEEDED, ["work"])


def test_a_run_whose_flow_is_changed_while_it_begins_is_done_as_the_ledger_says(desk: Desk) -> None:
    """What is executed is the definition whose fingerprints are kept: a retry compares with what was really done."""
    bench = Bench(desk)
    changed = plan(*(replace(one, settings={**one.settings, "new": True}) for one in PLAN.activities))
    with ThreadPoolExecutor(1) as pool:
        with bench.desk.database.transaction() as tx:
            assert runs.redefine(tx, bench.run_id, changed)
            beginning = pool.submit(bench.ledger.begin, bench.run_id)
            with pytest.raises(TimeoutError):
                beginning.result(timeout=0.3)
        begun = beginning.result(timeout=30)
    assert begun is not None
    assert begun.level.run.definition == changed
