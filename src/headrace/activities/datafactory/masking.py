"""Secrets, kept out of what is shown: inputs, outputs, and the texts of failures."""

from collections.abc import Collection, Mapping, Sequence

from headrace.core.codec import Json

MASK = "**********"
"""Stands where a secret was."""
SHOWN_LEAST = 4
"""Characters that a secret has at least to be looked for in the middle of a text that is only shown; shorter ones are masked as whole texts."""
KEPT_LEAST = 8
"""The same for outputs, which expressions go on with: a short secret may be a part of an ordinary word."""

_SECRET_KEYS = frozenset(
    {"password", "pfx", "clientsecret", "functionkey", "authorization", "proxyauthorization", "cookie"}
)
"""Properties and headers of activities whose plain texts are secrets too, in lower case and without hyphens and underscores."""


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


def without_secrets(value: Json) -> Json:
    """Return ``value`` with the values of ``{"type": "SecureString", "value": …}`` masked, and texts of properties that hold secrets."""
    if isinstance(value, Mapping):
        if secure_string(value) is not None:
            return {**value, "value": MASK}
        return {
            key: MASK if isinstance(item, str) and item and _is_secret(key) else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_secrets(item) for item in value]
    return value


def _is_secret(key: str) -> bool:
    return key.lower().replace("-", "").replace("_", "") in _SECRET_KEYS


def secure_string(value: Json) -> str | None:
    """Return the text of ``{"type": "SecureString", "value": …}``; None for anything else."""
    if not isinstance(value, Mapping) or str(value.get("type", "")).lower() != "securestring":
        return None
    text = value.get("value")
    return text if isinstance(text, str) else None
