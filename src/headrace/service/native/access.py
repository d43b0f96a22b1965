"""Who may call: clients, and the keys of the Jobs door. Nobody gives away what they do not reach themselves."""

from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.client import EVERYWHERE, Client, Identity
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.installation import (
    AddClient,
    AddKey,
    AskClient,
    AskKey,
    ClientLine,
    ClientList,
    ClientMade,
    KeyLine,
    KeyList,
    KeyMade,
)
from headrace.core.native.operation import Nothing
from headrace.core.workspace import KeyKind, Resource
from headrace.service.clients import ClientRequest, create_client, find_client, revoke_client
from headrace.service.clients import list_clients as all_clients
from headrace.service.native.desk import NativeDesk
from headrace.service.workspace.accounts import Account, the_account
from headrace.service.workspace.environments import find_environment, list_environments
from headrace.service.workspace.keys import KeyDesk, create_key, kind_of
from headrace.service.workspace.keys import list_keys as keys_of
from headrace.service.workspace.keys import revoke_key as revoke


def list_clients(desk: NativeDesk, caller: Identity, _asked: Nothing) -> ClientList:
    """Return the clients of scopes that ``caller`` reaches."""
    found = all_clients(desk.database)
    return ClientList(items=tuple(_client(client) for client in found if _reaches(caller, client.scopes)))


def add_client(desk: NativeDesk, caller: Identity, asked: AddClient) -> ClientMade:
    """Return a new client with its secret.

    Raises:
        Problem: ``INVALID``: a scope; ``NOT_FOUND``: a scope that ``caller`` does not reach.
    """
    name = asked.name.strip()
    if not name:
        error = FieldError("name", "is empty", "who the client is, for people")
        raise Problem(Code.INVALID, str(error), (error,))
    for scope in asked.scopes:
        if not _reaches(caller, (scope,)):
            raise Problem(Code.NOT_FOUND, f"there is no scope {scope!r} for this client")
    request = ClientRequest(
        name=name, role=asked.role, scopes=asked.scopes, created_by=caller.client_id, service=asked.service
    )
    made = create_client(desk.database, request, desk.clock, desk.ids)
    return ClientMade(client=_client(made.client), secret=made.secret)


def revoke_it(desk: NativeDesk, caller: Identity, asked: AskClient) -> ClientLine:
    """Return the client after taking all its rights.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    found = find_client(desk.database, asked.client)
    if found is None or not _reaches(caller, found.scopes):
        raise Problem(Code.NOT_FOUND, f"there is no client {asked.client!r}")
    return _client(revoke_client(desk.database, found.id, caller.client_id, desk.clock))


def list_keys(desk: NativeDesk, caller: Identity, _asked: Nothing) -> KeyList:
    """Return the keys that are good, of the environments that ``caller`` reaches."""
    account = _account(desk)
    found = [key for scope in _scopes(desk, caller, account) for key in keys_of(desk.database, scope)]
    return KeyList(items=tuple(_key(key, account) for key in found))


def add_key(desk: NativeDesk, caller: Identity, asked: AddKey) -> KeyMade:
    """Return a new key with its token.

    Raises:
        Problem: ``INVALID``: the kind; ``NOT_FOUND``: no such environment.
    """
    kind = _kind(asked.kind)
    account = _account(desk)
    environment = find_environment(desk.database, account, asked.environment)
    scope = account.scope if kind is KeyKind.PERSONAL else environment.scope
    if not caller.reaches(scope):
        # In the words for one that is not there; what was not named is not told either.
        named = "for this client" if asked.environment is None else repr(asked.environment)
        raise Problem(Code.NOT_FOUND, f"there is no environment {named}")
    made = create_key(_key_desk(desk), scope, kind, caller.client_id, asked.name)
    return KeyMade(key=_key(made.key, account), token=made.token)


def revoke_the_key(desk: NativeDesk, caller: Identity, asked: AskKey) -> Nothing:
    """Make a key worthless.

    Raises:
        Problem: ``NOT_FOUND``: there is none that is good.
    """
    scopes = _scopes(desk, caller, _account(desk))
    if not scopes:
        raise Problem(Code.NOT_FOUND, f"there is no key {asked.key!r}, or it has been revoked")
    revoke(_key_desk(desk), scopes, asked.key, caller.client_id)
    return Nothing()


def _reaches(caller: Identity, scopes: tuple[str, ...]) -> bool:
    return EVERYWHERE in caller.scopes or all(scope != EVERYWHERE and caller.reaches(scope) for scope in scopes)


def _client(client: Client) -> ClientLine:
    return ClientLine(
        id=client.id,
        name=client.name,
        role=client.role,
        scopes=client.scopes,
        created_at=client.created_at,
        revoked_at=client.revoked_at,
        service=client.service,
    )


def _kind(text: str) -> KeyKind:
    try:
        return KeyKind(text)
    except ValueError:
        error = FieldError("kind", f"{text!r} is no kind of key", "one of " + ", ".join(KeyKind))
        raise Problem(Code.INVALID, str(error), (error,)) from None


def _account(desk: NativeDesk) -> Account:
    return the_account(desk.database, desk.clock, desk.ids)


def _key_desk(desk: NativeDesk) -> KeyDesk:
    return KeyDesk(desk.database, desk.clock, desk.ids, desk.sealer)


def _scopes(desk: NativeDesk, caller: Identity, account: Account) -> tuple[str, ...]:
    """Return the scopes of keys that ``caller`` reaches: the account's and those of its environments."""
    environments = (found.scope for found in list_environments(desk.database, account))
    return tuple(scope for scope in (account.scope, *environments) if caller.reaches(scope))


def _key(key: Resource, account: Account) -> KeyLine:
    return KeyLine(
        id=key.id,
        name=str(key.body.get("name") or ""),
        kind=kind_of(key).value,
        environment=None if key.scope == account.scope else key.scope.rpartition("/")[2],
        created_at=key.created_at,
        created_by=key.created_by,
    )


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "clients.list": list_clients,
    "clients.create": add_client,
    "clients.revoke": revoke_it,
    "keys.list": list_keys,
    "keys.create": add_key,
    "keys.revoke": revoke_the_key,
}
"""By the operation's name."""
