import threading

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.store import workers
from headrace.store.database import Database
from headrace.store.workers import WorkerClaim
from ledger_rows import NOW


def test_a_silent_worker_is_declared_dead_once(database: Database) -> None:
    """Of all that look, one hears of the death, and hands the runs back."""
    _register(database, "silent")
    _register(database, "lively", NOW + 8)
    with database.transaction() as tx:
        assert workers.declare_dead(tx, Instant(NOW + 9), Instant(NOW + 5)) == ["silent"]
        assert workers.declare_dead(tx, Instant(NOW + 9), Instant(NOW + 5)) == []
        assert (workers.is_alive(tx, "silent"), workers.is_alive(tx, "lively")) == (False, True)


def test_a_worker_finds_itself_declared_dead(database: Database) -> None:
    """A frozen worker that wakes learns it at its next heartbeat."""
    claim = _register(database, "worker-1")
    with database.transaction() as tx:
        workers.heartbeat(tx, claim, Instant(NOW + 1))
        workers.declare_dead(tx, Instant(NOW + 9), Instant(NOW + 5))
    with database.transaction() as tx, pytest.raises(Problem) as caught:
        workers.heartbeat(tx, claim, Instant(NOW + 10))
    assert caught.value.code is Code.FENCED


def test_an_id_registered_anew_ends_the_claim_before(database: Database) -> None:
    """A restarted worker with the same id is another one: the process before it writes nothing (C10)."""
    old = _register(database, "worker-1")
    new = _register(database, "worker-1")
    assert new.generation == old.generation + 1
    with database.transaction() as tx:
        workers.check(tx, new)
        with pytest.raises(Problem) as caught:
            workers.check(tx, old)
    assert caught.value.code is Code.FENCED


def test_a_worker_that_stops_is_not_declared_dead(database: Database) -> None:
    """A graceful stop leaves nothing to take over, and its claim ends with it."""
    claim = _register(database, "worker-1")
    with database.transaction() as tx:
        assert workers.stop(tx, claim, NOW)
        assert workers.declare_dead(tx, Instant(NOW + 9), Instant(NOW + 5)) == []
        assert [worker.status for worker in workers.get_all(tx)] == ["stopped"]
        assert workers.forget(tx, Instant(NOW + 1)) == 1


@pytest.mark.postgres
def test_declaring_a_worker_dead_waits_for_what_it_is_writing(postgres_database: Database) -> None:
    """Between the check of a claim and the commit of the write, nobody can declare the worker dead."""
    claim = _register(postgres_database, "worker-1")
    declared = threading.Event()

    def declare() -> None:
        with postgres_database.transaction() as tx:
            workers.declare_dead(tx, Instant(NOW + 9), Instant(NOW + 5))
        declared.set()

    with postgres_database.transaction() as tx:
        workers.check(tx, claim)
        thread = threading.Thread(target=declare)
        thread.start()
        assert not declared.wait(0.3)
    assert declared.wait(10)
    thread.join()


def _register(database: Database, worker_id: str, now: int = NOW) -> WorkerClaim:
    with database.transaction() as tx:
        return workers.register(tx, worker_id, "host", 1, Instant(now))
