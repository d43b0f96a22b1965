"""Recoveries: what a run that is referred to has not done, in a run of its group that may go on beside others."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Alike, Dependency, OnRecovery, Plan
from headrace.core.outcome import Failure, Figures, Outcome
from headrace.core.planning import PlanMode, PlanRequest, Verdict, plan_run
from headrace.core.run import ActivityRun, ActivityStatus, Caller, Run, RunKind, RunStatus
from headrace.service.recoveries import Recovery, preview_recovery, recover_run
from headrace.service.runs import as_object, get_run, pending, queue_run
from headrace.store import activity_runs, runs
from service.conftest import House

A = ActivityStatus
SCOPE = "datafactory/s/r/f"
PLAN = Plan(
    (
        Activity("Get", "web", alike=Alike.KIND),
        Activity("Pause", "wait", depends_on=(Dependency("Get"),), on_recovery=OnRecovery.REPEAT),
        Activity("Loop", "for_each", depends_on=(Dependency("Pause"),), on_recovery=OnRecovery.ENTER, bodies={"each": Plan(())}),
        Activity("Put", "web", depends_on=(Dependency("Loop"),)),
    ),
    dialect="datafactory",
)  # fmt: skip


def _wanted(house: House, run_id: str, plan: Plan = PLAN, **changes: object) -> Run:
    run = Run(
        id=run_id,
        scope=SCOPE,
        flow_id="pipeline",
        flow_name="Load",
        kind=RunKind.ON_DEMAND,
        group_id=run_id,
        definition=plan,
        created_at=house.clock.now(),
        created_by="tester",
        exclusive=False,
    )
    return replace(run, **changes)  # type: ignore[arg-type]  # by their names


def _first(house: House, run_id: str = "run-1", **ends: A) -> Run:
    """Write a run whose activities have ended so, and whose ``Put`` is still in its first attempt unless it says otherwise."""
    run = _wanted(house, run_id)
    plan = plan_run(PLAN, (), PlanRequest(run_id))
    with house.database.transaction() as tx:
        queue_run(tx, replace(run, plan=as_object(plan)), pending(run, plan))
        runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, house.clock.now())
        for path, end in ends.items():
            output = Outcome({"of": path}, Figures(), None if end is A.SUCCEEDED else Failure(Code.INTERNAL, "broken"))
            steps = ((A.PENDING, A.QUEUED, None), (A.QUEUED, A.RUNNING, None), (A.RUNNING, end, output))
            for before, after, outcome in steps:
                details = {"input": {"url": path}} if outcome else None
                now = house.clock.now()
                activity_runs.move(tx, run_id, path, 1, {before}, after, now, outcome=outcome, details=details)
    return run


def _end(house: House, run_id: str, to: RunStatus = RunStatus.FAILED) -> None:
    with house.database.transaction() as tx:
        runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, house.clock.now())
        runs.move(tx, run_id, {RunStatus.RUNNING}, to, house.clock.now(), Failure(Code.INTERNAL, "broken"))


def _recover(house: House, referenced: str, run_id: str, recovery: Recovery | None = None, plan: Plan = PLAN) -> Run:
    with house.database.transaction() as tx:
        return recover_run(tx, referenced, _wanted(house, run_id, plan), recovery or Recovery())


def _rows(house: House, run_id: str) -> dict[str, ActivityRun]:
    return {row.path: row for row in get_run(house.database, SCOPE, run_id).activities}


def test_a_recovery_joins_the_group_and_has_what_is_carried_over_at_once(house: House) -> None:
    """It is asked for once, and shows at that moment which outcomes it has taken from where."""
    _first(house, Get=A.SUCCEEDED, Pause=A.SUCCEEDED, Loop=A.SUCCEEDED, Put=A.FAILED)
    _end(house, "run-1")
    run = _recover(house, "run-1", "run-2")
    assert (run.group_id, run.retry_of, run.attempt, run.kind) == ("run-1", "run-1", 2, RunKind.RETRY)
    assert (run.status, run.exclusive) == (RunStatus.QUEUED, False)
    rows = _rows(house, "run-2")
    assert {path: row.status.value for path, row in rows.items()} == {
        "Get": "carried", "Pause": "pending", "Loop": "pending", "Put": "pending",
    }  # fmt: skip
    get = rows["Get"]
    assert (get.carried_from, get.output, get.started_at, get.ended_at) == (
        "run-1",
        {"of": "Get"},
        *[run.created_at] * 2,
    )
    origin = {"run_id": "run-1", "path": "Get", "attempt": 1}
    assert get.details == {"input": {"url": "Get"}, "carried": origin}
    assert rows["Put"].commit_key == _rows(house, "run-1")["Put"].commit_key
    with house.database.reading() as tx:
        assert runs.get(tx, SCOPE, "run-2").plan["activities"][2]["enters"] == "run-1"  # type: ignore[index,call-overload]  # an encoded plan


def test_a_recovery_of_a_recovery_names_who_really_did_it(house: House) -> None:
    """It looks at the run that is referred to alone, which knows where it has things from."""
    _first(house, Get=A.SUCCEEDED)
    for number in (2, 3):
        _end(house, f"run-{number - 1}")
        _recover(house, f"run-{number - 1}", f"run-{number}")
    get = _rows(house, "run-3")["Get"]
    assert (get.carried_from, get.details["carried"]) == ("run-1", {"run_id": "run-1", "path": "Get", "attempt": 1})
    with house.database.reading() as tx:
        assert [run.attempt for run, _ in runs.history(tx, "run-1")] == [1, 2, 3]


def test_a_full_rerun_carries_nothing_over(house: House) -> None:
    """Neither a start nor a failure is named: everything runs, in the same group."""
    _first(house, Get=A.SUCCEEDED)
    _end(house, "run-1")
    run = _recover(house, "run-1", "run-2", Recovery(PlanMode.ALL))
    assert {row.status for row in _rows(house, "run-2").values()} == {A.PENDING}
    assert run.group_id == "run-1"


def test_a_run_that_goes_on_is_taken_as_it_stands(house: House) -> None:
    """Its group's runs go on side by side: what had ended by now is carried over, and the rest is done here too."""
    _first(house, Get=A.SUCCEEDED)
    _recover(house, "run-1", "run-2")
    assert {path for path, row in _rows(house, "run-2").items() if row.status is A.CARRIED} == {"Get"}


