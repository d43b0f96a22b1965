"""The list of runs as a person has it before their eyes: live, by keys, and without a script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from browser import tab
from console_house import House, fill, house
from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.core.outcome import Failure
from headrace.core.run import RunStatus
from headrace.store import runs
from ledger_rows import a_run

RUNNING = "a2b3c4d5-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def listed(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return an open console with a dozen runs."""
    folder = tmp_path_factory.mktemp("seen")
    file = folder / "ledger.db"
    file.write_bytes(_sqlite_template.read_bytes())
    with house(folder, f"sqlite:///{file}", dev=True) as made:
        fill(made)
        yield made


def test_what_happens_is_seen_and_nothing_moves_under_ones_hands(browser: Browser, listed: House) -> None:
    """A run that fails is red at once; the selection and the place that one is at stay; new runs are announced above."""
    with tab(browser, listed) as opened:
        page = opened.page
        opened.open("/runs")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("x")
        assert page.inner_text("[data-picked]") == "1 selected"
        with listed.application.database.transaction() as tx:
            now, reason = listed.clock.now(), Failure(Code.SOURCE_EMPTY, "a file of no bytes")
            runs.move(tx, RUNNING, {RunStatus.RUNNING}, RunStatus.FAILED, now, reason)
            runs.insert(tx, a_run("new-1", created_at=Instant(now + 5)))
        page.wait_for_selector("text=1 new run: show")
        assert page.inner_text(f"tr[data-key='{RUNNING}'] .status") == "failed"
        assert page.inner_text("[data-picked]") == "1 selected"
        assert page.evaluate("document.activeElement.id") == f"run-{RUNNING}"
        page.click("text=1 new run: show")
        page.wait_for_selector("tr[data-key='new-1']")
        assert opened.look() == []


def test_the_address_follows_what_one_types_and_presses(browser: Browser, listed: House) -> None:
    """Search and filters change the list without another page, and going back brings the last one."""
    with tab(browser, listed, width=400, dark=True) as opened:
        page = opened.page
        opened.open("/runs")
        page.keyboard.press("/")
        page.keyboard.type("flights 3")
        page.wait_for_url("**/runs?text=flights+3")
        page.click("label.pill.s-failed")
        page.wait_for_url("**/runs?text=flights+3&status=failed")
        expect(page.locator("[data-rows] tbody tr")).to_have_count(1)
        assert opened.look() == []
        page.go_back()
        page.wait_for_url("**/runs?text=flights+3")
        assert page.input_value("#text") == "flights 3"


def test_all_of_it_works_without_a_script(browser: Browser, listed: House) -> None:
    """Filters, the selection, its confirmation and what became of it are links and forms."""
    with tab(browser, listed, script=False) as opened:
        page = opened.page
        opened.open("/runs?scope=local")
        page.check("label.pill.s-failed input")
        page.click("button:text('Search')")
        page.wait_for_url("**/runs?scope=local&status=failed")
        page.check("[data-rows] tbody tr:first-child input[name=run]")
        page.click("text=Retry…")
        assert page.inner_text("h1") == "Retry 1 run?"
        page.click("button.primary")
        assert page.inner_text("h1") == "Retried: 1 of 1 run"
