"""Tests of JSON read as worksheets."""

import json
from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.dataplane.limits import Limits
from worksheet_files import Reading


@pytest.fixture
def desk(tmp_path: Path) -> Reading:
    """Return what writes files and reads them."""
    return Reading(tmp_path)


PEOPLE = '{"name": "Ann", "age": 1.50}\n {"name": "Bob", "town": {"zip": [1.50, null]}, "age": true}'


@pytest.mark.parametrize(
    ("ext", "text"),
    [
        ("json", "[" + PEOPLE.replace("\n", ",\n") + "]"),
        ("jsonl", PEOPLE + "\n\n"),
        ("ndjson", PEOPLE),
        ("json", PEOPLE),
        ("json", "\ufeff [" + PEOPLE.replace("\n", ",\n") + "]"),
    ],
)
def test_objects_are_rows_with_all_their_names_as_columns(ext: str, text: str, desk: Reading) -> None:
    """Numbers keep their digits, nested values are JSON text as it stands in the file."""
    assert desk.tables(ext, text.encode()) == [
        ("Sheet1", ("name", "age", "town"), [["Ann", "1.50", ""], ["Bob", "true", '{"zip": [1.50, null]}']])
    ]


def test_an_object_of_arrays_has_a_worksheet_for_each(desk: Reading) -> None:
    """What else is in it is no table."""
    text = '{"people": [{"a": 1}, {"a": 2}], "made": "today", "towns": [{"b": "x"}], "none": []}'
    assert desk.tables("json", text.encode()) == [
        ("people", ("a",), [["1"], ["2"]]),
        ("towns", ("b",), [["x"]]),
        ("none", (), []),
    ]


def test_empty_objects_at_the_end_are_dropped(desk: Reading) -> None:
    """As empty rows of other files are."""
    assert desk.tables("json", b'[{"a": "1"}, {}, {"a": "2"}, {}, {"a": ""}, {"a": null}]')[0][2] == [
        ["1"],
        [""],
        ["2"],
    ]


@pytest.mark.parametrize(("ext", "text"), [("json", ""), ("jsonl", "\n"), ("json", "[]"), ("json", " \n [ ] ")])
def test_files_without_objects_are_worksheets_without_columns(ext: str, text: str, desk: Reading) -> None:
    """It is no failure: there is nothing in them."""
    assert desk.tables(ext, text.encode()) == [("Sheet1", (), [])]


@pytest.mark.parametrize(
    ("ext", "text", "words"),
    [
        ("jsonl", '{"a": 1}\n{"a": }\n', "in row 2: it is no JSON"),
        ("jsonl", '{"a": 1}\n[1]\n', "in row 2: it is no object"),
        ("json", '[{"a": 1}, 2]', "element 2 is no object|row 2: it is no object"),
        ("json", '[{"a": 1}, {"a": ', "does not end|line 1"),
        ("json", '[{"a": 1},', "array does not end|line 1"),
        ("json", '[{"a": 1},\n', "array does not end|line 2"),
        ("json", '{"a": 1}', "without any array"),
        ("json", '{"a": [1, 2]}', "row 1: it is no object|element 1 is no object"),
        ("json", "name,town", "it is no JSON"),
        ("jsonl", '{"a": "\\u0000"}', "in row 1: it has a NUL"),
        ("jsonl", '{"a": 1}\n{"\udcff": 1}', "in row 2: it has bytes that are no UTF-8"),
        ("jsonl", '{"a": ' + "[" * 10_000, "in row 1: too many brackets"),
    ],
)
def test_what_is_no_json_of_objects_is_told_with_its_place(ext: str, text: str, words: str, desk: Reading) -> None:
    """A person can find it in the file."""
    with pytest.raises(Problem, match=words) as caught:
        desk.tables(ext, text.encode(errors="surrogateescape"))
    assert caught.value.code is Code.SOURCE_UNREADABLE


def test_objects_that_are_too_large_are_refused(tmp_path: Path) -> None:
    """They would have to be held in memory."""
    desk = Reading(tmp_path, limits=Limits(max_row_bytes=1_000))
    big = json.dumps({"a": "x" * 3_000_000})
    for ext, text in (("jsonl", big), ("json", f"[{big}]")):
        with pytest.raises(Problem, match="max_row_bytes") as caught:
            desk.tables(ext, text.encode())
        assert caught.value.code is Code.LIMIT_EXCEEDED


def test_reading_can_go_on_at_any_row(desk: Reading) -> None:
    """The order of an array is that of the file."""
    text = json.dumps([{"n": number} for number in range(5_000)])
    assert [row[0] for row in desk.tables("json", text.encode(), start=4_321)[0][2]] == [
        str(n) for n in range(4_321, 5_000)
    ]
