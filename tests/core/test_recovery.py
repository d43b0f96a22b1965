"""Recovery by the rules of Data Factory's contract (section 6), through the one planner."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.carrying import carried, origin_of
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Alike, Condition, Dependency, OnRecovery, Plan
from headrace.core.planning import PastActivity, PastRun, PlanMode, PlanRequest, RunPlan, Verdict, plan_run
from headrace.core.run import ActivityRun, ActivityStatus, RunStatus
from recovering import NOW, Performance

A = ActivityStatus
FROM_FAILURE, FROM_ACTIVITY = PlanMode.FROM_FAILURE, PlanMode.FROM_ACTIVITY


def step(name: str, *after: str, kind: str = "web", on: Condition = Condition.SUCCEEDED) -> Activity:
    """Return an activity of a pipeline that comes after others."""
    recovery = {"wait": OnRecovery.REPEAT, "set": OnRecovery.REBUILD, "call": OnRecovery.ENTER}
    return Activity(
        name,
        kind,
        depends_on=tuple(Dependency(one, frozenset({on})) for one in after),
        on_recovery=recovery.get(kind, OnRecovery.CARRY),
        alike=Alike.KIND,
    )


def box(name: str, *inner: Activity, kind: str = "if", after: tuple[str, ...] = ()) -> Activity:
    """Return a container with one body."""
    shell = step(name, *after, kind=kind)
    return replace(shell, bodies={"true": Plan(tuple(inner))}, on_recovery=OnRecovery.ENTER)


def past(plan: Plan, **statuses: A) -> tuple[PastRun, ...]:
    """Return a run ``r1`` in which the activities ended so; all others succeeded."""
    ended = (statuses.get(a.name, A.SUCCEEDED) for a in plan.activities)
    rows = zip(plan.activities, ended, strict=True)
    return (PastRun("r1", RunStatus.FAILED, tuple(PastActivity(a.name, s, a.fingerprint, "key") for a, s in rows)),)


def verdicts(planned: RunPlan) -> dict[str, str]:
    """Return verdicts by name; ``enter`` where what is inside is gone on with."""
    return {one.path: "enter" if one.enters else one.verdict.value for one in planned.activities}


CHAIN = Plan((step("Get"), step("Pause", "Get", kind="wait"), step("Set", "Pause", kind="set"), box("Loop", step("In"), after=("Set",)),
              step("Call", "Loop", kind="call"), step("End", "Call")))  # fmt: skip


def test_a_failure_carries_over_what_is_upstream_and_repeats_what_is_cheap() -> None:
    """Waits and variables are done again and containers looked into, and that alone makes nothing downstream of them run."""
    planned = plan_run(CHAIN, past(CHAIN, End=A.FAILED), PlanRequest("r2", FROM_FAILURE))
    assert verdicts(planned) == {
        "Get": "carry_over", "Pause": "run", "Set": "run", "Loop": "enter", "Call": "enter", "End": "run",
    }  # fmt: skip
    assert planned.by_path["Loop"].enters == "r1"
    assert planned.by_path["Loop"].reason == "run r1 did it already; what is in it is looked at again"


def test_a_run_in_which_nothing_failed_is_carried_over() -> None:
    """Recovering a success is accepted, and comes to nothing but what is not kept."""
    planned = plan_run(CHAIN, past(CHAIN), PlanRequest("r2", FROM_FAILURE))
    assert verdicts(planned) == {
        "Get": "carry_over", "Pause": "run", "Set": "run", "Loop": "enter", "Call": "enter", "End": "carry_over",
    }  # fmt: skip


@pytest.mark.parametrize("status", [A.FAILED, A.TIMED_OUT, A.CANCELLED, A.RUNNING, A.WAITING])
def test_a_container_that_did_not_succeed_is_gone_on_with_inside(status: A) -> None:
    """What succeeded in it is not done twice, whatever ended it; what is downstream runs in full."""
    history = past(CHAIN, Loop=status, Call=A.SKIPPED, End=A.SKIPPED)
    planned = plan_run(CHAIN, history, PlanRequest("r2", FROM_FAILURE))
    assert planned.by_path["Loop"].enters == "r1"
    assert (planned.by_path["Call"].enters, planned.by_path["End"].enters) == (None, None)


def test_a_container_downstream_of_what_runs_again_runs_in_full() -> None:
    """It was done with what its predecessor gave then."""
    planned = plan_run(CHAIN, past(CHAIN), PlanRequest("r2", FROM_ACTIVITY, "Get"))
    assert verdicts(planned) == dict.fromkeys(("Get", "Pause", "Set", "Loop", "Call", "End"), "run")


def test_a_container_that_the_run_begins_with_runs_in_full_unless_it_had_failed() -> None:
    """Whoever names one that succeeded wants it again; one that failed is gone on with."""
    for status, enters in ((A.SUCCEEDED, None), (A.FAILED, "r1")):
        planned = plan_run(CHAIN, past(CHAIN, Loop=status), PlanRequest("r2", FROM_ACTIVITY, "Loop"))
        assert planned.by_path["Loop"].enters == enters
        assert verdicts(planned)["Call"] == "run"


def test_a_run_can_begin_inside_of_a_container() -> None:
    """The container is looked into, what is downstream of it runs, and so does the activity in each of its bodies, and nothing upstream of it."""
    body = (step("One"), step("Two", "One"), step("Three", "Two"))
    plan = Plan((step("Get"), box("Loop", *body, after=("Get",)), step("End", "Loop")))
    first = performed(plan, "r1", lambda _: True)
    again = performed(plan, "r2", lambda _: True, first, FROM_ACTIVITY, "two")
    assert again.executed == ["Loop/true/Two", "Loop/true/Three", "End"]
    each = Plan((box("Each", *body, kind="for_each"),))
    again = performed(each, "r2", lambda _: True, performed(each, "r1", lambda _: True), FROM_ACTIVITY, "Two")
    assert again.executed == ["Each/0/Two", "Each/0/Three", "Each/1/Two", "Each/1/Three"]


def test_an_iteration_that_succeeded_rebuilds_its_variables_only() -> None:
    """Waits are not waited for again in it, and a failure that it handled stays one, so its handler does not run."""
    body = (step("Get"), step("Handle", "Get", on=Condition.FAILED), step("Pause", kind="wait"), box("Check", step("Set", kind="set"),
            step("In")))  # fmt: skip
    plan = Plan((box("Each", *body, kind="for_each"), step("End", "Each")))
    first = performed(plan, "r1", lambda path: path not in {"Each/0/Get", "Each/1/Get", "Each/1/Handle"})
    again = performed(plan, "r2", lambda _: True, first, FROM_FAILURE)
    assert again.executed == ["Each/0/Check/true/Set", "Each/1/Get", "Each/1/Pause", "Each/1/Check/true/Set", "End"]
    kept = next(row for row in again.rows if row.path == "Each/0/Get")
    assert (kept.status, kept.carried_from) == (A.FAILED, "r1")
    third = performed(plan, "r3", lambda _: True, again, FROM_FAILURE)
    assert third.executed == ["Each/0/Check/true/Set", "Each/1/Check/true/Set"]
    assert {origin_of(row)["run_id"] for row in third.rows if row.path == "Each/0/Get"} == {"r1"}


def test_a_changed_type_is_a_new_activity_and_changed_settings_are_not() -> None:
    """A pipeline is recovered by its present definition: names and types say what is the same."""
    plan = Plan((step("Get"), step("Put", "Get"), step("End", "Put")))
    history = past(plan, End=A.FAILED)
    other = Plan(
        (
            replace(plan.activities[0], settings={"url": "x"}),
            replace(plan.activities[1], kind="copy"),
            step("New"),
            plan.activities[2],
        )
    )
    planned = plan_run(other, history, PlanRequest("r2", FROM_FAILURE))
    assert verdicts(planned) == {"Get": "carry_over", "Put": "run", "New": "run", "End": "run"}
    fewer = Plan((step("End"),))
    assert verdicts(plan_run(fewer, history, PlanRequest("r2", FROM_FAILURE))) == {"End": "run"}


def test_names_are_compared_without_regard_to_letter_case() -> None:
    """Somebody who writes a name in another way has not made another activity."""
    plan = Plan((step("Get"), step("End", "Get")))
    renamed = Plan((step("GET"), step("end", "GET")))
    planned = plan_run(renamed, past(plan, End=A.FAILED), PlanRequest("r2", FROM_ACTIVITY, "END"))
    assert verdicts(planned) == {"GET": "carry_over", "end": "run"}
    assert planned.by_path["end"].commit_key == "key"


def test_a_switched_off_activity_that_had_succeeded_makes_nothing_run() -> None:
    """It is not executed, so what was done after it stands."""
    plan = Plan((step("Get"), step("Put", "Get"), step("End", "Put")))
    off = Plan((replace(plan.activities[0], inactive=True), *plan.activities[1:]))
    assert verdicts(plan_run(off, past(plan, End=A.FAILED), PlanRequest("r2", FROM_FAILURE))) == {
        "Get": "reevaluate", "Put": "carry_over", "End": "run",
    }  # fmt: skip
    failing = Plan((replace(off.activities[0], inactive_as=Condition.FAILED), *plan.activities[1:]))
    planned = plan_run(failing, past(plan, End=A.FAILED), PlanRequest("r2", FROM_FAILURE))
    assert planned.by_path["Put"].verdict is Verdict.REEVALUATE


def test_a_run_that_goes_on_is_taken_as_it_stands_where_that_is_asked_for() -> None:
    """A recovery of a run that is being stopped does what that has not done by now."""
    plan = Plan((step("Get"), step("Put", "Get"), step("End", "Put")))
    history = (replace(past(plan, Put=A.RUNNING, End=A.PENDING)[0], status=RunStatus.CANCELLING),)
    with pytest.raises(Problem, match="cancelling"):
        plan_run(plan, history, PlanRequest("r2", FROM_FAILURE))
    planned = plan_run(plan, history, PlanRequest("r2", FROM_FAILURE, as_it_stands=True))
    assert verdicts(planned) == {"Get": "carry_over", "Put": "run", "End": "reevaluate"}


def test_commit_keys_of_inner_activities_hang_on_their_whole_path() -> None:
    """Two iterations write under two keys, and names say nothing about that."""
    plan = Plan((step("Put"),))
    keys = {plan_run(plan, (), PlanRequest("r1", at=at)).activities[0].commit_key for at in ("", "Each/0", "Each/1")}
    assert len(keys) == 3


def test_an_activity_that_is_nowhere_is_refused_at_the_top_and_nowhere_else() -> None:
    """A body that does not have the activity goes on from failure."""
    plan = Plan((step("Get"),))
    with pytest.raises(Problem, match="'Put' is no activity") as caught:
        plan_run(plan, past(plan), PlanRequest("r2", FROM_ACTIVITY, "Put"))
    assert caught.value.code is Code.INVALID
    planned = plan_run(plan, past(plan), PlanRequest("r2", FROM_ACTIVITY, "Put", at="Each/0"))
    assert verdicts(planned) == {"Get": "carry_over"}


def test_a_carried_row_says_which_attempt_it_stands_for() -> None:
    """However often it is carried over, the original one is named; what the doors show of it comes along."""
    done = ActivityRun("r1", "Each/4/Get", 2, "web", A.SUCCEEDED, "f", output={"n": 1}, details={"input": {"a": 1}})
    fresh = ActivityRun("r2", "Each/0/Get", 1, "web", A.PENDING, "f")
    once = carried(fresh, done, NOW)
    twice = carried(replace(fresh, run_id="r3"), once, NOW)
    origin = {"run_id": "r1", "path": "Each/4/Get", "attempt": 2}
    assert (twice.status, twice.output, twice.carried_from) == (A.CARRIED, {"n": 1}, "r1")
    assert twice.details == {"input": {"a": 1}, "carried": origin}


# ---------------------------------------------------------------- against a naive model


def performed(
    plan: Plan,
    run_id: str,
    works: Callable[[str], bool],
    repaired: Performance | None = None,
    mode: PlanMode = PlanMode.FRESH,
    activity: str | None = None,
) -> Performance:
    """Return a run of ``plan`` that has been done."""
    run = Performance(run_id, works, repaired.rows if repaired else (), mode, activity)
    run.perform(plan)
    return run


def within(activity: Activity) -> Iterator[Activity]:
    """Yield what stands in a container, however deep."""
    for body in activity.bodies.values():
        for inner in body.activities:
            yield inner
            yield from within(inner)


def expected(plan: Plan, ended: Mapping[str, A], start: str | None) -> tuple[set[str], set[str], set[str]]:
    """Return what section 6 says about one level: the activities that are carried over, done again, and entered.

    ``ended``: the effective outcomes in the run that is repaired, by name, of the activities that have still the type that they had then.
    """
    failed = {
        a.name for a in plan.activities if ended.get(a.name) not in {A.SUCCEEDED, A.CARRIED, A.SKIPPED, A.INACTIVE}
    }
    begins = {a.name for a in plan.activities if start in {a.name, *(i.name for i in within(a))}}
    executes = failed | begins
    for activity in plan.in_order():
        if any(d.activity in executes for d in activity.depends_on):
            executes.add(activity.name)
    outside = {a.name for a in plan.activities if a.name not in executes and ended[a.name] in {A.SUCCEEDED, A.CARRIED}}
    kinds = {a.name: a.on_recovery for a in plan.activities}
    downstream = {a.name for a in plan.activities if any(d.activity in executes for d in a.depends_on)}
    inside = {n for n in begins - downstream - {start} if ended.get(n) in {A.SUCCEEDED, A.CARRIED}}
    entered = {n for n in (outside | failed | inside) if kinds[n] is OnRecovery.ENTER and n in ended}
    again = {n for n in outside if kinds[n] in {OnRecovery.REPEAT, OnRecovery.REBUILD}}
    return outside - again - entered, again, entered


def kept(plan: Plan, ended: Mapping[str, A]) -> tuple[set[str], set[str], set[str]]:
    """Return the same for a body that is carried over as a whole: in it, only what sets variables is done again."""
    done = {a.name for a in plan.activities if ended[a.name] in {A.SUCCEEDED, A.CARRIED}}
    again = {a.name for a in plan.activities if a.kind == "set"} & done
    deep = {a.name for a in plan.activities if any(inner.kind == "set" for inner in within(a))} & done
    handled = {a.name for a in plan.activities if ended[a.name] is A.FAILED and a.kind != "set"}
    return (done | handled) - again - deep, again, deep


@st.composite
def levels(draw: st.DrawFn, prefix: str = "", depth: int = 1, *, plain: bool = False) -> Plan:
    """Draw the activities of one level, each with a name of its own; ``plain``: all dependencies are on success."""
    activities: list[Activity] = []
    for number in range(draw(st.integers(1, 4 - depth if prefix else 4))):
        name = f"{prefix}{'abcd'[number]}"
        upstream = draw(st.sets(st.sampled_from([a.name for a in activities]), max_size=2)) if activities else set()
        success = st.just(frozenset({Condition.SUCCEEDED}))
        conditions = success if plain else success | st.frozensets(st.sampled_from(Condition), min_size=1, max_size=2)
        kind = draw(st.sampled_from(["web", "web", "wait", "set", *(["if", "for_each"] if depth < 3 else [])]))
        activity = replace(
            step(name, kind=kind), depends_on=tuple(Dependency(n, draw(conditions)) for n in sorted(upstream))
        )
        if kind in {"if", "for_each"}:
            inner = draw(levels(name, depth + 1, plain=plain))
            activity = replace(activity, bodies={"true": inner}, on_recovery=OnRecovery.ENTER)
        activities.append(activity)
    return Plan(tuple(activities))


@st.composite
def changed(draw: st.DrawFn, plan: Plan, number: int) -> Plan:
    """Draw today's definition: as it was, with another type for one activity, or with a new one before it."""
    where = draw(st.none() | st.integers(0, len(plan.activities) - 1))
    if where is None:
        return plan
    activities = list(plan.activities)
    if draw(st.booleans()):
        activities[where] = replace(activities[where], kind=f"{activities[where].kind}-{number}")
        return Plan(tuple(activities))
    new = step(f"new{number}")
    after = (*activities[where].depends_on, Dependency(new.name))
    return Plan((new, *activities[:where], replace(activities[where], depends_on=after), *activities[where + 1 :]))


