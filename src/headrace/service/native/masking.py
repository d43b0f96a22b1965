"""Definitions, settings, parameters and what was put in and out, as they are shown: without what is secret in them."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from headrace.core.codec import Json, encode
from headrace.core.flow import Plan
from headrace.core.masking import masked_forms
from headrace.service.sealing import MASK
from headrace.service.secret_values import is_sealed

_TOKEN = "encryptedCredential"  # noqa: S105 — the name of the property, not a secret
_SECRET_NAMES = frozenset(
    {
        *("password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "credentials"),
        *("pfx", "clientsecret", "functionkey", "apikey", "accesskey", "secretkey", "privatekey", "accountkey"),
        *("accesstoken", "refreshtoken", "bearertoken", "sastoken", "sasuri", "connectionstring", "secretaccesskey"),
        *("authorization", "proxyauthorization", "cookie", "setcookie", "xapikey", "sas", "sig", "signature"),
        *("sharedaccess", "sasurl", "pat", "assertion", "signingkey", "sharedkey", "sharedaccesskey"),
    }
)
"""Names whose texts are secrets, in lower case and without hyphens, underscores and spaces."""
_ENDS = (
    *(
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "credential",
        "credentials",
        "assertion",
        "principalcert",
        "pwd",
    ),
    *("functionkey", "functionskey", "apikey", "accesskey", "secretkey", "privatekey", "accountkey", "subscriptionkey"),
    *("sharedaccesskey", "masterkey", "connectionstring"),
)
"""Ends of such names: ``dbPassword``, ``x-functions-key``."""
_FILLERS = str.maketrans("", "", "-_ ")
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
        # A pair: what it is called stands beside its value.
        name = value.get("name", value.get("key"))
        is_secure = str(value.get("type", "")).lower() == "securestring" or (isinstance(name, str) and is_secret(name))
        return {
            key: MASK if _hides(key, item) or (is_secure and key == "value" and item) else shown(item)
            for key, item in value.items()
        }
    if isinstance(value, str):
        return shown_text(value)
    if isinstance(value, Sequence):
        return [shown(item) for item in value]
    return value


def shown_text(text: str) -> str:
    """Return a text with the secrets masked that its form gives away: those of addresses, connection strings and headers."""
    return masked_forms(text, MASK)


def is_secret(name: str) -> bool:
    """Say whether what is called so is a secret, however it is written: ``dbPassword``, ``x-api-key``."""
    plain = name.lower().translate(_FILLERS)
    return plain in _SECRET_NAMES or plain.endswith(_ENDS)


def _hides(key: str, item: Json) -> bool:
    if key == _TOKEN:
        return True
    return isinstance(item, str) and bool(item) and is_secret(key)
