"""Tokens of those who listen: good for one environment or one space of it, for an hour, and for nothing else.

Each says whose it is: when that key or client is revoked, it is worth nothing from the next request on.
"""

from dataclasses import dataclass

from headrace.core.clock import MINUTE, SECOND
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor, environment_of
from headrace.service.happenings.desk import HappeningDesk
from headrace.service.signed import claims_of, sign
from headrace.store import clients, keys
from headrace.store.places import place_of

MINUTES = 60
"""How long a token is good."""

_PURPOSE = "subscriptions"
_KEY = "us_key_"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a token lets its holder hear: everything of ``scope``, or (``space_id``) of one space."""

    scope: str
    space_id: str | None = None

    @property
    def environment_id(self) -> str:
        """Return the environment of its scope."""
        return environment_of(self.scope)


def issue(desk: HappeningDesk, actor: Actor, target: str | None, holder: str | None = None) -> str:
    """Return a token for ``target``, an environment or a space (None: all that ``actor`` reaches).

    ``holder``: the key or client that it ends with (None: ``actor``).

    Raises:
        Problem: ``NOT_FOUND``: there is none that ``actor`` reaches; ``FORBIDDEN``: it reaches a space only, and asks for the environment.
    """
    space_id = _space_of(desk, actor, target)
    expires = desk.clock.now() // SECOND + MINUTES * MINUTE // SECOND
    claims = {
        "scope": actor.scope,
        "space": space_id,
        "exp": expires,
        "sub": holder or actor.id,
        "jti": desk.ids.uuid(),
    }
    return sign(desk.sealer, _PURPOSE, claims)


def read(desk: HappeningDesk, token: str) -> Subscription:
    """Return what the holder of ``token`` may hear.

    Raises:
        Problem: ``UNAUTHENTICATED``: it is none of ours, was changed, has expired, or its holder was revoked; ``UNAVAILABLE``.
    """
    claims = claims_of(desk.sealer, _PURPOSE, token, ("exp", "scope", "sub"))
    if claims is None:
        raise Problem(Code.UNAUTHENTICATED, "the token is not known")
    scope, space_id, expires = claims.get("scope"), claims.get("space"), claims.get("exp")
    if not isinstance(scope, str) or not isinstance(expires, int) or expires * SECOND <= desk.clock.now():
        raise Problem(Code.UNAUTHENTICATED, "the token has expired; get a new one")
    if _is_revoked(desk, str(claims.get("sub"))):
        raise Problem(Code.UNAUTHENTICATED, "the token was revoked with its holder's key")
    return Subscription(scope, space_id if isinstance(space_id, str) else None)


def _space_of(desk: HappeningDesk, actor: Actor, target: str | None) -> str | None:
    if target is None or target == actor.space_id:
        return actor.space_id
    if target == actor.environment_id:
        if actor.space_id is not None:
            raise Problem(Code.FORBIDDEN, "The token of a space does not reach its environment.")
        return None
    with desk.database.reading() as tx:
        place = None if actor.space_id is not None else place_of(tx, actor.scope, target)
    if place is None or place.space_id != target:
        message = "Environment or space not found"
        raise Problem(Code.NOT_FOUND, message, (FieldError("scope", message),))
    return target


def _is_revoked(desk: HappeningDesk, holder: str) -> bool:
    with desk.database.reading() as tx:
        if holder.startswith(_KEY):
            return keys.is_revoked(tx, holder)
        # Guests of spaces, and clients of the configuration, are not in the ledger.
        client = clients.find(tx, holder)
        return client is not None and client.revoked_at is not None
