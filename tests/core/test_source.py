"""Sources, formats and targets: what their types cannot say."""

from collections.abc import Callable

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.source import FileFormat, FileType, TableSource
from headrace.core.target import RejectRule


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: FileFormat(delimiter=";;"), "delimiter"),
        (lambda: FileFormat(delimiter=""), "delimiter"),
        (lambda: FileFormat(delimiter="\n"), "delimiter"),
        (lambda: FileFormat(delimiter='"'), "delimiter"),
        (lambda: FileFormat(quote="''"), "quote"),
        (lambda: FileFormat(escape="ab"), "escape"),
        (lambda: FileFormat(comment="--"), "comment"),
        (lambda: FileFormat(skip_lines=-1), "skip_lines"),
        (lambda: TableSource("c"), "table"),
        (lambda: TableSource("c", table="t", query="select 1"), "table"),
        (lambda: TableSource("c", table="t", partitions=0), "partitions"),
        (lambda: TableSource("c", table="t", partitions=2), "partitions"),
        (lambda: RejectRule(101), "at_most_percent"),
        (lambda: RejectRule(-0.1), "at_most_percent"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(make: Callable[[], object], path: str) -> None:
    """It is noticed when the definition is read, not when the run runs."""
    with pytest.raises(Problem) as refusal:
        make()
    assert refusal.value.code is Code.INVALID
    assert path in [error.path for error in refusal.value.fields]


def test_only_delimited_files_care_about_their_delimiter() -> None:
    """A JSON file has none that could clash."""
    assert FileFormat(type=FileType.JSON, delimiter='"', quote='"').type is FileType.JSON
