"""Fixtures of jobs; after each test the ledger has to agree with the jobs."""

from collections.abc import Iterator

import pytest

from fakes import CountingIds
from headrace.store.database import Database
from service.jobs.house import House, build


@pytest.fixture
def house(sqlite_database: Database, ids: CountingIds) -> Iterator[House]:
    """Return a house of jobs on a fresh ledger in a file."""
    made = build(sqlite_database, ids)
    yield made
    made.check_ledger()


@pytest.fixture
def any_house(database: Database, ids: CountingIds) -> Iterator[House]:
    """Return a house of jobs on a fresh ledger: the test runs once for each kind of database."""
    made = build(database, ids)
    yield made
    made.check_ledger()
