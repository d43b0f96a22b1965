"""Cancelling runs (4.7): asked for here, done by whoever executes them."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.errors import Fault
from headrace.api.datafactory.gateway import InFactory
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.pipeline_runs import find_run, unknown_run
from headrace.api.datafactory.queries import flag_in
from headrace.api.datafactory.wire import empty
from headrace.core.errors import Code, Problem
from headrace.service.runs import cancel_run

router = APIRouter(prefix=FACTORY)


@router.post("/pipelineruns/{run_id}/cancel")
def cancel(run_id: str, request: Request, factory: InFactory) -> Response:
    """Ask for the end of a run, with ``isRecursive=true`` for that of the runs that it has made too; of one that has ended: no effect."""
    recursive = bool(flag_in(request, "isRecursive"))
    door = factory.door
    with door.database.reading() as tx:
        run = find_run(tx, factory, run_id)
    if run is None:
        raise unknown_run(run_id, Fault.RUN_REFERENCE_NOT_FOUND)
    try:
        cancel_run(door.database, factory.scope, run.id, factory.who, door.clock, recursive=recursive)
    except Problem as problem:
        # It has ended, or did so just now.
        if problem.code is not Code.ILLEGAL_STATE:
            raise
    return empty()
