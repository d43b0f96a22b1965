"""Fixtures of jobs."""

import pytest

from fakes import CountingIds
from headrace.store.database import Database
from service.jobs.house import House, build


@pytest.fixture
def house(database: Database, ids: CountingIds) -> House:
    """Return a house of jobs on a fresh ledger."""
    return build(database, ids)
