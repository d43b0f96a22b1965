"""The page of a run: every state a run can be in, who may press what, and texts that stay texts."""

import re
from collections.abc import Iterator

import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.core.errors import Blame
from headrace.web.run_story import HEADLINES
from run_scenes import EVIL, id_of

PLAIN = ("queued", "due later", "running", "waiting", "cancelling", "succeeded", "with rejects", "cancelled", "replay")


@pytest.fixture(scope="module")
def visitor(scenes: House) -> Iterator[Visitor]:
    """Return an operator who looks at the scenes."""
    found = scenes.visitor(Role.OPERATOR)
    yield found
    found.client.close()


@pytest.mark.parametrize("name", PLAIN)
def test_a_run_in_any_state_has_its_page(visitor: Visitor, name: str) -> None:
    """The page says how the run stands, with a sign and a word."""
    page = visitor.get(f"/runs/{id_of(name)}")
    assert page.status == 200
    words = {"with rejects": "succeeded with rejects", "due later": "queued", "replay": "succeeded"}.get(name, name)
    assert f"scenes {words}" in page.text
    assert "style=" not in page.html


@pytest.mark.parametrize("blame", Blame)
def test_a_failure_says_who_has_to_act(visitor: Visitor, blame: Blame) -> None:
    """The class of the error in words, the message, what is wrong where, and the activity."""
    text = visitor.get(f"/runs/{id_of(f'failed: {blame}')}").text
    for words in (
        HEADLINES[blame],
        f"what went wrong ({blame})",
        "source.path is wrong",
        "It failed in Copy",
        "What to do:",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("queued", "It waits for a free worker"),
        ("due later", "It begins when its time has come"),
        ("cancelling", "what is going on is being stopped"),
        ("running", "12 345 rows, 678 kB"),
        ("taken over", "taken over: its worker was lost"),
        ("waiting", "The other side has to call its callback address."),
        ("job", "A listener has to take it and say how it ended."),
    ],
)
def test_a_run_that_goes_on_says_what_it_does_or_waits_for(visitor: Visitor, name: str, words: str) -> None:
    """Nobody has to guess why a run does not end."""
    page = visitor.get(f"/runs/{id_of(name)}")
    assert words in page.text
    assert f'sse-connect="/runs/{id_of(name)}/live?since=' in page.html


def test_a_run_that_has_ended_is_not_followed(visitor: Visitor) -> None:
    """Its page asks for nothing more."""
    assert "sse-connect" not in visitor.get(f"/runs/{id_of('succeeded')}").html


def test_the_live_part_is_the_run_alone(visitor: Visitor) -> None:
    """What is laid over the page while the run goes on has no frame around it."""
    part = visitor.get(f"/runs/{id_of('running')}?part=live").html
    assert part.lstrip().startswith('<div id="run"')
    assert "<html" not in part


