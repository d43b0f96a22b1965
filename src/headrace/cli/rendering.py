"""Runs as JSON documents and as text for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.cli.output import Cell, Column, Output, Row, moment, number, one_line, shown, size, took
from headrace.core.codec import Json
from headrace.core.engine_operations import LISTEN
from headrace.core.errors import Blame
from headrace.core.native.runs import ActivityLine, BatchLine, Reason, RunLine, RunView
from headrace.core.native.wire import to_wire
from headrace.core.outcome import ReasonCount
from headrace.core.run import BODY, ActivityStatus, RunStatus

SUCCEEDED_WITH_REJECTS = 2
SHORT = 8
"""Characters of an id that are enough to name a run."""
_MOST_REASONS = 10
_LISTENERS = {ActivityStatus.WAITING: "waits for a listener", ActivityStatus.RUNNING: "a listener is at it"}
SIGNS: Mapping[str, tuple[str, str]] = {
    "queued": ("·", "faint"),
    "pending": ("·", "faint"),
    "running": ("●", "busy"),
    "waiting": ("◌", "wait"),
    "cancelling": ("◌", "wait"),
    "succeeded": ("✓", "good"),
    "failed": ("✗", "bad"),
    "timed_out": ("✗", "bad"),
    "cancelled": ("⊘", "faint"),
    "skipped": ("–", "faint"),
    "inactive": ("–", "faint"),
    "carried": ("↷", "good"),
}
"""A sign and a tone for every status: colour alone says nothing."""
_WHOSE = {
    Blame.YOURS: "yours to mend",
    Blame.SOURCE: "at the source",
    Blame.TARGET: "at the target",
    Blame.SCHEMA: "the data do not fit",
    Blame.PLATFORM: "at the platform",
}
RUN_COLUMNS = (
    Column("run", whole=True),
    Column("flow"),
    Column("status", whole=True),
    Column("kind", spare=4),
    Column("created", whole=True),
    Column("took", right=True, spare=1),
    Column("read", right=True, spare=2),
    Column("accepted", right=True, spare=3),
    Column("rejected", right=True, spare=5),
)


def exit_code(run: RunLine) -> int:
    """Return 0 for success, 2 for success with rows still rejected, 1 for everything else."""
    if run.status is not RunStatus.SUCCEEDED:
        return 1
    return SUCCEEDED_WITH_REJECTS if run.rejects_left else 0


def view_document(view: RunView) -> Json:
    """Return the run as one JSON object: what lists show of it, and beside it what belongs to it."""
    return {**_members(to_wire(view.run)), **{k: v for k, v in _members(to_wire(view)).items() if k != "run"}}


def _members(document: Json) -> Mapping[str, Json]:
    return document if isinstance(document, Mapping) else {}


def status_words(run: RunLine) -> str:
    """Return the status as people read it: success with rejects is never shown as plain success."""
    if run.status is RunStatus.SUCCEEDED and run.figures.rows_rejected:
        rejected = f"{number(run.figures.rows_rejected)} rejected"
        return f"succeeded, {rejected}" if run.rejects_left else f"succeeded, {rejected} and played again"
    return run.status.value


def status_cell(run: RunLine) -> Cell:
    """Return the status with its sign; amber where rows are rejected."""
    sign, tone = SIGNS[run.status.value]
    if run.status is RunStatus.SUCCEEDED and run.rejects_left:
        sign, tone = "!", "warn"
    return Cell(f"{sign} {status_words(run)}", tone)


def activity_cell(status: ActivityStatus) -> Cell:
    """Return an activity's status with its sign."""
    sign, tone = SIGNS[status.value]
    return Cell(f"{sign} {status.value.replace('_', ' ')}", tone)


def run_row(run: RunLine) -> Row:
    """Return what lists show of a run, by ``RUN_COLUMNS``."""
    return (
        run.id[:SHORT],
        run.flow,
        status_cell(run),
        f"{run.kind.value} {run.attempt}" if run.attempt > 1 else run.kind.value,
        moment(run.created_at),
        took(run.started_at, run.ended_at),
        number(run.figures.rows_read),
        number(run.figures.rows_accepted),
        number(run.figures.rows_rejected),
    )


def summary(view: RunView, output: Output, lake: Path | None = None) -> None:
    """Print how a run ended, where the rows are (``lake``: the folder of tables, where it is this machine's), and what can be done next."""
    run, short = view.run, view.run.id[:SHORT]
    cell = status_cell(run)
    sign, _, words = cell.text.partition(" ")
    words = output.paint(Cell(words, cell.tone))
    output.say(f"{sign} {one_line(run.flow)}: {words} in {took(run.started_at, run.ended_at)} (run {run.id})")
    _rows(run, output)
    for title, found in (("rejected", "rejects"), ("warned", "warnings")):
        counted = [reason for batch in view.batches for reason in getattr(batch, found)]
        _reasons(title, counted, output)
    for batch in view.batches:
        if batch.version is not None:
            where = batch.table if lake is None else _place(lake / batch.table)
            output.say(f"  table     {one_line(where)} (version {batch.version})")
    if run.reason is not None:
        reason(run.reason, output)
    if run.rejects_left:
        output.say(f"  look      headrace runs rejects {short}")
    if run.status is RunStatus.FAILED:
        output.say(f"  why       headrace runs errors {short}")
        # A job is retried as a whole: there is nothing to be seen before.
        output.say(f"  retry     headrace runs retry {short}{'' if run.job else ' --dry-run'}")
    elif run.status is RunStatus.CANCELLED:
        output.say(f"  go on     headrace runs retry {short}")


