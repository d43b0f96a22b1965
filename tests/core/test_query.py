"""Filters, cursors and pages."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import Code, Problem
from headrace.core.query import Compare, Cursor, Op, Page, check_limit

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)


@given(st.lists(VALUES, max_size=4), st.dictionaries(TEXTS, VALUES, max_size=3))
def test_a_cursor_comes_back_from_its_token(position: list[str], query: dict[str, str]) -> None:
    """A token is opaque, stands in a URL as it is, and loses nothing."""
    cursor = Cursor(tuple(position), query)
    token = cursor.token()
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert Cursor.parse(token) == cursor


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_no_text_of_a_client_becomes_an_internal_error(text: str) -> None:
    """A text is a token of ours by chance, or is refused."""
    with suppress(Problem):
        Cursor.parse(text).token()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "e30",
        "W10",
        "WzFd",
        "W1swXSxbXSwxXQ",
        "W1tOYU5dXQ",
        "W1siXHUwMDAwIl1d",
        "W1s5OTk5OTk5OTk5OTk5OTk5OTk5OTldXQ",
        "a" * 9000,
    ],
)
def test_a_token_that_no_page_gave_out_is_refused(token: str) -> None:
    """Other JSON, no JSON, values that no database can bind, and giants."""
    with pytest.raises(Problem, match="pass a token on exactly") as refusal:
        Cursor.parse(token)
    assert refusal.value.code is Code.INVALID


def test_null_has_no_order() -> None:
    """`< null` would silently match nothing."""
    with pytest.raises(Problem, match="only == and != can"):
        Compare("created_at", Op.LT, None)


def test_a_page_is_mapped_item_by_item() -> None:
    """Doors render the items and keep the position."""
    cursor = Cursor(("x",))
    assert Page((1, 2), cursor).map(str) == Page(("1", "2"), cursor)


def test_a_page_size_has_bounds() -> None:
    """Neither nothing nor everything."""
    assert check_limit(1000) == 1000
    for limit in (0, 1001):
        with pytest.raises(Problem, match="1 to 1000"):
            check_limit(limit)
