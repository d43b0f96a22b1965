"""``headrace keys``: the tokens of the Jobs door, and where they are good."""

from headrace.cli import listing
from headrace.cli.desk import asking
from headrace.cli.listing import Listing
from headrace.cli.options import At
from headrace.cli.output import Column, Output, Row, moment
from headrace.core.native.installation import AddKey, AskKey, KeyLine
from headrace.core.native.operation import Nothing
from headrace.core.native.table import ADD_KEY, LIST_KEYS, REVOKE_KEY
from headrace.core.native.wire import to_wire

_ALL = "all"


def create(at: At, asked: AddKey, output: Output) -> int:
    """Make a key and print its token, once."""
    with asking(at) as desk:
        made = desk.ask(ADD_KEY, asked)
    if output.is_json:
        output.document(to_wire(made))
        return 0
    output.say(f"key          {made.key.id}")
    output.say(f"environment  {made.key.environment or _ALL}")
    output.say(f"token        {made.token}")
    output.note("the token is shown this once; the ledger keeps only a digest of it")
    return 0


def _row(line: KeyLine) -> Row:
    return (line.id, line.kind, line.name, line.environment or _ALL, line.created_by or "-", moment(line.created_at))


_KEYS = Listing(
    (
        Column("key", whole=True),
        Column("kind"),
        Column("name"),
        Column("environment"),
        Column("by", spare=1),
        Column("created", whole=True),
    ),
    _row,
    "no keys; headrace keys create makes one",
)


def show_list(at: At, output: Output) -> int:
    """List the keys that are good."""
    return listing.show(at, output, (LIST_KEYS, Nothing()), _KEYS)


def revoke(at: At, key: str, output: Output) -> int:
    """Make a key worthless."""
    with asking(at) as desk:
        desk.ask(REVOKE_KEY, AskKey(key=key))
    if output.is_json:
        output.document({"id": key, "revoked": True})
    else:
        output.say(f"key {key} is revoked")
    return 0
