"""How a run goes on and how it ends, by the rules of Azure Data Factory."""

from dataclasses import replace

import pytest

from headrace.core.errors import Problem
from headrace.core.flow import Activity, Condition, Dependency, Plan
from headrace.core.progress import Step, culprits, outcome, ready, run_outcome
from headrace.core.run import ActivityStatus as A
from headrace.core.run import RunStatus
from ledger_rows import a_run


def after(name: str, *conditions: str) -> Dependency:
    """Return a dependency on ``name``; no conditions: it succeeded."""
    return Dependency(name, frozenset(map(Condition, conditions or ("succeeded",))))


def node(name: str, *dependencies: Dependency, inactive: bool = False) -> Activity:
    """Return an activity of some kind."""
    return Activity(name, "copy", depends_on=dependencies, inactive=inactive)


TRY_CATCH = Plan((node("work"), node("catch", after("work", "failed"))))
IF_ELSE = Plan((node("work"), node("then", after("work")), node("catch", after("work", "failed"))))
SKIP_ELSE = Plan((node("work"), node("then", after("work")), node("catch", after("then", "failed", "skipped"))))


def test_what_depends_on_nothing_starts_at_once() -> None:
    """Branches go on side by side."""
    plan = Plan((node("a"), node("b"), node("c", after("a"), after("b"))))
    assert ready(plan, {}) == Step(start=("a", "b"))
    assert ready(plan, {"a": A.SUCCEEDED, "b": A.RUNNING}) == Step()
    assert ready(plan, {"a": A.SUCCEEDED, "b": A.CARRIED}) == Step(start=("c",))


def test_nothing_overtakes_what_a_recovery_executes_again() -> None:
    """A variable that is set again before an activity that was carried over is set before the activity behind it begins."""
    plan = Plan((node("set"), node("carried", after("set")), node("last", after("carried"))))
    assert ready(plan, {"carried": A.CARRIED}) == Step(start=("set",))
    assert ready(plan, {"set": A.RUNNING, "carried": A.CARRIED}) == Step()
    assert ready(plan, {"set": A.SUCCEEDED, "carried": A.CARRIED}) == Step(start=("last",))


def test_a_failure_skips_all_that_hangs_on_success() -> None:
    """One look marks the whole branch."""
    plan = Plan((node("a"), node("b", after("a")), node("c", after("b")), node("d", after("b", "skipped"))))
    assert ready(plan, {"a": A.FAILED}) == Step(start=("d",), skip=("b", "c"))


def test_a_run_is_done_when_all_that_is_left_is_marked() -> None:
    """The engine needs no further look after it marked what is skipped."""
    assert ready(TRY_CATCH, {"work": A.SUCCEEDED}) == Step(skip=("catch",), done=True)


def test_completed_means_succeeded_or_failed_but_not_skipped() -> None:
    """Azure Data Factory's upon-completion path is not taken when the activity did not run."""
    plan = Plan((node("a"), node("b", after("a", "completed"))))
    assert ready(plan, {"a": A.TIMED_OUT}).start == ("b",)
    assert ready(plan, {"a": A.SKIPPED}).skip == ("b",)


def test_a_switched_off_activity_counts_as_succeeded() -> None:
    """What depends on it goes on as if it had done its work."""
    plan = Plan((node("a", inactive=True), node("b", after("a"))))
    assert ready(plan, {}) == Step(start=("b",), inactive=("a",))


@pytest.mark.parametrize(
    ("plan", "statuses", "status"),
    [
        (TRY_CATCH, {"work": A.SUCCEEDED, "catch": A.SKIPPED}, RunStatus.SUCCEEDED),
        (TRY_CATCH, {"work": A.FAILED, "catch": A.SUCCEEDED}, RunStatus.SUCCEEDED),
        (TRY_CATCH, {"work": A.FAILED, "catch": A.FAILED}, RunStatus.FAILED),
        (IF_ELSE, {"work": A.SUCCEEDED, "then": A.SUCCEEDED, "catch": A.SKIPPED}, RunStatus.SUCCEEDED),
        (IF_ELSE, {"work": A.FAILED, "then": A.SKIPPED, "catch": A.SUCCEEDED}, RunStatus.FAILED),
        (SKIP_ELSE, {"work": A.FAILED, "then": A.SKIPPED, "catch": A.SUCCEEDED}, RunStatus.SUCCEEDED),
        (TRY_CATCH, {"work": A.TIMED_OUT, "catch": A.CANCELLED}, RunStatus.FAILED),
        (TRY_CATCH, {"work": A.CANCELLED, "catch": A.CANCELLED}, RunStatus.CANCELLED),
        (TRY_CATCH, {"work": A.CARRIED, "catch": A.SKIPPED}, RunStatus.SUCCEEDED),
        (Plan(()), {}, RunStatus.SUCCEEDED),
    ],
)
def test_the_leaves_decide_how_a_run_ends(plan: Plan, statuses: dict[str, A], status: RunStatus) -> None:
    """A skipped leaf hands the question to what it depends on; so a handled failure is none, and an unhandled one is."""
    assert outcome(plan, statuses) is status


def test_a_pipeline_that_is_being_cancelled_ends_cancelled() -> None:
    """Whoever cancels one waits for exactly that end, also where something failed before, or had just succeeded; for flows the failure counts."""
    for dialect, ends in (("datafactory", {"cancelled"}), ("", {"failed", "succeeded"})):
        plan = Plan(TRY_CATCH.activities, dialect=dialect)
        run = replace(a_run(), definition=plan, status=RunStatus.CANCELLING)
        statuses = ({"work": A.FAILED, "catch": A.CANCELLED}, {"work": A.SUCCEEDED, "catch": A.SKIPPED})
        assert {run_outcome(run, ended).value for ended in statuses} == ends
    assert (
        run_outcome(replace(a_run(), definition=TRY_CATCH), {"work": A.SUCCEEDED, "catch": A.SKIPPED})
        is RunStatus.SUCCEEDED
    )


def test_the_culprits_are_the_failures_that_nothing_handled() -> None:
    """A person is shown why the run failed, not every failure in it."""
    plan = Plan((node("a"), node("b", after("a", "failed")), node("c"), node("d", after("c"))))
    statuses = {"a": A.FAILED, "b": A.SUCCEEDED, "c": A.FAILED, "d": A.SKIPPED}
    assert culprits(plan, statuses) == ("c",)


def test_a_run_that_has_not_ended_has_no_outcome() -> None:
    """Asking too early is a mistake that is named."""
    with pytest.raises(Problem, match="catch did not end"):
        outcome(TRY_CATCH, {"work": A.FAILED})
