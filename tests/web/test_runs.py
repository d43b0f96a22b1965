"""The list of runs: what it shows, its filters, its live part, and what is done to a selection."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from console_house import House, Page, Visitor, fill, house
from headrace.core.client import Role
from headrace.core.clock import DAY, HOUR, SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Failure
from headrace.core.run import RunStatus
from headrace.store import activity_runs, runs
from headrace.web import run_filters
from ledger_rows import a_run, activities

NOW = Instant(1_700_000_000_000_000)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


def _ids(page: Page) -> list[str]:
    return re.findall(r'<tr data-key="([^"]+)"', page.html)


@pytest.fixture(scope="module")
def console_house(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a console with a dozen runs to which no other test adds."""
    folder = tmp_path_factory.mktemp("listed")
    file = folder / "ledger.db"
    file.write_bytes(_sqlite_template.read_bytes())
    with house(folder, f"sqlite:///{file}") as made:
        fill(made)
        yield made


@pytest.fixture(scope="module")
def operator(console_house: House) -> Visitor:
    """Return an operator who is logged in."""
    return console_house.visitor(Role.OPERATOR)


@pytest.fixture
def fresh(_sqlite_template: Path, tmp_path: Path) -> Iterator[House]:
    """Return a console of its own, without a run."""
    file = tmp_path / "ledger.db"
    file.write_bytes(_sqlite_template.read_bytes())
    with house(tmp_path, f"sqlite:///{file}", dev=True) as made:
        yield made


@pytest.fixture
def developer(fresh: House) -> Visitor:
    """Return whoever comes to a console that lets everybody in."""
    return fresh.visitor(None)


def test_runs_of_all_scopes_are_listed_the_newest_first(operator: Visitor) -> None:
    """One sees what one may see, without choosing first."""
    page = operator.get("/runs")
    assert page.status == 200
    assert _ids(page)[:2] == ["a1b2c3d4-0000-4000-8000-000000000000", "a2b3c4d5-0000-4000-8000-000000000001"]
    assert len(_ids(page)) == 12
    assert "succeeded with rejects" in page.text
    assert "the source broke off after 31 MB" in page.text


def test_a_scope_that_is_not_the_clients_is_not_there(console_house: House) -> None:
    """A client of one scope sees its runs, no others, and no other scope's name."""
    made = console_house.add(Role.READER, "flowservice/acme/dev", name="dev only")
    visitor = console_house.visitor(None)
    visitor.post("/login", {"client": made.client.id, "secret": made.secret})
    page = visitor.get("/runs")
    assert len(_ids(page)) == 3
    assert "flowservice/acme/prod" not in page.html
    assert visitor.get("/runs?scope=flowservice/acme/prod").status == 404


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=failed", 2),
        ("status=failed&status=cancelled", 4),
        ("scope=local", 3),
        ("flow=flights+1", 3),
        ("kind=scheduled", 4),
        ("rejects=yes", 2),
        ("range=1h", 9),
        ("group=a1b2c3d4-0000-4000-8000-000000000000", 1),
        ("text=flights+1", 3),
        ("text=a4b5c6d7", 1),
        ("text=31+MB", 1),
        ("text=2026-01-03", 1),
        ("since=2023-11-14T21:30:00Z&until=2023-11-14T22:00:00Z", 5),
        ("limit=5", 5),
    ],
)
def test_filters_stand_in_the_address(operator: Visitor, query: str, count: int) -> None:
    """A link to a list shows the same list to whoever opens it."""
    page = operator.get(f"/runs?{query}")
    assert page.status == 200, page.text
    assert len(_ids(page)) == count


def test_filters_come_back_in_the_form(operator: Visitor) -> None:
    """What is set is seen, and can be taken away one by one."""
    page = operator.get("/runs?status=failed&scope=flowservice%2Facme&kind=retry&text=a+%22b%22&range=24h")
    assert re.search(r'name="status" value="failed" checked', page.html)
    assert 'name="text" value="a &#34;b&#34;"' in page.html
    assert re.search(r'<option value="24h" selected>', page.html)
    assert 'href="/runs?status=failed&amp;scope=flowservice%2Facme&amp;text=a+%22b%22&amp;range=24h"' in page.html


