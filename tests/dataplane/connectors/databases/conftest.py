"""One suite for every database that we can start: a house with a fresh database, statements in it, and a session that reads it."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from headrace.core.clock import Instant
from headrace.core.codec import Json, decode, encode
from headrace.core.errors import Code, Problem
from headrace.core.landing import Landing
from headrace.core.outcome import Figures, Outcome
from headrace.core.settings import CopySettings
from headrace.core.source import TableSource
from headrace.core.task import Cancellation, Task
from headrace.core.window import Window
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.opening import open_database
from headrace.dataplane.connectors.databases.session import Session
from headrace.dataplane.copying import copy
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots
from mariadb import MariadbServer
from servers import PostgresServer

_numbers = itertools.count(1)


@dataclass
class Told:
    """A context that keeps nothing; ``on_progress`` may act on what it is told."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    on_progress: Callable[[Figures], None] = lambda _: None

    def progress(self, figures: Figures) -> None:
        """Hand the figures on."""
        self.on_progress(figures)


class Still:
    """A clock that nobody should ask: a window's end is of the database's clock."""

    def now(self) -> Instant:
        """Return an instant far from the present."""
        return Instant(0)


@dataclass
class House:
    """A fresh database of one kind, and copies of its tables."""

    kind: str
    info: ConnectionInfo
    sql: Callable[..., list[Any]]
    home: Path
    limits: Limits = field(default_factory=Limits)
    runs: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def open(self, cancellation: Cancellation | None = None, **changes: Any) -> AbstractContextManager[Session]:
        """Return a session; ``changes`` are fields of the connection."""
        return open_database(replace(self.info, **changes), self.limits, cancellation or Cancellation())

    def copy(self, source: TableSource, window: Window | None = None, context: Told | None = None) -> Outcome:
        """Copy in a run of its own, and return the outcome."""
        run = f"run-{next(self.runs)}"
        settings: dict[str, Json] = {"source": encode(source)}
        task = Task("local", "flow", run, run, "Copy", 1, 1, "copy", settings, "key", window=window)
        return copy(
            CopySettings(source, 100, 1_000_000_000),
            task,
            context or Told(),
            roots=self.roots,
            connect=lambda _: self.info,
            limits=self.limits,
            clock=Still(),
        )

    @property
    def roots(self) -> Roots:
        """Return the folders of the installation."""
        landing, lake, quarantine, work = (self.home / name for name in ("landing", "lake", "quarantine", "work"))
        roots = Roots(landing, lake, quarantine, work, ())
        roots.make()
        return roots

    def landed(self, outcome: Outcome) -> Landing:
        """Return the landing of a copy that succeeded."""
        assert outcome.failure is None, outcome.failure
        return decode(Landing, outcome.output["landing"], what="the landing")

    def rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        """Return the landed rows."""
        files = self.landed(outcome).files
        return [row for file in files for row in pq.read_table(self.roots.landing / file.path).to_pylist()]

    def numbers(self, outcome: Outcome) -> list[int]:
        """Return the landed values of the column ``n``, in order."""
        return sorted(row["n"] for row in self.rows(outcome))

    def failure(self, outcome: Outcome) -> tuple[Code, str]:
        """Return why a copy failed."""
        assert outcome.failure is not None
        return outcome.failure.code, "\n".join([outcome.failure.message, *map(str, outcome.failure.fields)])

    def problem(self, **changes: Any) -> Problem:
        """Return why no session can be opened."""
        with pytest.raises(Problem) as caught, self.open(**changes):
            pass
        return caught.value


def _on_postgres(server: PostgresServer, name: str) -> Callable[..., list[Any]]:
    def sql(statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            connection.execute("SET timezone = 'UTC'")
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    return sql


@pytest.fixture
def postgres(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[House]:
    """Return a fresh database on PostgreSQL."""
    name = f"house_{next(_numbers)}"
    url = postgres_server.create_database(name).replace("postgres@", "postgres:sekret@")
    yield House("postgres", ConnectionInfo("postgres", url), _on_postgres(postgres_server, name), tmp_path)
    postgres_server.drop_database(name)


@pytest.fixture
def mariadb(mariadb_server: MariadbServer, tmp_path: Path) -> Iterator[House]:
    """Return a fresh database on MariaDB."""
    name = f"house_{next(_numbers)}"
    info = ConnectionInfo("mysql", mariadb_server.create_database(name))
    yield House("mysql", info, lambda *given: mariadb_server.sql(name, *given), tmp_path)
    mariadb_server.drop_database(name)


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.postgres), "mariadb"])
def house(request: pytest.FixtureRequest) -> House:
    """Return a fresh database: the test runs once for each kind."""
    found: House = request.getfixturevalue(request.param)
    return found
