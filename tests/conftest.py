"""Fixtures for everybody: databases, made from prepared ones; a clock and ids that tests foresee."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from fakes import CountingIds, ManualClock
from headrace.store import migrations
from headrace.store.database import Database
from mariadb import MariadbServer
from servers import PostgresServer

# How long an example takes says nothing on a machine that others use too. The same examples are drawn in every run of `make test`, so that it
# says something of the change at hand; TESTS_RANDOM=1 (`make soak` sets it) draws new ones.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize=not os.environ.get("TESTS_RANDOM"),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave every other case of a test that is marked ``turn_about`` to `make soak`: the first on PostgreSQL, the second on SQLite, and so on."""
    seen: dict[str, list[str]] = {}
    for item in items:
        if not isinstance(item, pytest.Function) or item.get_closest_marker("turn_about") is None:
            continue
        case, database = _case_and_database(item)
        cases = seen.setdefault(item.nodeid.partition("[")[0], [])
        if case not in cases:
            cases.append(case)
        if database == ("postgresql", "sqlite")[cases.index(case) % 2]:
            item.add_marker("soak")


def _case_and_database(item: pytest.Function) -> tuple[str, str]:
    """Return the parameters of a case without the database, and the database."""
    parameters = dict(item.callspec.params)
    database = str(parameters.pop("ledger_url"))
    return repr(sorted(parameters.items())), database


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture
def ids() -> CountingIds:
    """Return ids that count."""
    return CountingIds()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Return the PostgreSQL server of this test session; it fails, and says what to install, where there can be none."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """Return the MariaDB server of this test session; it fails, and says what to install, where there can be none."""
    with MariadbServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """Return the URL of the server's database ``postgres``, for tests that make tables and databases of their own."""
    return postgres_server.url()


@pytest.fixture(scope="session")
def _spare(postgres_server: PostgresServer) -> list[str]:
    """Return the names of prepared ledgers that no test uses now."""
    _prepare(postgres_server.create_database("ledger"))
    return ["ledger"]


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ledger") / "template.db"
    _prepare(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_ledger_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """Return the URL of a fresh, prepared ledger in a SQLite file."""
    file = tmp_path / "ledger.db"
    shutil.copy(_sqlite_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def postgres_ledger_url(postgres_server: PostgresServer, _spare: list[str]) -> Iterator[str]:
    """Return the URL of a fresh, prepared ledger on PostgreSQL; it is emptied and used again, which is faster than a new one."""
    name = _spare.pop()
    yield postgres_server.url(name)
    postgres_server.empty_database(name)
    _spare.append(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh, prepared ledger: the test runs once for each kind of database."""
    name = "sqlite_ledger_url" if request.param == "sqlite" else "postgres_ledger_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    """Return a fresh, prepared ledger: the test runs once for each kind of database."""
    yield from _open(ledger_url)


@pytest.fixture
def sqlite_database(sqlite_ledger_url: str) -> Iterator[Database]:
    """Return a fresh, prepared ledger in a SQLite file, for what does not depend on the kind of database."""
    yield from _open(sqlite_ledger_url)


@pytest.fixture
def postgres_database(postgres_ledger_url: str) -> Iterator[Database]:
    """Return a fresh, prepared ledger on PostgreSQL."""
    yield from _open(postgres_ledger_url)


def _open(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.dispose()


def _prepare(url: str) -> None:
    database = Database(url)
    migrations.upgrade(database)
    database.dispose()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their length: archives hold the time at which they were made, and workers must agree on the tests' names."""
    return f"{argname}-{len(val)}-bytes" if isinstance(val, bytes) else None
