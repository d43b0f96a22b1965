"""How PostgreSQL is addressed, and what its errors mean; whatever driver is used."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from headrace.core.errors import Code, FieldError, Problem
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.connecting import without_secrets
from headrace.dataplane.limits import Limits

ALLOWED_OPTIONS = frozenset(
    {"application_name", "channel_binding", "connect_timeout", "gssencmode", "sslmode", "target_session_attrs"}
)
"""Options that a connection's URL may have: none that names a file, another host, a service or server settings."""

_NO_FILE = "/dev/null/none"
"""A path at which there can be no file: libpq passes over it in silence, while it warns of a device."""
_FIXED = {"passfile": _NO_FILE, "keepalives_idle": "30", "keepalives_interval": "10", "tcp_user_timeout": "60000"}
_SQLSTATES: Mapping[str, Code] = {
    "28": Code.SOURCE_UNAUTHENTICATED,
    "42501": Code.SOURCE_DENIED,
    "42P01": Code.SOURCE_NOT_FOUND,
    "3F": Code.SOURCE_NOT_FOUND,
    "3D": Code.SOURCE_NOT_FOUND,
    "42703": Code.UNKNOWN_COLUMN,
    "57014": Code.SOURCE_TIMEOUT,
    "08": Code.SOURCE_UNAVAILABLE,
    "53": Code.SOURCE_UNAVAILABLE,
    "57": Code.SOURCE_UNAVAILABLE,
    "58": Code.SOURCE_UNAVAILABLE,
    "40": Code.SOURCE_UNAVAILABLE,
    "55": Code.SOURCE_UNAVAILABLE,
    "XX": Code.SOURCE_UNAVAILABLE,
    "25006": Code.SOURCE_DENIED,
    "22": Code.INVALID,
    "42": Code.INVALID,
}
_PHRASES: tuple[tuple[str, Code], ...] = (
    (r"no pg_hba\.conf entry|is not permitted|permission denied", Code.SOURCE_DENIED),
    (r'no password supplied|role ".*" does not exist|authentication failed', Code.SOURCE_UNAUTHENTICATED),
    (r'database ".*" does not exist', Code.SOURCE_NOT_FOUND),
    (r"read-only transaction|transaction read-write mode", Code.SOURCE_DENIED),
    (r"due to statement timeout", Code.SOURCE_TIMEOUT),
    (r"timeout expired", Code.SOURCE_UNAVAILABLE),
    (r"closed the connection|terminating connection|Failed to connect|could not|lost|SSL", Code.SOURCE_UNAVAILABLE),
    (r"ERROR: ", Code.INVALID),
)


def parse_url(info: ConnectionInfo, limits: Limits) -> str:
    """Return the URL that libpq is given: host, port, database, user, password and allowed options, and nothing else.

    Raises:
        Problem: ``INVALID``, with every error; no message has the password.
    """
    errors: list[FieldError] = []
    parts = urlsplit(info.url)
    try:
        port = parts.port or 5432
    except ValueError:
        errors.append(FieldError("url", "the port is no number", "1 to 65535"))
        port = 0
    if parts.scheme not in ("postgres", "postgresql"):
        errors.append(FieldError("url", f"the scheme {parts.scheme!r} is not PostgreSQL's", "postgresql://…"))
    host = parts.hostname or ""
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", host) or "%2F" in host.upper():
        errors.append(FieldError("url", "there is no host, or not exactly one", "postgresql://user@host:5432/database"))
    if not parts.username:
        errors.append(FieldError("url", "there is no user", "postgresql://user@host:5432/database"))
    database = unquote(parts.path.removeprefix("/"))
    if not database or "\0" in database:
        errors.append(FieldError("url", "there is no database", "postgresql://user@host:5432/database"))
    options = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **info.options}
    hint = "one of " + ", ".join(sorted(ALLOWED_OPTIONS))
    errors.extend(
        FieldError(f"url.{name}", f"the option {name!r} is not allowed", hint)
        for name in options.keys() - ALLOWED_OPTIONS
    )
    if errors:
        raise Problem.of_fields(Code.INVALID, "the connection", tuple(errors))
    user = quote(unquote(parts.username or ""), safe="")
    password = unquote(parts.password or "")
    address = f"[{host}]" if ":" in host else host
    timeout = {"connect_timeout": str(max(2, round(limits.connect_timeout_seconds))), "application_name": "headrace"}
    # The password is said even where it is empty: else libpq takes the one of our own environment, and hands it to any host.
    query = urlencode({**timeout, **options, **_FIXED, "password": password}, quote_via=quote)
    return f"postgresql://{user}@{address}:{port}/{quote(database, safe='')}?{query}"


def problem_of(error: Exception, where: str, info: ConnectionInfo) -> Problem:
    """Return what an error of the driver means to the caller; the password and the statement are left out."""
    text = str(error)
    said = text.split("\n\nQuery was", 1)[0]
    found = re.search(r"(?:ERROR|FATAL):\s+([^\n]*)", said)
    message = without_secrets(found[1] if found else said.strip().replace("\n", " "), info)[:300]
    state = getattr(error, "sqlstate", None) or (match[1] if (match := re.search(r"SQLSTATE: (\w{5})", text)) else "")
    code = _SQLSTATES.get(state) or _SQLSTATES.get(state[:2]) or _by_phrase(text)
    return Problem(code, f"{where}: {message}")


def _by_phrase(text: str) -> Code:
    return next((code for phrase, code in _PHRASES if re.search(phrase, text)), Code.SOURCE_UNAVAILABLE)