def by_chance(data: st.DataObject, among: frozenset[str] | None = None) -> Callable[[str], bool]:
    """Return what says which activities succeed, once for each path: drawn, but for those whose names are not ``among`` those that may fail."""

    def works(path: str) -> bool:
        may_fail = among is None or path.rpartition("/")[2] in among
        return not may_fail or data.draw(st.booleans(), label=path)

    return works


@settings(max_examples=150)
@given(levels(), st.data())
def test_every_level_of_a_recovery_is_planned_as_the_contract_says(plan: Plan, data: st.DataObject) -> None:
    """Random pipelines with containers, random failures, recoveries of recoveries: carried over, done again and entered is what section 6 says."""
    run = performed(plan, "r1", by_chance(data))
    for number in (2, 3):
        plan = data.draw(changed(plan, number), label="today")
        names = [activity.name for top in plan.activities for activity in (top, *within(top))]
        start = data.draw(st.none() | st.sampled_from(names), label="start")
        before, mode = run, FROM_FAILURE if start is None else FROM_ACTIVITY
        run = performed(plan, f"r{number}", by_chance(data), before, mode, start)
        for at, source in run.went_on.items():
            planned, level = run.plans[at], _plan_at(plan, at)
            rows = {row.path.rpartition("/")[2]: row for row in before.rows if row.parent == source}
            ended = {
                a.name: rows[a.name].status for a in level.activities if a.name in rows and rows[a.name].kind == a.kind
            }
            whole = planned.mode is PlanMode.CARRY
            carries, again, enters = kept(level, ended) if whole else expected(level, ended, start)
            assert {p.path for p in planned.activities if p.verdict is Verdict.CARRY_OVER} == carries
            assert {p.path for p in planned.activities if p.enters} == enters
            assert all(planned.by_path[name].verdict is Verdict.RUN for name in again)


