"""``source.database``: which database a URL and its connection mean."""

from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote, urlsplit

from headrace.core.errors import Code
from headrace.core.ids import derived_uuid
from headrace.flowfile.connections import PATH as CONNECTION
from headrace.flowfile.connections import options_of
from headrace.flowfile.document import ConnectionSpec
from headrace.flowfile.findings import Findings
from headrace.service.connections import ConnectionDraft

KINDS: Mapping[str, str] = {
    "postgresql": "postgres", "postgres": "postgres", "mysql": "mysql", "mariadb": "mysql", "mssql": "sqlserver",
    "sqlserver": "sqlserver", "snowflake": "snowflake", "bigquery": "bigquery",
}  # fmt: skip
"""The kind of connection that a URL's scheme stands for."""
_SCHEMES: Mapping[str, str] = {"mariadb": "mysql", "sqlserver": "mssql"}
"""Schemes that a connection knows under another name."""
_FORMS: Mapping[str, str] = {
    "postgres": "postgresql://user@host:5432/database",
    "mysql": "mysql://user@host:3306/database",
    "sqlserver": "mssql://user@host:1433/database",
    "snowflake": "snowflake://account.snowflakecomputing.com/database",
    "bigquery": "bigquery://bigquery.googleapis.com/project",
}
_BY_OPTIONS = frozenset({"snowflake", "bigquery"})
"""Kinds whose login stands in options, not in the URL."""
_PATH = "source.database"
_DOMAIN = ".snowflakecomputing.com"


def database_of(
    scope: str, name: str, url: str, spec: ConnectionSpec | None, findings: Findings
) -> ConnectionDraft | None:  # fmt: skip
    """Return the connection to the database of ``url`` for the flow ``name``; None: something is wrong, and stands in ``findings``.

    Its id hangs on the place alone: a new user or password is no reason to copy again. No finding repeats the URL.
    """
    parts = _parts(url, findings)
    if parts is None:
        return None
    kind, before = KINDS[parts.scheme], len(findings.found)
    options = options_of(spec, kind, findings)
    place = f"{parts.hostname}:{parts.port}{parts.path}?{parts.query}"
    place += "".join(f"&{key}={options[key]}" for key in ("schema", "dataset") if key in options)
    if parts.scheme == "snowflake" and "." not in (parts.hostname or "") and parts.port is None:
        parts = parts._replace(netloc=parts.netloc + _DOMAIN)
    parts, options = _log_in(kind, parts, options, findings)
    if len(findings.found) > before:
        return None
    return ConnectionDraft(
        scope=scope,
        name=f"{name}: {parts.hostname or 'localhost'}{parts.path}",
        kind=kind,
        url=parts._replace(scheme=_SCHEMES.get(parts.scheme, parts.scheme)).geturl(),
        options=options,
        id=derived_uuid("flowfile-connection", scope, name, place),
    )


def _log_in(
    kind: str, parts: SplitResult, options: Mapping[str, str], findings: Findings
) -> tuple[SplitResult, dict[str, str]]:
    """Return the URL and the options with user and password where the kind wants them, wherever the file gives them."""
    in_url = {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    in_url = {key: value for key, value in in_url.items() if value}
    for key in in_url.keys() & options.keys():
        findings.add(f"{CONNECTION}.{key}", f"the URL has a {key}, too", f"give the {key} once")
    host = parts.netloc.rpartition("@")[2]
    if kind in _BY_OPTIONS:
        whole = {**options, **in_url}
        _check_login(kind, whole, findings)
        return parts._replace(netloc=host), whole
    rest = {key: value for key, value in options.items() if key not in {"user", "password"}}
    if rest == options:
        return parts, rest
    login = {**options, **in_url}
    secret = f":{quote(login['password'], safe='')}" if "password" in login else ""
    return parts._replace(netloc=f"{quote(login.get('user', ''), safe='')}{secret}@{host}"), rest


def _parts(url: str, findings: Findings) -> SplitResult | None:
    """Return the parts of a database's URL; None: it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        findings.add(_PATH, "this is no URL", _FORMS["postgres"])
        return None
    kind = KINDS.get(parts.scheme)
    if kind is None and parts.scheme and "://" in url:
        known = ", ".join(f"{scheme}://" for scheme in KINDS)
        findings.add(_PATH, f"{parts.scheme}:// cannot be read", f"one of {known}", Code.UNSUPPORTED)
        return None
    # No finding repeats the URL: it may hold a password. One with a "/" in it ends up in the path, with the "@" behind it.
    if "@" in parts.path:
        findings.add(
            _PATH, "this is no URL of a database: there is an @ behind the host", "percent-encode / ? # @ in a password"
        )
        return None
    if kind is None or not parts.path.strip("/") or (kind != "postgres" and not parts.hostname):
        findings.add(_PATH, "this is no URL of a database", _FORMS[kind or "postgres"])
        return None
    return parts


def _check_login(kind: str, options: Mapping[str, str], findings: Findings) -> None:
    if kind == "snowflake":
        if "user" not in options:
            findings.add(CONNECTION, "there is no user", "user: …, with password or private_key")
        elif not options.keys() & {"password", "private_key"}:
            findings.add(CONNECTION, "there is neither a password nor a private key", "password: ${env:NAME}")
    elif "key_file_content" not in options:
        missing = [name for name in ("client_id", "client_secret", "refresh_token") if name not in options]
        if missing:
            message = f"there is no key_file_content, and no {missing[0]} either"
            findings.add(CONNECTION, message, "key_file_content: ${file:service-account.json}")
