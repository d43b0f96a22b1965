"""A console that all tests of pages share: they look, and change only what is their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser import Tab, chromium, tab
from console_house import House, Visitor, fill, house
from headrace.core.client import Role
from run_scenes import put_scenes


@pytest.fixture(scope="session")
def console_house(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a console with a dozen runs, served on loopback."""
    folder = tmp_path_factory.mktemp("console")
    file = folder / "ledger.db"
    file.write_bytes(_sqlite_template.read_bytes())
    with house(folder, f"sqlite:///{file}") as made:
        fill(made)
        yield made


@pytest.fixture(scope="session")
def operator(console_house: House) -> Visitor:
    """Return an operator who is logged in."""
    return console_house.visitor(Role.OPERATOR)


@pytest.fixture(scope="session")
def reader(console_house: House) -> Visitor:
    """Return a reader who is logged in."""
    return console_house.visitor(Role.READER)


@pytest.fixture(scope="session")
def admin(console_house: House) -> Visitor:
    """Return an administrator who is logged in."""
    return console_house.visitor(Role.ADMIN)


@pytest.fixture
def stranger(console_house: House) -> Visitor:
    """Return somebody who is not logged in."""
    return console_house.visitor(None)


@pytest.fixture(scope="session")
def scenes(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a console with a run in every state (``run_scenes``), served on loopback."""
    folder = tmp_path_factory.mktemp("scenes")
    file = folder / "ledger.db"
    file.write_bytes(_sqlite_template.read_bytes())
    with house(folder, f"sqlite:///{file}") as made:
        put_scenes(made.application.database, made.clock.now())
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Chromium, for the tests of one file: while Playwright waits, nothing else in this process may run a loop of its own."""
    with chromium() as started:
        yield started


@pytest.fixture
def window(browser: Browser, console_house: House) -> Iterator[Tab]:
    """Return a window on the console that tests share, with nobody logged in."""
    with tab(browser, console_house) as opened:
        yield opened
