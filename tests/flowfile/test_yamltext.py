"""YAML without surprises, and the place of everything in it."""

import pytest

from headrace.core.errors import Code, FieldError, Problem
from headrace.flowfile.yamltext import MAX_BYTES, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: NO", "NO"), ("a: on", "on"), ("a: 12:30", "12:30"), ("a: 2013-01-01", "2013-01-01"), ("a: 0x1F", "0x1F"), ("a: ", None),
        ("a: ~", None), ("a: null", None), ("a: 'null'", "null"), ("a: true", True), ("a: 'true'", "true"), ("a: -7", -7), ("a: 1.50", 1.5),
        ("a: 1e3", 1000.0), ("a: .nan", ".nan"), ("a: [x, 1]", ["x", 1]), ("a: {b: c}", {"b": "c"}),
        ("a: |\n  x\n  y\n", "x\ny\n"), ("a: 1_000", "1_000"),
    ],
)  # fmt: skip
def test_a_plain_word_means_what_it_looks_like(text: str, value: object) -> None:
    """No country code becomes a boolean, no time of day a number, no date an object."""
    assert parse(text, "f").value == {"a": value}


def test_every_value_has_its_place() -> None:
    """An error can point to line and column."""
    found = parse("a:\n  - b: 1\n  - c: 2\n", "flow.yaml")
    assert str(found.locate(FieldError("a[1].c", "is odd"))) == "flow.yaml:3:8: a[1].c: is odd"
    assert str(found.locate(FieldError("a[0].z", "unknown field 'z'"))) == "flow.yaml:2:5: unknown field 'z'"
    assert str(found.locate(FieldError("q", "is missing"))) == "flow.yaml:1:1: q: is missing"


def test_a_key_may_stand_once() -> None:
    """The second of two would silently win."""
    errors = parse("a: 1\nb: 2\na: 3\n", "f").errors
    assert [str(error) for error in errors] == ["f:3:1: duplicate key 'a' (first in line 1)"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("a: [1, 2", Code.MALFORMED, "f:1:9: this is no YAML"),
        ("a: b: c", Code.MALFORMED, "mapping values are not allowed here"),
        ("a:\n\tb: 1", Code.MALFORMED, "not with tabs"),
        ("a: 1\n---\nb: 2", Code.MALFORMED, "another document"),
        ("a: !!python/object:os.system x", Code.MALFORMED, "f:1:4: the tag"),
        ("a: *b", Code.MALFORMED, "undefined alias"),
        ("? [a]\n: b", Code.MALFORMED, "a key must be a plain text"),
        ("a: x\0y", Code.MALFORMED, "f:1:5: the character U+0000 is not allowed"),
        ("a: &x [*x]", Code.LIMIT_EXCEEDED, "more than 32 deep"),
        ("[" * 2000, Code.LIMIT_EXCEEDED, "more than 32 deep"),
        ("a: " + "x" * MAX_BYTES, Code.LIMIT_EXCEEDED, "at most 1048576"),
    ],
    ids=range(11),
)
def test_what_is_no_plain_document_is_refused_with_its_place(text: str, code: Code, words: str) -> None:
    """Broken, dangerous or boundless text never gets further."""
    with pytest.raises(Problem) as refusal:
        parse(text, "f")
    assert refusal.value.code is code
    assert words in refusal.value.message


def test_aliases_cannot_blow_a_document_up() -> None:
    """Nine lines of aliases of aliases stand for a billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Problem, match="more than 50000 values"):
        parse("\n".join(lines), "f")


def test_an_alias_stands_for_the_same_value() -> None:
    """Moderate use is fine."""
    assert parse("a: &x {b: 1}\nc: *x\n", "f").value == {"a": {"b": 1}, "c": {"b": 1}}
