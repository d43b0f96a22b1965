"""Installations for end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("e2e.orders")

from e2e.house import House  # noqa: E402 — asserts of the module above are to be rewritten before anybody imports it


@pytest.fixture
def house(tmp_path: Path, ledger_url: str) -> Iterator[House]:
    """Return an installation, once on SQLite and once on PostgreSQL."""
    yield from _house(tmp_path, ledger_url)


@pytest.fixture
def sqlite_house(tmp_path: Path, sqlite_ledger_url: str) -> Iterator[House]:
    """Return an installation on SQLite, for what does not depend on the kind of ledger."""
    yield from _house(tmp_path, sqlite_ledger_url)


@pytest.fixture
def postgres_house(tmp_path: Path, postgres_ledger_url: str) -> Iterator[House]:
    """Return an installation on PostgreSQL."""
    yield from _house(tmp_path, postgres_ledger_url)


def _house(folder: Path, url: str) -> Iterator[House]:
    house = House(folder, url)
    yield house
    house.close()
