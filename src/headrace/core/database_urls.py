"""Which databases stand for those that pipelines name, as the operator says it in the settings."""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from headrace.core.errors import Code, FieldError, Problem

KINDS: Mapping[str, str] = {
    "sqlite": "sqlite",
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mssql": "sqlserver",
    "sqlserver": "sqlserver",
}
"""Schemes of URLs, and what kinds of connections they are."""
_HINT = "sqlite:////absolute/file.db, postgresql://user:password@host:5432/database, mysql://… or mssql://…"


def parse_database_urls(text: str) -> Mapping[str, str]:
    """Return the URLs that the JSON object ``text`` (empty: none) has for names of linked services or of servers, in lower case.

    Raises:
        Problem: ``INVALID``: an entry is no URL of a database; all at once. No message repeats one, since there may be a password in it.
    """
    found: dict[str, str] = {}
    errors: list[FieldError] = []
    for name, url in (json.loads(text) if text else {}).items():
        if _is_database(url):
            found[name.lower()] = url
        else:
            errors.append(FieldError(f"datafactory_databases.{name}", "is no URL of a database", _HINT))
    if errors:
        raise Problem.of_fields(Code.INVALID, "the configuration", tuple(errors))
    return found


def _is_database(url: object) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "sqlite":
        return not parts.netloc and parts.path.startswith("//")
    return parts.scheme in KINDS and bool(parts.hostname)
