from dataclasses import replace

import pytest

from headrace.core.clock import DAY, Instant
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Figures, VariableChange
from headrace.core.run import Caller, RunKind, RunStatus
from headrace.core.window import Window
from headrace.store import activity_runs, batches, flows, runs, signals, variables, workers
from headrace.store.database import Database
from ledger_rows import (
    FAILURE,
    NOW,
    OTHER_SCOPE,
    SCOPE,
    a_batch,
    a_retry,
    a_run,
    activities,
    failed_run,
    finish,
    put_run,
)


def test_a_run_comes_back_as_it_was_written(database: Database) -> None:
    """Nothing of a run is lost or changed in the ledger, odd texts and large numbers included."""
    run = a_run(
        parameters={"text": "Zürich ☃ \u0000", "big": 2**60, "list": [1, {"a": None}]},
        window=Window(Instant(1), None),
        due_at=NOW,
        priority=7,
        request_key="key",
        created_by="me",
        details={"door": {"etag": "x"}},
        figures=Figures(rows_read=0),
        updated_at=NOW,
    )
    put_run(database, run)
    with database.reading() as tx:
        assert runs.get(tx, SCOPE, run.id) == run


def test_a_run_of_another_scope_is_not_found(database: Database) -> None:
    """A tenant cannot look at another tenant's run, nor learn that it is there."""
    put_run(database, a_run())
    with database.reading() as tx, pytest.raises(Problem) as caught:
        runs.get(tx, OTHER_SCOPE, "run-1")
    assert caught.value.code is Code.NOT_FOUND


def test_a_move_compares_before_it_sets(database: Database) -> None:
    """Whoever expects another status changes nothing and hears so."""
    put_run(database, a_run())
    with database.transaction() as tx:
        assert not runs.move(tx, "run-1", {RunStatus.RUNNING}, RunStatus.WAITING, NOW)
        assert runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
        assert runs.status(tx, "run-1") is RunStatus.RUNNING


def test_a_move_that_the_machine_does_not_have_is_refused(database: Database) -> None:
    """Nothing leaves a terminal status, whatever a caller expects."""
    failed_run(database)
    with database.transaction() as tx, pytest.raises(Problem) as caught:
        runs.move(tx, "run-1", {RunStatus.FAILED}, RunStatus.RUNNING, NOW)
    assert caught.value.code is Code.ILLEGAL_STATE


def test_a_move_keeps_times_and_the_reason(database: Database) -> None:
    """When a run started and ended stands beside its status, and so does why."""
    put_run(database, a_run())
    with database.transaction() as tx:
        runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, Instant(NOW + 1))
        runs.move(tx, "run-1", {RunStatus.RUNNING}, RunStatus.CANCELLING, Instant(NOW + 2), FAILURE)
        runs.move(tx, "run-1", {RunStatus.CANCELLING}, RunStatus.CANCELLED, Instant(NOW + 3))
        run = runs.get(tx, None, "run-1")
    assert (run.started_at, run.ended_at, run.reason, run.revision) == (NOW + 1, NOW + 3, FAILURE, 4)


def test_a_worker_declared_dead_moves_no_run(database: Database) -> None:
    """A worker that wakes up after others took over cannot end its run."""
    put_run(database, a_run())
    with database.transaction() as tx:
        claim = workers.register(tx, "worker-1", "host", 1, NOW)
        workers.declare_dead(tx, Instant(NOW + 9), Instant(NOW + 5))
    with database.transaction() as tx, pytest.raises(Problem) as caught:
        runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, NOW, worker=claim)
    assert caught.value.code is Code.FENCED
    with database.reading() as tx:
        assert runs.status(tx, "run-1") is RunStatus.QUEUED


def test_a_request_key_finds_the_run_that_it_made(database: Database) -> None:
    """A repeated request answers with the first run, in its own scope only."""
    put_run(database, a_run(request_key="once"))
    with database.reading() as tx:
        found = runs.find_by_request_key(tx, SCOPE, "once", NOW)
        assert found is not None
        assert found.id == "run-1"
        assert runs.find_by_request_key(tx, OTHER_SCOPE, "once", NOW) is None


def test_a_request_key_makes_one_run(database: Database) -> None:
    """A second run with the same key is refused by the ledger itself."""
    put_run(database, a_run(request_key="once"))
    with pytest.raises(Problem) as caught:
        put_run(database, a_run("run-2", request_key="once"))
    assert caught.value.code is Code.CONFLICT


def test_an_old_request_key_becomes_free(database: Database) -> None:
    """After its lifetime a key may make another run."""
    put_run(database, a_run(request_key="once"))
    with database.transaction() as tx:
        assert runs.find_by_request_key(tx, SCOPE, "once", Instant(NOW + 1)) is None
        runs.insert(tx, a_run("run-2", request_key="once", created_at=Instant(NOW + DAY)))


