"""Tokens: short-lived signed proofs that a door issues to a client, each good at one audience, revocable at once.

A token carries its client's id and *generation*; the ledger is asked about both each time it is shown, so revoking a client or
its tokens works with the next request. Role and scopes are read from the ledger, never from the token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.core.client import Identity
from headrace.core.clock import MINUTE, SECOND, Clock, Instant
from headrace.core.errors import Code, Problem
from headrace.core.ids import Ids
from headrace.service.clients import find_client
from headrace.service.sealing import Sealer
from headrace.service.signed import claims_of, sign
from headrace.store import audit, clients, tokens
from headrace.store.database import Database

ISSUER = "headrace"
_PURPOSE = "tokens"
_CLAIMS = ("exp", "iat", "sub", "aud", "iss", "jti")


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it expires."""

    text: str
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """What issuing and checking need. ``minutes``: how long a token is good for."""

    database: Database
    sealer: Sealer
    clock: Clock
    ids: Ids
    minutes: int = 60


def issue_token(desk: TokenDesk, client_id: str, audience: str) -> Token:
    """Return a token of the client for ``audience`` (a door's name). The caller has verified the client's secret.

    Raises:
        Problem: ``UNAUTHENTICATED``: the client was revoked meanwhile.
    """
    client = find_client(desk.database, client_id)
    if client is None or client.revoked_at is not None:
        raise _refused("the client was revoked")
    issued = desk.clock.now() // SECOND
    expires = issued + desk.minutes * MINUTE // SECOND
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": client.id,
        "gen": client.generation,
        "iat": issued,
        "exp": expires,
        "jti": desk.ids.uuid(),
    }
    text = sign(desk.sealer, _PURPOSE, claims)
    return Token(text, Instant(expires * SECOND))


def verify_token(desk: TokenDesk, text: str, audience: str) -> Identity:
    """Return who holds the token.

    Raises:
        Problem: ``UNAUTHENTICATED``: not ours, changed, expired, for another audience, or revoked.
    """
    claims = _claims(desk, text, audience)
    if not isinstance(claims["exp"], int) or claims["exp"] * SECOND <= desk.clock.now():
        raise _refused("the token has expired; get a new one")
    with desk.database.reading() as tx:
        client = clients.find(tx, str(claims["sub"]))
        revoked = tokens.is_revoked(tx, str(claims["jti"]))
    if client is None or revoked or client.revoked_at is not None or claims.get("gen") != client.generation:
        raise _refused("the token was revoked")
    return client.identity


def revoke_token(desk: TokenDesk, text: str, audience: str) -> None:
    """Make this one token worthless at once. One that is worthless already stays so.

    Raises:
        Problem: ``UNAUTHENTICATED``: not ours, changed, or for another audience.
    """
    claims = _claims(desk, text, audience)
    with desk.database.transaction() as tx:
        expires_at = Instant(int(claims["exp"]) * SECOND)
        tokens.revoke(tx, str(claims["jti"]), str(claims["sub"]), expires_at, desk.clock.now())


def revoke_tokens(desk: TokenDesk, client_id: str, who: str) -> None:
    """Make every token that the client holds worthless at once; it can get new ones with its secret.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        clients.next_generation(tx, client_id)
        audit.record(tx, "", who, "client.revoke_tokens", client_id, desk.clock.now())


def _claims(desk: TokenDesk, text: str, audience: str) -> Mapping[str, Any]:
    found = claims_of(desk.sealer, _PURPOSE, text, _CLAIMS, audience=audience, issuer=ISSUER)
    if found is None:
        raise _refused("the token is none of ours, or is for another door")
    return found


def _refused(message: str) -> Problem:
    return Problem(Code.UNAUTHENTICATED, message)
