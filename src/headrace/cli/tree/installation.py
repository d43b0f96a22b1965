"""``headrace workers``, ``clients``, ``keys`` and ``audit``."""

from typing import Annotated

import typer

from headrace.cli.options import AllPages, As, At, CursorText, Home, Limit, Scope, Since, Until, Url, when_of
from headrace.cli.output import Format, Output
from headrace.cli.tree.groups import group
from headrace.core.client import Role
from headrace.core.workspace import KeyKind

# ruff: noqa: PLC0415, PLR0913, PLR0917 — a command imports its work when it is called, and has one parameter for each of its options

workers_app = group("workers", "Who does the runs.")
clients_app = group("clients", "Who may call the server, and log in to the console.")
keys_app = group("keys", "Keys: the tokens with which Flatfile clients and listeners come to the Jobs door.")
audit_app = group("audit", "Who did what.")


@workers_app.command("ls")
def workers_ls(home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """List workers, the living ones first."""
    from headrace.cli import installation

    return installation.show_workers(At(home, url), Output(output))


@clients_app.command("create")
def clients_create(
    name: Annotated[str, typer.Argument(help="What the client is called.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.OPERATOR,
    scope: Annotated[list[str] | None, typer.Option(help="The beginning of scopes it may reach; default: all.")] = None,
    service: Annotated[bool, typer.Option("--service", help="It is a service and no user.")] = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Make a client. Its secret is shown once."""
    from headrace.cli import clients
    from headrace.core.native.installation import AddClient

    asked = AddClient(name=name, role=role, scopes=tuple(scope or ("*",)), service=service)
    return clients.create(At(home, url), asked, Output(output))


@clients_app.command("ls")
def clients_ls(home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """List the clients, revoked ones too."""
    from headrace.cli import clients

    return clients.show_list(At(home, url), Output(output))


@clients_app.command("revoke")
def clients_revoke(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="The client's id.")],
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Take all rights of a client and of its tokens, at once."""
    from headrace.cli import clients

    return clients.revoke(At(home, url), client, Output(output))


@keys_app.command("create")
def keys_create(
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="Where it is good (name or id); default: the first one.")
    ] = None,
    kind: Annotated[
        KeyKind, typer.Option(help="secret: all of an environment; publishable: making spaces; personal: everything.")
    ] = KeyKind.SECRET,
    name: Annotated[str, typer.Option(help="What it is called in lists.")] = "",
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Make a key. Its token is shown once."""
    from headrace.cli import keys
    from headrace.core.native.installation import AddKey

    return keys.create(At(home, url), AddKey(kind=kind.value, name=name, environment=environment), Output(output))


@keys_app.command("ls")
def keys_ls(home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """List the keys that are good."""
    from headrace.cli import keys

    return keys.show_list(At(home, url), Output(output))


@keys_app.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")],
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Make a key worthless, at once."""
    from headrace.cli import keys

    return keys.revoke(At(home, url), key, Output(output))


@audit_app.command("ls")
def audit_ls(
    who: Annotated[str | None, typer.Option(help="Only what this one did (a client's id, cli:NAME).")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, such as run.cancel, or run.*")] = None,
    thing: Annotated[str | None, typer.Option("--object", help="Only what was done to this (an id).")] = None,
    since: Since = None,
    until: Until = None,
    scope: Scope = None,
    limit: Limit = 50,
    cursor: CursorText = None,
    every_page: AllPages = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """List who did what, the newest first."""
    from headrace.cli import installation
    from headrace.core.native.installation import ListAudit

    asked = ListAudit(
        scope=scope,
        who=who,
        action=action,
        object=thing,
        since=when_of(since),
        until=when_of(until),
        limit=limit,
        cursor=cursor,
    )
    return installation.show_audit(At(home, url), Output(output), asked, every_page=every_page)
