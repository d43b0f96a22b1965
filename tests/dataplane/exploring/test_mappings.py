"""Mappings tried on rows that somebody shows."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.explore import Tried, TryMapping
from headrace.core.schema import Column, Schema, parse_type
from headrace.dataplane.exploring.mappings import MAX_ROWS, try_mapping
from headrace.dataplane.limits import Limits
from promoting import LANGUAGE, schema


def tried(rows: list[dict[str, Any]], mapping: dict[str, str], target: Schema | None = None) -> Tried:
    """Return what a mapping makes of rows."""
    return try_mapping(TryMapping(tuple(rows), mapping, target), LANGUAGE, Limits())


def test_rows_come_out_as_the_target_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, nested, without nulls; nothing is left on the disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    columns = schema(p="struct<name: string, at: timestamp>", n="long", j="json", l="list<struct<x: integer>>")
    mapping = {"p.name": "upper(a)", "p.at": "t", "n": "n", "j": "o", "l[*].x": "c[*].y"}
    rows: list[dict[str, Any]] = [
        {"a": "x", "t": "2024-01-01", "n": 2, "o": {"k": [1]}, "c": [{"y": 1}]},
        {"a": None, "t": None, "n": None, "o": None, "c": []},
        {"a": "z"},
    ]
    assert tried(rows, mapping, columns).rows == (
        {"p": {"name": "X", "at": "2024-01-01T00:00:00Z"}, "n": 2, "j": {"k": [1]}, "l": [{"x": 1}]},
        {"l": []},
        {"p": {"name": "Z"}},
    )
    assert list(tmp_path.iterdir()) == []


def test_what_goes_wrong_is_told_by_row_and_mapping() -> None:
    """An expression that fails, a value of another type, a rule that is broken: each with the mapping's own key."""
    order = Column("l", parse_type("list<struct<x: integer>>"))
    columns = Schema((*schema(n="integer", k=("string", {"enum": ("a",)}), d="date").columns, order))
    mapping = {"n": "to_integer(v)", "k": "k", "d": "v", "l[0].x": "v"}
    found = tried([{"v": "1", "k": "a"}, {"v": "x", "k": "b"}], mapping, columns)
    assert [(error.row, error.code, error.target) for error in found.errors] == [
        (0, "type", "d"),
        (1, "transform", "n"),
        (1, "enum", "k"),
        (1, "type", "d"),
        (1, "type", "l[0].x"),
    ]
    assert found.rows == ({"n": 1, "k": "a", "l": [{"x": 1}]}, {"k": "b"})


def test_a_mapping_that_cannot_be_is_left_out_and_told() -> None:
    """The others are tried all the same."""
    found = tried([{"a": 1}], {"x": "nope(a)", "y": "b", "z": "a"})
    assert found.rows == ({"z": 1},)
    assert [error.target for error in found.errors] == ["x", "y"]
    assert "unknown function 'nope'" in found.errors[0].message
    assert tried([{"a": 1}], {"x": "nope(a)"}).rows == ({},)


def test_trying_is_bounded() -> None:
    """A file is no preview."""
    assert tried([], {"x": "a"}) == Tried(())
    with pytest.raises(Problem) as raised:
        tried([{"a": 1}] * (MAX_ROWS + 1), {"x": "a"})
    assert raised.value.code is Code.LIMIT_EXCEEDED
