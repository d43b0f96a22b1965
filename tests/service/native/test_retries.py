"""Retries and cancellations: planned before they are done, done once, each on its own."""

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.datafactory.desk import SCOPE as FACTORY
from api.datafactory.desk import make_client
from api.datafactory.test_recovery_door import FAIL, WEB
from api.datafactory.test_recovery_door import failed_run as failed_pipeline
from fakes import ManualClock
from headrace.api.datafactory.asking import pipelines_of
from headrace.core.client import Identity, Role
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Dependency, Plan
from headrace.core.job import JobStatus
from headrace.core.native.installation import ListAudit
from headrace.core.native.runs import AskMany, AskRetry, AskRun, RetryPlan, RunLine
from headrace.core.native.table import CANCEL_MANY, CANCEL_RUN, LIST_AUDIT, PLAN_RETRY, RETRY_MANY, RETRY_RUN
from headrace.core.outcome import Failure, Outcome
from headrace.core.planning import PlanMode, Verdict
from headrace.core.run import ActivityStatus, RunKind, RunStatus
from headrace.service.schedules import Firing
from headrace.service.secret_values import seal_value
from headrace.store import activity_runs, flows, runs
from headrace.store.database import Database
from ledger_rows import NOW, PLAN, SCOPE, a_flow, a_run, activities, put_run
from native_house import OPERATOR, READER, NativeHouse, native_house
from service.jobs.house import House, build

A = ActivityStatus
WHO = Identity("ann", Role.OPERATOR)


def fail(native: NativeHouse, run_id: str = "run-1", **changes: Any) -> None:
    """Let a run copy, and fail to promote."""
    with native.database.transaction() as tx:
        flows.put(tx, a_flow(parameters={"day": "monday", "key": None}), NOW, None)
        changes = {"parameters": {"day": "monday", "key": ""}, **changes}
        runs.insert(tx, a_run(run_id, **changes))
        activity_runs.insert_all(tx, activities(run_id))
        runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
        broken = Outcome(failure=Failure(Code.TOO_MANY_REJECTS, "too many"))
        for path, to, outcome in (("Copy", A.SUCCEEDED, Outcome()), ("Promote", A.FAILED, broken)):
            for expected, status in ((A.PENDING, A.QUEUED), (A.QUEUED, A.RUNNING), (A.RUNNING, to)):
                ended = outcome if status is to else None
                activity_runs.move(tx, run_id, path, 1, {expected}, status, NOW, outcome=ended)
        runs.move(tx, run_id, {RunStatus.RUNNING}, RunStatus.FAILED, Instant(NOW + 1), broken.failure)


def plan(native: NativeHouse, caller: Identity = OPERATOR, **asked: Any) -> RetryPlan:
    """Return what a retry of ``run-1`` would do."""
    return native.ask(PLAN_RETRY, AskRetry(**{"run": "run-1", **asked}), caller)


def retry(native: NativeHouse, caller: Identity = OPERATOR, **asked: Any) -> RunLine:
    """Retry ``run-1``."""
    return native.ask(RETRY_RUN, AskRetry(**{"run": "run-1", **asked}), caller)


def test_a_plan_says_what_a_retry_would_do_and_how_a_shell_asks_for_it(native: NativeHouse) -> None:
    """And the retry does just that."""
    fail(native)
    told = plan(native, READER)
    verdicts = {one.path: one.verdict for one in told.planned}
    assert verdicts == {"Copy": Verdict.CARRY_OVER, "Promote": Verdict.RUN}
    assert (told.is_needed, told.activities, told.modes[0]) == (True, ("Copy", "Promote"), PlanMode.FROM_FAILURE)
    made = retry(native)
    assert (made.kind, made.retry_of, made.attempt, made.created_by) == (RunKind.RETRY, "run-1", 2, OPERATOR.client_id)
    with native.database.reading() as tx:
        rows = {row.path: row.status for row in activity_runs.of_run(tx, made.id)}
    assert rows == {"Copy": A.CARRIED, "Promote": A.PENDING}
    audit = native.ask(LIST_AUDIT, ListAudit(action="run.retry")).items
    assert [(entry.who, entry.object) for entry in audit] == [(OPERATOR.client_id, made.id)]


def test_command_and_call_can_be_pasted_into_a_shell(small: NativeHouse) -> None:
    """Whatever the values are."""
    fail(small)
    nasty = {"day": "it's $HOME; `rm`"}
    told = plan(small, mode=PlanMode.FROM_ACTIVITY, activity="Promote", parameters=nasty)
    words = shlex.split(told.command)
    assert words == ["headrace", "runs", "retry", "run-1", "--from", "Promote", "--param", f"day={nasty['day']}"]
    call = shlex.split(told.call)
    assert json.loads(call[-1]) == {"mode": "from_activity", "activity": "Promote", "parameters": nasty}
    assert call[3] == "$HEADRACE_URL/native/v1/runs/run-1/retry"
    assert '"$HEADRACE_URL/' in told.call
    assert plan(small, mode=PlanMode.ALL, as_it_was=True).command == "headrace runs retry run-1 --all --as-it-was"


