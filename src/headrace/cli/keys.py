"""``headrace keys``: the tokens of the Jobs door, and where they are good."""

from dataclasses import dataclass
from pathlib import Path

from headrace.bootstrap.application import Application
from headrace.cli.options import who
from headrace.cli.output import Output, moment
from headrace.cli.rendering import instant
from headrace.cli.session import opened
from headrace.core.codec import Json, encode
from headrace.core.workspace import KeyKind, Resource
from headrace.service.workspace.accounts import Account, the_account
from headrace.service.workspace.environments import find_environment, list_environments
from headrace.service.workspace.keys import KeyDesk, create_key, kind_of, list_keys, revoke_key

_ALL = "all"


@dataclass(frozen=True, slots=True)
class Wish:
    """A key as it is asked for on the command line. ``environment``: its name or id; None: the one that every installation has."""

    kind: KeyKind
    name: str
    environment: str | None


def create(home: Path | None, wish: Wish, output: Output) -> int:
    """Make a key and print its token, once."""
    with opened(home) as application:
        account = _account(application)
        environment = find_environment(application.database, account, wish.environment)
        scope = account.scope if wish.kind is KeyKind.PERSONAL else environment.scope
        made = create_key(_desk(application), scope, wish.kind, who(), wish.name)
        names = _names(application, account)
    if output.is_json:
        output.document({**_document(made.key, names), "token": made.token})
        return 0
    output.say(f"key          {made.key.id}")
    output.say(f"environment  {_where(made.key, names)}")
    output.say(f"token        {made.token}")
    output.note("the token is shown this once; the ledger keeps only a digest of it")
    return 0


def show_list(home: Path | None, output: Output) -> int:
    """List the keys that are good."""
    with opened(home) as application:
        account = _account(application)
        names = _names(application, account)
        found = [key for scope in (account.scope, *names) for key in list_keys(application.database, scope)]
    if output.is_json:
        output.document(encode({"items": [_document(key, names) for key in found]}))
        return 0
    rows = [
        (k.id, kind_of(k).value, str(k.body.get("name") or ""), _where(k, names), moment(k.created_at)) for k in found
    ]
    output.table(("key", "kind", "name", "environment", "created"), rows)
    return 0


def revoke(home: Path | None, key_id: str, output: Output) -> int:
    """Make a key worthless."""
    with opened(home) as application:
        account = _account(application)
        scopes = (account.scope, *_names(application, account))
        revoke_key(_desk(application), scopes, key_id, who())
    if output.is_json:
        output.document({"id": key_id, "revoked": True})
    else:
        output.say(f"key {key_id} is revoked")
    return 0


def _desk(application: Application) -> KeyDesk:
    return KeyDesk(application.database, application.clock, application.ids, application.sealer)


def _account(application: Application) -> Account:
    return the_account(application.database, application.clock, application.ids)


def _names(application: Application, account: Account) -> dict[str, str]:
    """Return the name of every environment, by its scope."""
    return {found.scope: found.name for found in list_environments(application.database, account)}


def _where(key: Resource, names: dict[str, str]) -> str:
    return names.get(key.scope, _ALL)


def _document(key: Resource, names: dict[str, str]) -> dict[str, Json]:
    return {
        "id": key.id,
        "kind": kind_of(key).value,
        "name": key.body.get("name") or None,
        "environment": names.get(key.scope),
        "environment_id": key.scope.rpartition("/")[2] if key.scope in names else None,
        "created_at": instant(key.created_at),
    }