def test_what_changes_is_told_until_the_run_has_ended(visitor: Visitor) -> None:
    """The stream of a run that has ended says so and closes; that of one that goes on tells its revision at once."""
    assert "event: ended" in visitor.get(f"/runs/{id_of('succeeded')}/live").html
    with visitor.client.stream("GET", f"{visitor.base}/runs/{id_of('running')}/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line.startswith("event:"))
        assert next(lines) == "event: changed"


def test_rows_are_told_as_shares_and_by_reason(visitor: Visitor) -> None:
    """Rejected rows lead to their table, by code and column."""
    page = visitor.get(f"/runs/{id_of('with rejects')}")
    assert [float(width) for width in re.findall(r'<rect class="\w+" x="[\d.]+%" width="([\d.]+)%"', page.html)] == [
        86,
        4,
        10,
    ]
    assert "code=required&amp;column=customer_id" in page.html
    assert "Rejects (100)" in page.text
    assert "40 transform discount to_double failed" in page.text


def test_containers_have_their_bodies_and_what_failed_in_them_is_in_sight(visitor: Visitor) -> None:
    """A loop over thirty items is closed, but for the one that failed."""
    page = visitor.get(f"/runs/{id_of('containers')}")
    assert '<details class="g-group" data-key="g Each">' in page.html
    assert "It failed in Each/7/Check/true/Load" in page.text
    assert 'data-key="t Each/7/Check/true/Load"' in page.html
    assert 'data-key="t Each/8"' not in page.html
    assert "All activities of this run" in page.text


def test_a_carried_over_activity_names_the_run_that_did_it(visitor: Visitor) -> None:
    """In the timeline and in the table."""
    page = visitor.get(f"/runs/{id_of('again')}")
    assert page.html.count(f'href="/runs/{id_of("first")}"') >= 3
    assert f"carried over from run {id_of('first')[:8]}" in page.text


def test_the_group_has_all_its_runs_to_compare(visitor: Visitor) -> None:
    """The one before is picked already."""
    page = visitor.get(f"/runs/{id_of('again')}")
    assert re.search(rf'value="{id_of("first")}" checked', page.html)
    assert "attempt 2 of 3" in page.text


def test_only_those_who_may_have_buttons(scenes: House, visitor: Visitor) -> None:
    """A reader looks, and what a reader sends all the same is refused."""
    reader = scenes.visitor(Role.READER)
    running, failed = id_of("running"), id_of("failed: source")
    assert f'action="/runs/{running}/cancel"' in visitor.get(f"/runs/{running}").html
    assert f'action="/runs/{running}/cancel"' not in reader.get(f"/runs/{running}").html
    assert f'href="/runs/{failed}/retry"' in visitor.get(f"/runs/{failed}").html
    assert f'href="/runs/{failed}/retry"' not in reader.get(f"/runs/{failed}").html
    assert reader.post(f"/runs/{running}/cancel", {}).status == 403
    assert reader.post(f"/runs/{failed}/retry", {"do": "retry"}).status == 403
    reader.client.close()


def test_the_beginning_of_an_id_leads_to_the_run(visitor: Visitor) -> None:
    """One may type a few letters of it."""
    full = id_of("succeeded")
    page = visitor.get(f"/runs/{full[:9]}")
    assert (page.status, page.location) == (302, f"/runs/{full}")


def test_what_is_not_there_or_in_another_s_scope_is_not_found(scenes: House, visitor: Visitor) -> None:
    """Nobody learns from the answer that there is such a run elsewhere."""
    elsewhere = scenes.add(Role.ADMIN, "flowservice/other", name="elsewhere")
    stranger = scenes.visitor(None)
    assert stranger.post("/login", {"client": elsewhere.client.id, "secret": elsewhere.secret}).status == 303
    run = id_of("succeeded")
    for path in (
        f"/runs/{run}",
        f"/runs/{run}/logs",
        f"/runs/{run}/activity?path=Copy",
        f"/runs/{run}/retry",
        f"/runs/{run}/diff/{run}",
    ):
        assert stranger.get(path).status == 404, path
    assert stranger.post(f"/runs/{run}/cancel", {}).status == 404
    assert visitor.get("/runs/00000000-dead-4000-8000-000000000000").status == 404
    stranger.client.close()


def test_cancelling_leads_back_to_the_run(visitor: Visitor) -> None:
    """A queued run is cancelled at once."""
    run = id_of("to be cancelled")
    page = visitor.post(f"/runs/{run}/cancel", {})
    assert (page.status, page.location) == (303, f"/runs/{run}")
    assert "scenes cancelled" in visitor.get(f"/runs/{run}").text
    assert visitor.post(f"/runs/{run}/cancel", {}).status in {303, 409}


@pytest.mark.parametrize("page", ["", "?part=live", "/retry", "/logs", "/activities", "/logs?part=lines", "diff"])
def test_texts_that_look_like_markup_stay_texts(visitor: Visitor, page: str) -> None:
    """Names, errors, values, workers, log lines, columns: whatever data can reach."""
    run = id_of("evil")
    html = visitor.get(f"/runs/{run}/diff/{id_of('evil twin')}" if page == "diff" else f"/runs/{run}{page}").html
    assert "alert(1)" in html
    assert "<script>alert" not in html
    assert EVIL not in html
    assert "49" not in re.findall(r"&amp;(\d+)", html)
