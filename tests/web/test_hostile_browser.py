"""Whatever data bring stays text in a real browser, on every page: no script runs, nothing is fetched, no dialog opens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Dialog

from browser import Tab, tab
from console_house import House, house
from headrace.core.client import Role
from headrace.core.run import RunStatus
from headrace.core.run_log import Line
from headrace.service.connections import ConnectionDraft, put_connection
from headrace.service.webhooks import Webhook
from headrace.store import audit, run_logs, runs, webhooks, workers
from kept_rejects import keep, keep_row_of
from ledger_rows import a_run, finish
from run_scenes import EVIL, id_of, put_scenes

HOSTILE = "<img src=x onerror=alert(1)><svg onload=alert(2)>'\"></td></script><script>alert(3)</script><a href=javascript:alert(4)>{{7*7}}"
BATCH, SCOPE, RUN = "01JH0000000000000000000HHH", "flowservice/hostile/prod", "run-of-01JH0000000000000000000HHH"
ALIVE = """() => {
  const alive = 'img, iframe, object, embed, base, script:not([src]), [onerror], [onload], a[href^="javascript:" i]';
  return [...document.querySelectorAll(alive)].map((one) => one.outerHTML);
}"""


@pytest.fixture(scope="module")
def hostile(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a console in which every text that data or people can reach is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    file = folder / "ledger.db"
    file.write_bytes(_sqlite_template.read_bytes())
    with house(folder, f"sqlite:///{file}") as made:
        now = made.clock.now()
        put_scenes(made.application.database, now)
        keep(made, BATCH, SCOPE, flow=HOSTILE)
        keep_row_of(made, BATCH, HOSTILE)
        draft = ConnectionDraft(scope=SCOPE, name=HOSTILE, kind="postgres", url="postgresql://u:p@h:5432/d")
        put_connection(made.application.database, draft, HOSTILE, made.application.sealer, made.clock)
        with made.application.database.transaction() as tx:
            events = frozenset((RunStatus.SUCCEEDED,))
            address = f"http://hooks.example/{HOSTILE}"
            known: Any = {"created_by": HOSTILE, "created_at": now}
            hook = Webhook(id="hook", scope=SCOPE, address=address, events=events, flow_ids=None, **known)
            webhooks.insert(tx, hook, b"")
            workers.register(tx, HOSTILE, HOSTILE, 1, now)
            audit.record(tx, SCOPE, HOSTILE, HOSTILE, HOSTILE, now, {HOSTILE: HOSTILE})
            runs.insert(tx, a_run("seen", scope=SCOPE, flow_id=f"flow-of-{BATCH}", flow_name=HOSTILE, created_at=now))
            run_logs.append(tx, [Line("seen", now, 40, HOSTILE, HOSTILE, 1, {HOSTILE: HOSTILE})], limit=9)
            finish(tx, "seen", now=now)
        made.add(Role.READER, f"flowservice/{HOSTILE}".replace("*", ""), name=HOSTILE)
        yield made


def test_a_hostile_text_stays_text_on_every_page(browser: Browser, hostile: House) -> None:
    """Names, scopes, reasons, cells, columns, files, workers, clients, addresses, log lines: a browser shows them, no more."""
    evil, twin = id_of("evil"), id_of("evil twin")
    dialogs: list[str] = []
    shown = 0
    with tab(browser, hostile) as opened:
        opened.page.on("dialog", lambda dialog: _close(dialog, dialogs))
        opened.log_in(Role.ADMIN)
        connection = _connection(opened)
        paths = (
            *("/runs", f"/runs/selection?run={evil}&do=retry", f"/runs/{evil}", f"/runs/{evil}/retry"),
            *(f"/runs/{evil}/logs", f"/runs/{evil}/activities", f"/runs/{evil}/activity?path={quote(EVIL, safe='')}"),
            *(f"/runs/{evil}/diff/{twin}", "/runs/seen", "/runs/seen/logs", f"/runs/{RUN}"),
            *("/rejects", f"/rejects/{BATCH}", f"/rejects/{BATCH}?code={quote(HOSTILE)}&column=", "/flows"),
            *(f"/flows/flow-of-{BATCH}?scope={SCOPE}", "/schedules", connection, "/webhooks", "/webhooks/hook"),
            *("/webhooks/hook/remove", "/workers", "/clients", "/audit"),
        )
        for path in (
            *paths,
            f"/runs?text={quote(HOSTILE)}",
            f"/runs?flow={quote(HOSTILE)}",
            f"/nowhere/{quote(HOSTILE)}",
        ):
            opened.open(path)
            assert opened.page.evaluate(ALIVE) == [], path
            text = opened.page.inner_text("body")
            shown += HOSTILE in text or EVIL in text
        opened.forgive("404")
        opened.open(f"/runs/{evil}")
        opened.page.click("section.activities a[data-panel]")
        opened.page.wait_for_selector("#panel[open] article")
        assert opened.page.evaluate(ALIVE) == []
    assert dialogs == []
    assert shown > 20, "the pages do not show what they are tried with"


def _connection(opened: Tab) -> str:
    opened.open("/connections")
    found = opened.page.get_attribute("main table a", "href")
    assert found is not None
    return found


def _close(dialog: Dialog, dialogs: list[str]) -> None:
    dialogs.append(dialog.message)
    dialog.dismiss()
