"""Tests of how headers are found and what they make of fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import Problem
from headrace.core.headers import LONGEST_KEY, HeaderAlgorithm, HeaderOptions, detect, keys_of, letter_of, options_of

ROWS = [["Report", "", ""], ["", "", ""], ["Name", "Born", "Town"], ["Ann", "1990", "Bath"]]


def test_the_fullest_of_the_first_rows_is_the_header_and_of_equals_the_first() -> None:
    """Titles above a table are not taken for its header."""
    found = detect(ROWS, HeaderOptions())
    assert (found.header, found.header_row, found.letters) == (("Name", "Born", "Town"), 3, ("A", "B", "C"))


def test_only_the_rows_that_are_to_be_searched_count() -> None:
    """A fuller row further down is data."""
    assert detect(ROWS, HeaderOptions(rows_to_search=2)).header_row == 1


def test_a_table_without_rows_has_an_empty_header() -> None:
    """An empty file is no fault of the search."""
    assert detect([], HeaderOptions()).header_row == 0


def test_given_headers_are_taken_with_the_rows_that_are_passed_over() -> None:
    """Clients slice at ``headerRow``, which is what they said themselves."""
    options = options_of({"algorithm": "explicitHeaders", "headers": ["a", "b"], "skip": 3})
    found = detect(ROWS, options)
    assert (found.header, found.header_row) == (("a", "b"), 3)


def test_given_rows_are_joined_cell_by_cell() -> None:
    """Headers of two lines become one; empty cells leave no blanks behind."""
    options = options_of({"algorithm": "specificRows", "rowNumbers": [0, 2]})
    found = detect(ROWS, options)
    assert (found.header, found.header_row) == (("Report Name", "Born", "Town"), 3)


@pytest.mark.parametrize("algorithm", ["dataRowAndSubHeaderDetection", "aiDetection"])
def test_algorithms_that_are_not_ours_are_the_default_one(algorithm: str) -> None:
    """Spaces that are set to them keep working."""
    assert detect(ROWS, options_of({"algorithm": algorithm})) == detect(ROWS, HeaderOptions())


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"algorithm": "best"}, "options.algorithm"),
        ({"algorithm": "explicitHeaders"}, "options.headers"),
        ({"algorithm": "specificRows"}, "options.rowNumbers"),
        ({"algorithm": "specificRows", "rowNumbers": [-1]}, "options.rowNumbers"),
        ({"headers": [1]}, "options.headers"),
        ({"rowsToSearch": 0}, "options.rowsToSearch"),
        ({"skip": True}, "options.skip"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_their_names(raw: dict[str, object], path: str) -> None:
    """The answer names what to change."""
    with pytest.raises(Problem) as caught:
        options_of(raw)  # type: ignore[arg-type]  # JSON, whatever it holds
    assert [error.path for error in caught.value.fields] == [path]


def test_a_row_that_is_not_there_is_refused() -> None:
    """It would otherwise be an empty header."""
    with pytest.raises(Problem, match="there are 4 rows"):
        detect(ROWS, HeaderOptions(algorithm=HeaderAlgorithm.SPECIFIC, row_numbers=(7,)))


def test_letters_go_on_behind_z() -> None:
    """They are what spreadsheets show."""
    assert [letter_of(place) for place in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_repeated_and_empty_headers_get_names_of_their_own() -> None:
    """Contract 11.2: `_1`, `_2`, `column_<n>`; a header that is called so itself keeps its name."""
    assert keys_of([" a ", "a", "", "a", "b"]) == ("a", "a_1", "column_3", "a_2", "b")
    assert keys_of(["a", "a", "a_1", "", "column_4"]) == ("a", "a_2", "a_1", "column_4_1", "column_4")


@given(
    st.lists(
        st.text("ab_1 ", max_size=4) | st.sampled_from(["x" * 300, "x" * 226, "column_1", "column_2"]), max_size=12
    )
)
def test_keys_are_there_for_every_column_once_and_never_too_long(header: list[str]) -> None:
    """Whatever stands in a file, its columns can be told apart."""
    keys = keys_of(header)
    assert len(keys) == len(set(keys)) == len(header)
    assert all(0 < len(key) <= LONGEST_KEY for key in keys)
