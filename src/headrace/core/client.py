"""Clients: who may call, in which role, for which scopes."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.clock import Instant
from headrace.core.errors import Code, FieldError, Problem

EVERYWHERE = "*"
"""The scope pattern of a client that may reach every scope."""


class Role(StrEnum):
    """What a client may do; each role may do what the ones before it may."""

    READER = "reader"
    """Look at everything in its scopes, rejected rows included."""
    OPERATOR = "operator"
    """Also make, retry and cancel runs, and change definitions."""
    ADMIN = "admin"
    """Also make and revoke clients."""

    def includes(self, needed: "Role") -> bool:
        """Say whether this role may do what ``needed`` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, once its credential was checked. ``scopes``: ``*``, or the beginnings of scope paths (``flowservice/acme``).

    ``service``: it is a service and no user, which the doors allow a few things more (each says which).
    """

    client_id: str
    role: Role
    scopes: tuple[str, ...] = (EVERYWHERE,)
    service: bool = False

    def reaches(self, scope: str) -> bool:
        """Say whether ``scope`` is among this client's, by whole segments of the path."""
        return any(p in {EVERYWHERE, scope} or scope.startswith(p.rstrip("/") + "/") for p in self.scopes)

    def require(self, needed: Role, scope: str) -> None:
        """Refuse what this client may not do.

        Raises:
            Problem: ``FORBIDDEN``: the role is too low; ``NOT_FOUND``: the scope is another tenant's, whose existence is not told.
        """
        if not self.reaches(scope):
            raise Problem(Code.NOT_FOUND, "there is no such scope for this client")
        if not self.role.includes(needed):
            raise Problem(Code.FORBIDDEN, f"this needs the role {needed}; client {self.client_id} is {self.role}")


SERVICE = "service"
"""Stands for a role in the entry of a static token: an operator that is a service and no user."""
MIN_TOKEN = 20
"""Characters that a static token has at least."""


def digest_of(token: str) -> str:
    """Return what a token is looked up by: nobody learns from the time of an answer how much of a guess was right."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def static_tokens(entries: Iterable[str]) -> Mapping[str, Identity]:
    """Return who shows each static token, by ``digest_of`` it. An entry is ``NAME:ROLE:TOKEN``; ``ROLE`` may also be ``service``.

    Raises:
        Problem: ``INVALID``: entries of another form; no message repeats a token.
    """
    found: dict[str, Identity] = {}
    errors: list[FieldError] = []
    for number, entry in enumerate(entries):
        name, _, rest = entry.partition(":")
        role, _, token = rest.partition(":")
        if not name or role not in {*Role, SERVICE} or len(token) < MIN_TOKEN or not token.isascii():
            expected = f"NAME:ROLE:TOKEN; the role is one of {', '.join(Role)} and {SERVICE}, the token has {MIN_TOKEN} ASCII characters or more"
            errors.append(FieldError(f"token {number + 1}", "does not fit", expected))
            continue
        is_service = role == SERVICE
        found[digest_of(token)] = Identity(name, Role.OPERATOR if is_service else Role(role), service=is_service)
    if errors:
        raise Problem.of_fields(Code.INVALID, "the static tokens", tuple(errors))
    return found


@dataclass(frozen=True, slots=True)
class Client:
    """A client as the ledger keeps it.

    ``secret_hash`` is an argon2 hash. ``generation`` grows when its tokens are revoked: a token of an older one is worth nothing. ``service``
    as for ``Identity``.
    """

    id: str
    name: str
    role: Role
    scopes: tuple[str, ...]
    secret_hash: str
    created_at: Instant
    generation: int = 1
    revoked_at: Instant | None = None
    service: bool = False

    def __post_init__(self) -> None:
        errors = [
            FieldError(f"scopes[{number}]", f"{scope!r} is no scope", "* or a path such as flowservice/acme")
            for number, scope in enumerate(self.scopes)
            if scope != EVERYWHERE and (not scope.strip("/") or "*" in scope or "\0" in scope)
        ]
        if not self.scopes:
            errors.append(FieldError("scopes", "is empty", "at least one; * for every scope"))
        if errors:
            raise Problem.of_fields(Code.INVALID, "the client", tuple(errors))

    @property
    def identity(self) -> Identity:
        """Return who this client is to the rules."""
        return Identity(self.id, self.role, self.scopes, self.service)
