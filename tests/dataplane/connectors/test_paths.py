"""Paths of sources: what they select, and which are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.files import select


@pytest.mark.parametrize(
    "path",
    ["../x.csv", "a/../x.csv", "a/..", "..", "/etc/passwd", "a\0b", "C:/x", "c:x", "\\\\server\\x", "a\\b", "\ud800"],
)
def test_paths_that_lead_or_could_lead_out_are_refused(path: str) -> None:
    """Upwards, absolute, NUL, Windows forms and half surrogates: none of them is a path below a root."""
    with pytest.raises(Problem) as caught:
        select(path)
    assert caught.value.code is Code.SOURCE_DENIED
    assert caught.value.fields[0].path == "path"


def test_a_path_that_is_too_long_is_refused_by_the_limit() -> None:
    """The message names the limit."""
    with pytest.raises(Problem, match="max_file_name"):
        select("x" * 1025)


@pytest.mark.parametrize(
    ("path", "folders", "name", "single"),
    [
        ("", (), None, False),
        (".", (), None, False),
        ("a/", ("a",), None, False),
        ("a//b/./c.csv", ("a", "b"), "c.csv", True),
        ("a/*.csv", ("a",), "*.csv", False),
        ("**/**/x", ("**",), "x", False),
        ("y=*/x.csv", ("y=*",), "x.csv", False),
    ],
)
def test_a_path_names_a_file_a_folder_or_a_pattern(
    path: str, folders: tuple[str, ...], name: str | None, single: bool
) -> None:
    """A folder ends in a slash, or is empty."""
    selection = select(path)
    assert (selection.folders, selection.name, selection.single) == (folders, name, single)


@given(st.text(max_size=40))
def test_no_text_becomes_a_selection_that_leads_upwards(path: str) -> None:
    """Whatever is written, a parsed selection has plain segments only."""
    try:
        selection = select(path)
    except Problem:
        return
    segments = [*selection.folders, selection.name or "x"]
    assert all(segment not in ("", ".", "..") and "/" not in segment and "\0" not in segment for segment in segments)
