"""Retries repair a group of runs, and do no more than that."""

from dataclasses import replace

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Dependency, Plan
from headrace.core.outcome import Failure, Figures, Outcome
from headrace.core.planning import PlanMode, Verdict
from headrace.core.run import ActivityRun, ActivityStatus, Caller, Run, RunKind, RunStatus
from headrace.core.window import Window
from headrace.service.flows import get_flow, put_flow
from headrace.service.retries import RetryRequest, preview_retry, retry_run
from headrace.service.runs import RunRequest, create_run, get_run
from headrace.store import activity_runs, runs, watermarks
from service.conftest import PLAN, House

_LANDED = Outcome({"landing": {"files": []}}, Figures(bytes_read=10))
_BROKEN = Outcome(failure=Failure(Code.TOO_MANY_REJECTS, "too many"))
_RETRY = RetryRequest(created_by="tester")


def _all_there(_row: ActivityRun) -> str:
    return ""


def _all_gone(_row: ActivityRun) -> str:
    return "what it landed has been removed"


def _fail_at_promotion(house: House, run: Run) -> Run:
    """Let the run's copy succeed and its promotion fail, as an engine would write it."""
    a = ActivityStatus
    with house.database.transaction() as tx:
        present = {row.path: row for row in activity_runs.of_run(tx, run.id)}
        runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, house.clock.now())
        for path, to, outcome in (("Copy", a.SUCCEEDED, _LANDED), ("Promote", a.FAILED, _BROKEN)):
            if present[path].status is a.PENDING:
                for expected, status, ended in (
                    (a.PENDING, a.QUEUED, None),
                    (a.QUEUED, a.RUNNING, None),
                    (a.RUNNING, to, outcome),
                ):
                    activity_runs.move(tx, run.id, path, 1, {expected}, status, house.clock.now(), outcome=ended)
        runs.move(tx, run.id, {RunStatus.RUNNING}, RunStatus.FAILED, house.clock.now(), _BROKEN.failure)
        return runs.get(tx, None, run.id)


def _failed_run(house: House) -> Run:
    request = RunRequest(scope="local", flow_id="f1", created_by="tester", parameters={"size": 7})
    return _fail_at_promotion(house, create_run(house.database, request, house.clock, house.ids))


def _retry(house: House, run: Run, request: RetryRequest = _RETRY) -> Run:
    return retry_run(house.database, "local", run.id, request, _all_there, clock=house.clock, ids=house.ids)


def test_a_retry_is_a_new_run_of_the_group_with_the_same_parameters(house: House) -> None:
    """Nothing leaves a final status: the failed run stays as it is."""
    failed = _failed_run(house)
    retry = _retry(house, failed)
    assert (retry.group_id, retry.retry_of, retry.attempt, retry.kind) == (failed.id, failed.id, 2, RunKind.RETRY)
    assert (retry.parameters, retry.status) == (failed.parameters, RunStatus.QUEUED)
    assert get_run(house.database, "local", failed.id).run == failed


def _going_on(start: Instant | None) -> RunRequest:
    return RunRequest(
        scope="local",
        flow_id="f1",
        created_by="tester",
        parameters={"size": 7},
        window=Window(start),
        details={"watermark": {"key": "w"}},
    )


@pytest.mark.parametrize("start", [None, Instant(50)])
def test_what_another_run_has_delivered_since_is_not_delivered_again(house: House, start: Instant | None) -> None:
    """D9: a failed run whose rows a later run has brought cannot be retried, nor does the preview promise it."""
    failed = _fail_at_promotion(house, create_run(house.database, _going_on(start), house.clock, house.ids))
    other = _fail_at_promotion(house, create_run(house.database, _going_on(start), house.clock, house.ids))
    with house.database.transaction() as tx:
        watermarks.advance(tx, "local", "f1", "w", Instant(100), other.id)
    with pytest.raises(Problem, match=f"run {other.id} delivered the rows before") as caught:
        _retry(house, failed)
    assert caught.value.code is Code.ILLEGAL_STATE
    with pytest.raises(Problem, match="has gone on since"):
        preview_retry(house.database, "local", failed.id, _RETRY, _all_there)


