"""The planner: what a retry runs, carries over and looks at again."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.codec import decode, encode
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Condition, Dependency, Plan
from headrace.core.planning import PastActivity, PastRun, PlanMode, PlanRequest, RunPlan, Verdict, plan_run
from headrace.core.progress import downstream, outcome, ready
from headrace.core.run import ActivityStatus, RunStatus

COPY = Activity("copy", "copy")
PROMOTE = Activity("promote", "promote", depends_on=(Dependency("copy"),))
FLOW = Plan((COPY, PROMOTE))


def perform(
    plan: Plan, history: tuple[PastRun, ...], request: PlanRequest, works: Mapping[str, bool]
) -> tuple[PastRun, RunPlan]:
    """Return the run that results when each executed activity ends as ``works`` says, and its plan."""
    planned = plan_run(plan, history, request)
    carried = {p.path for p in planned.activities if p.verdict is Verdict.CARRY_OVER}
    statuses = dict.fromkeys(carried, ActivityStatus.CARRIED)
    while not (step := ready(plan, statuses)).done:
        statuses |= dict.fromkeys(step.skip, ActivityStatus.SKIPPED) | dict.fromkeys(
            step.inactive, ActivityStatus.INACTIVE
        )
        for path in step.start:
            statuses[path] = ActivityStatus.SUCCEEDED if works[path] else ActivityStatus.FAILED
    statuses |= dict.fromkeys(step.skip, ActivityStatus.SKIPPED) | dict.fromkeys(step.inactive, ActivityStatus.INACTIVE)
    past = tuple(
        PastActivity(
            a.name,
            statuses[a.name],
            a.fingerprint,
            planned.by_path[a.name].commit_key,
            carried_from=planned.by_path[a.name].carried_from,
        )
        for a in plan.activities
    )
    return PastRun(request.run_id, outcome(plan, statuses), past), planned


def failed_promotion() -> PastRun:
    """Return a first run whose copy succeeded and whose promotion failed."""
    run, _ = perform(FLOW, (), PlanRequest("r1"), {"copy": True, "promote": False})
    return run


def verdicts(plan: RunPlan) -> dict[str, str]:
    """Return the verdicts by path, as the ledger writes them."""
    return {planned.path: planned.verdict.value for planned in plan.activities}


def test_a_first_run_runs_everything() -> None:
    """Nothing can be carried over where nothing was done."""
    plan = plan_run(FLOW, (), PlanRequest("r1"))
    assert verdicts(plan) == {"copy": "run", "promote": "run"}
    assert len({planned.commit_key for planned in plan.activities}) == 2


def test_a_retry_carries_the_copy_over_and_promotes_again_under_the_same_commit_key() -> None:
    """A source is read once per group, and a commit that nobody heard of is not repeated."""
    first = failed_promotion()
    plan = plan_run(FLOW, (first,), PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert verdicts(plan) == {"copy": "carry_over", "promote": "run"}
    assert plan.by_path["copy"].carried_from == "r1"
    assert plan.by_path["copy"].reason == "run r1 did it already"
    assert plan.by_path["promote"].reason == "it failed"
    assert plan.by_path["promote"].commit_key == first.activities[1].commit_key
    assert plan.by_path["promote"].previous_from == "r1"


def test_carrying_over_refers_to_the_run_that_really_did_it() -> None:
    """A chain of retries points to the first run's landing, not to a run that only carried it over."""
    history: tuple[PastRun, ...] = (failed_promotion(),)
    for name in ("r2", "r3"):
        run, _ = perform(FLOW, history, PlanRequest(name, PlanMode.FROM_FAILURE), {"copy": False, "promote": False})
        history = (*history, run)
    plan = plan_run(FLOW, history, PlanRequest("r4", PlanMode.FROM_FAILURE))
    assert plan.by_path["copy"].carried_from == "r1"
    assert plan.by_path["promote"].commit_key == history[0].activities[1].commit_key


