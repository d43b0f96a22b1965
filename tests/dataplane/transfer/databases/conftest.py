"""A fresh database of each kind that can be started here."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from headrace.dataplane.connectors.connection import ConnectionInfo
from mariadb import MariadbServer
from servers import PostgresServer
from table_houses import TableHouse

_numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave every other case on MariaDB and on SQLite to `make soak`: what runs on PostgreSQL runs on one of the two in each test run."""
    seen: dict[str, int] = {}
    for item in items:
        if (
            not isinstance(item, pytest.Function)
            or "house" not in item.fixturenames
            or item.path.parent != Path(__file__).parent
        ):
            continue
        if item.originalname.startswith("test_a_killed_process") and "postgres" not in item.name:
            item.add_marker("soak")  # a process for each case
        number = seen.setdefault(item.nodeid.partition("[")[0], len(seen))
        parameters = getattr(item, "callspec", None)
        if parameters is not None and parameters.params.get("house") == ("mariadb", "sqlite")[number % 2]:
            item.add_marker("soak")


def _on_postgres(url: str) -> Callable[..., list[Any]]:
    def sql(statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET timezone = 'UTC'")
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    return sql


def _on_sqlite(file: Path) -> Callable[..., list[Any]]:
    def sql(statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            return connection.execute(statement, parameters).fetchall()

    return sql


@pytest.fixture
def postgres(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[TableHouse]:
    """Return a fresh database on PostgreSQL."""
    name = f"sink_{next(_numbers)}"
    url = postgres_server.create_database(name)
    yield TableHouse("postgres", ConnectionInfo("postgres", url), _on_postgres(url), tmp_path)
    postgres_server.drop_database(name)


@pytest.fixture
def mariadb(mariadb_server: MariadbServer, tmp_path: Path) -> Iterator[TableHouse]:
    """Return a fresh database on MariaDB."""
    name = f"sink_{next(_numbers)}"
    info = ConnectionInfo("mysql", mariadb_server.create_database(name))
    yield TableHouse("mysql", info, lambda *given: mariadb_server.sql(name, *given), tmp_path)
    mariadb_server.drop_database(name)


@pytest.fixture
def sqlite(tmp_path: Path) -> TableHouse:
    """Return a fresh SQLite file."""
    file = tmp_path / "house.db"
    sql = _on_sqlite(file)
    sql("CREATE TABLE made (n INTEGER)")
    return TableHouse("sqlite", ConnectionInfo("sqlite", f"sqlite:///{file}"), sql, tmp_path)


@pytest.fixture
def odbc(sqlite: TableHouse) -> TableHouse:
    """Return a fresh SQLite file that is reached by its ODBC driver."""
    file = sqlite.info.url.removeprefix("sqlite:///")
    info = ConnectionInfo("odbc", "", {"connection_string": f"Driver=SQLite3;Database={file};Timeout=10000"})
    return replace(sqlite, kind="odbc", info=info)


@pytest.fixture
def odbc_postgres(postgres: TableHouse) -> TableHouse:
    """Return a fresh database on PostgreSQL that is reached by its ODBC driver."""
    parts = urlsplit(postgres.info.url)
    text = f"Driver=PostgreSQL Unicode;Server=127.0.0.1;Port={parts.port};Database={parts.path[1:]};UID=postgres;PWD=sekret"
    return replace(postgres, kind="odbc", info=ConnectionInfo("odbc", "", {"connection_string": text}))


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres), "mariadb", "sqlite"])
def house(request: pytest.FixtureRequest) -> TableHouse:
    """Return a fresh database: the test runs once for each kind."""
    found: TableHouse = request.getfixturevalue(request.param)
    return found
