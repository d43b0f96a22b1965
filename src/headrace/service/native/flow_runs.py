"""Runs of flows that somebody asks for now, each as its door makes them."""

from headrace.core.client import Identity
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Flow
from headrace.core.native.flows import AskFlowRun
from headrace.core.native.runs import RunLine
from headrace.core.run import Run
from headrace.service.native.desk import NativeDesk, PipelineWish
from headrace.service.native.run_lines import run_line
from headrace.service.running_now import run_now as run_at_once
from headrace.service.runs import RunRequest
from headrace.service.schedules import FiringDesk

JOBS, DATA_FACTORY = "jobs", "datafactory"
"""The first segments of scopes of the Jobs door and of the Data Factory door."""


def run_now(desk: NativeDesk, caller: Identity, flow: Flow, asked: AskFlowRun) -> RunLine:
    """Return a new run of ``flow``, or the one that an earlier request with the same key made.

    Raises:
        Problem: ``UNSUPPORTED``: a flow of jobs; ``ILLEGAL_STATE``: the flow is paused; ``INVALID``: parameters, or a window where none can be;
            what the door says.
    """
    run = _run(desk, caller.client_id, flow, asked)
    with desk.database.reading() as tx:
        return run_line(tx, caller, run)


def _run(desk: NativeDesk, who: str, flow: Flow, asked: AskFlowRun) -> Run:
    door = flow.scope.partition("/")[0]
    if door == JOBS:
        raise Problem(
            Code.UNSUPPORTED,
            f"{flow.name!r} is a flow of jobs: make a job through the Jobs door, which says on what it works",
        )
    if door == DATA_FACTORY:
        if asked.window is not None:
            error = FieldError("window", "a pipeline has no window", "give what it reads by as parameters")
            raise Problem(Code.INVALID, str(error), (error,))
        wish = PipelineWish(
            scope=flow.scope,
            pipeline=flow.name,
            who=who,
            parameters=asked.parameters,
            request_key=asked.request_key,
        )
        return desk.pipelines.run(wish)
    request = RunRequest(
        scope=flow.scope,
        flow_id=flow.id,
        created_by=who,
        parameters=asked.parameters,
        window=asked.window,
        request_key=asked.request_key,
        details=flow.labels if door == "local" else {},
    )
    return run_at_once(FiringDesk(desk.database, desk.clock, desk.ids, desk.makers), flow, request)
