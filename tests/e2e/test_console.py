"""The console in a browser, on a real server with real runs: what failed, why, which rows, what do I press."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import Tab, chromium, tab
from e2e.console import ConsoleHouse, Person, console_house

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHouse]:
    """Return the server."""
    with console_house(tmp_path_factory.mktemp("console")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return the browser."""
    with chromium() as started:
        yield started


@pytest.fixture
def window(house: ConsoleHouse, browser: Browser) -> Iterator[Tab]:
    """Return a window of the browser; whatever it complains of fails the test."""
    with tab(browser, house.base) as opened:
        opened.page.set_default_timeout(30_000)
        yield opened


def log_in(page: Page, person: Person) -> None:
    """Fill in the form of the login, by the keyboard alone."""
    page.get_by_label("Client id").focus()
    page.keyboard.type(person.id)
    page.keyboard.press("Tab")
    page.keyboard.type(person.secret)
    page.keyboard.press("Enter")


def test_a_failed_run_is_understood_and_repaired(house: ConsoleHouse, window: Tab) -> None:
    """Log in, watch a run live until it fails, read why, see the plan of a retry, mend the source, retry, watch it go green."""
    page = window.page
    window.open("/flows")
    log_in(page, house.operator)
    page.get_by_role("link", name="nightly").first.click()
    page.get_by_role("button", name="Run now").click()
    status = page.locator("#run-status")
    expect(status).to_have_text(re.compile("waiting|running|queued"))
    # Nobody reloads the page: it follows the run.
    expect(status).to_have_text(re.compile("failed"), timeout=30_000)
    expect(page.get_by_role("main")).to_contain_text("orders.csv")
    expect(page.get_by_role("main")).to_contain_text(re.compile("source", re.IGNORECASE))
    page.get_by_role("link", name="Retry…").click()
    plan = page.locator(".plan-table")
    expect(plan.get_by_role("row", name="Fetch")).to_contain_text("carried over")
    expect(plan.get_by_role("row", name="Load")).to_contain_text("run")
    (house.files / "inbox" / "orders.csv").write_text("id\n1\n")
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.locator("#run-status")).to_have_text(re.compile("succeeded"), timeout=30_000)
    assert (house.files / "archive" / "orders.csv").read_text() == "id\n1\n"
    expect(page.get_by_role("table", name="All runs of this group")).to_contain_text("failed")
    page.get_by_role("button", name="What differs?").click()
    expect(page.get_by_role("main")).to_contain_text("Load")
    assert window.look() == []


def test_rejected_rows_are_read_corrected_and_played_again(house: ConsoleHouse, window: Tab, tmp_path: Path) -> None:
    """Two rows are rejected: their cells are marked; the downloaded file, corrected, makes a run that accepts them."""
    page = window.page
    window.open("/rejects")
    log_in(page, house.operator)
    page.get_by_role("link", name="customers").first.click()
    rows = page.locator("table.rejected tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0).locator("td.cell.bad")).to_have_text(re.compile("many"))
    assert window.look() == []
    with page.expect_download() as download:
        page.get_by_role("link", name="NDJSON").click()
    kept = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    corrected = tmp_path / "corrected.json"
    corrected.write_text("".join(json.dumps({**row, "points": "5"}) + "\n" for row in kept))
    page.get_by_label("The corrected file").set_input_files(corrected)
    page.get_by_role("button", name="Play again").click()
    expect(page.locator("#run-status")).to_have_text(re.compile("succeeded"), timeout=30_000)
    window.open("/rejects")
    expect(page.get_by_role("link", name="customers")).to_have_count(0)


def test_several_runs_are_retried_by_the_keyboard_alone(house: ConsoleHouse, window: Tab) -> None:
    """A selection of failed runs is retried at once; each is told of."""
    (house.files / "inbox" / "orders.csv").unlink(missing_ok=True)
    failed = [house.run_pipeline() for _ in range(2)]
    assert [house.ended(run) for run in failed] == ["Failed", "Failed"]
    (house.files / "inbox" / "orders.csv").write_text("id\n2\n")
    page = window.page
    window.open("/runs?status=failed&flow=nightly")
    log_in(page, house.operator)
    for run in failed:
        page.get_by_role("checkbox", name=f"Select run {run[:8]}").focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Retry…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text(failed[0][:8])
    page.get_by_role("button", name=re.compile("^Retry")).focus()
    page.keyboard.press("Enter")
    main = page.get_by_role("main")
    for run in failed:
        expect(main).to_contain_text(run[:8])
    for run in failed:
        window.open(f"/runs?group={run}")
        expect(page.locator("table.runs .state").filter(has_text="succeeded")).to_have_count(1, timeout=30_000)


def test_a_reader_looks_and_presses_nothing(house: ConsoleHouse, window: Tab) -> None:
    """No page offers a reader what they may not do, and the server refuses it all the same."""
    page = window.page
    window.open("/runs")
    log_in(page, house.reader)
    expect(page.locator("table.runs")).to_be_visible()
    expect(page.get_by_role("checkbox", name=re.compile("Select run"))).to_have_count(0)
    page.get_by_role("link", name="customers").first.click()
    expect(page.locator("#run-status")).to_be_visible()
    for name in ("Retry…", "Cancel"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    refused = page.evaluate(
        "async () => (await fetch(location.pathname + '/retry', {method: 'POST', body: new FormData()})).status"
    )
    assert refused == 403
    window.forgive("403")
