"""Connecting to whatever database a connection is of."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.bigquery import open_bigquery
from headrace.dataplane.connectors.databases.mysql import open_mysql
from headrace.dataplane.connectors.databases.postgres import open_postgres
from headrace.dataplane.connectors.databases.session import Session
from headrace.dataplane.connectors.databases.snowflake import open_snowflake
from headrace.dataplane.connectors.databases.sqlserver import open_sqlserver
from headrace.dataplane.limits import Limits

Opener = Callable[[ConnectionInfo, Limits, Cancellation, str | None], AbstractContextManager[Session]]

_OPENERS: Mapping[str, Opener] = {
    "postgres": open_postgres,
    "mysql": open_mysql,
    "sqlserver": open_sqlserver,
    "snowflake": open_snowflake,
    "bigquery": open_bigquery,
}


def open_database(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> AbstractContextManager[Session]:
    """Return a connection that only reads, to be entered; on the rows of ``snapshot``, as ``Session.snapshot`` gave it, where given.

    Raises:
        Problem: ``SOURCE_UNAUTHENTICATED``, ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_NOT_FOUND`` (the database), ``INVALID`` (the
            address); ``UNSUPPORTED``: no database, or its driver is not installed.
    """
    opener = _OPENERS.get(info.kind)
    if opener is None:
        known = ", ".join(sorted(_OPENERS))
        raise Problem(Code.UNSUPPORTED, f"tables cannot be read from {info.kind!r}; they can from {known}")
    return opener(info, limits, cancellation, snapshot)
