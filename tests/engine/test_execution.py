"""Runs from their first activity to their end."""

import threading
import time

import pytest

from engine_desk import NOW, Desk, MakesEngines, activity, plan
from headrace.core import codec
from headrace.core.clock import Instant
from headrace.core.codec import JsonObject
from headrace.core.errors import Code, Problem
from headrace.core.flow import Condition, Dependency, Policy
from headrace.core.landing import LandedFile, Landing
from headrace.core.outcome import BatchReport, Failure, Figures, Outcome
from headrace.core.run import ActivityStatus, BatchStatus, RunStatus
from headrace.core.task import Context, Task
from headrace.core.window import Window
from headrace.store import batches, watermarks

AT_ONCE = Policy(retries=2, interval_seconds=0.05)


def test_a_run_of_two_activities_succeeds_and_sums_their_figures(desk: Desk, make_engine: MakesEngines) -> None:
    """A run's figures are the sums of its activities'."""
    make_engine()
    run = desk.ended(desk.ask(plan(activity("a", "counting"), activity("b", "counting", ["a"]))))
    assert (run.status, run.figures) == (RunStatus.SUCCEEDED, Figures(rows_read=4, bytes_read=20))


def test_an_activity_is_handed_the_outputs_of_all_that_it_depends_on(desk: Desk, make_engine: MakesEngines) -> None:
    """Inputs reach through: what a dependency depended on is there too."""
    make_engine()
    run_id = desk.ask(plan(activity("a"), activity("b", after=["a"]), activity("c", "counting", ["b"])))
    desk.ended(run_id)
    assert desk.rows(run_id)[-1].output == {"inputs": ["a", "b"]}


def test_branches_work_at_the_same_time(desk: Desk, make_engine: MakesEngines) -> None:
    """Two branches of a run take as long as the longer one."""
    make_engine()
    began = time.monotonic()
    branches = [activity(name, "patient", ["a"], {"seconds": 1.2}) for name in "bcde"]
    run = desk.ended(desk.ask(plan(activity("a"), *branches, activity("z", after=list("bcde")))))
    assert run.status is RunStatus.SUCCEEDED
    assert time.monotonic() - began < 4


def test_a_failure_skips_what_asked_for_success_and_is_the_runs_reason(desk: Desk, make_engine: MakesEngines) -> None:
    """The run fails with the failure of the leaf's cause."""
    make_engine()
    run_id = desk.ask(plan(activity("a", "failing"), activity("b", after=["a"])))
    run = desk.ended(run_id)
    assert (run.status, run.reason) == (RunStatus.FAILED, Failure(Code.INVALID, "it was asked to fail"))
    assert desk.statuses(run_id) == {"a": "failed", "b": "skipped"}


def test_a_failure_that_somebody_handles_lets_the_run_succeed(desk: Desk, make_engine: MakesEngines) -> None:
    """An activity may wait for another one's failure."""
    make_engine()
    handler = activity("b")
    handler = type(handler)("b", "noop", {}, (Dependency("a", frozenset({Condition.FAILED})),))
    assert desk.ended(desk.ask(plan(activity("a", "failing"), handler))).status is RunStatus.SUCCEEDED


def test_each_attempt_is_a_row_of_its_own(desk: Desk, make_engine: MakesEngines) -> None:
    """The policy's retries are attempts 2, 3 …; the run goes on with the one that succeeds."""
    tries: list[int] = []

    def flaky(task: Task, context: Context) -> Outcome:  # noqa: ARG001 — the shape of every activity
        tries.append(task.attempt)
        if task.attempt < 3:
            raise Problem(Code.SOURCE_UNAVAILABLE, "not now")
        return Outcome()

    make_engine({"flaky": flaky})
    run_id = desk.ask(plan(activity("a", "flaky", policy=AT_ONCE), activity("b", after=["a"])))
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    found = [(row.path, row.attempt, row.status.value) for row in desk.rows(run_id)]
    assert found == [("a", 1, "failed"), ("a", 2, "failed"), ("a", 3, "succeeded"), ("b", 1, "succeeded")]
    assert tries == [1, 2, 3]