def test_the_present_definition_is_executed(house: House) -> None:
    """What is gone from it is ignored, what is new runs."""
    _first(house, Get=A.SUCCEEDED, Pause=A.SUCCEEDED)
    changed = Plan((PLAN.activities[0], Activity("New", "web", depends_on=(Dependency("Get"),))), dialect="datafactory")
    _recover(house, "run-1", "run-2", plan=changed)
    assert {path: row.status.value for path, row in _rows(house, "run-2").items()} == {
        "Get": "carried",
        "New": "pending",
    }


def test_a_preview_is_what_the_recovery_does(house: House) -> None:
    """Nothing is written, and nothing else happens afterwards."""
    _first(house, Get=A.SUCCEEDED, Pause=A.SUCCEEDED, Loop=A.FAILED)
    way = Recovery(PlanMode.FROM_ACTIVITY, "put")
    with house.database.reading() as tx:
        seen = preview_recovery(tx, SCOPE, "run-1", PLAN, way)
    run = _recover(house, "run-1", "run-2", way)
    shown = [(p["path"], p["verdict"], p["reason"]) for p in run.plan["activities"]]  # type: ignore[union-attr,index,call-overload]  # an encoded plan
    assert shown == [(planned.path, planned.verdict.value, planned.reason) for planned in seen.activities]
    assert seen.by_path["Get"].verdict is Verdict.CARRY_OVER


@pytest.mark.parametrize(
    ("referenced", "run_id", "recovery", "code"),
    [
        ("nobody", "run-2", Recovery(), Code.NOT_FOUND),
        ("run-1", "run-1", Recovery(), Code.CONFLICT),
        ("run-1", "run-2", Recovery(PlanMode.FROM_ACTIVITY, "Nothing"), Code.INVALID),
    ],
)
def test_what_cannot_be_recovered_is_refused(
    house: House, referenced: str, run_id: str, recovery: Recovery, code: Code
) -> None:
    """Nothing is written then."""
    _first(house, Get=A.SUCCEEDED)
    with pytest.raises(Problem) as caught:
        _recover(house, referenced, run_id, recovery)
    assert caught.value.code is code
    with house.database.reading() as tx:
        assert len(runs.history(tx, "run-1")) == 1


def test_recoveries_at_the_same_moment_are_counted_one_after_the_other(house: House) -> None:
    """Two people who recover one run have two runs of its group, and neither an error."""
    _first(house, Get=A.SUCCEEDED)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: _recover(house, "run-1", f"again-{number}"), range(4)))
    assert sorted(run.attempt for run in made) == [2, 3, 4, 5]


def test_a_child_is_recovered_in_its_own_group_for_another_caller(house: House) -> None:
    """The run that an activity made is gone on with by a run that another run's activity makes."""
    _first(house, "child", Get=A.SUCCEEDED)
    _end(house, "child")
    caller = Caller("run-2", "Call", 1)
    with house.database.transaction() as tx:
        run = recover_run(tx, "child", _wanted(house, "child-2", caller=caller), Recovery())
        assert runs.get(tx, SCOPE, "child-2").caller == caller
    assert run.group_id == "child"