def test_changed_parameters_are_checked_and_masked_ones_stay(small: NativeHouse) -> None:
    """What is shown of a secret is no new value for it."""
    sealed = seal_value(small.desk.sealer, SCOPE, "hunter2")
    fail(small, parameters={"day": "monday", "key": sealed})
    told = plan(small)
    assert told.parameters["key"] != sealed
    with pytest.raises(Problem, match="is no parameter of the flow"):
        plan(small, parameters={"dya": "friday"})
    back = {**told.parameters, "day": "friday"}
    assert "key=" not in plan(small, parameters=back).command
    made = retry(small, parameters=back)
    with small.database.reading() as tx:
        assert dict(runs.get(tx, None, made.id).parameters) == {"day": "friday", "key": sealed}


def test_the_same_key_makes_one_retry_and_another_run_refuses_it(native: NativeHouse) -> None:
    """Also when the first one has ended meanwhile."""
    fail(native)
    made = retry(native, request_key="k")
    assert retry(native, request_key="k").id == made.id
    with pytest.raises(Problem, match="is queued"):
        retry(native)
    with native.database.transaction() as tx:
        runs.move(tx, made.id, {RunStatus.QUEUED}, RunStatus.CANCELLED, NOW)
    assert retry(native, request_key="k").id == made.id


def test_what_cannot_be_retried_says_why(small: NativeHouse) -> None:
    """A run that goes on, a mode that is none, nothing left to do, a replay."""
    put_run(small.database, a_run("run-2", created_at=Instant(NOW + 1)))
    fail(small)
    with pytest.raises(Problem, match="queued; it can be retried when it has ended"):
        retry(small, run="run-2")
    for wrong in ({"mode": PlanMode.FRESH}, {"mode": PlanMode.FROM_ACTIVITY}, {"activity": "Copy"}):
        with pytest.raises(Problem) as caught:
            plan(small, **wrong)
        assert caught.value.code is Code.INVALID
    with pytest.raises(Problem) as caught:
        retry(small, READER)
    assert caught.value.code is Code.FORBIDDEN
    with small.database.transaction() as tx:
        runs.insert(tx, a_run("run-3", kind=RunKind.REPLAY, flow_id="flow-1"))
        runs.move(tx, "run-3", {RunStatus.QUEUED}, RunStatus.CANCELLED, NOW)
    with pytest.raises(Problem, match="plays rejected rows again"):
        plan(small, run="run-3")