def test_a_failure_that_repeating_cannot_mend_is_final(desk: Desk, make_engine: MakesEngines) -> None:
    """Only retryable codes are tried again (C24)."""
    make_engine()
    run_id = desk.ask(plan(activity("a", "failing", policy=AT_ONCE)))
    desk.ended(run_id)
    assert [row.attempt for row in desk.rows(run_id)] == [1]


def test_an_attempt_that_takes_too_long_is_timed_out(desk: Desk, make_engine: MakesEngines) -> None:
    """The policy's timeout stops the activity, and says so."""
    make_engine()
    run_id = desk.ask(plan(activity("a", "patient", policy=Policy(timeout_seconds=0.3))))
    run = desk.ended(run_id)
    assert (run.status, desk.statuses(run_id)) == (RunStatus.FAILED, {"a": "timed_out"})
    assert run.reason == Failure(Code.TIMED_OUT, "it did not end within 0.3 s")


def test_an_activity_that_does_not_stop_is_left_to_itself(desk: Desk, make_engine: MakesEngines) -> None:
    """A deaf activity holds neither the run nor its place, and what it does later does not count (C11, C12)."""
    over, gone = threading.Event(), threading.Event()

    def deaf(task: Task, context: Context) -> Outcome:
        del task, context
        over.wait(20)
        gone.set()
        return Outcome(output={"late": True})

    engine = make_engine({"deaf": deaf})
    run_id = desk.ask(plan(activity("a", "deaf", policy=Policy(timeout_seconds=0.2))))
    desk.ended(run_id, seconds=10)
    over.set()
    assert gone.wait(5)
    engine.stop()
    assert (desk.statuses(run_id), desk.rows(run_id)[0].output) == ({"a": "timed_out"}, {})


def test_an_unknown_kind_fails_its_activity_by_name(desk: Desk, make_engine: MakesEngines) -> None:
    """The message names the kind, and what there is."""
    make_engine()
    run = desk.ended(desk.ask(plan(activity("a", "teleport"))))
    assert run.reason is not None
    assert run.reason.code is Code.UNSUPPORTED
    assert "'teleport'" in run.reason.message


def test_a_bug_in_an_activity_fails_it_without_telling_values(desk: Desk, make_engine: MakesEngines) -> None:
    """What an activity raises that is no Problem is INTERNAL, and its text, which may hold rows, is not shown."""

    def buggy(task: Task, context: Context) -> Outcome:
        del task, context
        raise ValueError("row 1: secret")

    make_engine({"buggy": buggy})
    run = desk.ended(desk.ask(plan(activity("a", "buggy"))))
    assert run.reason == Failure(Code.INTERNAL, "buggy broke down: ValueError")


def test_a_running_activity_is_cancelled_within_two_seconds(desk: Desk, make_engine: MakesEngines) -> None:
    """Cancelling stops what works, and what had not begun never does."""
    make_engine()
    run_id = desk.ask(plan(activity("a", "patient"), activity("b", after=["a"])))
    desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
    desk.cancel(run_id)
    assert desk.ended(run_id, seconds=2).status is RunStatus.CANCELLED
    assert desk.statuses(run_id) == {"a": "cancelled", "b": "cancelled"}


@pytest.mark.parametrize(
    ("kind", "settings"), [("wait", {"seconds": 60}), ("external", {"deadline_seconds": 60})], ids=["timer", "external"]
)
def test_a_waiting_run_is_cancelled_within_two_seconds(
    desk: Desk, make_engine: MakesEngines, kind: str, settings: JsonObject
) -> None:
    """A run that only waits hears of its end as fast as one that works."""
    make_engine()
    run_id = desk.ask(plan(activity("a", kind, settings=settings), activity("b", after=["a"])))
    desk.becomes(run_id, RunStatus.WAITING)
    desk.cancel(run_id)
    assert desk.ended(run_id, seconds=2).status is RunStatus.CANCELLED
    assert desk.statuses(run_id) == {"a": "cancelled", "b": "cancelled"}


