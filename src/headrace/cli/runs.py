"""``headrace runs``: look at runs, watch and cancel them."""

from dataclasses import dataclass
from pathlib import Path

from headrace.bootstrap.application import Application
from headrace.cli import rendering
from headrace.cli.options import who
from headrace.cli.output import Output, moment, number, took
from headrace.cli.progress import show_progress
from headrace.cli.rejects import print_rejects
from headrace.cli.session import job_desk, opened
from headrace.core.codec import encode
from headrace.core.outcome import ReasonCount
from headrace.core.run import RunStatus
from headrace.flowfile import SCOPE
from headrace.service.flows import find_flow
from headrace.service.jobs import by_run
from headrace.service.runs import RunDetails, cancel_run, errors_of_run, find_run, get_run, job_of, page_runs
from headrace.store.run_pages import RunQuery

_UUID = 36


@dataclass(frozen=True, slots=True)
class Choice:
    """Which runs a list has."""

    flow: str | None
    statuses: frozenset[RunStatus]
    limit: int
    cursor: str | None


def show_list(home: Path | None, output: Output, choice: Choice) -> int:
    """List runs, newest first."""
    with opened(home) as application:
        query = RunQuery(flow_id=_flow_id(application, choice.flow), statuses=choice.statuses)
        page = page_runs(application.database, query, limit=choice.limit, cursor=choice.cursor)
    following = None if page.next is None else page.next.token()
    if output.is_json:
        output.document({"items": [rendering.run_line(run) for run in page.items], "next": following})
        return 0
    rows = [
        (
            run.id[: rendering.SHORT],
            run.flow_name,
            rendering.status_words(run),
            f"{run.kind.value} {run.attempt}" if run.attempt > 1 else run.kind.value,
            moment(run.created_at),
            took(run.started_at, run.ended_at),
            number(run.figures.rows_read),
            number(run.figures.rows_accepted),
            number(run.figures.rows_rejected),
        )
        for run in page.items
    ]
    headings = ("run", "flow", "status", "kind", "created", "took", "read", "accepted", "rejected")
    output.table(headings, rows, right=("took", "read", "accepted", "rejected"))
    if following is not None:
        output.note(f"more: --cursor {following}")
    return 0


def show(home: Path | None, run_id: str, output: Output) -> int:
    """Show one run."""
    with opened(home) as application:
        details = _details(application, run_id)
        if output.is_json:
            output.document(encode(rendering.run_document(details)))
            return 0
        rendering.header(details.run, output)
        output.say("")
        rendering.activities_table(details, output)
        if details.batches:
            output.say("")
            _batches(details, output)
    return 0


def watch(home: Path | None, run_id: str, output: Output) -> int:
    """Watch a run until it ends; the exit code is that of the run."""
    with opened(home) as application:
        found = find_run(application.database, None, run_id)
        with show_progress(output) as changed:
            details = application.wait_for(found, changed)
        if output.is_json:
            output.document(encode(rendering.run_document(details)))
        else:
            rendering.summary(details, application.roots.lake, output)
        return rendering.exit_code(details)


def errors(home: Path | None, run_id: str, output: Output) -> int:
    """Show why a run did not succeed, or not wholly."""
    with opened(home) as application:
        found = errors_of_run(application.database, None, find_run(application.database, None, run_id))
    if output.is_json:
        document = {
            "run_id": found.run.id,
            "status": found.run.status,
            "reason": found.run.reason,
            "failures": found.failures,
            "rejects": found.rejects,
            "warnings": found.warnings,
        }
        output.document(encode(document))
        return 0
    output.say(f"{found.run.flow_name}: {rendering.status_words(found.run)} (run {found.run.id})")
    for failure in found.failures:
        output.say(f"activity {failure.path}, attempt {failure.attempt}:")
        rendering.failure(failure.failure, output)
    if found.run.reason is not None and not found.failures:
        rendering.failure(found.run.reason, output)
    _reasons("rejected rows", found.rejects, output)
    _reasons("rows with warnings", found.warnings, output)
    if found.rejects:
        output.say(f"the rows themselves: headrace runs rejects {found.run.id[: rendering.SHORT]}")
    return 0


def rejects(home: Path | None, run_id: str, limit: int, output: Output) -> int:
    """Show rejected rows of a run, with their reasons."""
    with opened(home) as application:
        details = _details(application, run_id)
        print_rejects(application, details, limit, output)
    return 0


def cancel(home: Path | None, run_id: str, output: Output) -> int:
    """Ask for the end of a run."""
    with opened(home) as application:
        found = find_run(application.database, None, run_id)
        run = get_run(application.database, None, found).run
        if job_of(run) is not None:
            run = by_run.cancel(job_desk(application), run, who())
        else:
            run = cancel_run(application.database, None, found, who(), application.clock)
    if output.is_json:
        output.document(encode(rendering.run_line(run)))
    else:
        output.say(f"run {run.id} is {run.status.value}")
    return 0


def _details(application: Application, run_id: str) -> RunDetails:
    return get_run(application.database, None, find_run(application.database, None, run_id))


def _flow_id(application: Application, text: str | None) -> str | None:
    if text is None or len(text) == _UUID:
        return text
    return find_flow(application.database, SCOPE, text).id


def _batches(details: RunDetails, output: Output) -> None:
    rows = [
        (
            batch.id,
            batch.status.value,
            batch.table,
            "-" if batch.version is None else str(batch.version),
            number(batch.figures.rows_accepted),
            number(batch.figures.rows_rejected),
            number(batch.resolved),
        )
        for batch in details.batches
    ]
    headings = ("batch", "status", "table", "version", "accepted", "rejected", "resolved")
    output.table(headings, rows, right=headings[3:])


def _reasons(title: str, found: tuple[ReasonCount, ...], output: Output) -> None:
    if not found:
        return
    output.say(f"{title}:")
    rows = [(number(r.count), r.column or "(row)", r.code, r.message) for r in found]
    output.table(("rows", "column", "code", "message"), rows, right=("rows",))
