"""Attempts at jobs in the ledger: each is a run of one activity, and the runs of one job are a group.

A listener's run is never put into the queue: its activity waits for somebody outside, and its status moves with the job's, in the same transaction. A
run of the engine is put into the queue when its job is ready, and ends by itself; its job ends before, in the last transaction of its work.
Runs of a job do not exclude each other: while a worker still stops what was cancelled, the next attempt may begin; the job says whose word counts.
"""

from collections.abc import Sequence
from dataclasses import replace

from headrace.core.codec import Json
from headrace.core.engine_operations import LISTEN, PLAN, kind_of
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Flow, Plan, Policy
from headrace.core.ids import derived_uuid
from headrace.core.job import EndedBy, Job, JobAttempt, JobStatus
from headrace.core.outcome import Failure, Outcome
from headrace.core.planning import PlanRequest, plan_run
from headrace.core.run import ActivityRun, ActivityStatus, Run, RunKind, RunStatus
from headrace.service.jobs.work import Work
from headrace.service.runs import as_object, end_run, pending
from headrace.store import activity_runs, flows, job_attempts, queue, runs

JOB = "job"
"""Under this key the details of a run have the id of its job."""
PARENT = "parent"
"""And under this one the id of the job that it is a part of, if it is one."""
_WORK = "work"
"""The name of the only activity."""
_PLANNING = "planning"
_ENGINE_POLICY = Policy(retries=2, interval_seconds=5.0, backoff=3.0)
_LISTENING = (ActivityStatus.WAITING, ActivityStatus.RUNNING)


def begin(work: Work, job: Job, earlier: str | None = None) -> Job:
    """Write the run of the attempt that ``job`` is at, and return the job with its id. ``earlier``: the run of the attempt before."""
    run = _run(work, job, _flow_of(work, job))
    if earlier is not None:
        run = _following(work, run, earlier)
    _insert(work, run, waiting=not job.engine)
    return replace(job, run_id=run.id)


def begin_all(work: Work, made: Sequence[Job]) -> list[Job]:
    """Write the runs of the first attempts at listeners' jobs, all at once, and return the jobs with their ids."""
    begun = [_run(work, job, _flow_of(work, job)) for job in made]
    runs.insert_all(work.tx, begun)
    activity_runs.insert_only(work.tx, work.actor.scope, (row for run in begun for row in _waiting(run)))
    return [replace(job, run_id=run.id) for job, run in zip(made, begun, strict=True)]


def begin_plan(work: Work, job: Job) -> None:
    """Queue the run that builds the plan of a job that waits to be asked for."""
    run = _run(work, job, _flow(work, f"{job.name} {_PLANNING}", Activity(_PLANNING, PLAN, policy=_ENGINE_POLICY)))
    _insert(work, run, waiting=False)
    queue.enqueue(work.tx, run)


def enqueue(work: Work, job: Job) -> None:
    """Let the engine take the attempt that ``job`` is at."""
    queue.enqueue(work.tx, runs.get(work.tx, job.scope, job.run_id))


def start(work: Work, job: Job) -> None:
    """Let the ledger say that a listener has begun the attempt; that it has already is no matter."""
    if not job.engine:
        runs.move(work.tx, job.run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, work.now)
        _move(work, job, ActivityStatus.RUNNING, {ActivityStatus.WAITING})


def end(work: Work, job: Job, ended_by: EndedBy, *, started: bool) -> None:
    """Freeze the attempt that ``job``, which has ended, was at, and let its run end; the engine's own end is left to the engine.

    ``started``: somebody had begun it; else what the job says of its start is of the attempt before.
    """
    if job.status is not JobStatus.COMPLETE:
        end_all(work, [(job, started)], ended_by)
        return
    job_attempts.insert_all(work.tx, job.scope, [_frozen(work, job, ended_by, started=started)])
    if not job.engine:
        if not started:
            start(work, job)
        output: dict[str, Json] = {"outcome": job.outcome, "result": job.result}
        _move(work, job, ActivityStatus.SUCCEEDED, _LISTENING, Outcome(output))
        runs.move(work.tx, job.run_id, {RunStatus.RUNNING}, RunStatus.SUCCEEDED, work.now)
    elif ended_by is not EndedBy.ENGINE:
        _end_engine(work, job)


def end_all(work: Work, ended: Sequence[tuple[Job, bool]], ended_by: EndedBy) -> None:
    """Do as ``end`` with jobs that have all failed, or were all cancelled, each with whether somebody had begun its attempt; in few statements."""
    attempts = [_frozen(work, job, ended_by, started=started) for job, started in ended]
    job_attempts.insert_all(work.tx, work.actor.scope, attempts)
    listening: dict[Failure, list[Job]] = {}
    for job, _ in ended:
        if not job.engine:
            listening.setdefault(_why(work, job, ended_by), []).append(job)
        elif ended_by is not EndedBy.ENGINE:
            _end_engine(work, job)
    for why, found in listening.items():
        _end_listening(work, [job.run_id for job in found], why, failed=found[0].status is JobStatus.FAILED)


