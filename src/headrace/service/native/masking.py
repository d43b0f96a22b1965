"""Definitions and settings as they are shown: without what is secret in them."""

from collections.abc import Mapping, Sequence
from typing import cast

from headrace.core.codec import Json, encode
from headrace.core.flow import Plan
from headrace.service.sealing import MASK

_TOKEN = "encryptedCredential"  # noqa: S105 — the name of the property, not a secret
LONGEST = 64 * 1024
"""Characters of JSON that are shown of a value; a longer one is cut."""


def shown_definition(plan: Plan) -> Mapping[str, Json]:
    """Return a plan as JSON; what opens a secret is masked."""
    return cast("Mapping[str, Json]", shown(encode(plan)))


def shown(value: Json) -> Json:
    """Return a value with what opens a secret masked."""
    if isinstance(value, Mapping):
        return {key: MASK if key == _TOKEN else shown(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [shown(item) for item in value]
    return value