@pytest.mark.parametrize(
    "query", ["since=yesterday", "status=done", "cursor=%FF", "limit=0", "range=1y", "limit=x&kind=y"]
)
def test_a_filter_that_cannot_be_read_is_told_beside_the_form(operator: Visitor, query: str) -> None:
    """One mends it where it stands; what else was set is still there."""
    page = operator.get(f"/runs?{query}&text=kept")
    assert page.status == 400
    assert 'role="alert"' in page.html
    assert 'value="kept"' in page.html
    assert "Clear the filters" in page.text


def test_a_time_in_which_nothing_can_be_is_empty(operator: Visitor) -> None:
    """Nothing breaks where nothing can be."""
    for query in ("since=2099-01-01", "until=1970-01-01", "since=0001-01-01"):
        assert operator.get(f"/runs?{query}").status == 200, query
    assert operator.get("/runs?since=2024-01-02&until=2024-01-01").status == 400


def test_a_moment_of_a_live_part_that_nobody_sent_harms_nothing(operator: Visitor) -> None:
    """Whatever stands there, the list is told."""
    for seen in ("9" * 30, "-1", "x", "", "٣"):
        assert operator.get(f"/runs?part=rows&seen={seen}", hx_request="true").status == 200, seen


def test_an_address_has_no_empty_filters(operator: Visitor) -> None:
    """A form without a script sends all of its fields; the address that stays has those that say something."""
    assert operator.get("/runs?text=&status=failed&kind=&since=").location == "/runs?status=failed"
    typed = operator.get("/runs?text=&status=failed", hx_request="true")
    assert typed.response.headers["hx-push-url"] == "/runs?status=failed"
    assert "<html" not in typed.html


def test_pages_follow_one_another_without_gap_or_repetition(operator: Visitor) -> None:
    """The last run of a page is followed by the first of the next one, by links alone."""
    page = operator.get("/runs?limit=5")
    found = _ids(page)
    for _ in range(5):
        following = re.search(r'href="([^"]+)" rel="next"', page.html)
        if following is None:
            break
        page = operator.get(following[1].replace("&amp;", "&"))
        found += _ids(page)
    assert found == _ids(operator.get("/runs"))
    assert 'rel="first"' in page.html


def test_an_empty_installation_says_how_to_begin(developer: Visitor) -> None:
    """Who has just installed it is told the first command."""
    page = developer.get("/runs")
    assert page.status == 200
    assert "headrace run flow.yaml" in page.text
    assert "Clear the filters" in developer.get("/runs?status=failed").text


def test_a_live_part_updates_its_rows_and_announces_new_ones(fresh: House, developer: Visitor) -> None:
    """What one looks at stays where it is; what is new is counted above it."""
    fill(fresh, 2)
    page = developer.get("/runs")
    live = re.search(r'hx-get="([^"]+part=rows[^"]+)"', page.html)
    assert live is not None
    with fresh.application.database.transaction() as tx:
        for number in range(3):
            runs.insert(tx, a_run(f"new-{number}", created_at=Instant(fresh.clock.now() + number)))
        runs.move(
            tx,
            _ids(page)[1],
            {RunStatus.RUNNING},
            RunStatus.FAILED,
            NOW,
            Failure(Code.SOURCE_EMPTY, "a file of no bytes"),
        )
    part = developer.get(live[1].replace("&amp;", "&"), hx_request="true")
    assert _ids(part) == _ids(page)
    assert "3 new runs: show" in part.text
    assert "a file of no bytes" in part.text
    assert "<html" not in part.html