def _frozen(work: Work, job: Job, ended_by: EndedBy, *, started: bool) -> JobAttempt:
    return JobAttempt(
        job_id=job.id,
        number=job.attempt,
        run_id=job.run_id,
        status=job.status,
        progress=job.progress,
        started_at=job.started_at if started else None,
        finished_at=job.finished_at,
        info=job.info,
        outcome=job.outcome,
        result=job.result,
        config=job.config,
        input=job.input,
        plan=job.plan,
        ended_by=ended_by,
        actor_id=work.actor.id,
    )


def _run(work: Work, job: Job, flow: Flow) -> Run:
    run_id = work.desk.ids.uuid()
    details: dict[str, Json] = {JOB: job.id}
    if job.parent_id is not None:
        details[PARENT] = job.parent_id
    return Run(
        id=run_id,
        scope=job.scope,
        flow_id=flow.id,
        flow_name=flow.name,
        kind=RunKind.ON_DEMAND,
        group_id=run_id,
        definition=flow.plan,
        created_at=work.now,
        plan=as_object(plan_run(flow.plan, (), PlanRequest(run_id))),
        created_by=work.actor.id,
        details=details,
        updated_at=work.now,
        exclusive=False,
    )


def _following(work: Work, run: Run, earlier: str) -> Run:
    """Return ``run`` as the next one in the group of ``earlier``; retention may have removed that, then it begins a group."""
    try:
        before = runs.get(work.tx, run.scope, earlier)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return run
    attempt = runs.last_attempt(work.tx, before.group_id) + 1
    return replace(run, kind=RunKind.RETRY, group_id=before.group_id, retry_of=before.id, attempt=attempt)


def _insert(work: Work, run: Run, *, waiting: bool) -> None:
    runs.insert(work.tx, run)
    activity_runs.insert_all(work.tx, _waiting(run) if waiting else _pending(run))


def _pending(run: Run) -> tuple[ActivityRun, ...]:
    return pending(run, plan_run(run.definition, (), PlanRequest(run.id)))


def _waiting(run: Run) -> tuple[ActivityRun, ...]:
    return tuple(replace(row, status=ActivityStatus.WAITING) for row in _pending(run))


def _flow_of(work: Work, job: Job) -> Flow:
    kind = kind_of(job.operation) if job.engine else LISTEN
    return _flow(work, job.name, Activity(_WORK, kind, policy=_ENGINE_POLICY if job.engine else Policy()))


def _flow(work: Work, name: str, activity: Activity) -> Flow:
    """Return the flow that such runs are of; it is made on first use."""
    scope = work.actor.scope
    flow_id = derived_uuid(scope, name, activity.kind)
    if flow_id not in work.flows:
        flow = Flow(flow_id, scope, name, Plan((activity,)))
        work.flows[flow_id] = flows.put(work.tx, flow, work.now)
    return work.flows[flow_id]


def _why(work: Work, job: Job, ended_by: EndedBy) -> Failure:
    """Return why the run of a listener's job ends that has failed or was cancelled."""
    if job.status is JobStatus.FAILED:
        return _failure(job, Code.TIMED_OUT if ended_by is EndedBy.TIMEOUT else Code.EXTERNAL_FAILED)
    return Failure(Code.CANCELLED, job.info or f"cancelled by {work.actor.id}")


def _end_listening(work: Work, run_ids: Sequence[str], why: Failure, *, failed: bool) -> None:
    tx, now = work.tx, work.now
    if failed:
        to = ActivityStatus.TIMED_OUT if why.code is Code.TIMED_OUT else ActivityStatus.FAILED
        activity_runs.move_several(tx, run_ids, _WORK, 1, _LISTENING, to, now, outcome=Outcome(failure=why))
        runs.move_several(tx, run_ids, {RunStatus.QUEUED, RunStatus.RUNNING}, RunStatus.FAILED, now, why)
        return
    activity_runs.move_several(tx, run_ids, _WORK, 1, _LISTENING, ActivityStatus.CANCELLED, now)
    before = runs.move_several(tx, run_ids, {RunStatus.QUEUED}, RunStatus.CANCELLED, now, why)
    begun = [run_id for run_id in run_ids if run_id not in before]
    runs.move_several(tx, begun, {RunStatus.RUNNING}, RunStatus.CANCELLING, now, why)
    runs.move_several(tx, begun, {RunStatus.CANCELLING}, RunStatus.CANCELLED, now, why)


def _end_engine(work: Work, job: Job) -> None:
    """Let the engine stop, which it does by itself when a worker has the run in hand."""
    run = runs.get(work.tx, job.scope, job.run_id)
    if job.status is JobStatus.FAILED and run.status is RunStatus.QUEUED:
        reason = _failure(job, Code.EXTERNAL_FAILED)
        _move(work, job, ActivityStatus.CANCELLED, {ActivityStatus.PENDING})
        runs.move(work.tx, run.id, {RunStatus.QUEUED}, RunStatus.FAILED, work.now, reason)
    elif not run.status.is_final:
        end_run(work.tx, run, work.actor.id, work.now)


def _move(
    work: Work,
    job: Job,
    to: ActivityStatus,
    expected: tuple[ActivityStatus, ...] | set[ActivityStatus],
    outcome: Outcome | None = None,
) -> None:
    activity_runs.move(work.tx, job.run_id, _WORK, 1, expected, to, work.now, outcome=outcome)


def _failure(job: Job, code: Code) -> Failure:
    message = None if job.outcome is None else job.outcome.get("message")
    return Failure(code, job.info or (message if isinstance(message, str) and message else "the job failed"))
