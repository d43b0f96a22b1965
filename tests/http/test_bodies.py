"""Bodies are strict JSON within limits."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import Code, Problem
from headrace.http.bodies import MAX_DEPTH, MAX_VALUES, parse


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", Code.MALFORMED),
        (b"\xff\xfe", Code.MALFORMED),
        (b'{"a": NaN}', Code.MALFORMED),
        (b'{"a": 1e400}', Code.MALFORMED),
        (b'{"a\\u0000": 1}', Code.MALFORMED),
        (b'["\\udc00"]', Code.MALFORMED),
        (b"[" * 1_000_000, Code.LIMIT_EXCEEDED),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), Code.LIMIT_EXCEEDED),
        (b"9" * 10_000, Code.LIMIT_EXCEEDED),
        (b"[" + b"1," * MAX_VALUES + b"1]", Code.LIMIT_EXCEEDED),
    ],
    ids=range(10),
)
def test_a_hostile_body_is_refused(raw: bytes, code: Code) -> None:
    """What parsers, files and databases choke on does not come in."""
    with pytest.raises(Problem) as caught:
        parse(raw)
    assert caught.value.code is code


def test_the_deepest_allowed_body_is_read() -> None:
    """The limit itself is allowed."""
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_a_problem(raw: bytes) -> None:
    """Nothing else comes out."""
    with contextlib.suppress(Problem):
        parse(raw)


def test_a_door_may_have_rules_for_objects_of_its_own() -> None:
    """Pairs come in their order, keys that come twice among them."""
    seen: list[list[tuple[str, object]]] = []

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        seen.append(found)
        return dict(found)

    assert parse(b'{"b": {"a": 1, "a": 2}}', pairs) == {"b": {"a": 2}}
    assert seen[0] == [("a", 1), ("a", 2)]
