"""Who calls, what it may do, and in which environment (contract 1.2): looked at before anything else.

A handler asks ``actor_of(request)`` for whom it works. What an actor may not reach is not there for it (404): the stores are asked for its scope
and its space only. What its kind of token never may is refused here (403).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated, Any, TypeAlias

from fastapi import Depends
from starlette.requests import Request

from headrace.api.jobs.door import AUDIENCE, JobsDoor
from headrace.api.jobs.errors import TOO_MANY, Refusal, forbidden, unauthenticated
from headrace.api.jobs.mounts import API
from headrace.core.client import Identity, Role, digest_of
from headrace.core.errors import Code, Problem
from headrace.core.job import Actor, scope_of
from headrace.core.short_ids import short_id
from headrace.core.workspace import KeyKind
from headrace.service.tokens import verify_token
from headrace.service.workspace.keys import find_key, holder_of, kind_of
from headrace.store import keys as keys_store

DEVELOPER = Identity("developer", Role.ADMIN)
"""Who calls with a token that nobody knows, where that is allowed."""
_HARMLESS = frozenset({"/jobs/preview-mutation", "/files/detect-header", "/mapping"})
"""What is POSTed and changes nothing."""
_OF_ADMINS = frozenset({"auth", "environments"})
_NOT_OF_SPACES = frozenset({"auth", "secrets", "environments", "accounts"})
_PLACES = ("spaceId", "workbookId", "sheetId", "fileId", "resourceId", "scope", "source", "parentId", "snapshotId")
"""Parameters and members of bodies that say by an id in which environment something is."""
_READING = frozenset({"GET", "HEAD"})


class Kind(Enum):
    """What kind of token somebody shows."""

    ENVIRONMENT = auto()
    """All of one environment: a secret key."""
    OPERATIONS = auto()
    """Some operations of one environment: a publishable key."""
    ACCOUNT = auto()
    """All environments that it reaches: a personal token, a client's, a static one."""
    SPACE = auto()
    """One space."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``scope`` is that of its environment, of an account's caller that of the environment that is meant where nobody names one."""

    door: JobsDoor
    kind: Kind
    actor_id: str
    scope: str
    identity: Identity
    space_id: str | None = None
    operations: tuple[Mapping[str, Any], ...] = ()


def door_of(request: Request) -> JobsDoor:
    """Return the door that the request came through."""
    door: JobsDoor = request.app.state.door
    return door


def caller_of(request: Request) -> Caller:
    """Return who calls; a dependency of handlers that care about the kind of token."""
    caller: Caller = request.state.caller
    return caller


def authenticate(request: Request) -> Caller:
    """Return who calls, if it may do what it asks for.

    Raises:
        Refusal: 401, 429, 403, in this order.
    """
    door = door_of(request)
    caller = _known(door, token_of(request))
    if not door.rates.admit(caller.actor_id):
        raise Refusal(TOO_MANY, "Too many requests; come again in a second.", headers={"Retry-After": "1"})
    _authorize(request, caller)
    return caller


def actor_of(request: Request, body: Mapping[str, Any] | None = None) -> Actor:
    """Return for whom a handler works.

    A token of the account reaches several environments. Which one is meant is said by the ids in the path, the parameters and, where a handler
    that makes something hands it on, the body; by ``environmentId`` there; else it is the one that every installation has.

    Raises:
        Refusal: 403: that environment is none of the caller's.
    """
    caller = caller_of(request)
    scope = caller.scope
    if caller.kind is Kind.ACCOUNT:
        scope = _meant(request, caller, body or {}) or scope
        if not caller.identity.reaches(scope):
            raise forbidden("This token does not reach the environment.")
    return Actor(caller.actor_id, scope, caller.space_id, request.state.open_request)


def actor_by_place(request: Request) -> Actor:
    """Return ``actor_of`` a request whose path and parameters say where it is; a dependency of handlers.

    Raises:
        Refusal: 403.
    """
    return actor_of(request)


def user_id(client_id: str) -> str:
    """Return the id under which a client stands in what it made: always the same for one client."""
    return short_id("usr", _Digest(client_id))


ByActor: TypeAlias = Annotated[Actor, Depends(actor_by_place)]
"""What a handler declares that needs nothing of its body to know for whom it works."""
ByCaller: TypeAlias = Annotated[Caller, Depends(caller_of)]
AtDoor: TypeAlias = Annotated[JobsDoor, Depends(door_of)]


@dataclass(frozen=True, slots=True)
class _Digest:
    """Ids that are always the same."""

    of: str

    def uuid(self) -> str:
        return digest_of(self.of)[:32]

    def ulid(self) -> str:
        return self.uuid()


