from dataclasses import replace

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Figures, Outcome
from headrace.core.run import ActivityRun, ActivityStatus
from headrace.store import activity_runs, runs, workers
from headrace.store.database import Database
from headrace.store.workers import WorkerClaim
from ledger_rows import FAILURE, NOW, a_run, activities

_A = ActivityStatus
_COPY = ("run-1", "Copy", 1)


def test_activity_runs_come_back_in_their_order(database: Database) -> None:
    """The list of a run's activities is the plan's order, whatever their names."""
    rows = list(reversed(activities()))
    with database.transaction() as tx:
        runs.insert(tx, a_run())
        activity_runs.insert_all(tx, rows)
        assert activity_runs.of_run(tx, "run-1") == rows


def test_a_claim_counts_the_epochs(database: Database) -> None:
    """Each worker that takes an attempt gets a higher epoch, and the attempt is that worker's."""
    _queued(database)
    first, second = _worker(database, "worker-1"), _worker(database, "worker-2")
    with database.transaction() as tx:
        assert activity_runs.claim(tx, *_COPY, first, NOW) == 1
        assert activity_runs.claim(tx, *_COPY, second, Instant(NOW + 1)) == 2
        row = activity_runs.of_run(tx, "run-1")[0]
    assert (row.status, row.worker_id, row.started_at) == (_A.RUNNING, "worker-2", NOW)


def test_an_ended_attempt_cannot_be_claimed(database: Database) -> None:
    """A late worker does not begin again what has ended."""
    _queued(database)
    claim = _worker(database)
    with database.transaction() as tx:
        activity_runs.move(tx, *_COPY, {_A.QUEUED}, _A.CANCELLED, NOW)
        with pytest.raises(Problem) as caught:
            activity_runs.claim(tx, *_COPY, claim, NOW)
    assert caught.value.code is Code.ILLEGAL_STATE


def test_an_older_epoch_writes_nothing(database: Database) -> None:
    """A slow worker whose attempt was taken over overwrites no newer truth (C2)."""
    _queued(database)
    first, second = _worker(database, "worker-1"), _worker(database, "worker-2")
    with database.transaction() as tx:
        epoch = activity_runs.claim(tx, *_COPY, first, NOW)
        activity_runs.claim(tx, *_COPY, second, NOW)
    for write in (_finish, _report):
        with pytest.raises(Problem) as caught:
            write(database, epoch, first)
        assert caught.value.code is Code.FENCED


def test_a_worker_declared_dead_writes_nothing(database: Database) -> None:
    """Being declared dead is enough: nobody needs to have taken the attempt over (C28)."""
    _queued(database)
    claim = _worker(database)
    with database.transaction() as tx:
        epoch = activity_runs.claim(tx, *_COPY, claim, NOW)
        workers.declare_dead(tx, Instant(NOW + 9), Instant(NOW + 5))
    for write in (_finish, _report):
        with pytest.raises(Problem) as caught:
            write(database, epoch, claim)
        assert caught.value.code is Code.FENCED


def test_an_outcome_is_written_with_the_status(database: Database) -> None:
    """Status, output, figures and failure change together."""
    _queued(database)
    claim = _worker(database)
    with database.transaction() as tx:
        epoch = activity_runs.claim(tx, *_COPY, claim, NOW)
        activity_runs.progress(tx, *_COPY, epoch, Figures(rows_read=1), NOW, worker=claim)
        assert activity_runs.of_run(tx, "run-1")[0].figures == Figures(rows_read=1)
        outcome = Outcome({"landing": {"files": []}}, Figures(rows_read=2), FAILURE)
        assert activity_runs.move(tx, *_COPY, {_A.RUNNING}, _A.FAILED, NOW, epoch=epoch, worker=claim, outcome=outcome)
        row = activity_runs.of_run(tx, "run-1")[0]
    assert (row.status, row.output, row.figures, row.failure, row.ended_at) == (
        _A.FAILED, {"landing": {"files": []}}, Figures(rows_read=2), FAILURE, NOW,
    )  # fmt: skip


def test_a_move_of_another_status_changes_nothing(database: Database) -> None:
    """A repeated step finds its work done, and hears so."""
    _queued(database)
    with database.transaction() as tx:
        assert activity_runs.move(tx, *_COPY, {_A.QUEUED}, _A.CANCELLED, NOW)
        assert not activity_runs.move(tx, *_COPY, {_A.QUEUED}, _A.CANCELLED, NOW)
        with pytest.raises(Problem, match="no attempt 7"):
            activity_runs.move(tx, "run-1", "Copy", 7, {_A.QUEUED}, _A.CANCELLED, NOW)


def test_the_next_attempt_is_queued_with_the_same_key(database: Database) -> None:
    """A further attempt does the same thing under the same commit key, and the one before it stays in the ledger."""
    _queued(database)
    claim = _worker(database)
    with database.transaction() as tx:
        epoch = activity_runs.claim(tx, *_COPY, claim, NOW)
        activity_runs.move(tx, *_COPY, {_A.RUNNING}, _A.FAILED, NOW, epoch=epoch, outcome=Outcome(failure=FAILURE))
        assert activity_runs.next_attempt(tx, *_COPY, Instant(NOW + 1)) == 2
        rows = activity_runs.of_run(tx, "run-1")
    assert [(r.path, r.attempt, r.status, r.commit_key, r.epoch) for r in rows] == [
        ("Copy", 1, _A.FAILED, "key", 1),
        ("Copy", 2, _A.QUEUED, "key", 0),
        ("Promote", 1, _A.PENDING, "key", 0),
    ]


