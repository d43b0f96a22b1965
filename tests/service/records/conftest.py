"""A house for records, on each database."""

import pytest

from headrace.store.database import Database
from service.records.house import House, make_house


@pytest.fixture
def house(database: Database) -> House:
    """Return a house on a fresh ledger."""
    return make_house(database)
