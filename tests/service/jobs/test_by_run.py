"""The command line asks for runs; of a job's run, it is the job's own verb that is done."""

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.job import JobStatus
from headrace.core.run import Run, RunStatus
from headrace.service.jobs import by_run, retrying
from headrace.service.retries import RetryRequest, retry_run
from headrace.service.runs import cancel_run, page_runs
from headrace.store import runs
from headrace.store.runs import RunQuery
from service.jobs.house import KEY, MAP, SCOPE, House

_S = JobStatus


def run_of(house: House, run_id: str) -> Run:
    """Return a run."""
    with house.database.reading() as tx:
        return runs.get(tx, SCOPE, run_id)


def test_cancelling_and_retrying_the_run_of_a_job_is_done_to_the_job(house: House) -> None:
    """Listeners hear of it as of any other."""
    job = house.standing(_S.EXECUTING)
    run = run_of(house, job.run_id)
    told = house.expect(["job:updated"], lambda: by_run.cancel(house.desk, run, "ann"))
    assert told[0].context["actorId"] == "ann"
    assert run_of(house, job.run_id).status is RunStatus.CANCELLED
    with pytest.raises(Problem, match='in status "canceled"'):
        by_run.cancel(house.desk, run, "ann")
    house.expect(["job:ready"], lambda: by_run.retry(house.desk, run, "ann"))
    again = house.job(job.id)
    assert (again.attempt, again.status) == (2, _S.READY)
    with pytest.raises(Problem, match='Cannot retry a job in status "ready"'):
        by_run.retry(house.desk, run_of(house, again.run_id), "ann")


def test_the_way_of_other_runs_does_not_pass_a_job_by(house: House) -> None:
    """Its status would not be what its run's is."""
    job = house.standing(_S.FAILED)
    retrying.retry(house.desk, KEY, job.id)
    job = house.job(job.id)
    with pytest.raises(Problem, match=f"attempt at the job {job.id}") as refused:
        cancel_run(house.database, None, job.run_id, "ann", house.clock)
    assert refused.value.code is Code.ILLEGAL_STATE
    with pytest.raises(Problem, match=f"attempt at the job {job.id}"):
        retry_run(
            house.database,
            None,
            job.run_id,
            RetryRequest(created_by="ann"),
            lambda _row: "",
            clock=house.clock,
            ids=house.desk.ids,
        )


def test_a_run_that_builds_a_plan_is_cancelled_alone(house: House) -> None:
    """The job goes on without a plan until it is done."""
    job = house.make(MAP)
    query = RunQuery(scopes=(SCOPE,))
    (planning,) = [run for run in page_runs(house.database, query).items if run.id != job.run_id]
    assert by_run.cancel(house.desk, planning, "ann").status is RunStatus.CANCELLED
    assert house.job(job.id).status is _S.CREATED
    with pytest.raises(Problem, match="nothing to cancel"):
        by_run.cancel(house.desk, planning, "ann")
