"""``headrace flows`` and ``headrace schedules``: flows with their last runs, and what starts them."""

from headrace.cli import listing, rendering
from headrace.cli.desk import asking
from headrace.cli.listing import Listing
from headrace.cli.naming import the_flow, the_schedule
from headrace.cli.options import At
from headrace.cli.output import Cell, Column, Output, Row, moment, one_line, shown, took
from headrace.cli.watching import watch_with
from headrace.core.native.flows import (
    AskFlow,
    AskFlowRun,
    AskSchedule,
    FlowLine,
    ListFlows,
    ListSchedules,
    ScheduleLine,
    Square,
)
from headrace.core.native.operation import Operation
from headrace.core.native.runs import AskRun
from headrace.core.native.table import LIST_FLOWS, LIST_SCHEDULES, RUN_FLOW, SHOW_FLOW, SHOW_RUN
from headrace.core.native.wire import to_wire
from headrace.core.run import RunStatus

_STRIP = 10
"""Runs of a strip, the newest last."""


def _strip(squares: tuple[Square, ...]) -> str:
    return "".join(_sign(one) for one in squares[-_STRIP:]) or "-"


def _sign(square: Square) -> str:
    has_rejects = square.status is RunStatus.SUCCEEDED and square.figures.rows_rejected
    return "!" if has_rejects else rendering.SIGNS[square.status.value][0]


def _state(line: FlowLine) -> Cell:
    if not line.enabled:
        return Cell("– disabled", "faint")
    return Cell("‖ paused", "warn") if line.paused else Cell("✓ enabled", "good")


def _row(line: FlowLine) -> Row:
    rate = "-" if line.success_rate is None else f"{line.success_rate:.0%}"
    return (
        line.name,
        line.id,
        line.scope,
        _state(line),
        _strip(line.last),
        rate,
        line.starts or "-",
        moment(line.next_at),
    )


_FLOWS = Listing(
    (
        Column("flow"),
        Column("id", whole=True, spare=5),
        Column("scope", spare=2),
        Column("state", whole=True),
        Column("last runs", whole=True),
        Column("succeeded", right=True, spare=1),
        Column("starts", spare=3),
        Column("next", whole=True, spare=4),
    ),
    _row,
    "no flows",
)


def show_list(at: At, output: Output, asked: ListFlows, *, every_page: bool = False) -> int:
    """List flows with their last runs."""
    return listing.show(at, output, (LIST_FLOWS, asked), _FLOWS, every_page=every_page)


def show(at: At, asked: AskFlow, output: Output) -> int:
    """Show a flow: what starts it, its activities, its last runs."""
    with asking(at) as desk:
        asked = the_flow(desk, asked)
        view = desk.ask(SHOW_FLOW, asked)
    if output.is_json:
        output.document(to_wire(view))
        return 0
    line = view.line
    ended = sum(one.status.is_final for one in line.last)
    rate = "-" if line.success_rate is None else f"{line.success_rate:.0%} of the last {ended} that ended"
    pairs: list[tuple[str, str | Cell]] = [
        ("flow", one_line(line.name)),
        ("id", line.id),
        ("scope", one_line(line.scope)),
        ("state", _state(line)),
        ("activities", str(line.activities)),
        ("starts", one_line(line.starts or "when it is asked to")),
        ("next", moment(line.next_at)),
        ("watermark", moment(view.watermark)),
        ("succeeded", rate),
        ("created", moment(view.created_at)),
        ("changed", moment(view.updated_at)),
    ]
    pairs += [("parameter", f"{one_line(name)} = {shown(value)}") for name, value in view.parameters.items()]
    output.pairs(pairs)
    if view.schedules:
        output.say("\nstarted by:")
        output.table(_SCHEDULES.columns, [_schedule_row(one) for one in view.schedules])
    if line.last:
        output.say("\nlast runs:")
        columns = (Column("run", whole=True), Column("status", whole=True), Column("created", whole=True), "took")
        output.table(columns, [_square_row(one) for one in reversed(line.last)], right=("took",))
    return 0


def _square_row(one: Square) -> Row:
    sign, tone = rendering.SIGNS[one.status.value]
    words = one.status.value
    if one.status is RunStatus.SUCCEEDED and one.figures.rows_rejected:
        sign, tone, words = "!", "warn", f"succeeded, {one.figures.rows_rejected:,} rejected"
    return (
        one.run[: rendering.SHORT],
        Cell(f"{sign} {words}", tone),
        moment(one.created_at),
        took(one.started_at, one.ended_at),
    )


def run(at: At, asked: AskFlowRun, output: Output, *, wait: bool) -> int:
    """Run a flow now, by a server or a worker; with ``wait`` until its run has ended."""
    with asking(at) as desk:
        flow = the_flow(desk, AskFlow(flow=asked.flow, scope=asked.scope))
        line = desk.ask(
            RUN_FLOW,
            AskFlowRun(flow=flow.flow, scope=flow.scope, parameters=asked.parameters, window=asked.window),
        )
        output.note(f"run {line.id} of {one_line(line.flow)} is {line.status.value}")
        if wait:
            return watch_with(desk, line.id, output)
        view = desk.ask(SHOW_RUN, AskRun(run=line.id))
    if output.is_json:
        output.document(rendering.view_document(view))
    else:
        output.say(line.id)
    return 0


def switch(at: At, operation: Operation[AskFlow, FlowLine], asked: AskFlow, output: Output) -> int:
    """Pause or resume a flow."""
    with asking(at) as desk:
        line = desk.ask(operation, the_flow(desk, asked))
    if output.is_json:
        output.document(to_wire(line))
    else:
        output.say(f"flow {one_line(line.name)} is {'paused' if line.paused or not line.enabled else 'started'}")
    return 0


def _schedule_row(line: ScheduleLine) -> Row:
    state = Cell("✓ started", "good") if line.state == "started" else Cell("‖ paused", "warn")
    if line.problem:
        state = Cell(f"! {line.state}", "warn")
    return (
        line.name,
        line.id,
        line.scope,
        line.kind,
        line.words,
        state,
        moment(line.next_at),
        ", ".join(line.flows),
        line.problem,
    )


_SCHEDULES = Listing(
    (
        Column("schedule"),
        Column("id", spare=5),
        Column("scope"),
        Column("kind", spare=4),
        Column("starts"),
        Column("state", whole=True),
        Column("next", whole=True, spare=1),
        Column("flows", spare=3),
        Column("problem", spare=2),
    ),
    _schedule_row,
    "nothing starts by itself",
)


def show_schedules(at: At, output: Output, asked: ListSchedules, *, every_page: bool = False) -> int:
    """List what starts flows by itself."""
    return listing.show(at, output, (LIST_SCHEDULES, asked), _SCHEDULES, every_page=every_page)


def switch_schedule(
    at: At, operation: Operation[AskSchedule, ScheduleLine], wanted: tuple[str, str | None], output: Output
) -> int:
    """Pause or resume a schedule or trigger: its id or name, and the scope where it is (None: it is the only one)."""
    with asking(at) as desk:
        line = desk.ask(operation, the_schedule(desk, *wanted))
    if output.is_json:
        output.document(to_wire(line))
    else:
        output.say(f"{line.kind} {one_line(line.name)} is {line.state}")
    return 0
