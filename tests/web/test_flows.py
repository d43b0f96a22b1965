"""Flows: listed with their last runs, shown with their history, run by hand, paused and resumed."""

from collections.abc import Iterator

import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.core.clock import MINUTE, SECOND, Instant
from headrace.core.outcome import Figures
from headrace.core.run import RunStatus
from headrace.core.schedule import Schedule, Unit
from headrace.service.flows import put_flow
from headrace.service.schedules import put_schedule
from headrace.store import runs
from ledger_rows import FAILURE, a_flow, a_run

SCOPE = "local"
PATH = f"/flows/hand-flow?scope={SCOPE}"
pytestmark = pytest.mark.usefixtures("kept")


@pytest.fixture(scope="module")
def kept(console_house: House) -> House:
    """Return the console with a flow that has parameters and a history, and one that has a schedule."""
    house = console_house
    now = house.clock.now()
    parameters = {"day": "2026-01-01", "limit": 10, "tables": ["a"]}
    put_flow(
        house.application.database,
        a_flow(id="hand-flow", scope=SCOPE, name="by <hand>", parameters=parameters),
        "t",
        house.clock,
    )
    timed = put_flow(
        house.application.database,
        a_flow(id="timed-flow", scope=SCOPE, name="timed"),
        "t",
        house.clock,
    )
    with house.application.database.transaction() as tx:
        put_schedule(tx, timed, Schedule(Instant(now + MINUTE), Unit.HOUR, 1), now)
        for number, status in enumerate((RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.SUCCEEDED)):
            at = Instant(now - (10 - number) * MINUTE)
            run = f"hand-run-{number}"
            runs.insert(tx, a_run(run, scope=SCOPE, flow_id="hand-flow", flow_name="by <hand>", created_at=at))
            runs.move(tx, run, {RunStatus.QUEUED}, RunStatus.RUNNING, at)
            runs.set_figures(tx, run, Figures(rows_read=100, rows_accepted=90, rows_rejected=10, rows_skipped=0))
            reason = FAILURE if status is RunStatus.FAILED else None
            runs.move(tx, run, {RunStatus.RUNNING}, status, Instant(at + 30 * SECOND), reason)
    return house


@pytest.fixture(scope="module")
def outsider(kept: House) -> Iterator[Visitor]:
    """Return an operator who sees one other scope only."""
    made = kept.add(Role.OPERATOR, "datafactory/s1")
    visitor = kept.visitor(None)
    visitor.post("/login", {"client": made.client.id, "secret": made.secret})
    yield visitor
    visitor.client.close()


def test_flows_are_listed_with_their_last_runs(operator: Visitor) -> None:
    """Each square leads to its run and says in words how it ended; the share of successes stands beside."""
    page = operator.get("/flows?text=hand")
    assert page.status == 200
    assert "by <hand>" in page.text
    assert 'href="/runs/hand-run-1"' in page.html
    assert ": failed in 30" in page.html
    assert "67 %" in page.text


def test_a_flow_is_shown_with_rows_and_durations_over_time(operator: Visitor) -> None:
    """Two charts, and the same as a table for who does not see them."""
    page = operator.get(PATH)
    assert page.html.count('<svg class="history"') == 2
    assert "The same as a table" in page.text
    assert page.html.count('class="accepted"') == 3
    assert page.html.count('class="spot failed"') == 2


def test_the_form_for_a_run_has_the_flows_parameters_in_their_types(operator: Visitor) -> None:
    """Each with its default."""
    page = operator.get(PATH)
    assert 'name="parameter.limit" value="10"' in page.html
    assert "whole number" in page.text
    assert "Nothing starts this flow by itself" in page.text


def test_what_is_wrong_with_the_form_is_told_on_it_and_what_was_typed_stays(operator: Visitor) -> None:
    """Nobody types a form twice; no run was made."""
    page = operator.post(
        "/flows/hand-flow/run", {"scope": SCOPE, "parameter.limit": "many", "parameter.day": "<tomorrow>"}
    )
    assert page.status == 400
    assert "'many' does not fit (a whole number is expected)" in page.text
    assert 'value="many"' in page.html
    assert 'value="&lt;tomorrow&gt;"' in page.html
    window = operator.post("/flows/hand-flow/run", {"scope": SCOPE, "window_start": "noon"})
    assert (window.status, 'value="noon"' in window.html) == (400, True)


