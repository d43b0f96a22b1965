"""Runs that have not begun follow their flow, where the flow's change asks for it."""

from dataclasses import replace

from headrace.core.flow import Activity, Dependency, Plan
from headrace.core.run import Run, RunStatus
from headrace.service.flows import delete_flow, get_flow, put_flow
from headrace.service.runs import RunRequest, create_run, get_run
from headrace.store import activity_runs, runs
from service.conftest import House
from service.test_retries import _failed_run, _retry

CHANGED = Plan((Activity("Copy", "copy", {"n": 1}), Activity("Promote", "promote", {"m": 2}, (Dependency("Copy"),))))


def _asked(house: House) -> Run:
    request = RunRequest(scope="local", flow_id="f1", created_by="tester")
    return create_run(house.database, request, house.clock, house.ids)


def _change(house: House, plan: Plan | None) -> None:
    flow = replace(get_flow(house.database, "local", "f1"), plan=plan or CHANGED)
    put_flow(house.database, flow, "tester", house.clock, waiting=lambda _run: plan)


def test_a_run_that_has_not_begun_takes_the_new_definition(house: House) -> None:
    """Definition and fingerprints change together: a retry of it compares with what was really done."""
    run = _asked(house)
    _change(house, CHANGED)
    details = get_run(house.database, "local", run.id)
    assert details.run.definition == CHANGED
    assert [row.fingerprint for row in details.activities] == [a.fingerprint for a in CHANGED.activities]


def test_a_run_that_has_begun_keeps_its_definition(house: House) -> None:
    """What is being done is done as it was begun."""
    run = _asked(house)
    with house.database.transaction() as tx:
        runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, house.clock.now())
    _change(house, CHANGED)
    with house.database.transaction() as tx:
        assert not runs.redefine(tx, run.id, CHANGED)
    assert get_run(house.database, "local", run.id).run.definition == run.definition


def test_a_retry_follows_unless_what_it_carries_over_has_changed(house: House) -> None:
    """Its verdicts were made for the activities that it reuses."""
    plan = get_flow(house.database, "local", "f1").plan
    retry = _retry(house, _failed_run(house))
    with house.database.reading() as tx:
        carried = {row.path: row.fingerprint for row in activity_runs.of_run(tx, retry.id)}
    copy = plan.by_name["Copy"]
    _change(house, replace(plan, activities=(replace(copy, settings={"other": 1}), *plan.activities[1:])))
    details = get_run(house.database, "local", retry.id)
    assert details.run.definition == retry.definition
    assert {row.path: row.fingerprint for row in details.activities} == carried
    promote = replace(plan.by_name["Promote"], settings={"m": 5})
    _change(house, replace(plan, activities=(copy, promote)))
    assert get_run(house.database, "local", retry.id).run.definition.by_name["Promote"].settings == {"m": 5}


def test_a_change_may_cancel_what_waits_and_a_removal_does(house: House) -> None:
    """In the transaction of the change: nothing that waits is left behind by a crash."""
    waiting = _asked(house)
    _change(house, None)
    assert get_run(house.database, "local", waiting.id).run.status is RunStatus.CANCELLED
    waiting, working = _asked(house), _asked(house)
    with house.database.transaction() as tx:
        runs.move(tx, working.id, {RunStatus.QUEUED}, RunStatus.RUNNING, house.clock.now())
    delete_flow(house.database, "local", "f1", "tester", house.clock)
    found = [get_run(house.database, "local", run.id).run.status for run in (waiting, working)]
    assert found == [RunStatus.CANCELLED, RunStatus.CANCELLING]
