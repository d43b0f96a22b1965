"""What is read out of one cell, and what is said of it."""

import pytest

from headrace.core.blueprint_reading import read_blueprint
from headrace.core.codec import Json
from headrace.service.records.cells import check_column

_OPTIONS: Json = {"options": [{"value": "x"}, {"value": 5}, {"value": True}]}


def _checked(kind: str, config: Json, value: Json, *constraints: Json) -> tuple[Json, list[str]]:
    field: dict[str, Json] = {"key": "k", "type": kind, "label": "Kay", "constraints": constraints}
    if config is not None:
        field["config"] = config
    (spec,) = read_blueprint({"name": "s", "fields": [field]}).fields
    column = [value]
    said = check_column(spec, column)
    return column[0], [one[2] for one in said.get(0, [])]


@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        ("string", "", None),
        ("string", " ", " "),
        ("string", 5, "5"),
        ("string", 2.5, "2.5"),
        ("string", True, "true"),
        ("number", "12.50", 12.5),
        ("number", " -7 ", -7),
        ("number", "1e3", 1000.0),
        ("number", "007", 7),
        ("number", 10**30, 1e30),
        ("number", str(10**30), 1e30),
        ("boolean", "YES", True),
        ("boolean", "0", False),
        ("boolean", 1, True),
        ("date", "2024-02-29", "2024-02-29"),
        ("string-list", ["a", 1], ["a", "1"]),
        ("string-list", [], []),
        ("enum", 5, 5),
        ("enum", True, True),
        ("enum-list", ["x", True], ["x", True]),
        ("reference", 5, 5),
    ],
)
def test_values_are_read_as_their_type(kind: str, sent: Json, kept: Json) -> None:
    """Numeric text becomes a number, the words for yes and no booleans, numbers in a field of text become text; nothing is said."""
    config: Json = _OPTIONS if kind.startswith("enum") else {"ref": "s", "key": "k"} if kind == "reference" else None
    read, said = _checked(kind, config, sent)
    assert (read, type(read), said) == (kept, type(kept), [])


@pytest.mark.parametrize(
    ("kind", "sent", "shown"),
    [
        ("string", {"a": 1}, '{"a":1}'),
        ("string", ["a"], '["a"]'),
        ("number", "1,5", "1,5"),
        ("number", "1e999", "1e999"),
        ("number", "٣", "٣"),
        ("number", True, "true"),
        ("boolean", "maybe", "maybe"),
        ("boolean", 2, "2"),
        ("date", "31.01.2020", "31.01.2020"),
        ("date", "2023-02-29", "2023-02-29"),
        ("date", "2020-W01-1", "2020-W01-1"),
        ("date", 20200131, "20200131"),
        ("enum", ["x"], '["x"]'),
        ("string-list", "a,b", "a,b"),
        ("enum-list", "x", "x"),
        ("reference", ["x"], '["x"]'),
        ("reference-list", [{"a": 1}], '[{"a":1}]'),
    ],
)
def test_what_cannot_be_read_is_kept_as_sent_and_said_to_be_so(kind: str, sent: Json, shown: str) -> None:
    """Nothing is lost, and nothing is guessed."""
    config: Json = _OPTIONS if kind.startswith("enum") else {"ref": "s", "key": "k"} if "reference" in kind else None
    assert _checked(kind, config, sent) == (sent, [f'"{shown}" is not a valid {kind}'])


@pytest.mark.parametrize(
    ("kind", "sent", "shown"),
    [("enum", "y", "y"), ("enum", "5", "5"), ("enum", 1, "1"), ("enum-list", ["x", "y"], "y")],
)
def test_what_is_no_option_is_named(kind: str, sent: Json, shown: str) -> None:
    """Options are compared with their types: 1 is not true, and "5" is not 5."""
    assert _checked(kind, _OPTIONS, sent) == (sent, [f'"{shown}" is not a valid option'])


@pytest.mark.parametrize(
    ("places", "sent", "kept"),
    [(2, 1.005, 1.01), (2, 1.5, 1.5), (0, 2.5, 3), (0, "2.5", 3), (1, -0.25, -0.3), (2, 7, 7)],
)
def test_numbers_are_rounded_to_their_places(places: int, sent: Json, kept: Json) -> None:
    """Half away from zero, as it is written in decimals."""
    assert _checked("number", {"decimalPlaces": places}, sent) == (kept, [])


def test_required_fields_are_missed() -> None:
    """Null, empty text and an empty list are nothing; the message and its level are the constraint's, where it has them."""
    required: Json = {"type": "required"}
    own: Json = {"type": "required", "config": {"message": "Please!"}}
    assert _checked("string", None, "", required) == (None, ["Kay is required"])
    assert _checked("string", None, None, own) == (None, ["Please!"])
    assert _checked("string-list", None, [], required) == ([], ["Kay is required"])
    assert _checked("string", None, " ", required) == (" ", [])


def test_long_values_are_shortened_in_messages() -> None:
    """A message never repeats a whole document."""
    _, (said,) = _checked("number", None, "x" * 10_000)
    assert len(said) < 250


def test_references_with_many_values_take_lists() -> None:
    """has-many is what makes a list a value."""
    config: Json = {"ref": "s", "key": "k", "relationship": "has-many"}
    assert _checked("reference", config, ["a", 1]) == (["a", 1], [])
