"""``headrace run``: a flow file, run here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace import config
from headrace.bootstrap.application import Application
from headrace.cli.options import who
from headrace.cli.output import Output
from headrace.cli.session import finish, opened
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Flow
from headrace.core.window import Window
from headrace.flowfile import FlowFile, load
from headrace.service.connections import put_connection
from headrace.service.flows import put_flow
from headrace.service.runs import RunRequest, create_run


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
        request = RunRequest(
            scope=flow.scope, flow_id=flow.id, created_by=who(), window=wish.window, details=details_of(file)
        )
        run = create_run(application.database, request, application.clock, application.ids)
        return finish(application, run, output, detach=wish.detach)


def put_file(application: Application, file: FlowFile) -> Flow:
    """Keep the flow and the connections of a flow file in the ledger; return the flow as it is kept."""
    for connection in file.connections:
        put_connection(application.database, connection, who(), application.sealer, application.clock)
    return put_flow(application.database, file.flow, who(), application.clock)


def details_of(file: FlowFile) -> Mapping[str, Json]:
    """Return what a run remembers of its flow file: where it is, and with which parameters it was read."""
    return dict(file.flow.labels)
