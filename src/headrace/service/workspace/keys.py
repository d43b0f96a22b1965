"""Tokens of the Jobs door: keys, which are kept as a digest, and the signed tokens of spaces, which are not kept at all."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from headrace.core.client import digest_of
from headrace.core.clock import HOUR, MINUTE, SECOND, Clock, Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.ids import Ids
from headrace.core.short_ids import short_id
from headrace.core.workspace import KeyKind, Resource, ResourceKind
from headrace.service.sealing import Sealer
from headrace.service.signed import claims_of, sign
from headrace.service.tokens import ISSUER
from headrace.store import audit, resources
from headrace.store import keys as store
from headrace.store.database import Database

SPACE_AUDIENCE = "jobs-space"
"""The audience of the tokens of spaces."""
SPACE_TOKEN_HOURS = 24
_PURPOSE = "tokens"
_CLAIMS = ("exp", "iat", "sub", "aud", "iss", "scope")
_SECRET_BYTES = 24
_TOUCH = 5 * MINUTE
"""How long a key may be used until that is noted once more."""

_PREFIX = {KeyKind.SECRET: "sk_", KeyKind.PUBLISHABLE: "pk_", KeyKind.PERSONAL: "pat_"}
_ALLOWED: tuple[Json, ...] = ({"path": "/v1/spaces", "method": "POST"},)
"""What a publishable key may do."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, and its token: nobody can show it again."""

    key: Resource
    token: str


@dataclass(frozen=True, slots=True)
class KeyDesk:
    """What making and checking keys need."""

    database: Database
    clock: Clock
    ids: Ids
    sealer: Sealer


@dataclass(frozen=True, slots=True)
class SpaceHolder:
    """Who shows the token of a space: a guest, who may reach that space alone."""

    scope: str
    space_id: str
    actor_id: str


def create_key(desk: KeyDesk, scope: str, kind: KeyKind, who: str, name: str = "") -> NewKey:
    """Return a new key of ``scope``: that of an environment, or, of a personal one, that of the account."""
    token = _PREFIX[kind] + secrets.token_urlsafe(_SECRET_BYTES)
    now = desk.clock.now()
    operations = list(_ALLOWED) if kind is KeyKind.PUBLISHABLE else []
    key = Resource(
        scope=scope,
        kind=ResourceKind.KEY,
        id=short_id("key", desk.ids),
        name=digest_of(token),
        body={"kind": kind.value, "name": name, "operations": operations},
        created_by=who,
        created_at=now,
        updated_at=now,
    )
    with desk.database.transaction() as tx:
        resources.insert(tx, key)
        audit.record(tx, scope, who, "key.create", key.id, now)
    return NewKey(key, token)


def kind_of(key: Resource) -> KeyKind:
    """Return the kind of a key."""
    return KeyKind(str(key.body["kind"]))


def list_keys(database: Database, scope: str, kinds: Sequence[KeyKind] = tuple(KeyKind)) -> list[Resource]:
    """Return the keys of ``scope`` that are worth something, oldest first."""
    with database.reading() as tx:
        return [key for key in store.of_scope(tx, scope) if kind_of(key) in kinds]


def revoke_key(desk: KeyDesk, scopes: Sequence[str], key_id: str, who: str) -> None:
    """Make a key worthless at once.

    Raises:
        Problem: ``NOT_FOUND``: there is none in these scopes that is worth something.
    """
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        if not store.revoke(tx, scopes, key_id, now):
            message = f"there is no key {key_id!r}, or it has been revoked; it is named by its id, not by its token"
            raise Problem(Code.NOT_FOUND, message, (FieldError("key", message),))
        audit.record(tx, scopes[0], who, "key.revoke", key_id, now)


def find_key(desk: KeyDesk, token: str) -> Resource | None:
    """Return the key whose token this is, if it is worth something."""
    with desk.database.reading() as tx:
        key = store.find(tx, digest_of(token))
    if key is None or key.archived_at is not None:
        return None
    now = desk.clock.now()
    if kind_of(key) is KeyKind.PERSONAL and now - key.updated_at > _TOUCH:
        with desk.database.transaction() as tx:
            store.touch(tx, key.id, now)
    return key


def space_token(sealer: Sealer, clock: Clock, scope: str, space_id: str) -> str:
    """Return a token that reaches the space and nothing else, good for a day; it ends with the space."""
    issued = clock.now() // SECOND
    claims = {
        "iss": ISSUER,
        "aud": SPACE_AUDIENCE,
        "sub": space_id,
        "scope": scope,
        "iat": issued,
        "exp": issued + SPACE_TOKEN_HOURS * HOUR // SECOND,
    }
    return sign(sealer, _PURPOSE, claims)


def holder_of(desk: KeyDesk, token: str) -> SpaceHolder | None:
    """Return who shows the token of a space; None: it is none of ours, has expired, or its space is gone."""
    claims = claims_of(desk.sealer, _PURPOSE, token, _CLAIMS, audience=SPACE_AUDIENCE, issuer=ISSUER)
    if claims is None or int(claims["exp"]) * SECOND <= desk.clock.now():
        return None
    scope, space_id = str(claims["scope"]), str(claims["sub"])
    with desk.database.reading() as tx:
        there = store.exists(tx, scope, space_id)
    return SpaceHolder(scope, space_id, "us_g_" + space_id.rpartition("_")[2]) if there else None


def last_used(key: Resource) -> Instant | None:
    """Return when a personal key was used last, to some minutes; None: never."""
    return None if key.updated_at == key.created_at else key.updated_at
