"""Two workers with one run: who was declared dead writes nothing, and who lives is left alone and never left lying."""

import threading
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from engine_desk import Desk, MakesEngines, activity, plan
from engine_pipelines import container, nested
from headrace.core.flow import Policy
from headrace.core.outcome import Expansion, Figures, Outcome
from headrace.core.queueing import RUNS_QUEUE, WAITING_QUEUE
from headrace.core.run import ActivityStatus, RunStatus
from headrace.engine.attempt_ledger import AttemptLedger, Result
from headrace.engine.body_ledger import BodyLedger
from headrace.engine.hands import Halted, Hands
from headrace.engine.ledger import Ledger, end_run
from headrace.engine.records import Claimed, Ended, Ending, Level, Standing, Try
from headrace.store import activity_runs, queue, workers
from headrace.store.database import Database

LOOP = nested(container("loop", "each", {"each": [activity("d")]}, settings={"items": 2}))


@dataclass
class Worker:
    """What a worker writes with, without the engine around it."""

    desk: Desk
    claim: workers.WorkerClaim
    ledger: Ledger
    trials: AttemptLedger
    bodies: BodyLedger

    @classmethod
    def register(cls, desk: Desk, name: str) -> "Worker":
        """Return a worker that lives."""
        with desk.database.transaction() as tx:
            claim = workers.register(tx, name, "here", 1, desk.clock.now())
        ledger = Ledger(desk.database, desk.clock, Hands(stop_seconds=1), claim)
        return cls(desk, claim, ledger, AttemptLedger(ledger.writer), BodyLedger(ledger.writer))

    def begin(self, run_id: str, name: str) -> Try:
        """Begin the run, and return the first attempt at one of its activities."""
        begun = self.ledger.begin(run_id)
        assert begun is not None
        return Try(begun.level, begun.level.plan.by_name[name], begun.standings[name])

    def expand(self, run_id: str) -> Try:
        """Begin the run, and let its loop ask for two bodies."""
        chance = self.begin(run_id, "loop")
        claimed = self.trials.claim(chance)
        assert isinstance(claimed, Claimed)
        waiting = Standing(ActivityStatus.WAITING, expansion=Expansion("each", items=(0, 1)))
        assert self.trials.expand(chance, claimed, waiting) == waiting
        return Try(chance.level, chance.activity, waiting)

    def begin_body(self, chance: Try, index: int) -> object:
        """Begin a body of the loop."""
        body = chance.activity.bodies["each"]
        level = Level(chance.run, body, f"loop/{index}", (index,), chance.level)
        return self.bodies.begin("loop", level)


def test_a_worker_that_was_declared_dead_begins_no_body(desk: Desk) -> None:
    """Frozen between two bodies of a loop, and awake after another one has ended the run: its rows would stay open there for ever."""
    run_id, first = desk.ask(LOOP), Worker.register(desk, "first")
    chance = first.expand(run_id)
    assert first.begin_body(chance, 0) is not None
    with desk.database.transaction() as tx:
        workers.bury(tx, first.claim, desk.clock.now())
    before = desk.rows(run_id)
    with pytest.raises(Halted):
        first.begin_body(chance, 1)
    assert desk.rows(run_id) == before


def test_no_body_begins_in_a_container_that_has_ended(desk: Desk) -> None:
    """Somebody else, who lives too, has ended it: what would begin then would be open in a run that ends."""
    run_id, first = desk.ask(LOOP), Worker.register(desk, "first")
    chance, second = first.expand(run_id), Worker.register(desk, "second")
    second.trials.end_container(chance, ActivityStatus.SUCCEEDED, None)
    before = desk.rows(run_id)
    with pytest.raises(Halted):
        first.begin_body(chance, 1)
    assert desk.rows(run_id) == before


