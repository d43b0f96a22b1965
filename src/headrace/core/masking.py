"""Secrets, kept out of what is shown: outputs, the texts of failures, and log lines."""

import re
from collections.abc import Collection, Mapping, Sequence

from headrace.core.codec import Json

MASK = "**********"
"""Stands where a secret was."""
SHOWN_LEAST = 4
"""Characters that a secret has at least to be looked for in the middle of a text that is only shown; shorter ones are masked as whole texts."""
_LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://[^\s/:@?#]{0,300}):[^\s/@?#]{1,300}@")
"""The password in an address."""
_ASSIGNED = re.compile(
    r"(?i)((?:\b(?:password|passwd|pwd|passphrase|account_?key|shared_?access_?key|shared_?access_?signature|client_?secret|secret_?key"
    r"|access_?token|refresh_?token|api_?key|sig|signature)|[?&](?:code|key|token|secret|auth|credential|x-amz-[a-z-]{1,40}))"
    r"[ ]{0,3}=[ ]{0,3})(?![@*\s])[^\s;&,\"'<>]+"
)
"""What is given to a secret name in a connection string or in the query of an address."""
_SHOWN_TO_SERVER = re.compile(r"(?i)\b(bearer|basic|sharedkey)( +)(?=\S{0,300}[0-9])[a-z0-9+/_.~=:-]{16,}")
"""A credential as headers have it."""


def masked(value: Json, secrets: Collection[str], least: int = SHOWN_LEAST) -> Json:
    """Return ``value`` with every secret in its texts (and in the keys of its objects) replaced by the mask."""
    if not secrets:
        return value
    if isinstance(value, str):
        return masked_text(value, secrets, least)
    if isinstance(value, Mapping):
        return {masked_text(key, secrets, least): masked(item, secrets, least) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [masked(item, secrets, least) for item in value]
    return value


def masked_text(text: str, secrets: Collection[str], least: int = SHOWN_LEAST) -> str:
    """Return ``text`` with every secret in it replaced by the mask; the longest first, since one may be a part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        if text == secret and secret:
            return MASK
        if len(secret) >= least and secret in text:
            text = text.replace(secret, MASK)
    return text


def masked_forms(text: str, mask: str = MASK) -> str:
    """Return ``text`` without the secrets that its form gives away: those of addresses, connection strings and headers. In linear time."""
    if "://" in text:
        text = _LOGIN.sub(rf"\1:{mask}@", text)
    if "=" in text:
        text = _ASSIGNED.sub(rf"\g<1>{mask}", text)
    return _SHOWN_TO_SERVER.sub(rf"\1\2{mask}", text) if " " in text else text
