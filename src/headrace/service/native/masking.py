"""Definitions, settings, parameters and what was put in and out, as they are shown: without what is secret in them."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from headrace.core.codec import Json, encode
from headrace.core.flow import Plan
from headrace.service.sealing import MASK
from headrace.service.secret_values import is_sealed

_TOKEN = "encryptedCredential"  # noqa: S105 — the name of the property, not a secret
_SECRET_NAMES = frozenset(
    {
        *("password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "credentials"),
        *("pfx", "clientsecret", "functionkey", "apikey", "accesskey", "secretkey", "privatekey", "accountkey"),
        *("accesstoken", "refreshtoken", "bearertoken", "sastoken", "sasuri", "connectionstring", "secretaccesskey"),
        *("authorization", "proxyauthorization", "cookie", "setcookie", "xapikey"),
    }
)
"""Names whose texts are secrets, in lower case and without hyphens and underscores."""
LONGEST = 64 * 1024
"""Characters of JSON that are shown of a value; a longer one is cut."""
IN_LISTS = 4096
"""The same of the parameters of a run in a list."""
_LEAST = 40


def shown_definition(plan: Plan) -> Mapping[str, Json]:
    """Return a plan as JSON; what is secret in it, or opens a secret, is masked."""
    return cast("Mapping[str, Json]", shown(encode(plan)))


def shown_object(value: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return an object as ``shown``; one that is nothing but a sealed secret has only its mask."""
    found = shown(value)
    return found if isinstance(found, Mapping) else {"value": found}


def shortened(value: Mapping[str, Json], most: int) -> Mapping[str, Json]:
    """Return an object with its longest members cut to the beginnings of their JSON, if it has more than ``most`` characters of it."""
    sizes = {name: json.dumps(item, ensure_ascii=False, default=dict) for name, item in value.items()}
    if sum(map(len, sizes.values())) <= most:
        return value
    room = max(most // max(len(sizes), 1), _LEAST)
    return {name: item if len(sizes[name]) <= room else f"{sizes[name][:room]}…" for name, item in value.items()}


def shown(value: Json) -> Json:
    """Return a value with what is secret in it masked: sealed values, SecureStrings, and texts under the names of secrets."""
    if isinstance(value, Mapping):
        if is_sealed(value):
            return MASK
        is_secure = str(value.get("type", "")).lower() == "securestring"
        return {
            key: MASK if _hides(key, item) or (is_secure and key == "value") else shown(item)
            for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [shown(item) for item in value]
    return value


def _hides(key: str, item: Json) -> bool:
    if key == _TOKEN:
        return True
    return isinstance(item, str) and bool(item) and key.lower().replace("-", "").replace("_", "") in _SECRET_NAMES