def test_a_pause_before_a_retry_is_cancelled_within_two_seconds(desk: Desk, make_engine: MakesEngines) -> None:
    """A run between two attempts waits, and can be cancelled."""
    make_engine()
    settings = {"code": "source_unavailable"}
    run_id = desk.ask(plan(activity("a", "failing", settings=settings, policy=Policy(retries=1, interval_seconds=60))))
    desk.becomes(run_id, RunStatus.WAITING)
    desk.cancel(run_id)
    assert desk.ended(run_id, seconds=2).status is RunStatus.CANCELLED


def test_c27_what_had_committed_when_it_was_cancelled_ends_succeeded(desk: Desk, make_engine: MakesEngines) -> None:
    """A commit that was under way is not denied; with nothing left to do, the run succeeded."""
    make_engine()
    run_id = desk.ask(plan(activity("a", "committing")))
    desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
    desk.cancel(run_id)
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED


def test_c27_what_comes_after_a_commit_is_cancelled(desk: Desk, make_engine: MakesEngines) -> None:
    """The committed activity stays succeeded; the run ends cancelled, since something was left to do."""
    make_engine()
    run_id = desk.ask(plan(activity("a", "committing"), activity("b", after=["a"])))
    desk.activity_becomes(run_id, "a", ActivityStatus.RUNNING)
    desk.cancel(run_id)
    assert desk.ended(run_id).status is RunStatus.CANCELLED
    assert desk.statuses(run_id) == {"a": "succeeded", "b": "cancelled"}


def test_a_batch_is_written_with_the_end_of_its_activity(desk: Desk, make_engine: MakesEngines) -> None:
    """A promotion that fails for its rejects has its batch and its diagnostics all the same."""

    def rejecting(task: Task, context: Context) -> Outcome:
        del context
        figures = Figures(rows_read=2, rows_accepted=1, rows_rejected=1, rows_skipped=0)
        report = BatchReport("0" * 26, "t", task.commit_key, None, figures, diagnostics=("row_errors/x.json",))
        return Outcome(figures=figures, failure=Failure(Code.TOO_MANY_REJECTS, "too many"), batch=report)

    make_engine({"rejecting": rejecting})
    run_id = desk.ask(plan(activity("a", "rejecting")))
    desk.ended(run_id)
    with desk.database.reading() as tx:
        batch = batches.get(tx, "local", "0" * 26)
    assert (batch.status, batch.run_id, batch.diagnostics) == (BatchStatus.FAILED, run_id, ("row_errors/x.json",))


def test_the_watermark_moves_with_the_success_of_the_run_to_what_was_delivered(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """The end of the landing's window becomes the watermark, in the transaction that marks the run succeeded."""
    landing = Landing((LandedFile("x", "x", 1),), window=Window(None, Instant(NOW)))

    def landed(task: Task, context: Context) -> Outcome:
        del task, context
        return Outcome(output={"landing": codec.encode(landing)})

    make_engine({"landed": landed})
    asks: JsonObject = {"watermark": {"key": "t"}}
    good = desk.ask(plan(activity("a", "landed")), details=asks)
    desk.ended(good)
    bad = desk.ask(plan(activity("a", "landed"), activity("b", "failing", ["a"])), flow="other", details=asks)
    desk.ended(bad)
    with desk.database.reading() as tx:
        moved, unmoved = watermarks.get(tx, "local", "flow", "t"), watermarks.get(tx, "local", "other", "t")
    assert moved is not None
    assert (moved.value, moved.run_id, unmoved) == (NOW, good, None)


def test_a_run_whose_plan_cannot_be_gone_on_with_does_not_stay_open(desk: Desk, make_engine: MakesEngines) -> None:
    """Settings that nobody can read fail their activity and with it the run."""
    make_engine()
    run_id = desk.ask(plan(activity("a", "wait", settings={"seconds": "soon"}), activity("b", "external")))
    assert desk.ended(run_id).status is RunStatus.FAILED
    assert desk.statuses(run_id) == {"a": "failed", "b": "failed"}


def test_a_run_that_the_engine_cannot_go_on_with_fails_and_does_not_stay_open(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """Whatever is wrong with a run, it ends, and says what it was."""
    make_engine()
    run = desk.ended(desk.ask(plan(activity("a")), without_rows=True))
    assert run.status is RunStatus.FAILED
    assert run.reason is not None
