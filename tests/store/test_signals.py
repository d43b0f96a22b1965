import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headrace.core.run import ActivityStatus, Caller, RunStatus
from headrace.store import activity_runs, runs, signals
from headrace.store.database import Database
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_run, activities, finish

_A = ActivityStatus
CALLER = Caller("run-1", "Copy", 1)


def test_the_first_signal_counts(database: Database) -> None:
    """Two who tell an attempt its end do not contradict each other: the second one hears that it came too late."""
    _fill(database)
    with database.transaction() as tx:
        assert signals.get(tx, "run-1", "Copy", 1) is None
        assert signals.send(tx, SCOPE, "run-1", "Copy", 1, {"who": "me", "text": "ü\u0000"}, NOW)
        assert not signals.send(tx, SCOPE, "run-1", "Copy", 1, {"who": "you"}, NOW)
        assert signals.get(tx, "run-1", "Copy", 1) == {"who": "me", "text": "ü\u0000"}
        assert signals.get(tx, "run-1", "Copy", 2) is None


def test_only_attempts_that_wait_are_woken(database: Database) -> None:
    """A signal that comes early is kept until its attempt waits; one that came too late wakes nobody."""
    _fill(database)
    with database.transaction() as tx:
        assert signals.waiting(tx, []) == []
        signals.send(tx, SCOPE, "run-1", "Copy", 1, {}, NOW)
        assert signals.waiting(tx, ["run-1"]) == []
        for before, after in ((_A.PENDING, _A.QUEUED), (_A.QUEUED, _A.RUNNING), (_A.RUNNING, _A.WAITING)):
            activity_runs.move(tx, "run-1", "Copy", 1, {before}, after, NOW)
        assert signals.waiting(tx, ["run-1", "run-2"]) == [("run-1", "Copy", 1)]
        activity_runs.move(tx, "run-1", "Copy", 1, {_A.WAITING}, _A.SUCCEEDED, NOW)
        assert signals.waiting(tx, ["run-1"]) == []


def test_a_run_that_ends_tells_the_attempt_that_made_it(database: Database) -> None:
    """Whoever waits for a run hears of its end in the transaction that ends it, and only of that."""
    _fill(database)
    with database.transaction() as tx:
        runs.insert(tx, a_run("child", scope=OTHER_SCOPE, caller=CALLER))
        runs.move(tx, "child", {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
        assert signals.get(tx, "run-1", "Copy", 1) is None
        runs.move(tx, "child", {RunStatus.RUNNING}, RunStatus.SUCCEEDED, NOW)
        assert signals.get(tx, "run-1", "Copy", 1) == {"run_id": "child", "status": "succeeded"}
        assert tx.scalar(sa.text("SELECT scope FROM signals")) == SCOPE


def test_a_run_whose_caller_is_gone_ends_all_the_same(database: Database) -> None:
    """A caller that was cleaned up needs no signal."""
    with database.transaction() as tx:
        runs.insert(tx, a_run("child", caller=Caller("nobody", "Call", 1)))
        finish(tx, "child")
        assert tx.scalar(sa.text("SELECT count(*) FROM signals")) == 0


def test_a_signal_stays_in_its_runs_scope(database: Database) -> None:
    """No row of a tenant hangs on a run of another one."""
    _fill(database)
    with pytest.raises(IntegrityError), database.transaction() as tx:
        signals.send(tx, OTHER_SCOPE, "run-1", "Copy", 1, {}, NOW)


def _fill(database: Database) -> None:
    with database.transaction() as tx:
        runs.insert(tx, a_run())
        activity_runs.insert_all(tx, activities())
