"""What is asked and told survives the wire, and everything that is wrong is told at once."""

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.native.flows import AskFlowRun
from headrace.core.native.installation import AddClient
from headrace.core.native.operation import Download
from headrace.core.native.runs import AskMany, AskRetry, Bucket, ListRuns
from headrace.core.native.table import OPERATIONS
from headrace.core.native.wire import (
    from_query,
    from_wire,
    instant_text,
    members_of,
    parse_instant,
    to_query,
    to_wire,
)
from headrace.core.planning import PlanMode
from headrace.core.run import RunKind, RunStatus
from headrace.core.window import Window

NOON = Instant(1_769_860_800_123_456)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_JSON = st.none() | st.booleans() | st.integers(-9, 9) | _TEXTS | st.lists(_TEXTS, max_size=2)
_SCALARS: Mapping[Any, st.SearchStrategy[Any]] = {
    str: _TEXTS,
    int: st.integers(-(10**18) + 1, 10**18 - 1),
    float: st.floats(-1e9, 1e9),
    bool: st.booleans(),
    Instant: st.integers(-10_000_000_000_000, 10_000_000_000_000_000),
    object: _JSON,
}


def values(hint: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Return what draws values of an annotation."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        bare = next(part for part in parts if part is not type(None))
        return st.none() | values(bare, depth + 1) if depth < 3 else st.none()
    if origin is tuple:
        return st.lists(values(parts[0], depth + 1), max_size=1 if depth < 3 else 0).map(tuple)
    if origin is not None:
        item = (
            _JSON if any(typing.get_args(part) for part in typing.get_args(parts[1])) else values(parts[1], depth + 1)
        )
        return st.dictionaries(_TEXTS, item, max_size=2)
    if issubclass(hint, enum.Enum):
        return st.sampled_from(list(hint))
    if hint is Window:
        return st.builds(Window, st.just(Instant(1)) | st.none(), st.just(NOON) | st.none())
    return st.builds(hint, **{name: values(one, depth + 1) for name, one in members_of(hint).items()})


_TOLD = sorted({one.told for one in OPERATIONS} - {Download}, key=lambda cls: cls.__name__)
_IN_QUERIES = sorted(
    {one.asked for one in OPERATIONS if one.sends or one.method in {"GET", "DELETE"}}, key=lambda cls: cls.__name__
)


@settings(max_examples=30)
@given(st.data())
def test_what_is_told_comes_out_as_it_went_in(data: st.DataObject) -> None:
    """Every type that is told, through real JSON."""
    cls = data.draw(st.sampled_from(_TOLD))
    told = data.draw(values(cls))
    assert from_wire(cls, json.loads(json.dumps(to_wire(told)))) == told


@settings(max_examples=30)
@given(st.data())
def test_what_is_asked_in_a_query_comes_out_as_it_went_in(data: st.DataObject) -> None:
    """Every type that is asked for so."""
    asked = data.draw(values(data.draw(st.sampled_from(_IN_QUERIES)), 1))
    assert from_query(type(asked), to_query(asked)) == asked


def test_nothing_is_left_out_and_instants_have_microseconds() -> None:
    """A reader need not know defaults."""
    bucket = Bucket(start=NOON)
    assert to_wire(bucket) == {
        "start": "2026-01-31T12:00:00.123456Z",
        **dict.fromkeys(["succeeded", "with_rejects", "failed", "cancelled", "rows_accepted", "rows_rejected"], 0),
    }


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        (instant_text(NOON), NOON),
        ("2026-01-31T13:00:00.123456+01:00", NOON),
        ("2026-01-31T12:00:00.123456", NOON),
        ("2026-01-31", Instant(1_769_817_600_000_000)),
        ("0565-02-11", Instant(-44_333_913_600_000_000)),
        ("2026-02-30", None),
        ("noon", None),
        ("", None),
        ("9999-12-31T23:59:59-23:59", None),
    ],
)
def test_instants_are_read_as_people_write_them(text: str, instant: Instant | None) -> None:
    """What names no zone is UTC, and a day is its midnight."""
    assert parse_instant(text) == instant
    if instant is not None:
        assert parse_instant(instant_text(instant)) == instant


