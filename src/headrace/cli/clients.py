"""``headrace clients``: who may call the server."""

from dataclasses import replace
from pathlib import Path

from headrace.cli.options import who
from headrace.cli.output import Output, moment
from headrace.cli.rendering import instant
from headrace.cli.session import opened
from headrace.core.client import Client
from headrace.core.codec import Json, encode
from headrace.service.clients import ClientRequest, create_client, list_clients, revoke_client


def create(home: Path | None, request: ClientRequest, output: Output) -> int:
    """Make a client and print its secret, once."""
    request = replace(request, created_by=who())
    with opened(home) as application:
        made = create_client(application.database, request, application.clock, application.ids)
    if output.is_json:
        output.document({**_document(made.client), "secret": made.secret})
        return 0
    output.say(f"client  {made.client.id}")
    output.say(f"secret  {made.secret}")
    output.note("the secret is shown this once; the ledger keeps only a hash of it")
    return 0


def show_list(home: Path | None, output: Output) -> int:
    """List the clients."""
    with opened(home) as application:
        found = list_clients(application.database)
    if output.is_json:
        output.document(encode({"items": [_document(client) for client in found]}))
        return 0
    rows = [(c.id, c.name, _rights(c), ", ".join(c.scopes), moment(c.revoked_at)) for c in found]
    output.table(("client", "name", "role", "scopes", "revoked"), rows)
    return 0


def revoke(home: Path | None, client_id: str, output: Output) -> int:
    """Take a client's rights."""
    with opened(home) as application:
        client = revoke_client(application.database, client_id, who(), application.clock)
    if output.is_json:
        output.document(_document(client))
    else:
        output.say(f"client {client.id} ({client.name}) is revoked, and all of its tokens with it")
    return 0


def _rights(client: Client) -> str:
    return f"{client.role.value}, service" if client.service else client.role.value


def _document(client: Client) -> dict[str, Json]:
    return {
        "id": client.id,
        "name": client.name,
        "role": client.role.value,
        "scopes": list(client.scopes),
        "service": client.service,
        "created_at": instant(client.created_at),
        "revoked_at": instant(client.revoked_at),
    }
