"""Runs, followed: server-sent events that say that something has changed, and at which revision."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.native.door import PREFIX, NativeDoor
from headrace.api.native.gateway import caller_of, door_of, identify
from headrace.api.native.routes import path_values
from headrace.core.client import Identity
from headrace.service.native.looking import run_revision, runs_revision

router = APIRouter()
LOOK_SECONDS = 0.5


@router.get(PREFIX + "/runs/events")
async def follow_runs(request: Request) -> Response:
    """Tell whenever something of the newest runs that the caller may see has changed."""
    return await _stream(request, lambda door, identity: runs_revision(door.desk, identity))


@router.get(PREFIX + "/runs/{run}/events")
async def follow_run(request: Request) -> Response:
    """Tell whenever something of a run has changed, until it has ended."""
    run = path_values(request)["run"]
    return await _stream(request, lambda door, identity: run_revision(door.desk, identity, run))


async def _stream(request: Request, look: Callable[[NativeDoor, Identity], str | None]) -> Response:
    door = door_of(request)
    authorization = request.headers.get("authorization", "")

    def looking() -> str | None:
        # Who was let in is looked at again and again: rights that are taken end what is followed.
        return look(door, identify(door, authorization))

    # What is not there is refused, instead of followed.
    await run_in_threadpool(looking)
    since = request.headers.get("last-event-id") or request.query_params.get("since")
    return door.streams.open(looking, LOOK_SECONDS, since, caller_of(request).identity.client_id)
