"""``headrace connections``: where data comes from and goes to."""

from headrace.cli import listing
from headrace.cli.desk import asking
from headrace.cli.listing import Listing
from headrace.cli.naming import the_connection
from headrace.cli.options import At
from headrace.cli.output import Cell, Column, Output, Row, moment, one_line, shown
from headrace.core.native.places import ConnectionLine, ListConnections
from headrace.core.native.table import LIST_CONNECTIONS, SHOW_CONNECTION, TEST_CONNECTION
from headrace.core.native.wire import to_wire


def _row(line: ConnectionLine) -> Row:
    state = Cell("✓ enabled", "good") if line.enabled else Cell("– disabled", "faint")
    return (line.name, line.id, line.kind, line.address, line.scope, state, moment(line.created_at))


_CONNECTIONS = Listing(
    (
        Column("connection"),
        Column("id", whole=True, spare=3),
        Column("kind"),
        Column("address"),
        Column("scope", spare=1),
        Column("state", whole=True),
        Column("created", whole=True, spare=2),
    ),
    _row,
    "no connections",
)


def show_list(at: At, output: Output, asked: ListConnections, *, every_page: bool = False) -> int:
    """List connections of all doors."""
    return listing.show(at, output, (LIST_CONNECTIONS, asked), _CONNECTIONS, every_page=every_page)


def show(at: At, text: str, scope: str | None, output: Output) -> int:
    """Show a connection, what is secret masked."""
    with asking(at) as desk:
        view = desk.ask(SHOW_CONNECTION, the_connection(desk, text, scope))
    if output.is_json:
        output.document(to_wire(view))
        return 0
    line = view.line
    pairs = [
        ("connection", one_line(line.name)),
        ("id", line.id),
        ("scope", one_line(line.scope)),
        ("kind", line.kind),
        ("address", one_line(line.address) or "-"),
        ("state", "enabled" if line.enabled else "disabled"),
        ("created", moment(line.created_at)),
        ("changed", moment(line.updated_at)),
    ]
    pairs += [("option", f"{one_line(name)} = {shown(value)}") for name, value in view.options.items()]
    pairs += [("used by", one_line(name)) for name in view.flows]
    output.pairs(pairs)
    return 0


def test(at: At, text: str, scope: str | None, output: Output) -> int:
    """Say whether a connection can be reached now; 1 if it cannot."""
    with asking(at) as desk:
        told = desk.ask(TEST_CONNECTION, the_connection(desk, text, scope))
    if output.is_json:
        output.document(to_wire(told))
    elif told.good:
        output.say(output.paint(Cell("✓ it can be reached", "good")))
    else:
        output.say(f"{output.paint(Cell('✗ it cannot be reached', 'bad'))}: {one_line(told.message)}")
    return 0 if told.good else 1
