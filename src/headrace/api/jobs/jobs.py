"""Jobs: 13 of the 17 calls of contract 2, and their attempts; the plan and the preview stand in files of their own."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.errors import bad_request
from headrace.api.jobs.gateway import AtDoor, ByActor, actor_of
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.jobs import (
    attempt_item,
    change_of,
    ending_of,
    info_of,
    job_item,
    job_request,
    parts_of,
    sign_of,
)
from headrace.api.jobs.wire import data, page, success
from headrace.core.job import Job
from headrace.service.jobs import lists, making, parts, retrying, verbs
from headrace.store.jobs import JobQuery

router = APIRouter()

PAGE = 20
"""Jobs of a page, unless the caller says otherwise."""


@router.get("/jobs")
def list_jobs(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List jobs, the newest first."""
    asked = Query(request)
    size, number = asked.page(PAGE)
    query = JobQuery(
        environment_id=asked.text("environmentId"),
        space_id=asked.text("spaceId"),
        workbook_id=asked.text("workbookId"),
        file_id=asked.text("fileId"),
        parent_id=asked.text("parentId"),
        source=asked.text("source"),
        without_parts=asked.flag("excludeChildJobs"),
    )
    descending = asked.descending()
    asked.done()
    found, total = lists.page(door.jobs, actor, query, size, number, descending=descending)
    return page([job_item(job) for job in found], total, number, size)


@router.post("/jobs")
def create_job(request: Request, door: AtDoor, body: Object) -> Response:
    """Make a job."""
    asked = job_request(body)
    actor = actor_of(request, body)
    environment = body.get("environmentId")
    if environment is not None and environment != actor.environment_id:
        raise bad_request("Environment not found", "environmentId")
    return _job(making.create(door.jobs, actor, asked))


@router.get("/jobs/{job_id}")
def get_job(job_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Show a job."""
    return _job(lists.get(door.jobs, actor, job_id))


@router.patch("/jobs/{job_id}")
def update_job(job_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Change a job."""
    return _job(verbs.patch(door.jobs, actor, job_id, change_of(body)))


@router.delete("/jobs/{job_id}")
def delete_job(job_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove a job and its parts."""
    verbs.delete(door.jobs, actor, job_id)
    return success()


@router.post("/jobs/{job_id}/execute")
def execute_job(job_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Say that a job is to be done."""
    verbs.execute(door.jobs, actor, job_id)
    return success()


@router.post("/jobs/{job_id}/ack")
def ack_job(job_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Take a job, or tell how far it is."""
    return _job(verbs.acknowledge(door.jobs, actor, job_id, sign_of(body)))


@router.post("/jobs/{job_id}/outcome/ack")
def ack_job_outcome(job_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Say that somebody has seen the outcome."""
    return _job(verbs.acknowledge_outcome(door.jobs, actor, job_id))


@router.post("/jobs/{job_id}/complete")
def complete_job(job_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Say that a job is done."""
    return _job(verbs.complete(door.jobs, actor, job_id, ending_of(body)))


@router.post("/jobs/{job_id}/fail")
def fail_job(job_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Say that a job has failed."""
    return _job(verbs.fail(door.jobs, actor, job_id, ending_of(body)))


@router.post("/jobs/{job_id}/cancel")
def cancel_job(job_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Say that a job is not to be done any more."""
    return _job(verbs.cancel(door.jobs, actor, job_id, info_of(body)))


@router.post("/jobs/{job_id}/retry")
def retry_job(job_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Make a job that has ended ready once more."""
    return _job(retrying.retry(door.jobs, actor, job_id))


@router.post("/jobs/{job_id}/split")
def split_job(job_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Split a job into parts; the answer is the job that was split."""
    pieces, parallel = parts_of(body)
    return _job(parts.split(door.jobs, actor, job_id, pieces, parallel=parallel))


@router.get("/jobs/{job_id}/attempts")
def list_attempts(job_id: str, door: AtDoor, actor: ByActor) -> Response:
    """List every attempt at a job, the first one first; no call of the published API."""
    return data([attempt_item(attempt) for attempt in lists.attempts(door.jobs, actor, job_id)])


def _job(job: Job) -> Response:
    return data(job_item(job))