def test_what_another_run_is_about_to_deliver_is_not_delivered_beside_it(house: House) -> None:
    """Both would read from the same watermark."""
    failed = _fail_at_promotion(house, create_run(house.database, _going_on(None), house.clock, house.ids))
    other = create_run(house.database, _going_on(None), house.clock, house.ids)
    with pytest.raises(Problem, match=f"run {other.id} is queued and reads from the same watermark"):
        _retry(house, failed)


def test_a_run_is_retried_where_the_watermark_stands_as_it_found_it(house: House) -> None:
    """Nobody has delivered its rows; so its retry does."""
    failed = _fail_at_promotion(house, create_run(house.database, _going_on(Instant(100)), house.clock, house.ids))
    with house.database.transaction() as tx:
        watermarks.advance(tx, "local", "f1", "w", Instant(100), "an earlier run")
    assert _retry(house, failed).retry_of == failed.id


def test_what_an_earlier_run_did_is_carried_over_with_its_outcome(house: House) -> None:
    """The ledger says from where, and why; the promotion finds the landing of the first run."""
    failed = _failed_run(house)
    copy, promote = get_run(house.database, "local", _retry(house, failed).id).activities
    assert (copy.status, copy.carried_from, copy.output) == (ActivityStatus.CARRIED, failed.id, _LANDED.output)
    assert (promote.status, promote.verdict) == (ActivityStatus.PENDING, Verdict.RUN)


def test_a_failed_write_keeps_its_commit_key(house: House) -> None:
    """A commit that nobody heard of is found by the retry, not repeated."""
    failed = _failed_run(house)
    before = get_run(house.database, "local", failed.id).activities[1]
    after = get_run(house.database, "local", _retry(house, failed).id).activities[1]
    assert after.commit_key == before.commit_key


def test_a_second_retry_carries_over_from_the_run_that_did_it(house: House) -> None:
    """However long the chain, the ledger names the run that really read the source."""
    failed = _failed_run(house)
    again = _fail_at_promotion(house, _retry(house, failed))
    third = _retry(house, again)
    assert third.attempt == 3
    assert get_run(house.database, "local", third.id).activities[0].carried_from == failed.id


def test_a_removed_landing_is_not_carried_over(house: House) -> None:
    """The reason stands in the preview, before anybody presses the button (prefect, dagster#14268)."""
    failed = _failed_run(house)
    preview = preview_retry(house.database, "local", failed.id, _RETRY, _all_gone)
    assert [(a.path, a.verdict) for a in preview.activities] == [("Copy", Verdict.RUN), ("Promote", Verdict.RUN)]
    assert preview.activities[0].reason == "what it landed has been removed"


def test_the_preview_is_what_the_retry_does(house: House) -> None:
    """The dialog, the dry run and the run agree, and looking changes nothing."""
    failed = _failed_run(house)
    preview = preview_retry(house.database, "local", failed.id, _RETRY, _all_there)
    made = get_run(house.database, "local", _retry(house, failed).id).activities
    assert [(a.path, a.verdict, a.reason) for a in preview.activities] == [
        (row.path, row.verdict, row.verdict_reason) for row in made
    ]


def test_a_repeated_retry_request_answers_with_the_first_retry(house: House) -> None:
    """A client that lost the answer and asks again makes no second retry, though the first one goes on."""
    failed = _failed_run(house)
    request = replace(_RETRY, request_key="again")
    assert _retry(house, failed, request) == _retry(house, failed, request)


def test_a_group_has_one_retry_at_a_time(house: House) -> None:
    """The refusal names the run that goes on (a retry that races another one loses)."""
    failed = _failed_run(house)
    first = _retry(house, failed)
    with pytest.raises(Problem, match=first.id) as caught:
        _retry(house, failed)
    assert caught.value.code is Code.ILLEGAL_STATE