def token_of(request: Request) -> str:
    """Return the token that a request shows, whatever it is worth.

    Raises:
        Refusal: 401: it shows none.
    """
    kind, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise unauthenticated("A token is required: Authorization: Bearer <token>.")
    return token.strip()


def _known(door: JobsDoor, token: str) -> Caller:
    found = _key_holder(door, token) or _space_holder(door, token) or _account_holder(door, token)
    if found is None and door.dev:
        found = _of_account(door, DEVELOPER)
    if found is None:
        raise unauthenticated("The token is not known, has expired or was revoked.")
    return found


def _key_holder(door: JobsDoor, token: str) -> Caller | None:
    if not token.startswith(("sk_", "pk_", "pat_")):
        return None
    key = find_key(door.keys, token)
    if key is None:
        return None
    kind, identity = kind_of(key), Identity(key.id, Role.ADMIN)
    if kind is KeyKind.PERSONAL:
        return Caller(door, Kind.ACCOUNT, key.id, door.account.environment_scope, identity)
    operations = key.body.get("operations")
    allowed = tuple(item for item in operations if isinstance(item, dict)) if isinstance(operations, list) else ()
    of = Kind.OPERATIONS if kind is KeyKind.PUBLISHABLE else Kind.ENVIRONMENT
    return Caller(door, of, key.id, key.scope, identity, operations=allowed)


def _space_holder(door: JobsDoor, token: str) -> Caller | None:
    holder = holder_of(door.keys, token)
    if holder is None:
        return None
    identity = Identity(holder.actor_id, Role.OPERATOR)
    return Caller(door, Kind.SPACE, holder.actor_id, holder.scope, identity, holder.space_id)


def _account_holder(door: JobsDoor, token: str) -> Caller | None:
    static = door.static_tokens.get(digest_of(token))
    if static is not None:
        return _of_account(door, static)
    try:
        return _of_account(door, verify_token(door.tokens, token, AUDIENCE))
    except Problem as problem:
        if problem.code is not Code.UNAUTHENTICATED:
            raise
        return None


def _of_account(door: JobsDoor, identity: Identity) -> Caller:
    return Caller(door, Kind.ACCOUNT, user_id(identity.client_id), door.account.environment_scope, identity)


def _authorize(request: Request, caller: Caller) -> None:
    # As the router reads it: an URL made of it may have lost letters.
    method, whole = request.method, str(request.scope["path"])
    path = whole.removeprefix(API)
    first = path.removeprefix("/").partition("/")[0]
    if caller.kind is Kind.OPERATIONS and not _is_allowed(caller.operations, method, whole):
        allowed = " and ".join(f"{one.get('method')} {one.get('path')}" for one in caller.operations)
        raise forbidden(f"This publishable key does not allow this operation, only {allowed or 'none'}.")
    if caller.kind is Kind.SPACE and not _is_of_space(method, path, first):
        raise forbidden("The token of a space does not allow this operation.")
    needed = _needed(method, path, first)
    if not caller.identity.role.includes(needed):
        raise forbidden(f"This needs the role {needed}; the caller is {caller.identity.role}.")


def _needed(method: str, path: str, first: str) -> Role:
    if first in _OF_ADMINS and method not in _READING:
        return Role.ADMIN
    if first == "secrets":
        return Role.OPERATOR
    return Role.READER if method in _READING or path in _HARMLESS else Role.OPERATOR


def _is_allowed(operations: tuple[Mapping[str, Any], ...], method: str, path: str) -> bool:
    return any(item.get("method") == method and item.get("path") == path for item in operations)


def _is_of_space(method: str, path: str, first: str) -> bool:
    if path == "/spaces":
        return method in _READING
    if first == "spaces" and method == "DELETE" and path.count("/") == 2:
        return False
    return first not in _NOT_OF_SPACES


def _meant(request: Request, caller: Caller, body: Mapping[str, Any]) -> str | None:
    """Return the scope that a request of an account's caller names; None: it names none."""
    account = caller.door.account.id
    environment = request.path_params.get("environment_id") or request.query_params.get("environmentId")
    with caller.door.database.reading() as tx:
        for identity in (*_ids_of(request), *_texts(body, _PLACES)):
            scope = keys_store.scope_of(tx, identity)
            if scope is not None:
                return scope if scope.split("/")[1] == account else None
        for named in (environment, body.get("environmentId")):
            if isinstance(named, str) and named and keys_store.exists(tx, scope_of(account, named), named):
                return scope_of(account, named)
    return None


def _ids_of(request: Request) -> Iterator[str]:
    yield from (str(value) for name, value in request.path_params.items() if name != "environment_id")
    yield from _texts(request.query_params, (*_PLACES, "spaceIds"))
    yield from _texts(request.headers, ("x-sheet-id",))


def _texts(given: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        value = given.get(name)
        if isinstance(value, str) and value:
            yield value.partition(",")[0]