def _queued(database: Database) -> None:
    with database.transaction() as tx:
        runs.insert(tx, a_run())
        activity_runs.insert_all(tx, activities())
        activity_runs.move(tx, *_COPY, {_A.PENDING}, _A.QUEUED, NOW)


def _worker(database: Database, worker_id: str = "worker-1") -> WorkerClaim:
    with database.transaction() as tx:
        return workers.register(tx, worker_id, "host", 1, NOW)


def _finish(database: Database, epoch: int, claim: WorkerClaim) -> None:
    with database.transaction() as tx:
        activity_runs.move(tx, *_COPY, {_A.RUNNING}, _A.SUCCEEDED, NOW, epoch=epoch, worker=claim)


def _report(database: Database, epoch: int, claim: WorkerClaim) -> None:
    with database.transaction() as tx:
        activity_runs.progress(tx, *_COPY, epoch, Figures(), NOW, worker=claim)


def test_inner_activities_are_listed_below_their_parents(database: Database) -> None:
    """What stands in a container comes after the flow's own activities, in the order in which it was begun, and alone when asked for."""
    _queued(database)
    with database.transaction() as tx:
        activity_runs.insert_all(tx, _inner("Copy", "Copy/1", "Copy/0"))
        activity_runs.insert_all(tx, _inner("Copy/0", "Copy/0/B", "Copy/0/A") + _inner("Copy", "Copy/2"))
        paths = [row.path for row in activity_runs.of_run(tx, "run-1")]
        assert paths == ["Copy", "Promote", "Copy/1", "Copy/0", "Copy/2", "Copy/0/B", "Copy/0/A"]
        assert [row.path for row in activity_runs.of_parent(tx, "run-1", "Copy")] == ["Copy/1", "Copy/0", "Copy/2"]
        assert [row.path for row in activity_runs.of_parent(tx, "run-1", "")] == ["Copy", "Promote"]
        assert [row.path for row in activity_runs.below(tx, "run-1", "Copy/0")] == ["Copy/0/A", "Copy/0/B"]
        assert activity_runs.statuses_of_parent(tx, "run-1", "Copy/0") == [
            ("Copy/0/B", 1, _A.PENDING),
            ("Copy/0/A", 1, _A.PENDING),
        ]


def test_a_body_that_is_begun_twice_is_there_once(database: Database) -> None:
    """A worker that dies after it has written a body's rows leaves them to the next one, which finds them as they are."""
    _queued(database)
    with database.transaction() as tx:
        activity_runs.insert_all(tx, _inner("Copy", "Copy/0"))
        activity_runs.move(tx, "run-1", "Copy/0", 1, {_A.PENDING}, _A.CANCELLED, NOW)
        activity_runs.insert_all(tx, _inner("Copy", "Copy/0", "Copy/1"))
        found = activity_runs.statuses_of_parent(tx, "run-1", "Copy")
    assert found == [("Copy/0", 1, _A.CANCELLED), ("Copy/1", 1, _A.PENDING)]


def test_a_pause_is_written_with_its_move(database: Database) -> None:
    """What a waiting attempt goes on with, when the clock wakes it and what is noted of it are there with its status, and stay."""
    _queued(database)
    claim = _worker(database)
    with database.transaction() as tx:
        activity_runs.claim(tx, *_COPY, claim, NOW)
        paused = {"state": {"n": [1, "\u0000"]}, "wake_at": Instant(NOW + 5), "details": {"input": {}}}
        activity_runs.move(tx, *_COPY, {_A.RUNNING}, _A.WAITING, NOW, **paused)  # type: ignore[arg-type]  # by their names
        activity_runs.claim(tx, *_COPY, claim, NOW)
        (row,) = activity_runs.at_path(tx, "run-1", "Copy")
        assert (row.state, row.wake_at, row.details) == (paused["state"], NOW + 5, {"input": {}})
        activity_runs.move(tx, *_COPY, {_A.RUNNING}, _A.WAITING, NOW, state={})
        (row,) = activity_runs.at_path(tx, "run-1", "Copy")
    assert (row.state, row.wake_at, row.details) == ({}, None, {"input": {}})


def test_the_next_attempt_waits_below_the_same_parent(database: Database) -> None:
    """A further attempt stands where the first one did, and begins when its pause is over, with nothing of the first one's own."""
    _queued(database)
    with database.transaction() as tx:
        activity_runs.insert_all(tx, [replace(row, details={"a": 1}, state={}) for row in _inner("Copy", "Copy/0")])
        activity_runs.move(tx, "run-1", "Copy/0", 1, {_A.PENDING}, _A.CANCELLED, NOW)
        activity_runs.next_attempt(tx, "run-1", "Copy/0", 1, NOW, Instant(NOW + 30))
        _, row = activity_runs.at_path(tx, "run-1", "Copy/0")
    assert (row.attempt, row.parent, row.wake_at, row.details, row.state) == (2, "Copy", NOW + 30, {}, None)


def _inner(parent: str, *paths: str) -> list[ActivityRun]:
    row = replace(activities()[0], parent=parent)
    return [replace(row, path=path) for path in paths]
