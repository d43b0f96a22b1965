"""Runs of flows that somebody asks for now, each as its door makes them."""

from headrace.core.client import Identity
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Flow
from headrace.core.native.flows import AskFlowRun
from headrace.core.native.runs import RunLine
from headrace.core.run import Run
from headrace.service.native.desk import NativeDesk, PipelineWish
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
    return _line(_run(desk, caller.client_id, flow, asked))


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
        wish = PipelineWish(scope=flow.scope, pipeline=flow.name, who=who, parameters=asked.parameters)
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


def _line(run: Run) -> RunLine:
    return RunLine(
        id=run.id,
        scope=run.scope,
        flow=run.flow_name,
        flow_id=run.flow_id,
        status=run.status,
        kind=run.kind,
        group_id=run.group_id,
        attempt=run.attempt,
        created_at=run.created_at,
        updated_at=run.updated_at or run.created_at,
        created_by=run.created_by,
        due_at=run.due_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        window=run.window,
        parameters=run.parameters,
        figures=run.figures,
        verbs=() if run.status.is_final else ("cancel",),
    )
