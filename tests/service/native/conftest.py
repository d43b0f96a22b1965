"""A house for the tests of operations, on each kind of database, and on SQLite alone for what does not depend on it."""

from pathlib import Path

import pytest

from headrace.store.database import Database
from native_house import NativeHouse, native_house


@pytest.fixture
def native(database: Database, tmp_path: Path) -> NativeHouse:
    """Return a house: the test runs once for each kind of database."""
    return native_house(database, tmp_path)


@pytest.fixture
def small(sqlite_database: Database, tmp_path: Path) -> NativeHouse:
    """Return a house on SQLite."""
    return native_house(sqlite_database, tmp_path)
