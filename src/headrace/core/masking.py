"""Secrets, kept out of what is shown: outputs, the texts of failures, and log lines."""

from collections.abc import Collection, Mapping, Sequence

from headrace.core.codec import Json

MASK = "**********"
"""Stands where a secret was."""
SHOWN_LEAST = 4
"""Characters that a secret has at least to be looked for in the middle of a text that is only shown; shorter ones are masked as whole texts."""


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
