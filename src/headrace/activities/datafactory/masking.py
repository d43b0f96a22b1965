"""Secrets, kept out of what is shown: inputs, outputs, and the texts of failures."""

from collections.abc import Mapping, Sequence

from headrace.core.codec import Json
from headrace.core.masking import MASK, masked, masked_text

__all__ = ["KEPT_LEAST", "MASK", "masked", "masked_text", "secure_string", "without_secrets"]

KEPT_LEAST = 8
"""Characters that a secret has at least to be looked for in outputs, which expressions go on with: a short one may be a part of an ordinary word."""

_SECRET_KEYS = frozenset(
    {"password", "pfx", "clientsecret", "functionkey", "authorization", "proxyauthorization", "cookie"}
)
"""Properties and headers of activities whose plain texts are secrets too, in lower case and without hyphens and underscores."""


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
