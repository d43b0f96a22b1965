"""Whether a database lets us in, asked without the driver that reads tables: that one is a worker's, and large."""

import psycopg

from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.postgres_address import parse_url, problem_of
from headrace.dataplane.limits import Limits


def probe(info: ConnectionInfo, limits: Limits) -> None:
    """Connect as a copy would, ask for nothing that writes, and leave.

    Waits at most ``limits.connect_timeout_seconds`` for the connection and as long again for the answer.

    Raises:
        Problem: ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_NOT_FOUND`` (the database), ``INVALID`` (the URL).
    """
    url = parse_url(info, limits)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"SET statement_timeout = {round(limits.connect_timeout_seconds * 1000)}")
            connection.execute("BEGIN TRANSACTION READ ONLY")
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise problem_of(error, "cannot connect to the database", info) from error