def test_only_what_the_dead_worker_still_has_is_handed_back(desk: Desk) -> None:
    """Two that declare a worker dead at once both look at what it had: who comes second must not take it from the living one that has it by then."""
    run_id = desk.ask(plan(activity("a")))
    assert handed_over(desk, run_id, RUNS_QUEUE, "dead") == []
    taken_by(desk, run_id, "dead")
    assert handed_over(desk, run_id, WAITING_QUEUE, "other") == []
    assert handed_over(desk, run_id, WAITING_QUEUE, "dead") == [run_id]
    taken_by(desk, run_id, "living")
    assert handed_over(desk, run_id, RUNS_QUEUE, "dead") == []
    assert handed_over(desk, run_id, RUNS_QUEUE, None) == []
    assert handed_over(desk, run_id, RUNS_QUEUE, "living") == [run_id]
    assert handed_over(desk, run_id, WAITING_QUEUE, None) == [run_id]


def test_a_run_whose_attempts_somebody_else_has_claimed_is_taken_up_again(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """The claim's owner does nothing more: the run must not lie for ever in the hand of the living worker that was overtaken."""
    make_engine()
    run_id = desk.ask(plan(activity("a", "patient", settings={"seconds": 0.3}), activity("b", after=["a"])))
    desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
    other = Worker.register(desk, "other")
    with desk.database.transaction() as tx:
        activity_runs.claim(tx, run_id, "a", 1, other.claim, desk.clock.now())
    assert desk.ended(run_id, seconds=10).status is RunStatus.SUCCEEDED
    assert [row.epoch for row in desk.rows(run_id)] == [3, 1]


@pytest.mark.postgres
def test_two_workers_that_end_a_run_at_the_same_moment_count_its_figures_once(postgres_database: Database) -> None:
    """Both see it running; the second one waits for the first one's commit, and finds the end."""
    desk = Desk(postgres_database)
    run_id, first = desk.ask(plan(activity("a"))), Worker.register(desk, "first")
    chance = first.begin(run_id, "a")
    claimed = first.trials.claim(chance)
    assert isinstance(claimed, Claimed)
    first.trials.finish(chance, Result(claimed.epoch, Outcome(figures=Figures(rows_read=2)), Policy()))
    ending, second = Ending(chance.level, {"a": ActivityStatus.SUCCEEDED}), Worker.register(desk, "second")
    late = threading.Thread(target=second.ledger.end, args=(ending,))
    with desk.database.transaction() as tx:
        end_run(tx, first.ledger.writer, ending)
        late.start()
        late.join(timeout=0.3)
    late.join(timeout=10)
    assert desk.run(run_id).figures == Figures(rows_read=2)


@pytest.mark.postgres
def test_an_attempt_that_ends_while_it_is_cancelled_keeps_its_end(postgres_database: Database) -> None:
    """The run's next worker cancels what it finds at work, and waits for the commit of a thread that was left behind."""
    desk = Desk(postgres_database)
    run_id, first = desk.ask(plan(activity("a"))), Worker.register(desk, "first")
    chance = first.begin(run_id, "a")
    claimed = first.trials.claim(chance)
    assert isinstance(claimed, Claimed)
    desk.cancel(run_id)
    found: list[object] = []
    second = Worker.register(desk, "second")
    late = threading.Thread(target=lambda: found.append(second.trials.claim(chance)))
    with desk.database.transaction() as tx:
        running = {ActivityStatus.RUNNING}
        activity_runs.move(tx, run_id, "a", 1, running, ActivityStatus.SUCCEEDED, desk.clock.now(), worker=first.claim)
        late.start()
        late.join(timeout=0.3)
    late.join(timeout=10)
    assert found == [Ended(ActivityStatus.SUCCEEDED, 1)]


def handed_over(desk: Desk, run_id: str, to: str, holder: str | None) -> list[str]:
    """Hand a run over, and return what was."""
    with desk.database.transaction() as tx:
        return queue.hand_over(tx, [run_id], to, holder=holder)


def taken_by(desk: Desk, run_id: str, worker: str) -> None:
    """Let a worker take the run from its queue."""
    schema = "" if desk.database.engine.dialect.name == "sqlite" else "dbos."
    taken = (
        f"UPDATE {schema}workflow_status SET status = 'PENDING', executor_id = :worker WHERE workflow_uuid = :run_id"
    )
    with desk.database.transaction() as tx:
        tx.execute(sa.text(taken), {"worker": worker, "run_id": run_id})