def test_a_run_is_made_once_however_often_the_form_is_sent(operator: Visitor) -> None:
    """Or the door's refusal is told in place; both times the same."""
    fields = {"scope": SCOPE, "parameter.limit": "20", "request_key": "hand-1"}
    first, again = (operator.post("/flows/hand-flow/run", fields) for _ in range(2))
    assert first.status == 303, first.text
    assert first.location.startswith("/runs/")
    assert again.location == first.location


def test_a_flow_is_paused_and_resumed(operator: Visitor) -> None:
    """The page says so, and offers the other one."""
    path = "/flows/timed-flow?scope=local"
    assert "every hour" in operator.get(path).text
    paused = operator.post("/flows/timed-flow/pause", {"scope": SCOPE})
    assert paused.status == 303
    assert paused.location == "/flows/timed-flow?scope=local"
    page = operator.get(path)
    assert "paused" in page.text
    assert "/flows/timed-flow/resume" in page.html
    back = operator.post("/flows/timed-flow/resume", {"scope": SCOPE, "back": "list"})
    assert (back.status, back.location) == (303, "/flows")


def test_who_may_only_look_has_nothing_to_press(reader: Visitor) -> None:
    """No button on either page, and forms that are sent are refused."""
    for path in ("/flows", PATH):
        assert 'method="post" action="/flows' not in reader.get(path).html
    for verb in ("run", "pause", "resume"):
        assert reader.post(f"/flows/hand-flow/{verb}", {"scope": SCOPE}).status == 403


def test_what_lies_in_other_scopes_is_not_there(outsider: Visitor) -> None:
    """Neither its page nor its verbs."""
    assert outsider.get(PATH).status == 404
    for verb in ("run", "pause", "resume"):
        assert outsider.post(f"/flows/hand-flow/{verb}", {"scope": SCOPE}).status == 404
    assert "by <hand>" not in outsider.get("/flows").text


def test_schedules_are_listed_in_words_with_what_is_next(operator: Visitor) -> None:
    """And lead to their flows."""
    page = operator.get("/schedules?scope=local")
    assert "every hour" in page.text
    assert "in 1" in page.text
    assert 'href="/flows/timed?scope=local"' in page.html


def test_a_schedule_is_paused_and_resumed(operator: Visitor, reader: Visitor) -> None:
    """By who may; one is led back to where the button was, and nowhere else."""
    fields = {"scope": SCOPE, "back": "//elsewhere.example"}
    assert reader.post("/schedules/timed-flow/pause", fields).status == 403
    assert operator.post("/schedules/timed-flow/pause", fields).location in {"/", "/schedules"}
    assert "paused" in operator.get("/schedules?scope=local").text
    assert operator.post("/schedules/timed-flow/resume", {"scope": SCOPE}).location == "/schedules"
    assert "started" in operator.get("/schedules?scope=local").text
    assert operator.post("/schedules/none/pause", {"scope": SCOPE}).status == 404


def test_reloading_a_page_that_refused_leads_back(operator: Visitor) -> None:
    """The address of what was pressed is no dead end."""
    assert operator.get(f"/flows/hand-flow/run?scope={SCOPE}").location == PATH
    assert operator.get("/connections/c/test?scope=a").location == "/connections/c?scope=a"
    assert operator.get("/rejects/b/replay").location == "/rejects/b"


def test_a_pipeline_is_offered_no_window(operator: Visitor) -> None:
    """It reads by its parameters; a field that is always refused would be a trap."""
    assert "window_start" in operator.get(PATH).html
    page = operator.get("/flows/flow-2?scope=datafactory/s1/group/factory")
    assert page.status == 200
    assert "window_start" not in page.html
