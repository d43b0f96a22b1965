"""``headrace runs``: look at runs and cancel them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headrace.cli import listing, rendering
from headrace.cli.desk import asking
from headrace.cli.listing import Listing
from headrace.cli.options import At
from headrace.cli.output import Cell, Column, Output, Row, duration, moment, number, one_line, shown, took
from headrace.cli.rejects import print_rejects
from headrace.core.codec import Json
from headrace.core.native.runs import (
    ActivityLine,
    AskActivity,
    AskDiff,
    AskMany,
    AskRun,
    Difference,
    ListActivities,
    ListRuns,
    ManyTold,
    RunLine,
)
from headrace.core.native.table import (
    CANCEL_MANY,
    CANCEL_RUN,
    DIFF_RUNS,
    LIST_ACTIVITIES,
    LIST_RUNS,
    RUN_ERRORS,
    SHOW_ACTIVITY,
    SHOW_RUN,
)
from headrace.core.native.wire import to_wire

_RUNS = Listing(rendering.RUN_COLUMNS, rendering.run_row, "no runs")


def show_list(at: At, output: Output, asked: ListRuns, *, every_page: bool = False) -> int:
    """List runs, newest first."""
    return listing.show(at, output, (LIST_RUNS, asked), _RUNS, every_page=every_page)


def show(at: At, run: str, output: Output) -> int:
    """Show one run."""
    with asking(at) as desk:
        view = desk.ask(SHOW_RUN, AskRun(run=run))
    if output.is_json:
        output.document(rendering.view_document(view))
        return 0
    rendering.header(view, output)
    output.say()
    rendering.activities_table(view.activities, output)
    if view.more_activities:
        output.note(f"there are more: headrace runs activities {view.run.id[: rendering.SHORT]}")
    if view.batches:
        output.say()
        rendering.batches_table(view.batches, output)
    for title, lines in (("group", view.group), ("runs that it made", view.parts)):
        if len(lines) > (title == "group"):
            output.say(f"\n{title}:")
            output.table(rendering.RUN_COLUMNS, [rendering.run_row(line) for line in lines])
    return 0


def activities(at: At, asked: ListActivities, output: Output, *, every_page: bool = False) -> int:
    """List activities of a run."""
    columns = (
        Column("activity"),
        Column("attempt", right=True, spare=1),
        Column("kind", spare=2),
        Column("status", whole=True),
        Column("took", right=True),
        Column("rows", right=True),
        Column("why"),
    )
    found = Listing(columns, _activity_row, "no activities")
    return listing.show(at, output, (LIST_ACTIVITIES, asked), found, every_page=every_page)


def _activity_row(row: ActivityLine) -> Row:
    return (
        row.path,
        str(row.attempt),
        row.kind,
        rendering.activity_cell(row.status),
        took(row.started_at, row.ended_at),
        number(row.figures.rows_read),
        rendering.why(row),
    )


def activity(at: At, asked: AskActivity, output: Output) -> int:
    """Show one attempt at an activity with its input and output."""
    with asking(at) as desk:
        view = desk.ask(SHOW_ACTIVITY, asked)
    if output.is_json:
        output.document(to_wire(view))
        return 0
    line = view.line
    pairs: list[tuple[str, str | Cell]] = [
        ("activity", one_line(line.path)),
        ("kind", line.kind),
        ("status", rendering.activity_cell(line.status)),
        ("attempt", f"{line.attempt} of {view.attempts}"),
        ("started", moment(line.started_at)),
        ("took", took(line.started_at, line.ended_at)),
        ("worker", one_line(line.worker or "-")),
        ("verdict", one_line(f"{line.verdict.value}: {line.verdict_reason}" if line.verdict_reason else line.verdict)),
    ]
    figures = [(name, value) for name, value in _members(to_wire(line.figures)) if value is not None]
    pairs += [(name.replace("_", " "), f"{value:,}") for name, value in figures if isinstance(value, int)]
    output.pairs(pairs)
    if line.reason is not None:
        rendering.reason(line.reason, output, "")
    for title, value in (("input", view.input), ("output", view.output), ("settings", view.settings)):
        if value:
            output.say(f"\n{title}:")
            for name, item in _members(value):
                output.say(f"  {one_line(name)}: {shown(item)}")
    if view.is_cut:
        output.note("long values are cut")
    return 0


def _members(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, Mapping) else [("value", value)]


def errors(at: At, run: str, output: Output) -> int:
    """Show why a run did not succeed, or not wholly."""
    with asking(at) as desk:
        found = desk.ask(RUN_ERRORS, AskRun(run=run))
    if output.is_json:
        output.document(to_wire(found))
        return 0
    line = found.run
    output.say(f"{one_line(line.flow)}: {rendering.status_words(line)} (run {line.id})")
    for failure in found.failures:
        output.say(f"activity {one_line(failure.activity)}, attempt {failure.attempt}:")
        rendering.reason(failure.reason, output)
    if line.reason is not None and not found.failures:
        rendering.reason(line.reason, output)
    rendering.reasons_table("rejected rows", found.rejects, output)
    rendering.reasons_table("rows with warnings", found.warnings, output)
    if not found.failures and line.reason is None and not found.rejects and not found.warnings:
        output.say("nothing went wrong" if line.status.is_final else "nothing went wrong so far")
    if found.rejects:
        output.say(f"the rows themselves: headrace runs rejects {line.id[: rendering.SHORT]}")
    return 0


def rejects(at: At, run: str, limit: int, output: Output) -> int:
    """Show rejected rows of a run, with their reasons."""
    with asking(at) as desk:
        print_rejects(desk, desk.ask(SHOW_RUN, AskRun(run=run)), limit, output)
    return 0


def cancel(at: At, runs: Sequence[str], output: Output) -> int:
    """Ask for the end of runs; 1 where one of them cannot be cancelled."""
    with asking(at) as desk:
        if len(runs) == 1:
            line = desk.ask(CANCEL_RUN, AskRun(run=runs[0]))
            _tell(line, output)
            return 0
        told = desk.ask(CANCEL_MANY, AskMany(runs=tuple(runs)))
    return many(told, output, "is")


def _tell(line: RunLine, output: Output) -> None:
    if output.is_json:
        output.document(to_wire(line))
    else:
        output.say(f"run {line.id} is {line.status.value}")


def many(told: ManyTold, output: Output, verb: str) -> int:
    """Print what became of several runs; 1 where something could not be done."""
    if output.is_json:
        output.document(to_wire(told))
    for one in told.items:
        if one.reason is not None:
            output.note(f"error: run {one_line(one.run)}: {one_line(one.reason.message)}")
        elif one.done is not None and not output.is_json:
            what = one.done.status.value if verb == "is" else f"run {one.done.id} (attempt {one.done.attempt})"
            output.say(f"run {one_line(one.run)} {verb} {what}")
    return 1 if any(one.reason is not None for one in told.items) else 0


def diff(at: At, asked: AskDiff, output: Output) -> int:
    """Show what differs between two runs."""
    with asking(at) as desk:
        found = desk.ask(DIFF_RUNS, asked)
    if output.is_json:
        output.document(to_wire(found))
        return 0
    rows: list[Row] = [
        (title, one.what, _side(one.left, title), _side(one.right, title))
        for title in ("statuses", "errors", "parameters", "definition", "figures", "durations", "other")
        for one in _differences(getattr(found, title))
    ]
    left, right = found.left.id[: rendering.SHORT], found.right.id[: rendering.SHORT]
    if not rows:
        output.say(f"runs {left} and {right} do not differ")
        return 0
    output.table((Column("kind", spare=1), Column("what"), Column(left), Column(right)), rows)
    return 0


def _differences(found: Sequence[Difference]) -> list[Difference]:
    return [replace(one, what=one_line(one.what)) for one in found]


def _side(value: Json, title: str) -> str:
    if value is None:
        return "-"
    if title == "durations" and isinstance(value, int):
        return duration(value)
    return number(value) if isinstance(value, int) and not isinstance(value, bool) else shown(value)