@settings(max_examples=100)
@given(levels(plain=True), st.data())
def test_every_activity_succeeds_exactly_once_in_its_group(plan: Plan, data: st.DataObject) -> None:
    """However often a pipeline fails, whatever is kept from run to run is done once, in every iteration; the last run has succeeded."""
    # A wait that fails when it is repeated has everything behind it done again: so the contract says.
    kept = frozenset(a.name for top in plan.activities for a in (top, *within(top)) if a.kind == "web")
    succeeded: Counter[str] = Counter()
    run: Performance | None = None
    for number in range(1, 6):
        works = by_chance(data, kept) if number < 5 else lambda _: True
        run = performed(plan, f"r{number}", works, run, FROM_FAILURE if run else PlanMode.FRESH)
        ends = {row.path: row.status for row in run.rows}
        succeeded.update(path for path in run.executed if ends[path] is A.SUCCEEDED)
        if all(status in {A.SUCCEEDED, A.CARRIED} for status in ends.values()):
            break
    assert run is not None
    paths = [row.path for row in run.rows if row.kind == "web"]
    assert {path: succeeded[path] for path in paths} == dict.fromkeys(paths, 1)
    assert {row.status for row in run.rows} <= {A.SUCCEEDED, A.CARRIED}


def _plan_at(plan: Plan, at: str) -> Plan:
    names = at.split("/") if at else []
    for container in names[::2]:
        plan = plan.by_name[container].bodies["true"]
    return plan
