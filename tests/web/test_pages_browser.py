"""Every page but those of runs, as a browser shows it: nothing to stumble over, in a wide window and in a narrow one, in light and in dark."""

import pytest
from playwright.sync_api import Browser

from browser import Tab, tab
from console_house import House
from headrace.core.client import Role
from headrace.core.outcome import Figures
from headrace.core.run import RunStatus
from headrace.service.connections import ConnectionDraft, put_connection
from headrace.service.webhooks import Webhook
from headrace.store import runs, webhooks
from kept_rejects import keep
from ledger_rows import a_run, finish

BATCH, SCOPE = "01JH0000000000000000000AAA", "flowservice/seen/prod"
HOSTILE = "<img src=x onerror=alert(1)>" + "long" * 40


@pytest.fixture(scope="module")
def paths(console_house: House) -> tuple[str, ...]:
    """Return the pages, with a name on each that is hostile and long."""
    application, now = console_house.application, console_house.clock.now()
    keep(console_house, BATCH, SCOPE, flow=HOSTILE)
    draft = ConnectionDraft(scope=SCOPE, name=HOSTILE, kind="postgres", url="postgresql://u:p@h:5432/d")
    connection = put_connection(application.database, draft, HOSTILE, application.sealer, console_house.clock).id
    with application.database.transaction() as tx:
        events = frozenset((RunStatus.FAILED,))
        address = f"http://hooks.example/{HOSTILE}"
        made = Webhook(
            id="seen", scope=SCOPE, address=address, events=events, flow_ids=None, created_by="t", created_at=now
        )
        webhooks.insert(tx, made, b"")
        runs.insert(tx, a_run("seen-run", scope=SCOPE, flow_id=f"flow-of-{BATCH}", flow_name=HOSTILE, created_at=now))
        runs.set_figures(tx, "seen-run", Figures(rows_read=10, rows_accepted=7, rows_rejected=3))
        finish(tx, "seen-run", now=now)
    console_house.add(Role.READER, f"flowservice/{HOSTILE.replace('*', '')}", name=HOSTILE)
    lists = ("/rejects", "/flows", "/schedules", "/connections", "/webhooks", "/workers", "/clients", "/audit")
    pages = (
        f"/rejects/{BATCH}",
        f"/flows/flow-of-{BATCH}",
        f"/connections/{connection}?scope={SCOPE}",
        "/webhooks/seen",
    )
    return (*lists, *pages, "/webhooks/seen/remove")


def pages_of(paths: tuple[str, ...]) -> list[str]:
    """Return the pages that show one thing."""
    return [path for path in paths if path.count("/") == 2]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
def test_nothing_on_a_page_is_in_anybodys_way(
    browser: Browser, console_house: House, paths: tuple[str, ...], width: int, dark: bool
) -> None:
    """Contrast, labels, names of buttons, headings, one id once; no page is wider than its window, whatever a name is."""
    found: dict[str, list[str]] = {}
    with tab(browser, console_house, width=width, dark=dark) as opened:
        opened.log_in(Role.ADMIN)
        # The narrow window sees all of them; in the wide one, those that are built otherwise there.
        for path in paths if width < 700 else (*pages_of(paths), "/flows", "/clients"):
            opened.open(path)
            found[path] = opened.look()
    assert {path: one for path, one in found.items() if one} == {}


def test_a_corrected_file_is_chosen_sent_and_corrected_again(
    browser: Browser, console_house: House, paths: tuple[str, ...]
) -> None:
    """What is wrong with it stands where one chose it, and the keyboard is there; the row that is marked says why."""
    assert paths
    with tab(browser, console_house) as opened:
        opened.log_in(Role.OPERATOR)
        opened.open(f"/rejects/{BATCH}?code=type&column=departure")
        page = opened.page
        assert page.get_attribute("tr#row-2 td.bad", "title") == "type of departure"
        _send(opened, b'{"carrier": "UA"}\n')
        page.wait_for_selector("#again .notice >> text=line 1")
        assert page.evaluate("document.activeElement.id") == "file"
        opened.forgive("400")
        _send(opened, b'{"_reject": 3, "carrier": "AA", "dep_time": "2026-01-01", "note": "mended"}\n')
        page.wait_for_url("**/runs/*")
        assert "replay" in page.inner_text("main")


def _send(opened: Tab, body: bytes) -> None:
    file = {"name": "mended <b>.ndjson", "mimeType": "application/x-ndjson", "buffer": body}
    opened.page.set_input_files("#file", file)  # type: ignore[arg-type]  # a file of a test's own
    opened.page.press("#file", "Tab")
    opened.page.keyboard.press("Enter")