def test_nothing_is_made_where_nothing_is_left_to_do(small: NativeHouse) -> None:
    """A run that succeeded is done again when that is asked for, and not by chance."""
    fail(small)
    made = retry(small)
    with small.database.transaction() as tx:
        runs.move(tx, made.id, {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
        for expected, status in ((A.PENDING, A.QUEUED), (A.QUEUED, A.RUNNING), (A.RUNNING, A.SUCCEEDED)):
            ended = Outcome() if status is A.SUCCEEDED else None
            activity_runs.move(tx, made.id, "Promote", 1, {expected}, status, NOW, outcome=ended)
        runs.move(tx, made.id, {RunStatus.RUNNING}, RunStatus.SUCCEEDED, NOW)
    for run_id in ("run-1", made.id):
        assert not plan(small, run=run_id).is_needed
        with pytest.raises(Problem, match="nothing is left to do"):
            retry(small, run=run_id)
    assert retry(small, run=made.id, mode=PlanMode.ALL).attempt == 3


def test_a_doors_run_is_done_again_by_what_its_door_makes_of_it_now(small: NativeHouse) -> None:
    """Its facts are the door's; as it was, it is the plan that it had."""
    fail(small, details={"type": "on-demand", "deltaColumn": {"name": "old"}})
    present = Plan((PLAN.activities[0], Activity("Promote", "promote", {"new": 1}, (Dependency("Copy"),))))
    remade = small.with_desk(remakers={"flowservice": lambda _run: Firing(present, {"deltaColumn": {"name": "new"}})})
    made = retry(remade)
    with small.database.reading() as tx:
        run = runs.get(tx, None, made.id)
    assert run.definition == present
    assert dict(run.details) == {"type": "on-demand", "deltaColumn": {"name": "new"}}
    with small.database.transaction() as tx:
        runs.move(tx, made.id, {RunStatus.QUEUED}, RunStatus.CANCELLED, NOW)
    again = retry(remade, as_it_was=True)
    with small.database.reading() as tx:
        assert runs.get(tx, None, again.id).definition == PLAN


def test_several_are_done_each_on_its_own_and_once(native: NativeHouse) -> None:
    """What is refused is told and holds up nobody; the same key tells the same and makes no second runs."""
    fail(native, "run-1")
    fail(native, "run-2")
    put_run(native.database, a_run("run-3"))
    asked = AskMany(runs=("run-1", "nope", "run-2", "run-3", "run-1"), request_key="many")
    told = native.ask(RETRY_MANY, asked, OPERATOR)
    assert [one.run for one in told.items] == ["run-1", "nope", "run-2", "run-3"]
    assert [one.reason.code if one.reason else None for one in told.items] == [
        *(None, Code.NOT_FOUND),
        *(None, Code.ILLEGAL_STATE),
    ]
    assert native.ask(RETRY_MANY, asked, OPERATOR) == told
    with native.database.reading() as tx:
        assert len(runs.history(tx, "run-1")) == 2
    with pytest.raises(Problem, match="used before for something else"):
        native.ask(RETRY_MANY, replace(asked, runs=("run-1",)), OPERATOR)
    assert native.ask(RETRY_MANY, AskMany(runs=("run-1",), request_key="many"), WHO).items[0].done is None


def test_several_are_cancelled_and_one_that_ended_before_is_told(native: NativeHouse) -> None:
    """Asked again with the same key, the answer is the same, though all have ended by now."""
    fail(native, "run-1")
    put_run(native.database, a_run("run-2"))
    asked = AskMany(runs=("run-1", "run-2"), request_key="stop")
    told = native.ask(CANCEL_MANY, asked, OPERATOR)
    first, second = told.items
    assert first.reason is not None
    assert second.done is not None
    assert ("has failed" in first.reason.message, second.done.status) == (True, RunStatus.CANCELLED)
    assert native.ask(CANCEL_MANY, asked, OPERATOR) == told
    with pytest.raises(Problem, match="at most 500"):
        native.ask(CANCEL_MANY, AskMany(runs=tuple(map(str, range(501)))), OPERATOR)


@pytest.fixture
def jobs_house(sqlite_database: Database, ids: Any) -> House:
    """Return a house of jobs."""
    return build(sqlite_database, ids)


def test_a_job_is_retried_and_cancelled_as_a_job(jobs_house: House, tmp_path: Path) -> None:
    """As a whole, by its own verbs; the same key makes one attempt."""
    native = native_house(jobs_house.database, tmp_path).with_desk(jobs=jobs_house.desk, clock=jobs_house.clock)
    run_id = jobs_house.standing(JobStatus.FAILED).run_id
    told = plan(native, WHO, run=run_id)
    assert [(one.verdict, one.reason) for one in told.planned] == [(Verdict.RUN, "a job is retried as a whole")]
    assert told.modes == (PlanMode.FROM_FAILURE,)
    with pytest.raises(Problem, match="retried as a whole"):
        plan(native, WHO, run=run_id, mode=PlanMode.ALL)
    made = retry(native, WHO, run=run_id, request_key="k")
    assert (made.attempt, made.job is not None) == (2, True)
    stopped = native.ask(CANCEL_RUN, AskRun(run=made.id), WHO)
    assert stopped.status is RunStatus.CANCELLED
    assert retry(native, WHO, run=run_id, request_key="k").id == made.id
    assert retry(native, WHO, run=made.id, request_key="l").attempt == 3


def test_a_pipelines_run_is_recovered_through_its_door(
    sqlite_database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    """Planned and done as createRun does it; the key makes one run."""
    client = make_client(sqlite_database, clock)
    client.put_pipeline("p", WEB, FAIL, parameters={"a": {"type": "String"}})
    first = failed_pipeline(client, {"a": "1"})
    native = native_house(sqlite_database, tmp_path).with_desk(pipelines=pipelines_of(client.door), clock=clock)
    told = plan(native, WHO, run=first)
    assert [(one.path, one.verdict) for one in told.planned] == [("A", Verdict.CARRY_OVER), ("B", Verdict.RUN)]
    made = retry(native, WHO, run=first, request_key="k", parameters={"a": "2"})
    assert retry(native, WHO, run=first, request_key="k", parameters={"a": "2"}).id == made.id
    assert (made.group_id, made.retry_of, dict(made.parameters)) == (first, first, {"a": "2"})
    assert (made.scope, made.created_by) == (FACTORY, "ann")
    assert client.run(made.id)["isRecovery"] is True
    everything = plan(native, WHO, run=first, mode=PlanMode.ALL)
    assert {one.verdict for one in everything.planned} == {Verdict.RUN}
    with pytest.raises(Problem, match="present definition"):
        plan(native, WHO, run=first, as_it_was=True)


def test_a_pipeline_that_was_deleted_is_named_when_its_run_is_to_be_retried(
    sqlite_database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    """The run is there; what is missing is its pipeline, and one can make it again."""
    client = make_client(sqlite_database, clock)
    client.put_pipeline("p", WEB, FAIL)
    first = failed_pipeline(client, {})
    assert client("DELETE", "pipelines/p").status_code == 200
    native = native_house(sqlite_database, tmp_path).with_desk(pipelines=pipelines_of(client.door), clock=clock)
    for asked in (plan, retry):
        with pytest.raises(Problem, match="the pipeline 'p' is not there any more") as refused:
            asked(native, WHO, run=first)
        assert refused.value.code is Code.ILLEGAL_STATE