def test_what_data_bring_along_stays_text(fresh: House, developer: Visitor) -> None:
    """Names, reasons and parameters of others are shown as they are, and nothing in them runs."""
    with fresh.application.database.transaction() as tx:
        run = a_run(
            "hostile",
            flow_name=HOSTILE,
            created_at=fresh.clock.now(),
            parameters={HOSTILE: HOSTILE},
            created_by=HOSTILE,
        )
        runs.insert(tx, run)
        activity_runs.insert_all(tx, activities("hostile"))
        runs.move(tx, "hostile", {RunStatus.QUEUED}, RunStatus.RUNNING, fresh.clock.now())
        runs.move(
            tx, "hostile", {RunStatus.RUNNING}, RunStatus.FAILED, fresh.clock.now(), Failure(Code.INVALID, HOSTILE)
        )
    hostile = f"/runs/selection?do=retry&run=hostile&run={HOSTILE}"
    for path in ("/runs", f"/runs?text={HOSTILE}", f"/runs?flow={HOSTILE}", hostile):
        page = developer.get(path)
        assert page.status == 200, path
        assert "<script>alert" not in page.html, path
        assert "<img src=x" not in page.html, path
        assert "49" not in re.sub(r"[0-9a-f]{12,}", "", page.text), path
    assert HOSTILE in developer.get("/runs").text


def test_a_selection_is_confirmed_and_then_told_of(fresh: House, developer: Visitor) -> None:
    """Before: what will happen to each. After: what became of each. The key of the form lets it happen once."""
    fill(fresh, 12)
    failed, succeeded, nothing = _ids(developer.get("/runs"))[3], _ids(developer.get("/runs"))[2], "0" * 36
    page = developer.get(f"/runs/selection?do=retry&run={failed}&run={succeeded}&run={nothing}")
    assert "Retry 3 runs?" in page.text
    assert "to run" in page.text
    assert "Nothing: " in page.text
    key = re.search(r'name="request_key" value="([^"]+)"', page.html)
    assert key is not None
    fields = {"do": "retry", "run": [failed, nothing], "request_key": key[1]}
    told = developer.post("/runs/selection", fields, csrf=page.csrf)
    assert told.status == 200
    assert "1 of 2 runs" in told.text
    again = developer.post("/runs/selection", fields, csrf=page.csrf)
    made = re.findall(r'as <a href="/runs/([^"]+)"', told.html)
    assert re.findall(r'as <a href="/runs/([^"]+)"', again.html) == made
    assert len(_ids(developer.get("/runs"))) == 13


def test_several_runs_are_cancelled(fresh: House, developer: Visitor) -> None:
    """What goes on is asked to end; what has ended is left as it is."""
    fill(fresh, 6)
    queued, _, succeeded = _ids(developer.get("/runs"))[:3]
    page = developer.get(f"/runs/selection?do=cancel&run={queued}&run={succeeded}")
    assert "it has ended already" in page.text
    assert re.findall(r'name="run" value="([^"]+)"', page.html) == [queued]
    told = developer.post("/runs/selection", {"do": "cancel", "run": [queued]}, csrf=page.csrf)
    assert "1 of 1 run" in told.text
    assert "cancelled" in developer.get(f"/runs?text={queued}").text


def test_nothing_selected_is_said(operator: Visitor) -> None:
    """Pressing without a selection harms nothing."""
    assert "No run is selected" in operator.get("/runs/selection?do=retry").text
    assert operator.get("/runs/selection?do=delete&run=1").status == 400


def test_a_preset_ends_at_the_present() -> None:
    """A link to the last hour shows the last hour whenever it is opened."""
    filters = run_filters.read([("range", "1h"), ("text", "  ")], NOW)
    assert filters.asked.since == NOW - HOUR
    assert filters.href == "/runs?range=1h"
    with pytest.raises(Problem, match="no range"):
        run_filters.read([("range", "1y")], NOW)


def test_a_bar_of_the_chart_leads_to_its_time() -> None:
    """The other filters stay; the time is the bar's."""
    filters = run_filters.read([("status", "failed"), ("range", "24h"), ("cursor", "c")], NOW)
    href = filters.with_time(Instant(NOW - DAY), Instant(NOW - DAY + 30 * SECOND))
    assert href == "/runs?status=failed&since=2023-11-13T22%3A13%3A20Z&until=2023-11-13T22%3A13%3A50Z"
