"""Connection strings of the dialect (7.2), taken apart. Nothing here repeats a text that it was given: it has a password in it."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from headrace.api.flowservice.errors import Fault, Refusal

_PAIR = re.compile(r"""\s*([^=;]+?)\s*=\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|\{[^}]*\}|[^;]*?)\s*(?:;|$)""")
_SYNONYMS: Mapping[str, str] = {
    "server": "host",
    "host": "host",
    "data source": "host",
    "address": "host",
    "addr": "host",
    "network address": "host",
    "port": "port",
    "database": "database",
    "initial catalog": "database",
    "uid": "user",
    "user": "user",
    "user id": "user",
    "username": "user",
    "pwd": "password",
    "password": "password",
    "sslmode": "sslmode",
    "integrated security": "integrated",
    "trusted_connection": "integrated",
    "encrypt": "encrypt",
    "trustservercertificate": "trust",
    "trust server certificate": "trust",
}
_WHERE = "auth.params.connectionString"


def read_pairs(text: str) -> dict[str, str]:
    """Return the parts of ``Key=Value;Key=Value;…`` in the order that they stand in, keys as they are written, values without their quotes.

    Raises:
        Refusal: 1312-400: it has another form.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(text) and text[at:].strip(" ;"):
        pair = _PAIR.match(text, at)
        if pair is None or pair.end() == at:
            raise Refusal(Fault.VALUE, f"{_WHERE} cannot be read; expected Key=Value;Key=Value;…")
        found[pair[1]] = _unquoted(pair[2])
        at = pair.end()
    return found


def read_database(text: str, further: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return what the connection string of a database says under ``host``, ``port``, ``database``, ``user``, ``password`` and ``further``.

    Keys count in any case and order, with the synonyms of 7.2; what is empty is left out.

    Raises:
        Refusal: 1312-400: it cannot be read, has an unknown key, or names no host, database or user.
    """
    known = {"host", "port", "database", "user", "password", *further}
    found: dict[str, str] = {}
    for key, value in read_pairs(text).items():
        name = _SYNONYMS.get(" ".join(key.lower().split()))
        if name not in known:
            expected = "Server, Port, Database, UID, Password"
            raise Refusal(Fault.VALUE, f"{_WHERE} has the unknown key {key[:40]!r}; expected {expected}")
        if value:
            found[name] = value
    missing = [name for name in ("host", "database", "user") if name not in found]
    if missing:
        raise Refusal(Fault.VALUE, f"{_WHERE} does not say {', '.join(missing)}")
    return found


def read_jdbc_snowflake(text: str) -> dict[str, str]:
    """Return what ``jdbc:snowflake://{ACCOUNT}.snowflakecomputing.com/?user=&password=&db=&warehouse=`` says, names in lower case, with ``host``.

    Raises:
        Refusal: 1312-400: it has another form, or names no user or database.
    """
    form = "jdbc:snowflake://{ACCOUNT}.snowflakecomputing.com/?user=&password=&db=&warehouse="
    scheme, _, rest = text.strip().partition("jdbc:")
    try:
        parts = urlsplit(rest)
        host = parts.hostname or ""
    except ValueError as error:
        raise Refusal(Fault.VALUE, f"{_WHERE} cannot be read; expected {form}") from error
    if scheme or parts.scheme != "snowflake" or not host:
        raise Refusal(Fault.VALUE, f"{_WHERE} cannot be read; expected {form}")
    given = {name.lower(): value for name, value in parse_qsl(parts.query, keep_blank_values=False)}
    given["host"] = host
    if parts.path.strip("/"):
        given.setdefault("db", unquote(parts.path.strip("/")))
    given.setdefault("db", given.pop("database", ""))
    missing = [name for name in ("user", "db") if not given.get(name)]
    if missing:
        raise Refusal(Fault.VALUE, f"{_WHERE} does not say {', '.join(missing)}; expected {form}")
    return given


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in {'"', "'"}:
        return text[1:-1].replace(text[0] * 2, text[0])
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text