def test_a_run_that_goes_on_cannot_be_retried(house: House) -> None:
    """Retrying is for what has ended."""
    run = create_run(
        house.database, RunRequest(scope="local", flow_id="f1", created_by="tester"), house.clock, house.ids
    )
    with pytest.raises(Problem, match="when it has ended") as caught:
        _retry(house, run)
    assert caught.value.code is Code.ILLEGAL_STATE


def test_a_retry_uses_the_flow_as_it_is_now(house: House) -> None:
    """Whoever corrected the rule retries with the corrected rule; the copy did not change and is carried over."""
    failed = _failed_run(house)
    corrected = Plan(
        (
            Activity("Copy", "copy", {"source": "s"}),
            Activity(
                "Promote", "promote", {"landing": "Copy", "rejects": {"at_most_percent": 5}}, (Dependency("Copy"),)
            ),
        )
    )
    flow = get_flow(house.database, "local", "f1")
    put_flow(house.database, replace(flow, plan=corrected), "tester", house.clock)
    retry = _retry(house, failed)
    assert retry.definition == corrected
    assert get_run(house.database, "local", retry.id).activities[0].status is ActivityStatus.CARRIED


def test_other_parameters_carry_nothing_over(house: House) -> None:
    """What was read with other parameters is not what is asked for now."""
    failed = _failed_run(house)
    retry = _retry(house, failed, replace(_RETRY, parameters={"size": 8}))
    assert retry.parameters == {"day": "monday", "size": 8}
    rows = get_run(house.database, "local", retry.id).activities
    assert [(row.verdict, row.status) for row in rows] == [(Verdict.RUN, ActivityStatus.PENDING)] * 2


def test_everything_can_be_run_again(house: House) -> None:
    """The user may ask for it; then nothing is carried over."""
    failed = _failed_run(house)
    retry = _retry(house, failed, replace(_RETRY, mode=PlanMode.ALL))
    rows = get_run(house.database, "local", retry.id).activities
    assert {row.verdict for row in rows} == {Verdict.RUN}


def test_another_tenants_run_cannot_be_retried(house: House) -> None:
    """A run's id is of no use outside of its scope."""
    failed = _failed_run(house)
    with pytest.raises(Problem) as caught:
        retry_run(house.database, "other", failed.id, _RETRY, _all_there, clock=house.clock, ids=house.ids)
    assert caught.value.code is Code.NOT_FOUND


def test_a_retry_answers_nobody_and_says_what_it_carries_over(house: House) -> None:
    """Who made the failed run has heard of its end; what is carried over names its attempt; only the flow's own activities are planned."""
    failed = _failed_run(house)
    with house.database.transaction() as tx:
        row = activity_runs.of_run(tx, failed.id)[0]
        activity_runs.insert_all(
            tx, [replace(row, path="Promote/Copy", parent="Promote", status=ActivityStatus.FAILED)]
        )
        child = replace(
            failed,
            id="child",
            group_id="child",
            caller=Caller(failed.id, "Call", 1),
            status=RunStatus.QUEUED,
            ended_at=None,
        )
        runs.insert(tx, child)
        runs.move(tx, "child", {RunStatus.QUEUED}, RunStatus.CANCELLED, house.clock.now())
    assert _retry(house, child).caller is None
    carried = get_run(house.database, "local", _retry(house, failed).id).activities[0]
    assert carried.details["carried"] == {"run_id": failed.id, "path": "Copy", "attempt": 1}


def test_a_run_of_a_pipeline_is_not_retried(house: House) -> None:
    """It has other rules: the door that it came through recovers it, and the message says so."""
    put_flow(
        house.database,
        replace(get_flow(house.database, "local", "f1"), plan=Plan(PLAN.activities, "words")),
        "tester",
        house.clock,
    )
    with pytest.raises(Problem, match="runs of pipelines are not retried, but recovered by the door") as raised:
        _retry(house, _failed_run(house))
    assert raised.value.code is Code.ILLEGAL_STATE
