"""Retrying in the console: the plan, what is wrong with a choice, and the button."""

import re
from collections.abc import Iterator

import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.core.outcome import Failure
from headrace.core.run import ActivityStatus, RunStatus
from headrace.store import runs
from headrace.web.run_story import linked
from run_scenes import a_row, a_scene, id_of, put


def test_runs_in_a_reason_are_links_and_all_else_is_text() -> None:
    """Only whole ids, behind the word run."""
    made = linked(f"run {id_of('first')} did it <b>already</b>, run 12")
    assert made == (
        f'run <a href="/runs/{id_of("first")}"><code title="{id_of("first")}">{id_of("first")[:8]}</code></a>'
        " did it &lt;b&gt;already&lt;/b&gt;, run 12"
    )


@pytest.fixture(scope="module")
def visitor(scenes: House) -> Iterator[Visitor]:
    """Return an operator who retries runs."""
    found = scenes.visitor(Role.OPERATOR)
    yield found
    found.client.close()


def a_failed_run(scenes: House, name: str) -> str:
    """Write a run whose promotion failed, and return its id."""
    reason = Failure(Code.TARGET_UNAVAILABLE, "the target is away")
    run = a_scene(name, Instant(scenes.clock.now()), status=RunStatus.FAILED, reason=reason)
    with scenes.application.database.transaction() as tx:
        put(tx, run, a_row(run, "Copy"), a_row(run, "Promote", ActivityStatus.FAILED, failure=reason))
    return run.id


def test_the_plan_says_what_becomes_of_each_activity(visitor: Visitor, scenes: House) -> None:
    """And the same as a command and a call."""
    run = a_failed_run(scenes, "to be planned")
    page = visitor.get(f"/runs/{run}/retry")
    assert re.search(r"Copy copy (carried over|runs)", page.text)
    assert "Promote promote runs" in page.text
    assert f"headrace runs retry {run}" in page.text
    assert "curl" in page.text


def test_another_choice_is_another_plan(visitor: Visitor, scenes: House) -> None:
    """Without scripts a button shows it; with them the form's part comes back."""
    run = a_failed_run(scenes, "to be chosen")
    fields = {"do": "preview", "mode": "all", "parameter.day": "2026-02-02", "request_key": "kept"}
    page = visitor.post(f"/runs/{run}/retry", fields)
    assert page.status == 200
    assert "2 activities run." in page.text
    assert "day changed" in page.text
    assert "it was 2026-01-02" in page.text
    assert 'name="request_key" value="kept"' in page.html
    part = visitor.post(f"/runs/{run}/retry", fields, hx_request="true").html
    assert part.lstrip().startswith('<form id="retry"')


def test_what_is_wrong_stands_beside_its_field(visitor: Visitor, scenes: House) -> None:
    """A number that is none, with what was typed still there."""
    run = a_failed_run(scenes, "to be wrong")
    page = visitor.post(f"/runs/{run}/retry", {"do": "retry", "mode": "from_failure", "parameter.limit": "many"})
    assert page.status == 400
    assert 'value="many"' in page.html
    assert 'aria-invalid="true"' in page.html
    assert "a whole number" in page.text


def test_an_activity_has_to_be_chosen(visitor: Visitor, scenes: House) -> None:
    """The mode alone does not say where to begin."""
    run = a_failed_run(scenes, "to begin somewhere")
    page = visitor.post(f"/runs/{run}/retry", {"do": "retry", "mode": "from_activity", "activity": ""})
    assert page.status == 400
    assert "choose the activity" in page.text


def test_one_may_come_from_an_activity(visitor: Visitor, scenes: House) -> None:
    """Its panel leads to a form that begins with it; that of an activity of a run that goes on, or of a reader, does not."""
    run = a_failed_run(scenes, "to be begun at Copy")
    address = f"/runs/{run}/retry?activity=Copy"
    assert f'href="{address}"' in visitor.get(f"/runs/{run}/activity?path=Copy&part=panel").html
    assert "Retry from here" not in visitor.get(f"/runs/{id_of('running')}/activity?path=Copy&part=panel").text
    page = visitor.get(f"{address}&part=panel")
    assert "<option selected>Copy</option>" in page.html
    assert "2 activities run." in page.text


def test_two_presses_make_one_run(visitor: Visitor, scenes: House) -> None:
    """The form's key makes the second press find the run of the first."""
    run = a_failed_run(scenes, "to be retried")
    page = visitor.get(f"/runs/{run}/retry")
    key = re.search(r'name="request_key" value="(\w+)"', page.html)
    assert key is not None
    fields = {"do": "retry", "mode": "from_failure", "request_key": key[1]}
    made = [visitor.post(f"/runs/{run}/retry", fields) for _ in range(2)]
    assert [one.status for one in made] == [303, 303]
    assert made[0].location == made[1].location != f"/runs/{run}"
    assert "attempt 2 of 2" in visitor.get(made[0].location).text
    with scenes.application.database.reading() as tx:
        assert runs.last_attempt(tx, run) == 2


def test_a_refusal_is_told_in_place(visitor: Visitor) -> None:
    """A run that goes on cannot be retried: the page says so, and has no plan."""
    page = visitor.get(f"/runs/{id_of('running')}/retry")
    assert page.status == 200
    assert "it can be retried when it has ended" in page.text
    assert "The plan" not in page.text
    assert visitor.post(f"/runs/{id_of('running')}/retry", {"do": "retry"}).status == 409


def test_a_reader_sees_the_plan_and_no_button(scenes: House) -> None:
    """Looking is free."""
    run = a_failed_run(scenes, "to be looked at")
    reader = scenes.visitor(Role.READER)
    page = reader.get(f"/runs/{run}/retry")
    assert "Promote promote runs" in page.text
    assert 'value="retry"' not in page.html
    assert "an operator presses the button" in page.text
    reader.client.close()
