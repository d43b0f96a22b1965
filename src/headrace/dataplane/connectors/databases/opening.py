"""Connecting to whatever database a connection is of.

A connector is loaded when the first connection of its kind is opened: an idle worker is 18 MB smaller without these drivers and SFTP's.
"""

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.session import Session
from headrace.dataplane.limits import Limits

Opener = Callable[[ConnectionInfo, Limits, Cancellation, str | None], AbstractContextManager[Session]]

_OPENERS: Mapping[str, str] = {
    "postgres": "open_postgres",
    "mysql": "open_mysql",
    "sqlserver": "open_sqlserver",
    "snowflake": "open_snowflake",
    "bigquery": "open_bigquery",
    "sqlite": "open_sqlite",
    "odbc": "open_odbc",
}
"""Kinds of databases, which are the names of modules here, and how each is opened."""


def open_database(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> AbstractContextManager[Session]:
    """Return a connection that only reads, to be entered; on the rows of ``snapshot``, as ``Session.snapshot`` gave it, where given.

    Raises:
        Problem: ``SOURCE_UNAUTHENTICATED``, ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_NOT_FOUND`` (the database), ``INVALID`` (the
            address); ``UNSUPPORTED``: no database, or its driver is not installed.
    """
    if info.kind not in _OPENERS:
        known = ", ".join(sorted(_OPENERS))
        raise Problem(Code.UNSUPPORTED, f"tables cannot be read from {info.kind!r}; they can from {known}")
    module = importlib.import_module(f"{__package__}.{info.kind}")
    opener: Opener = getattr(module, _OPENERS[info.kind])
    return opener(info, limits, cancellation, snapshot)
