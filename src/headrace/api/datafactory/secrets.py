"""Secrets in documents (contract 3): cut out, sealed, and kept as the ``encryptedCredential`` token that stands in their place.

The token *is* what was cut out, sealed for this one document: whoever executes a definition, also an older one that a run was created from, opens
it with ``open_secrets``; copied into another document it opens nothing. A document that comes back with our token and without the secret keeps it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from headrace.api.datafactory.errors import bad_request
from headrace.api.datafactory.wire import Item
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.service.sealing import Sealer

TOKEN_KEY = "encryptedCredential"  # noqa: S105 — the name of the property, not a secret
PREFIX = "headrace."
"""What our tokens begin with; others are properties like any other."""
_HOLDER = "typeProperties"
_CONNECTION_STRING = "connectionstring"
_AUTHENTICATION = "authentication"
_SECRET_KEYS = frozenset(
    {
        "password",
        "pwd",
        "accountkey",
        "secretaccesskey",
        "sessiontoken",
        "sastoken",
        "sasuri",
        "clientsecret",
        "serviceprincipalkey",
        "serviceprincipalcredential",
        "privatekeycontent",
        "passphrase",
        "functionkey",
        "accesstoken",
        "apitoken",
        "apikey",
        "embeddedcertdata",
        "pfx",
        "sslkey",
        "sslpassword",
    }
)
"""Properties whose plain text is a secret too, in lower case."""
_SECRET_WORDS = frozenset(
    {
        "password",
        "pwd",
        "accountkey",
        "sharedaccesskey",
        "sharedaccesssignature",
        "accesskey",
        "secretkey",
        "secret",
        "clientsecret",
        "token",
        "authorizationkey",
    }
)
"""Words of a connection string whose values are secrets, in lower case and without blanks."""
_URL_PASSWORD = re.compile(r"://[^/@\s:]*:[^/@\s]+@")
_QUOTES = {'"': '"', "'": "'", "{": "}"}
_LONGEST_STRING = 16 << 10
"""Characters of a connection string that is looked into; a longer one is a secret as a whole."""
_STEP = re.compile(r"~0|~1")

Place: TypeAlias = tuple[str, str, str]
"""Scope, kind and id of the document that secrets belong to."""


@dataclass(frozen=True, slots=True)
class _Context:
    sealer: Sealer
    place: Place
    plain: bool


class _Gone:
    """Stands for a property that is not there."""


_GONE = _Gone()


@dataclass(slots=True)
class _Cut:
    """What was cut out below one holder: whole values, and parts of connection strings, by their places."""

    values: dict[str, Json] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)

    def text(self) -> str:
        return json.dumps([self.values, self.parts], separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> "_Cut":
        values, parts = json.loads(text)
        return cls(values, parts)


def seal_secrets(properties: Mapping[str, Any], sealer: Sealer, place: Place, *, plain: bool = False) -> Item:
    """Return a document's ``properties`` with every secret replaced by a token in the ``typeProperties`` around it (else in ``properties``).

    Secrets are SecureStrings, what is secret in connection strings, and texts of properties such as ``password``: those of an ``authentication``,
    and, with ``plain`` (linked services), all. A token of ours that comes back keeps its secrets wherever nothing else was put in their places.

    Raises:
        Refusal: 400: a token that begins like ours and is none of this document's.
    """
    return _sealed(properties, _Context(sealer, place, plain))


def open_secrets(properties: Mapping[str, Any], sealer: Sealer, place: Place) -> Item:
    """Return ``properties`` with the secrets in their places and without tokens of ours: for who executes them, never for a caller.

    Raises:
        Problem: ``UNAVAILABLE``: the key that sealed them is not here.
    """
    return dict(_opened(dict(properties), sealer, place))


def _sealed(holder: Mapping[str, Any], context: _Context) -> Item:
    cut = _Cut()
    result = _members("", holder, "", cut, context)
    token = result.get(TOKEN_KEY)
    if _is_ours(TOKEN_KEY, token):
        before = _kept(str(token), context)
        for path, value in before.values.items():
            if path not in cut.values and not _has(result, path):
                cut.values[path] = value
        for path, parts in before.parts.items():
            if path not in cut.parts and isinstance(_at(result, path), str):
                cut.parts[path] = parts
        del result[TOKEN_KEY]
    if cut.values or cut.parts:
        result[TOKEN_KEY] = PREFIX + context.sealer.seal(cut.text(), *context.place)
    return result


def _members(name: str, value: Mapping[str, Any], path: str, cut: _Cut, context: _Context) -> Item:
    result: Item = {}
    for key, item in value.items():
        below = _key(key) if path == "" else f"{path}/{_key(key)}"
        found = _cut(name if key == "value" and name else key, item, below, cut, context)
        if not isinstance(found, _Gone):
            result[key] = found
    return result


def _cut(name: str, value: Any, path: str, cut: _Cut, context: _Context) -> Any:
    """Return ``value`` without its secrets, or ``_GONE`` if it is one; what is cut out goes into ``cut``."""
    if isinstance(value, str):
        return _cut_text(name.lower(), value, path, cut, context)
    if isinstance(value, list):
        return [_cut_element(item, f"{path}/{number}", cut, context) for number, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if name == _HOLDER:
        return _sealed(value, context)
    if _is_secure(value):
        cut.values[path] = value
        return _GONE
    if _is_secure(value, "defaultValue"):
        # A parameter: what stands for the value that is not given is as secret as one that is.
        cut.values[f"{path}/defaultValue"] = value["defaultValue"]
        value = {key: item for key, item in value.items() if key != "defaultValue"}
    return _members(name, value, path, cut, context)


def _cut_element(item: Any, path: str, cut: _Cut, context: _Context) -> Any:
    if isinstance(item, dict) and _is_secure(item):
        # Its place in the list stays, so that the others keep theirs.
        cut.values[f"{path}/value"] = item["value"]
        return {key: value for key, value in item.items() if key != "value"}
    return _cut("", item, path, cut, context)


def _cut_text(name: str, text: str, path: str, cut: _Cut, context: _Context) -> Any:
    if name == _CONNECTION_STRING:
        return _cut_connection_string(text, path, cut)
    if context.plain and len(text) <= _LONGEST_STRING and _URL_PASSWORD.search(text):
        cut.values[path] = text
        return _GONE
    is_plain = context.plain or _AUTHENTICATION in path.lower().split("/")[:-1]
    if not is_plain or name not in _SECRET_KEYS or not text or _is_expression(text):
        return text
    cut.values[path] = text
    return _GONE


def _cut_connection_string(text: str, path: str, cut: _Cut) -> Any:
    if len(text) > _LONGEST_STRING or _URL_PASSWORD.search(text):
        cut.values[path] = text
        return _GONE
    parts = list(_parts(text))
    secret = [part for part in parts if _is_secret_part(part)]
    if not secret:
        return text
    cut.parts[path] = secret
    return ";".join(part for part in parts if part not in secret)


def _parts(text: str) -> Iterator[str]:
    """Return what stands between the semicolons of a connection string; those inside a quoted value do not count."""
    start = position = 0
    at_value = False
    while position < len(text):
        character = text[position]
        if character in _QUOTES and at_value:
            position = _after_quoted(text, position, _QUOTES[character])
            at_value = False
            continue
        if character == ";":
            yield text[start:position]
            start = position + 1
        at_value = character == "=" or (at_value and character.isspace())
        position += 1
    yield text[start:]


def _after_quoted(text: str, begin: int, closing: str) -> int:
    """Return the position after a quoted value; its closing mark doubled stands for itself. One that is not closed is not quoted."""
    position = text.find(closing, begin + 1)
    while position >= 0 and text[position + 1 : position + 2] == closing:
        position = text.find(closing, position + 2)
    return begin + 1 if position < 0 else position + 1


def _is_secret_part(part: str) -> bool:
    name, equals, value = part.partition("=")
    word = "".join(name.lower().replace("_", "").split())
    return bool(equals) and word in _SECRET_WORDS and value.strip() != "" and "@{" not in value


def _is_secure(value: Mapping[str, Any], key: str = "value") -> bool:
    kind = value.get("type")
    return isinstance(kind, str) and kind.lower() == "securestring" and isinstance(value.get(key), str)


def _is_expression(text: str) -> bool:
    return (text.startswith("@") and not text.startswith("@@")) or "@{" in text


def _kept(token: str, context: _Context) -> _Cut:
    try:
        return _Cut.of(context.sealer.open(token.removeprefix(PREFIX), *context.place))
    except Problem as problem:
        raise bad_request(
            f"The property '{TOKEN_KEY}' is a token that this document was not given; send the secret itself, or the token that a GET "
            "of this document returned.",
            context.place[2],
        ) from problem


def _opened(value: Any, sealer: Sealer, place: Place) -> Any:
    if isinstance(value, Mapping):
        opened: Item = {key: _opened(item, sealer, place) for key, item in value.items() if not _is_ours(key, item)}
        token = value.get(TOKEN_KEY)
        if _is_ours(TOKEN_KEY, token):
            cut = _Cut.of(sealer.open(str(token).removeprefix(PREFIX), *place))
            for path, secret in cut.values.items():
                _put(opened, path, secret)
            for path, parts in cut.parts.items():
                rest = _at(opened, path)
                _put(opened, path, ";".join([*filter(None, [str(rest or "").rstrip(";")]), *parts]))
        return opened
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_opened(item, sealer, place) for item in value]
    return value


def _is_ours(key: str, item: object) -> bool:
    return key == TOKEN_KEY and isinstance(item, str) and item.startswith(PREFIX)


def _key(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _steps(path: str) -> list[str]:
    return [_STEP.sub(lambda match: {"~0": "~", "~1": "/"}[match[0]], step) for step in path.split("/")]


def _at(value: Any, path: str) -> Any:
    for step in _steps(path):
        if isinstance(value, Mapping):
            value = value.get(step, _GONE)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _GONE
    return value


def _has(value: Any, path: str) -> bool:
    return not isinstance(_at(value, path), _Gone)


def _put(value: Any, path: str, secret: Json) -> None:
    """Put a secret where it was cut out; objects on the way are made, elements of lists have to be there."""
    *way, last = _steps(path)
    for step in way:
        if isinstance(value, list):
            if not step.isdecimal() or int(step) >= len(value):
                return
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value.setdefault(step, {})
        else:
            return
    if isinstance(value, dict):
        value[last] = secret
