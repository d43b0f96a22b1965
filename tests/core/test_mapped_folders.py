"""Directories that stand for hosts."""

import pytest

from headrace.core.errors import Problem
from headrace.core.mapped_folders import mapped_folder, parse_mapped_folders


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("\\\\Server\\share", "/data/share"),
        ("//server/SHARE/In/a", "/data/share/In/a"),
        ("\\\\server\\share\\deep\\x", "/deep/x"),
        ("C:\\files\\in", "/c/in"),
        ("//server/other", "//server/other"),
        ("/data", "/data"),
    ],
)
def test_the_longest_entry_that_a_host_begins_with_counts(host: str, expected: str) -> None:
    """Slashes of either sort are the same, and so are letter cases; what no entry is for stays."""
    folders = parse_mapped_folders(
        '{"//server/share": "/data/share/", "//server/share/deep": "/deep", "c:/files": "/c"}'
    )
    assert mapped_folder(folders, host) == expected


def test_a_directory_is_named_by_its_whole_path() -> None:
    """A relative one would depend on where the server was started."""
    with pytest.raises(Problem, match="is no absolute path"):
        parse_mapped_folders('{"//a": "data"}')
