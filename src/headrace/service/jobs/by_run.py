"""Jobs asked for by a run of theirs, as the command line knows them: what is done is exactly the job's own verb."""

from headrace.core.errors import Code, Problem
from headrace.core.job import Actor
from headrace.core.run import Run
from headrace.service.jobs import retrying, verbs
from headrace.service.jobs.desk import JobDesk
from headrace.service.runs import end_run, job_of
from headrace.store import jobs, runs


def cancel(desk: JobDesk, run: Run, who: str) -> Run:
    """Cancel the job that ``run`` is the newest attempt at, and return the run.

    A run that builds a plan, or an earlier attempt that is still being stopped, is no job to be cancelled: that run alone is stopped.

    Raises:
        Problem: ``NOT_FOUND``: the job is gone; ``ILLEGAL_STATE``: it has ended.
    """
    job_id, actor = str(job_of(run)), Actor(who, run.scope)
    with desk.database.reading() as tx:
        job = jobs.find(tx, job_id)
    if job is not None and job.run_id == run.id:
        verbs.cancel(desk, actor, job_id)
    else:
        with desk.database.transaction() as tx:
            newest = runs.get(tx, run.scope, run.id)
            if newest.status.is_final or not end_run(tx, newest, who, desk.clock.now()):
                raise Problem(Code.ILLEGAL_STATE, f"run {run.id} has {newest.status}: there is nothing to cancel")
    with desk.database.reading() as tx:
        return runs.get(tx, run.scope, run.id)


def retry(desk: JobDesk, run: Run, who: str) -> Run:
    """Retry the job that ``run`` is an attempt at, and return the run of the new attempt.

    Raises:
        Problem: as ``retrying.retry``.
    """
    job = retrying.retry(desk, Actor(who, run.scope), str(job_of(run)))
    with desk.database.reading() as tx:
        return runs.get(tx, job.scope, job.run_id)