def test_a_changed_definition_runs_and_so_does_what_depends_on_it() -> None:
    """An outcome of another definition is not this activity's outcome."""
    changed = Plan((replace(COPY, settings={"path": "other"}), PROMOTE))
    plan = plan_run(changed, (failed_promotion(),), PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert verdicts(plan) == {"copy": "run", "promote": "run"}
    assert plan.by_path["copy"].reason == "its definition changed since"
    assert plan.by_path["promote"].previous_from is None


def test_a_copy_whose_landing_is_gone_runs_again() -> None:
    """Scenario C17: that an outcome is gone is noticed before it is offered."""
    first = failed_promotion()
    gone = replace(first.activities[0], gone="its landing has been removed")
    history = (replace(first, activities=(gone, first.activities[1])),)
    plan = plan_run(FLOW, history, PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert plan.by_path["copy"].verdict is Verdict.RUN
    assert plan.by_path["copy"].reason == "its landing has been removed"
    assert plan.by_path["copy"].commit_key != gone.commit_key


def test_a_landing_that_is_gone_and_that_nothing_needs_is_carried_over() -> None:
    """Reading it again would promote it again under a new key, and an append would have each row twice."""
    first, _ = perform(FLOW, (), PlanRequest("r1"), {"copy": True, "promote": True})
    gone = replace(first.activities[0], gone="its landing has been removed")
    history = (replace(first, activities=(gone, first.activities[1])),)
    plan = plan_run(FLOW, history, PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert verdicts(plan) == {"copy": "carry_over", "promote": "carry_over"}
    assert plan.by_path["copy"].reason == (
        "run r1 did it already; its landing has been removed, and nothing that runs needs it"
    )


def test_an_activity_after_the_promotion_does_not_need_the_landing() -> None:
    """Only what depends on an outcome itself reads it: what failed behind the promotion runs alone."""
    notify = Activity("notify", "web", depends_on=(Dependency("promote"),))
    plan = Plan((COPY, PROMOTE, notify))
    first, _ = perform(plan, (), PlanRequest("r1"), {"copy": True, "promote": True, "notify": False})
    gone = replace(first.activities[0], gone="its landing has been removed")
    history = (replace(first, activities=(gone, *first.activities[1:])),)
    retry = plan_run(plan, history, PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert verdicts(retry) == {"copy": "carry_over", "promote": "carry_over", "notify": "run"}
    again = plan_run(plan, history, PlanRequest("r2", PlanMode.FROM_ACTIVITY, "promote"))
    assert verdicts(again) == {"copy": "run", "promote": "run", "notify": "run"}


def test_an_activity_that_never_started_is_looked_at_again() -> None:
    """Scenario C13: a retry from failure must not forget what the failure kept from starting."""
    first, _ = perform(FLOW, (), PlanRequest("r1"), {"copy": False, "promote": True})
    plan = plan_run(FLOW, (first,), PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert verdicts(plan) == {"copy": "run", "promote": "reevaluate"}


def test_an_error_handler_is_not_carried_over_when_what_it_handles_runs_again() -> None:
    """Its work was for a failure that may not happen any more."""
    handler = Activity("alarm", "web", depends_on=(Dependency("copy", frozenset({Condition.FAILED})),))
    plan = Plan((COPY, handler, Activity("other", "copy")))
    first, _ = perform(plan, (), PlanRequest("r1"), {"copy": False, "alarm": True, "other": False})
    retry = plan_run(plan, (first,), PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert verdicts(retry) == {"copy": "run", "alarm": "reevaluate", "other": "run"}


def test_a_handler_that_will_be_skipped_again_does_not_make_its_followers_run() -> None:
    """What stands as before, without being executed, is no reason to do anything again."""
    handler = Activity("alarm", "web", depends_on=(Dependency("copy", frozenset({Condition.FAILED})),))
    after = Activity("after", "web", depends_on=(Dependency("alarm", frozenset({Condition.SKIPPED})),))
    plan = Plan((COPY, handler, after, Activity("other", "copy")))
    first, _ = perform(plan, (), PlanRequest("r1"), {"copy": True, "after": True, "other": False})
    retry = plan_run(plan, (first,), PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert verdicts(retry) == {"copy": "carry_over", "alarm": "reevaluate", "after": "carry_over", "other": "run"}


def test_beginning_again_at_an_activity_runs_it_and_what_depends_on_it_under_new_keys() -> None:
    """Who asks for work that succeeded to be done again wants a new write, not the old one found."""
    first, _ = perform(FLOW, (), PlanRequest("r1"), {"copy": True, "promote": True})
    plan = plan_run(FLOW, (first,), PlanRequest("r2", PlanMode.FROM_ACTIVITY, "promote"))
    assert verdicts(plan) == {"copy": "carry_over", "promote": "run"}
    assert plan.by_path["promote"].commit_key != first.activities[1].commit_key


def test_all_runs_everything_again() -> None:
    """The mode means what it says, and what had failed keeps its commit key all the same."""
    first = failed_promotion()
    plan = plan_run(FLOW, (first,), PlanRequest("r2", PlanMode.ALL))
    assert verdicts(plan) == {"copy": "run", "promote": "run"}
    assert plan.by_path["copy"].commit_key != first.activities[0].commit_key
    assert plan.by_path["promote"].commit_key == first.activities[1].commit_key
    assert plan.by_path["promote"].previous_from is None


def test_a_run_cancelled_before_it_started_does_not_hide_what_was_done_before() -> None:
    """An activity that was only going to be carried over is still carried over from where it was done."""
    first = failed_promotion()
    second = PastRun(
        "r2",
        RunStatus.CANCELLED,
        (
            replace(first.activities[0], status=ActivityStatus.CANCELLED, carried_from="r1"),
            replace(first.activities[1], status=ActivityStatus.CANCELLED),
        ),
    )
    plan = plan_run(FLOW, (first, second), PlanRequest("r3", PlanMode.FROM_FAILURE))
    assert plan.by_path["copy"].carried_from == "r1"
    assert plan.by_path["promote"].commit_key == first.activities[1].commit_key


@pytest.mark.parametrize(
    ("mode", "activity", "words"),
    [
        (PlanMode.FROM_ACTIVITY, "load", "'load' is no activity of this flow; it has copy, promote"),
        (PlanMode.FROM_ACTIVITY, None, "an activity is named with the mode from_activity"),
        (PlanMode.ALL, "copy", "an activity is named with the mode from_activity"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(mode: PlanMode, activity: str | None, words: str) -> None:
    """The message says what would be right."""
    with pytest.raises(Problem) as refusal:
        plan_run(FLOW, (failed_promotion(),), PlanRequest("r2", mode, activity))
    assert refusal.value.code is Code.INVALID
    assert words in refusal.value.message


def test_a_run_cannot_begin_with_an_activity_that_is_switched_off() -> None:
    """It would be a run of nothing."""
    plan = Plan((replace(COPY, inactive=True),))
    with pytest.raises(Problem, match="switched off"):
        plan_run(plan, (failed_promotion(),), PlanRequest("r2", PlanMode.FROM_ACTIVITY, "copy"))


def test_a_retry_needs_an_earlier_run_that_has_ended() -> None:
    """Scenario C25: two tries of one group at the same time would race."""
    for history in ((), (replace(failed_promotion(), status=RunStatus.RUNNING),)):
        with pytest.raises(Problem) as refusal:
            plan_run(FLOW, history, PlanRequest("r2", PlanMode.FROM_FAILURE))
        assert refusal.value.code is Code.ILLEGAL_STATE


def test_a_plan_is_kept_as_json() -> None:
    """The ledger keeps what was decided, word for word."""
    plan = plan_run(FLOW, (failed_promotion(),), PlanRequest("r2", PlanMode.FROM_FAILURE))
    assert decode(RunPlan, encode(plan), what="the plan") == plan


# ---------------------------------------------------------------- against a naive model

CONDITIONS = st.frozensets(st.sampled_from(list(Condition)), min_size=1, max_size=2)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw plans of up to six activities whose dependencies point backwards."""
    activities: list[Activity] = []
    for number in range(draw(st.integers(1, 6))):
        upstream = draw(st.sets(st.sampled_from([a.name for a in activities]), max_size=2)) if activities else set()
        activities.append(
            Activity(
                f"a{number}",
                "copy",
                depends_on=tuple(
                    Dependency(name, draw(st.just(frozenset({Condition.SUCCEEDED})) | CONDITIONS))
                    for name in sorted(upstream)
                ),
                inactive=draw(st.integers(0, 9)) == 0,
            )
        )
    return Plan(tuple(activities))


@st.composite
def groups(draw: st.DrawFn) -> tuple[Plan, tuple[PastRun, ...]]:
    """Draw a plan and the one to four runs of its group, planned by the planner and ended by chance."""
    plan = draw(plans())
    history: tuple[PastRun, ...] = ()
    names = [a.name for a in plan.activities]
    for number in count(1):
        works = {name: draw(st.booleans()) for name in names}
        mode = draw(st.sampled_from([PlanMode.FROM_FAILURE, PlanMode.ALL])) if history else PlanMode.FRESH
        run, _ = perform(plan, history, PlanRequest(f"r{number}", mode), works)
        history = (*history, run)
        if number == 4 or draw(st.booleans()):
            break
    return plan, history


def newest(history: tuple[PastRun, ...], path: str) -> PastActivity:
    """Return how the activity stood in the newest run."""
    return next(a for a in history[-1].activities if a.path == path)


@given(groups(), st.data())
def test_a_retry_ends_as_a_full_rerun_would(group: tuple[Plan, tuple[PastRun, ...]], data: st.DataObject) -> None:
    """Where what had succeeded would succeed again, carrying it over changes nothing about how a run ends."""
    plan, history = group
    works = {a.name: newest(history, a.name).succeeded or data.draw(st.booleans()) for a in plan.activities}
    whole, _ = perform(plan, (), PlanRequest("whole"), works)
    retry, _ = perform(plan, history, PlanRequest("retry", PlanMode.FROM_FAILURE), works)
    carried = {ActivityStatus.CARRIED: ActivityStatus.SUCCEEDED}
    assert [carried.get(a.status, a.status) for a in retry.activities] == [a.status for a in whole.activities]
    assert retry.status is whole.status


@given(groups(), st.data())
def test_only_what_succeeded_and_stands_upstream_of_nothing_executed_is_carried_over(
    group: tuple[Plan, tuple[PastRun, ...]], data: st.DataObject
) -> None:
    """Nothing downstream of an executed activity is carried over, nor what does not fit, nor what is gone and needed."""
    plan, history = group
    names = [a.name for a in plan.activities]
    unfit, gone = data.draw(st.sets(st.sampled_from(names))), data.draw(st.sets(st.sampled_from(names)))
    last = history[-1]
    marked = tuple(
        replace(a, reusable=a.path not in unfit, gone="it is gone" if a.path in gone else "") for a in last.activities
    )
    history = (*history[:-1], replace(last, activities=marked))
    starts = [a.name for a in plan.activities if not a.inactive]
    start = data.draw(st.none() | st.sampled_from(starts)) if starts else None
    mode = PlanMode.FROM_FAILURE if start is None else PlanMode.FROM_ACTIVITY
    works = {a.name: data.draw(st.booleans()) for a in plan.activities}
    retry, planned = perform(plan, history, PlanRequest("retry", mode, start), works)
    executed = frozenset(
        a.path for a in retry.activities if a.status in {ActivityStatus.SUCCEEDED, ActivityStatus.FAILED}
    )
    carried = {p.path for p in planned.activities if p.verdict is Verdict.CARRY_OVER}
    assert not carried & downstream(plan, executed)
    assert not carried & unfit
    needed = {d.activity for a in plan.activities if a.name in executed for d in a.depends_on}
    assert not carried & gone & needed
    followed = {d.activity for a in plan.activities if a.name not in carried for d in a.depends_on}
    again = {p.path for p in planned.activities if p.reason.startswith("it is gone")}
    assert again <= gone & followed
    assert all(newest(history, path).succeeded for path in carried)
    assert start not in carried


@given(groups())
def test_an_execution_has_a_new_commit_key_exactly_when_the_activity_had_succeeded(
    group: tuple[Plan, tuple[PastRun, ...]],
) -> None:
    """Design §6: the key outlives tries that failed, and never comes back once its write succeeded."""
    plan, history = group
    used = {a.commit_key for run in history for a in run.activities}
    for mode in (PlanMode.FROM_FAILURE, PlanMode.ALL):
        for planned in plan_run(plan, history, PlanRequest("retry", mode)).activities:
            before = newest(history, planned.path)
            again = before.succeeded and planned.verdict is not Verdict.CARRY_OVER
            assert (planned.commit_key not in used) if again else planned.commit_key == before.commit_key


@given(groups())
def test_what_is_carried_over_was_executed_with_success_in_the_run_that_it_refers_to(
    group: tuple[Plan, tuple[PastRun, ...]],
) -> None:
    """A reference never points to a run that itself only carried the outcome over."""
    plan, history = group
    statuses = {(run.id, a.path): a.status for run in history for a in run.activities}
    for planned in plan_run(plan, history, PlanRequest("retry", PlanMode.FROM_FAILURE)).activities:
        if planned.verdict is Verdict.CARRY_OVER:
            assert statuses[str(planned.carried_from), planned.path] is ActivityStatus.SUCCEEDED
