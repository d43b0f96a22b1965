"""Tokens: short-lived signed proofs that a door issues to a client, each good at one audience, revocable at once.

A token carries its client's id and *generation*; the ledger is asked about both each time it is shown, so revoking a client or
its tokens works with the next request. Role and scopes are read from the ledger, never from the token.
"""

from dataclasses import dataclass

from headrace.core.client import Identity
from headrace.core.clock import Clock, Instant
from headrace.core.ids import Ids
from headrace.service.sealing import Sealer
from headrace.store.database import Database


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
    ...


def verify_token(desk: TokenDesk, text: str, audience: str) -> Identity:
    """Return who holds the token.

    Raises:
        Problem: ``UNAUTHENTICATED``: not ours, changed, expired, for another audience, or revoked.
    """
    ...


def revoke_tokens(desk: TokenDesk, client_id: str, who: str) -> None:
    """Make every token that the client holds worthless at once; it can get new ones with its secret.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    ...