def reason(found: Reason, output: Output, indent: str = "  ") -> None:
    """Print why something failed, who has to act, and what may be done."""
    output.say(f"{indent}reason    {found.code.value}: {one_line(found.message)} ({_WHOSE[found.blame]})")
    for error in found.fields:
        output.say(f"{indent}          {one_line(str(error))}")
    if found.advice:
        output.say(f"{indent}advice    {found.advice}")


def activities_table(activities: Sequence[ActivityLine], output: Output) -> None:
    """Print activities, every attempt."""
    rows = [
        (
            "  " * row.depth + (row.path if not row.depth else row.path.removeprefix(row.parent).lstrip("/")),
            str(row.attempt),
            activity_cell(row.status),
            took(row.started_at, row.ended_at),
            number(row.figures.rows_read),
            "-" if row.status is ActivityStatus.CARRIED else size(row.figures.bytes_read),
            why(row),
        )
        for row in activities
    ]
    columns = (
        Column("activity"),
        Column("attempt", right=True, spare=2),
        Column("status", whole=True),
        Column("took", right=True),
        Column("rows", right=True),
        Column("bytes", right=True, spare=1),
        Column("why"),
    )
    output.table(columns, rows)


def why(row: ActivityLine) -> str:
    """Say what is to be known of an activity besides its status."""
    if row.reason is not None:
        return f"{row.reason.code.value}: {row.reason.message}"
    if row.status is ActivityStatus.CARRIED:
        return f"carried over from run {(row.carried_from or '')[:SHORT]}"
    if row.kind == LISTEN:
        return _LISTENERS.get(row.status, "")
    if row.waits_for and not row.status.is_final:
        return row.waits_for
    return "" if row.kind == BODY else row.verdict_reason


def header(view: RunView, output: Output) -> None:
    """Print what a run is."""
    run = view.run
    pairs: list[tuple[str, str | Cell]] = [
        ("run", run.id),
        ("flow", one_line(f"{run.flow} ({run.scope})")),
        ("status", status_cell(run)),
        ("kind", f"{run.kind.value}, attempt {run.attempt} of group {run.group_id[:SHORT]}"),
        ("created", one_line(f"{moment(run.created_at)} by {run.created_by or '-'}")),
        ("took", took(run.started_at, run.ended_at)),
    ]
    if run.job:
        part_of = view.details.get("parent")
        pairs.append(("job", one_line(f"{run.job}{'' if part_of is None else f', a part of {part_of}'}")))
    if run.window is not None:
        pairs.append(("window", str(run.window)))
    own = view.details.get("parameters")
    for name, value in {**run.parameters, **(own if isinstance(own, Mapping) else {})}.items():
        pairs.append(("parameter", f"{one_line(name)} = {shown(value)}"))
    if run.figures.rows_read is not None:
        pairs.append(("rows", _row_words(run)))
    if run.reason is not None:
        pairs.append(
            ("reason", f"{run.reason.code.value}: {one_line(run.reason.message)} ({_WHOSE[run.reason.blame]})")
        )
        if run.reason.advice:
            pairs.append(("advice", run.reason.advice))
    output.pairs(pairs)


def batches_table(batches: Sequence[BatchLine], output: Output) -> None:
    """Print batches."""
    rows = [
        (
            batch.id,
            batch.status.value,
            batch.table,
            number(batch.version),
            number(batch.figures.rows_accepted),
            number(batch.figures.rows_rejected),
            number(batch.rejects_left),
        )
        for batch in batches
    ]
    columns = (
        Column("batch", whole=True),
        Column("status"),
        Column("table"),
        Column("version", right=True, spare=1),
        Column("accepted", right=True),
        Column("rejected", right=True),
        Column("left", right=True),
    )
    output.table(columns, rows)


def reasons_table(title: str, found: Sequence[ReasonCount], output: Output) -> None:
    """Print counted reasons under a title; nothing where there are none."""
    if not found:
        return
    output.say(f"{title}:")
    rows = [(number(r.count), r.column or "(row)", r.code, r.message) for r in found]
    output.table((Column("rows", right=True), "column", "code", "message"), rows)


def _rows(run: RunLine, output: Output) -> None:
    if run.figures.rows_read is not None:
        output.say(f"  rows      {_row_words(run)}")


def _row_words(run: RunLine) -> str:
    figures = run.figures
    words = f"read {number(figures.rows_read)}, accepted {number(figures.rows_accepted)}, rejected {number(figures.rows_rejected)}"
    if figures.rows_skipped:
        words += f", skipped {number(figures.rows_skipped)}"
    if figures.rows_warned:
        words += f", with warnings {number(figures.rows_warned)}"
    return words


def _reasons(title: str, counted: list[ReasonCount], output: Output) -> None:
    for found in sorted(counted, key=lambda r: -r.count)[:_MOST_REASONS]:
        column = one_line(found.column or "(row)")
        output.say(f"  {title:<8}  {number(found.count):>9}  {column}: {one_line(found.message)} ({found.code})")
    if len(counted) > _MOST_REASONS:
        output.say(f"  {title:<8}  and {len(counted) - _MOST_REASONS} further reasons")


def _place(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
