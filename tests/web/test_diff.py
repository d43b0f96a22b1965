"""What differs between two runs, as a table of two columns."""

from collections.abc import Iterator

import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from headrace.core.native.runs import Difference
from headrace.web.pages.diff import Chapter
from run_scenes import id_of


@pytest.fixture(scope="module")
def visitor(scenes: House) -> Iterator[Visitor]:
    """Return a reader who looks at the scenes."""
    found = scenes.visitor(Role.READER)
    yield found
    found.client.close()


def test_the_older_run_stands_at_the_left(visitor: Visitor) -> None:
    """However the two are named, what was stands before what is."""
    first, again = id_of("first"), id_of("again")
    for pair in ((first, again), (again, first)):
        text = visitor.get(f"/runs/{pair[0]}/diff/{pair[1]}").text
        assert text.index(f"{first[:8]} attempt 1") < text.index(f"{again[:8]} attempt 2")
        assert "day 2026-01-02 2026-01-03" in text


def test_equal_things_are_not_listed(visitor: Visitor) -> None:
    """A parameter that both have is no difference."""
    text = visitor.get(f"/runs/{id_of('first')}/diff/{id_of('again')}").text
    assert "limit" not in text.partition("Statuses")[2]


def test_a_run_does_not_differ_from_itself(visitor: Visitor) -> None:
    """That is said, instead of an empty table."""
    run = id_of("succeeded")
    assert "It is one and the same run" in visitor.get(f"/runs/{run}/diff/{run}").text


def test_without_a_choice_it_is_the_run_before(visitor: Visitor) -> None:
    """The form of a run's page names another one, or none."""
    again = id_of("again")
    assert visitor.get(f"/runs/{again}/diff").location == f"/runs/{again}/diff/{id_of('first')}"
    assert (
        visitor.get(f"/runs/{again}/diff?other={id_of('replay')}").location == f"/runs/{again}/diff/{id_of('replay')}"
    )


def test_any_two_of_a_group_can_be_picked(visitor: Visitor) -> None:
    """The page of one comparison leads to the others."""
    first, again, replay = id_of("first"), id_of("again"), id_of("replay")
    page = visitor.get(f"/runs/{first}/diff?one={again}&other={replay}")
    assert page.location == f"/runs/{again}/diff/{replay}"
    shown = visitor.get(page.location).html
    assert shown.count(f'<option value="{first}">') == 2
    assert shown.count(f'<option value="{again}" selected>') == shown.count(f'<option value="{replay}" selected>') == 1


def test_names_do_not_repeat_their_chapter() -> None:
    """`parameters.day` is `day` under Parameters."""
    row = Difference(what="parameters.day")
    assert Chapter("Parameters", (row,)).name_of(row) == "day"
    assert Chapter("Counts", (), is_count=True).name_of(Difference(what="figures.rows_read")) == "figures.rows read"
