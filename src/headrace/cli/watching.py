"""``headrace runs watch``: a run that goes on elsewhere, until it ends."""

from pathlib import Path

from headrace.cli import rendering
from headrace.cli.desk import Desk, LocalDesk, asking
from headrace.cli.options import At
from headrace.cli.output import Output
from headrace.cli.progress import show_progress
from headrace.core.native.runs import AskRun, RunView
from headrace.core.native.table import SHOW_RUN

INTERRUPTED = 130


def watch(at: At, run: str, output: Output) -> int:
    """Watch a run until it ends; the exit code is that of the run. Ctrl-C leaves the run alone."""
    with asking(at) as desk:
        return watch_with(desk, run, output)


def watch_with(desk: Desk, run: str, output: Output) -> int:
    """As ``watch``, at a desk that is open."""
    # @latest may be another run before this one has ended.
    run_id = desk.ask(SHOW_RUN, AskRun(run=run)).run.id
    try:
        view = _until_its_end(desk, run_id, output)
    except KeyboardInterrupt:
        short = run_id[: rendering.SHORT]
        output.note(f"\nno longer watched; run {short} goes on (headrace runs cancel {short} ends it)")
        return INTERRUPTED
    report(view, output, lake_of(desk))
    return rendering.exit_code(view.run)


def report(view: RunView, output: Output, lake: Path | None) -> None:
    """Print a run that has ended, as its summary or as one JSON object."""
    if output.is_json:
        output.document(rendering.view_document(view))
    else:
        rendering.summary(view, output, lake)


def lake_of(desk: Desk) -> Path | None:
    """Return the folder of tables, where it is on this machine."""
    return desk.application.roots.lake if isinstance(desk, LocalDesk) else None


def _until_its_end(desk: Desk, run_id: str, output: Output) -> RunView:
    with show_progress(output) as changed:
        for _ in desk.watch(run_id):
            view = desk.ask(SHOW_RUN, AskRun(run=run_id))
            changed(view)
            if view.run.status.is_final:
                break
    return desk.ask(SHOW_RUN, AskRun(run=run_id))
