"""The log of a run: filtered, followed, downloaded."""

from collections.abc import Iterator

import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.core.clock import Instant
from headrace.core.native.runs import LogLine
from headrace.web.pages.logs import text_of
from run_scenes import id_of


@pytest.fixture(scope="module")
def visitor(scenes: House) -> Iterator[Visitor]:
    """Return a reader who looks at the scenes."""
    found = scenes.visitor(Role.READER)
    yield found
    found.client.close()


def test_lines_are_shown_oldest_first(visitor: Visitor) -> None:
    """With level, activity and fields."""
    text = visitor.get(f"/runs/{id_of('succeeded')}/logs").text
    places = [
        text.index(words) for words in ("the run begins", "opened the source files =3", "promoted rows =7", "The end.")
    ]
    assert places == sorted(places)


def test_lines_are_filtered_by_level_and_activity(visitor: Visitor) -> None:
    """The choice is in the address."""
    run = id_of("succeeded")
    warnings = visitor.get(f"/runs/{run}/logs?level=warning").text
    assert "red" in warnings
    assert "the run begins" not in warnings
    promote = visitor.get(f"/runs/{run}/logs?activity=Promote").text
    assert "promoted" in promote
    assert "opened the source" not in promote


def test_a_run_that_goes_on_is_followed(visitor: Visitor) -> None:
    """The last row asks for the lines behind it; that of a run that has ended does not."""
    assert 'hx-trigger="every' in visitor.get(f"/runs/{id_of('running')}/logs").html
    assert 'hx-trigger="every' not in visitor.get(f"/runs/{id_of('succeeded')}/logs").html
    part = visitor.get(f"/runs/{id_of('running')}/logs?part=lines&after=3").html
    assert "<html" not in part
    assert "after=3" in part


def test_the_last_lines_tell_how_the_run_ended(visitor: Visitor) -> None:
    """The head of a page that follows a run learns of its end."""
    part = visitor.get(f"/runs/{id_of('succeeded')}/logs?part=lines&after=4")
    assert 'id="log-status" role="status" hx-swap-oob="true"' in part.html
    assert "succeeded" in part.text
    assert "hx-swap-oob" not in visitor.get(f"/runs/{id_of('running')}/logs?part=lines").html


def test_a_log_is_downloaded_as_text(visitor: Visitor) -> None:
    """One line each, whatever is in it."""
    run = id_of("succeeded")
    answer = visitor.get(f"/runs/{run}/logs.txt").response
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="run-{run}.log"'
    lines = answer.text.splitlines()
    assert len(lines) == 4
    assert lines[2].endswith(" warning  Copy#1 two\\nlines \\x1b[31mred")


def test_nothing_in_a_line_moves_a_terminal_s_cursor() -> None:
    """Control characters are written out."""
    line = LogLine(number=1, at=Instant(0), level="info", message="a\rb\x1b[2J\u202e", fields={"x": "\n"})
    assert text_of(line) == '1970-01-01T00:00:00Z info     a\\rb\\x1b[2J\\u202e {"x": "\\n"}'
