"""Activities: one with its input and output, and all of them."""

from collections.abc import Iterator

import pytest

from console_house import House, Visitor
from headrace.core.client import Role
from run_scenes import EVIL, id_of


@pytest.fixture(scope="module")
def visitor(scenes: House) -> Iterator[Visitor]:
    """Return a reader who looks at the scenes."""
    found = scenes.visitor(Role.READER)
    yield found
    found.client.close()


def test_an_activity_has_a_page_and_a_panel(visitor: Visitor) -> None:
    """The panel is the same without anything around it."""
    address = f"/runs/{id_of('with rejects')}/activity?path=Promote"
    page, panel = visitor.get(address), visitor.get(f"{address}&part=panel")
    for words in ("1 000 read", "900 accepted", "100 rejected", "Kind promote"):
        assert words in page.text
        assert words in panel.text
    assert "<html" not in panel.html


def test_each_attempt_can_be_looked_at(visitor: Visitor) -> None:
    """The newest one is shown at first."""
    address = f"/runs/{id_of('again')}/activity?path=Promote"
    assert "Promote succeeded attempt 1 attempt 2" in visitor.get(address).text
    first = visitor.get(f"{address}&attempt=1").text
    assert "Promote failed" in first
    assert "too many rows were rejected" in first


def test_its_log_lines_are_beside_it(visitor: Visitor) -> None:
    """Only its own."""
    text = visitor.get(f"/runs/{id_of('succeeded')}/activity?path=Copy").text
    assert "opened the source files =3" in text
    assert "promoted" not in text


def test_an_activity_inside_of_containers_is_found_by_its_path(visitor: Visitor) -> None:
    """Slashes and all."""
    page = visitor.get(f"/runs/{id_of('containers')}/activity?path=Each%2F7%2FCheck%2Ftrue%2FLoad")
    assert page.status == 200
    assert "the service answered 500" in page.text


def test_what_there_is_not_is_not_found(visitor: Visitor) -> None:
    """An activity, or an attempt."""
    run = id_of("succeeded")
    assert visitor.get(f"/runs/{run}/activity?path=Nowhere").status == 404
    assert visitor.get(f"/runs/{run}/activity?path=Copy&attempt=9").status == 404


def test_evil_texts_of_an_activity_stay_texts(visitor: Visitor) -> None:
    """Path, output, failure, worker."""
    page = visitor.client.get(f"{visitor.base}/runs/{id_of('evil')}/activity", params={"path": EVIL, "part": "panel"})
    assert page.status_code == 200
    assert EVIL not in page.text
    assert "<script>" not in page.text


def test_all_activities_are_listed_in_pages_and_by_status(visitor: Visitor) -> None:
    """A loop's bodies too, which the run's page leaves out."""
    run = id_of("containers")
    assert "Each/8/Check" in visitor.get(f"/runs/{run}/activities").text
    failed = visitor.get(f"/runs/{run}/activities?status=failed+timed_out").text
    assert "Each/7/Check/true/Load" in failed
    assert "Each/8" not in failed
    inside = visitor.get(f"/runs/{run}/activities?parent=Each%2F7%2FCheck").text
    assert "Each/7/Check/true" in inside
    assert "Each/8" not in inside