def test_two_retries_that_race_make_one_run(database: Database) -> None:
    """An automatic retry that races a manual one is refused: a group has one run that goes on (C25)."""
    failed_run(database)
    put_run(database, a_retry())
    with pytest.raises(Problem) as caught:
        put_run(database, a_retry("run-3", attempt=3))
    assert caught.value.code is Code.CONFLICT


def test_a_retry_follows_one_that_has_ended(database: Database) -> None:
    """A group may be retried again and again, one run after the other."""
    failed_run(database)
    with database.transaction() as tx:
        runs.insert(tx, a_retry())
        finish(tx, "run-2")
        runs.insert(tx, a_retry("run-3", attempt=3))
        assert [run.id for run, _ in runs.history(tx, "run-1")] == ["run-1", "run-2", "run-3"]


def test_a_retry_never_crosses_tenants(database: Database) -> None:
    """A retry of another tenant's run is refused, as if there were no such run."""
    failed_run(database)
    with pytest.raises(Problem) as caught:
        put_run(database, a_retry(scope=OTHER_SCOPE))
    assert caught.value.code is Code.NOT_FOUND


def test_a_history_has_every_attempt_of_every_run(database: Database) -> None:
    """The planner sees all that a group did."""
    failed_run(database)
    with database.transaction() as tx:
        runs.insert(tx, a_retry())
        for run_id in ("run-1", "run-2"):
            activity_runs.insert_all(tx, activities(run_id))
        history = runs.history(tx, "run-1")
    assert [[row.path for row in rows] for _, rows in history] == [["Copy", "Promote"], ["Copy", "Promote"]]


def test_the_retries_of_several_runs_are_read_at_once(database: Database) -> None:
    """Each run has those that were made of itself, not of its group; runs without a retry are left out."""
    first = failed_run(database)
    second = put_run(database, a_retry())
    with database.transaction() as tx:
        finish(tx, "run-2")
    third = put_run(database, a_retry("run-3", attempt=3, retry_of="run-2"))
    alone = failed_run(database, "run-9")
    with database.reading() as tx:
        assert runs.retries_of(tx, [first, second, third, alone]) == {"run-1": ("run-2",), "run-2": ("run-3",)}


def test_figures_add_up(database: Database) -> None:
    """What is not known stays so until something is counted."""
    put_run(database, a_run())
    with database.transaction() as tx:
        runs.add_figures(tx, "run-1", Figures(rows_read=2))
        runs.add_figures(tx, "run-1", Figures(rows_read=3, rows_rejected=0))
        assert runs.get(tx, None, "run-1").figures == Figures(rows_read=5, rows_rejected=0)


def test_counts_name_every_status(database: Database) -> None:
    """A status without runs is counted too, and other tenants' runs are not."""
    failed_run(database)
    put_run(database, a_run("run-2", scope=OTHER_SCOPE))
    with database.reading() as tx:
        counts = runs.counts(tx, SCOPE)
    assert counts == {**dict.fromkeys(RunStatus, 0), RunStatus.FAILED: 1}


def test_the_beginning_of_an_id_stands_for_it(database: Database) -> None:
    """A person types the first letters; what is not clear is refused with the candidates."""
    for run_id in ("abc1", "abd2", "xyz"):
        put_run(database, a_run(run_id))
    with database.reading() as tx:
        assert runs.resolve_id(tx, (SCOPE,), "x") == "xyz"
        assert runs.resolve_id(tx, (SCOPE,), "abc1") == "abc1"
        with pytest.raises(Problem, match="abc1, abd2"):
            runs.resolve_id(tx, (SCOPE,), "ab")
        with pytest.raises(Problem, match="no run 'q'"):
            runs.resolve_id(tx, (SCOPE,), "q")


def test_latest_is_the_newest_run_of_the_scope(database: Database) -> None:
    """``@latest`` looks at one scope, or at all."""
    put_run(database, a_run("old"))
    put_run(database, a_run("new", created_at=Instant(NOW + 1)))
    put_run(database, a_run("newer", created_at=Instant(NOW + 2), scope=OTHER_SCOPE))
    with database.reading() as tx:
        assert (runs.resolve_id(tx, (SCOPE,), "@latest"), runs.resolve_id(tx, None, "@latest")) == ("new", "newer")


def test_a_group_expires_as_a_whole(database: Database) -> None:
    """An old run stays while a younger run of its group is there, since that one may refer to it."""
    failed_run(database)
    failed_run(database, "lone", created_at=NOW)
    with database.transaction() as tx:
        runs.insert(tx, a_retry())
        finish(tx, "run-2", now=NOW + DAY)
    with database.reading() as tx:
        assert runs.expired(tx, Instant(NOW + 1), 10) == ["lone"]
        assert runs.expired(tx, Instant(NOW + DAY + 1), 10) == ["lone", "run-1", "run-2"]


