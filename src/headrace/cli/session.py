"""An installation, opened for one command; and runs that this process does itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace import config
from headrace.bootstrap.application import Application, open_application
from headrace.cli.logs import to_file
from headrace.cli.options import who
from headrace.cli.output import Output
from headrace.cli.progress import show_progress
from headrace.cli.rendering import exit_code, run_document, summary
from headrace.core.codec import encode
from headrace.core.run import Run, RunStatus
from headrace.service.jobs.desk import JobDesk
from headrace.service.runs import RunDetails, cancel_run, get_run

# ruff: noqa: PLC0415 — engine and data plane are loaded by commands that do runs, and by no others
INTERRUPTED = 130


@contextmanager
def opened(home: Path | None) -> Iterator[Application]:
    """Yield the installation in ``home`` (None: as the settings say), with this person's rights to files.

    Raises:
        Problem: as ``config.load`` and ``open_application``.
    """
    settings = config.load(home=home)
    to_file(settings)
    with open_application(settings, unrestricted=True) as application:
        yield application


def job_desk(application: Application) -> JobDesk:
    """Return what the use cases of jobs need."""
    return JobDesk(application.database, application.clock, application.ids, application.settings.job_limits)


def finish(application: Application, run: Run, output: Output, *, detach: bool) -> int:
    """Do ``run`` in this process and report how it ended, or only say that it is queued; return the exit code."""
    if detach:
        details = get_run(application.database, None, run.id)
        output.note(
            f"run {run.id} is queued; a server or a worker of this home does it (headrace serve, headrace worker)"
        )
        _report(application, details, output)
        return 0
    interrupted = False
    try:
        # Loading the engine takes a second, in which Ctrl-C may come: the run is in the ledger already.
        from headrace.bootstrap.working import working

        with working(application), show_progress(output) as watch:
            try:
                details = application.wait_for(run.id, watch)
            except KeyboardInterrupt:
                interrupted = True
                details = _cancelled(application, run, output)
    except KeyboardInterrupt:  # before the run was begun, or after it ended
        _ask_for_the_end(application, run)
        raise
    _report(application, details, output)
    return INTERRUPTED if interrupted and details.run.status is RunStatus.CANCELLED else exit_code(details)


def _cancelled(application: Application, run: Run, output: Output) -> RunDetails:
    """Ask for the run's end and wait for it; a second Ctrl-C ends the process at once, whatever its threads do."""
    output.note(f"\ncancelling run {run.id} (Ctrl-C again: leave at once)")
    try:
        _ask_for_the_end(application, run)
        return application.wait_for(run.id)
    except KeyboardInterrupt:
        output.note("left; the next command of this home that runs something ends the run")
        os._exit(INTERRUPTED)


def _ask_for_the_end(application: Application, run: Run) -> None:
    if not get_run(application.database, None, run.id).run.status.is_final:
        cancel_run(application.database, None, run.id, who(), application.clock)


def _report(application: Application, details: RunDetails, output: Output) -> None:
    if output.is_json:
        output.document(encode(run_document(details)))
    elif details.run.status.is_final:
        summary(details, application.roots.lake, output)
    else:
        output.say(details.run.id)
