"""``headrace clients``: who may call the server."""

from headrace.cli import listing
from headrace.cli.desk import asking
from headrace.cli.listing import Listing
from headrace.cli.options import At
from headrace.cli.output import Cell, Column, Output, Row, moment, one_line
from headrace.core.native.installation import AddClient, AskClient, ClientLine
from headrace.core.native.operation import Nothing
from headrace.core.native.table import ADD_CLIENT, LIST_CLIENTS, REVOKE_CLIENT
from headrace.core.native.wire import to_wire


def create(at: At, asked: AddClient, output: Output) -> int:
    """Make a client and print its secret, once."""
    with asking(at) as desk:
        made = desk.ask(ADD_CLIENT, asked)
    if output.is_json:
        output.document(to_wire(made))
        return 0
    output.say(f"client  {made.client.id}")
    output.say(f"secret  {made.secret}")
    output.note("the secret is shown this once; the ledger keeps only a hash of it")
    return 0


def _row(line: ClientLine) -> Row:
    rights = f"{line.role.value}, service" if line.service else line.role.value
    state = Cell("✓ good", "good") if line.revoked_at is None else Cell("⊘ revoked", "faint")
    return (line.id, line.name, rights, ", ".join(line.scopes), state, moment(line.revoked_at))


_CLIENTS = Listing(
    (
        Column("client", whole=True),
        Column("name"),
        Column("role", whole=True),
        Column("scopes"),
        Column("state", whole=True),
        Column("revoked", whole=True, spare=1),
    ),
    _row,
    "no clients; headrace clients create NAME makes one",
)


def show_list(at: At, output: Output) -> int:
    """List the clients."""
    return listing.show(at, output, (LIST_CLIENTS, Nothing()), _CLIENTS)


def revoke(at: At, client: str, output: Output) -> int:
    """Take a client's rights."""
    with asking(at) as desk:
        line = desk.ask(REVOKE_CLIENT, AskClient(client=client))
    if output.is_json:
        output.document(to_wire(line))
    else:
        output.say(f"client {line.id} ({one_line(line.name)}) is revoked, and all of its tokens with it")
    return 0
