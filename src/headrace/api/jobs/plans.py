"""Execution plans of map jobs (contract 7)."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.translate.jobs import job_item
from headrace.api.jobs.wire import data
from headrace.core.codec import Json
from headrace.core.job import Job
from headrace.service.jobs import plans

router = APIRouter()


@router.get("/jobs/{job_id}/plan")
def get_plan(job_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Show the plan of a job."""
    return _both(*plans.get(door.jobs, actor, job_id))


@router.put("/jobs/{job_id}/plan")
def put_plan(job_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Replace the plan of a job."""
    return _both(*plans.put(door.jobs, actor, job_id, body))


@router.patch("/jobs/{job_id}/plan")
def patch_plan(job_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Change parts of the plan of a job."""
    return _both(*plans.patch(door.jobs, actor, job_id, body))


def _both(job: Job, plan: Mapping[str, Json]) -> Response:
    return data({"job": job_item(job), "plan": plan})
