"""``headrace run``: a flow file, run here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace import config
from headrace.bootstrap.application import Application
from headrace.cli.desk import LocalDesk
from headrace.cli.finishing import finish
from headrace.cli.options import who
from headrace.cli.output import Output
from headrace.cli.session import opened
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Flow
from headrace.core.run import RunStatus
from headrace.core.window import Window
from headrace.flowfile import FlowFile, load
from headrace.service.connections import put_connection
from headrace.service.delivered import watermark_key
from headrace.service.flows import put_flow
from headrace.service.runs import RunRequest, create_run, page_runs
from headrace.service.watermarks import get_watermark
from headrace.store.run_pages import RunQuery


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for with ``headrace run``."""

    file: Path
    parameters: Mapping[str, Json]
    window: Window | None
    home: Path | None
    detach: bool


def run_file(wish: Wish, output: Output) -> int:
    """Run the flow file and return the exit code.

    Raises:
        Problem: the file is wrong, or the window selects nothing in it.
    """
    file = load(wish.file, wish.parameters, config.environment())
    if wish.window is not None and not file.takes_window:
        message = "the flow has nothing that a window selects by"
        hint = "source.delta_column for a database, source.by_modification_time for files"
        raise Problem(Code.INVALID, message, (FieldError("--window", message, hint),))
    with opened(wish.home) as application:
        flow = put_file(application, file)
        window, details = wish.window, details_of(file)
        if window is None and file.watermark is not None:
            window, details = (
                going_on(application, flow, file.watermark),
                {**details, "watermark": {"key": file.watermark}},
            )
        request = RunRequest(scope=flow.scope, flow_id=flow.id, created_by=who(), window=window, details=details)
        run = create_run(application.database, request, application.clock, application.ids)
        return finish(LocalDesk(application), run.id, output, detach=wish.detach)


def going_on(application: Application, flow: Flow, key: str) -> Window:
    """Return the window that begins where the flow's last run ended, and has no end: the copy finds it in what it reads.

    Raises:
        Problem: ``ILLEGAL_STATE``: a run of the flow is under way; both would read the same rows.
    """
    active = frozenset(status for status in RunStatus if not status.is_final)
    for run in page_runs(application.database, RunQuery(flow_id=flow.id, statuses=active), limit=100).items:
        if watermark_key(run) == key:
            raise Problem(
                Code.ILLEGAL_STATE,
                f"run {run.id} of {flow.name} is {run.status} and reads from the same watermark; wait for its end "
                f"(headrace runs watch {run.id[:8]}), or give --window START END",
            )
    reached = get_watermark(application.database, flow.scope, flow.id, key)
    return Window(None if reached is None else reached.value, None)


def put_file(application: Application, file: FlowFile) -> Flow:
    """Keep the flow and the connections of a flow file in the ledger; return the flow as it is kept."""
    for connection in file.connections:
        put_connection(application.database, connection, who(), application.sealer, application.clock)
    return put_flow(application.database, file.flow, who(), application.clock)


def details_of(file: FlowFile) -> Mapping[str, Json]:
    """Return what a run remembers of its flow file: where it is, and with which parameters it was read."""
    return dict(file.flow.labels)