def test_a_removed_group_leaves_nothing(database: Database) -> None:
    """Retention removes a group with its activities, batches and replays."""
    _a_repaired_group(database)
    with database.transaction() as tx:
        assert runs.delete(tx, ["run-1", "run-2"]) == 2
        assert activity_runs.of_run(tx, "run-1") == []
        assert batches.of_run(tx, "run-1") == []
        assert signals.get(tx, "run-1", "Copy", 1) is None
        with pytest.raises(LookupError):
            variables.value(tx, "run-1", "v")


def test_a_run_can_be_removed_before_those_that_it_made(database: Database) -> None:
    """A run and the runs of its activities are groups of their own: each is removed in its time, and the other one stays."""
    with database.transaction() as tx:
        for run_id, caller in (("run-1", None), ("run-2", Caller("run-1", "Call", 1)), ("run-3", None)):
            runs.insert(tx, a_run(run_id, caller=caller))
            finish(tx, run_id)
        runs.delete(tx, ["run-1"])
        assert runs.get(tx, SCOPE, "run-2").caller == Caller("run-1", "Call", 1)
        runs.insert(tx, a_run("run-4", caller=Caller("run-3", "Call", 1)))
        finish(tx, "run-4")
        assert runs.delete(tx, ["run-2", "run-4", "run-3"]) == 3


def test_runs_of_a_group_may_go_on_side_by_side(database: Database) -> None:
    """A group's runs exclude each other only where they ask for it; their attempts count all the same."""
    put_run(database, a_run(exclusive=False))
    put_run(database, a_retry(exclusive=False))
    with pytest.raises(Problem) as caught:
        put_run(database, a_retry("run-3", exclusive=False))
    assert caught.value.code is Code.CONFLICT
    with database.reading() as tx:
        assert not runs.get(tx, SCOPE, "run-2").exclusive


def test_open_runs_are_found_below_those_that_made_them(database: Database) -> None:
    """Whoever stops a run with all that it has brought about finds that, however deep, and through runs that have ended."""
    with database.transaction() as tx:
        for run_id, caller in (("run-1", None), ("child", "run-1"), ("grandchild", "child"), ("other", "else")):
            runs.insert(tx, a_run(run_id, caller=None if caller is None else Caller(caller, "Each/0/Call", 1)))
        assert [run.id for run in runs.open_below(tx, "run-1")] == ["child", "grandchild"]
        finish(tx, "child")
        assert [run.id for run in runs.open_below(tx, "run-1")] == ["grandchild"]


def test_the_last_attempt_of_a_group_is_that_of_its_newest_run(database: Database) -> None:
    """A further run of the group is one more."""
    put_run(database, a_run(exclusive=False))
    put_run(database, a_retry(exclusive=False))
    with database.transaction() as tx:
        assert runs.last_attempt(tx, "run-1") == 2
    with database.reading() as tx:
        assert runs.last_attempt(tx, "run-1") == 2


def test_a_run_that_others_refer_to_is_not_removed(database: Database) -> None:
    """What a carried-over outcome refers to stays while its group does."""
    _a_repaired_group(database)
    with database.transaction() as tx, pytest.raises(Problem) as caught:
        runs.delete(tx, ["run-1"])
    assert caught.value.code is Code.CONFLICT


def test_a_run_that_goes_on_is_not_removed(database: Database) -> None:
    """Retention takes ended runs only."""
    put_run(database, a_run())
    with database.transaction() as tx, pytest.raises(Problem) as caught:
        runs.delete(tx, ["run-1"])
    assert caught.value.code is Code.CONFLICT


def test_a_removed_flow_leaves_its_runs(database: Database) -> None:
    """Runs are the ledger: they outlive the flow."""
    put_run(database, a_run())
    with database.transaction() as tx:
        assert flows.page(tx, SCOPE).items == ()
        assert runs.get(tx, SCOPE, "run-1").flow_name == "flights"


def _a_repaired_group(database: Database) -> None:
    with database.transaction() as tx:
        runs.insert(tx, a_run(request_key="once"))
        activity_runs.insert_all(tx, activities())
        batches.save(tx, a_batch())
        finish(tx, "run-1")
        runs.insert(tx, replace(a_retry(), kind=RunKind.REPLAY))
        batches.begin_replay(tx, "batch-1", "run-2", NOW)
        batches.save(tx, a_batch("batch-2", run_id="run-2", replay_of="batch-1"))
        batches.resolve_rejects(tx, "batch-1", [1], "batch-2")
        signals.send(tx, SCOPE, "run-1", "Copy", 1, {}, NOW)
        variables.change(tx, SCOPE, "run-1", VariableChange("v", 1, append=True), NOW)
        finish(tx, "run-2")