def test_a_query_is_read_by_its_annotations() -> None:
    """Numbers, truths, enums, instants, and names that come several times."""
    pairs = [("status", "failed"), ("status", "queued"), ("rejects", "yes"), ("since", "2026-01-31"), ("limit", "7")]
    asked = from_query(ListRuns, [*pairs, ("kind", "retry"), ("until", ""), ("text", "")])
    assert asked == ListRuns(
        status=(RunStatus.FAILED, RunStatus.QUEUED),
        rejects=True,
        since=Instant(1_769_817_600_000_000),
        limit=7,
        kind=RunKind.RETRY,
        text="",
    )


def test_all_errors_are_told_at_once_with_their_places() -> None:
    """In a body too, however deep."""
    wrong: dict[str, Any] = {"flow": 7, "window": {"start": "x", "finish": 1}, "parameters": [], "windw": None}
    with pytest.raises(Problem) as refused:
        from_wire(AskFlowRun, wrong, strict=True)
    places = [error.path for error in refused.value.fields]
    assert sorted(places) == ["flow", "parameters", "window.finish", "window.start", "windw"]
    assert refused.value.code is Code.INVALID


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "run"),
        ({"run": "x", "as_it_was": 1}, "as_it_was"),
        ({"run": "x", "mode": "every"}, "mode"),
        ({"run": None}, "run"),
        ({"run": True}, "run"),
        ({"run": "x", "parameters": "x"}, "parameters"),
        ({"run": "x", "mode": None}, "mode"),
    ],
)
def test_a_member_of_another_kind_is_refused(body: dict[str, Any], path: str) -> None:
    """Nothing is turned into something else."""
    with pytest.raises(Problem) as refused:
        from_wire(AskRetry, body, strict=True)
    assert [error.path for error in refused.value.fields] == [path]


def test_null_stands_for_nothing_only_where_a_member_can_be_missing() -> None:
    """A list is never null, whichever type is asked for first."""
    for cls in (AskMany, ListRuns, AddClient):
        for name, hint in members_of(cls).items():
            if typing.get_origin(hint) is tuple:
                with pytest.raises(Problem) as refused:
                    from_wire(cls, {name: None})
                assert f"{name}: null does not fit (a list is expected)" in map(str, refused.value.fields)


def test_what_a_type_cannot_say_is_checked_too() -> None:
    """A window that ends before it starts."""
    window = {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    with pytest.raises(Problem) as refused:
        from_wire(AskFlowRun, {"flow": "f", "window": window}, strict=True)
    assert refused.value.fields[0].path == "window.end"


def test_numbers_are_those_that_databases_have() -> None:
    """Longer ones are refused, not handed on."""
    for pairs in ([("limit", "9" * 19)], [("limit", "1e3")], [("limit", "9" * 5000)]):
        with pytest.raises(Problem):
            from_query(ListRuns, pairs)
    with pytest.raises(Problem):
        from_wire(ListRuns, {"limit": 10**30})


def test_unknown_members_are_passed_over_only_where_that_is_meant() -> None:
    """An older client reads a newer server; a server reads what is meant for it."""
    given_ = {"run": "x", "mode": "all", "colour": "red"}
    assert from_wire(AskRetry, given_) == AskRetry(run="x", mode=PlanMode.ALL)
    with pytest.raises(Problem) as refused:
        from_wire(AskRetry, given_, strict=True)
    assert refused.value.code is Code.UNKNOWN_FIELD


def test_values_of_rows_that_json_does_not_have_are_texts() -> None:
    """A cell may be no number, and the answer is JSON all the same."""
    cell: dict[str, Any] = {"a": float("nan"), "b": [float("inf"), -float("inf")], "c": 1.5}
    told = to_wire(AskRetry(run="x", parameters=cell))
    assert isinstance(told, dict)
    assert told["parameters"] == {"a": "NaN", "b": ["Infinity", "-Infinity"], "c": 1.5}


def test_secrets_are_not_in_what_a_type_says_of_itself() -> None:
    """A traceback, or a log, may have it."""
    secret = [name for one in OPERATIONS for name in members_of(one.told) if name in {"secret", "token"}]
    assert len(secret) == 2
    for one in OPERATIONS:
        for cls in (one.asked, one.told):
            shown = {field.name for field in dataclasses.fields(typing.cast("Any", cls)) if field.repr}
            assert not shown & {"secret", "token", "url"}, cls
    assert from_query(AddClient, [("name", "x"), ("scopes", "a"), ("scopes", "b")]).scopes == ("a", "b")
