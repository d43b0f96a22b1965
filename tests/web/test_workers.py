"""Workers: alive or not, at a glance."""

import pytest

from console_house import Visitor


@pytest.mark.usefixtures("console_house")
def test_workers_are_listed_with_their_heartbeats(reader: Visitor) -> None:
    """Where they are, and how long they were not heard of."""
    page = reader.get("/workers")
    assert page.status == 200
    assert "host-1" in page.text
    assert 'class="ago"' in page.html
    assert "4711" in page.text


@pytest.mark.usefixtures("console_house")
def test_what_is_live_is_a_part_of_the_page(reader: Visitor) -> None:
    """The table alone, without what stands around it."""
    part = reader.get("/workers", hx_request="true")
    assert "<h1>" not in part.html
    assert "host-1" in part.text
