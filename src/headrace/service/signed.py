"""Signed claims: what the installation's tokens are made of. Whoever issues a kind of token gives it a purpose, which has keys of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from headrace.service.sealing import Sealer

LONGEST = 4096
"""Characters that a token has at most; a longer one is none of ours."""
_ALGORITHM = "HS256"


def sign(sealer: Sealer, purpose: str, claims: Mapping[str, Any]) -> str:
    """Return a token that says ``claims``, signed with the newest key."""
    return jwt.encode(dict(claims), sealer.signing_keys(purpose)[0], algorithm=_ALGORITHM)


def claims_of(
    sealer: Sealer,
    purpose: str,
    token: str,
    required: Sequence[str],
    *,
    audience: str | None = None,
    issuer: str | None = None,
) -> dict[str, Any] | None:
    """Return what a token says; None: it is none of ours, was changed, or is for another audience. ``required``: claims that it has to have.

    Whether it has expired is the caller's to look at: time is an argument here, and the library would ask the machine's clock.
    """
    if len(token) > LONGEST:
        return None
    options: Any = {
        "require": list(required),
        "verify_exp": False,
        "verify_iat": False,
        "verify_aud": audience is not None,
        "strict_aud": audience is not None,
    }
    for key in sealer.signing_keys(purpose):
        try:
            found: dict[str, Any] = jwt.decode(
                token, key, algorithms=[_ALGORITHM], audience=audience, issuer=issuer, options=options
            )
        except jwt.InvalidTokenError:
            # Perhaps it was signed with an older key.
            continue
        return found
    return None
