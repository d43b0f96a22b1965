"""Runs that this process does itself, until they end."""

import os

from headrace.cli import rendering
from headrace.cli.desk import LocalDesk
from headrace.cli.options import who
from headrace.cli.output import Output
from headrace.cli.progress import show_progress
from headrace.cli.watching import INTERRUPTED, lake_of, report
from headrace.core.native.runs import AskRun, RunView
from headrace.core.native.table import SHOW_RUN
from headrace.core.run import RunStatus
from headrace.service.runs import cancel_run

# ruff: noqa: PLC0415 — engine and data plane are loaded by commands that do runs, and by no others


def finish(desk: LocalDesk, run_id: str, output: Output, *, detach: bool) -> int:
    """Do the run in this process and report how it ended, or only say that it is queued; return the exit code."""
    if detach:
        output.note(
            f"run {run_id} is queued; a server or a worker of this home does it (headrace serve, headrace worker)"
        )
        queued(desk.ask(SHOW_RUN, AskRun(run=run_id)), output)
        return 0
    interrupted = False
    try:
        # Loading the engine takes a second, in which Ctrl-C may come: the run is in the ledger already.
        from headrace.bootstrap.working import working

        with working(desk.application), show_progress(output) as changed:
            try:
                desk.application.wait_for(run_id, lambda _: changed(desk.ask(SHOW_RUN, AskRun(run=run_id))))
            except KeyboardInterrupt:
                interrupted = True
                _cancel_and_wait(desk, run_id, output)
    except KeyboardInterrupt:  # before the run was begun, or after it ended
        _ask_for_the_end(desk, run_id)
        raise
    view = desk.ask(SHOW_RUN, AskRun(run=run_id))
    report(view, output, lake_of(desk))
    return INTERRUPTED if interrupted and view.run.status is RunStatus.CANCELLED else rendering.exit_code(view.run)


def queued(view: RunView, output: Output) -> None:
    """Print a run that is not waited for: its id, or all of it as JSON."""
    if output.is_json:
        output.document(rendering.view_document(view))
    else:
        output.say(view.run.id)


def _cancel_and_wait(desk: LocalDesk, run_id: str, output: Output) -> None:
    """Ask for the run's end and wait for it; a second Ctrl-C ends the process at once, whatever its threads do."""
    output.note(f"\ncancelling run {run_id} (Ctrl-C again: leave at once)")
    try:
        _ask_for_the_end(desk, run_id)
        desk.application.wait_for(run_id)
    except KeyboardInterrupt:
        output.note("left; the next command of this home that runs something ends the run")
        os._exit(INTERRUPTED)


def _ask_for_the_end(desk: LocalDesk, run_id: str) -> None:
    if not desk.ask(SHOW_RUN, AskRun(run=run_id)).run.status.is_final:
        one = desk.application
        cancel_run(one.database, None, run_id, who(), one.clock)
