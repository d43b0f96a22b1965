"""Parameters and windows in forms."""

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.web.flow_inputs import InputKind, inputs_of, wish_of

DEFAULTS: dict[str, Json] = {
    "day": "2026-01-01",
    "limit": 10,
    "share": 0.5,
    "full": False,
    "tables": ["a"],
    "note": "x" * 80,
    "since": None,
}


def test_each_parameter_has_the_type_of_its_default() -> None:
    """A number is a number's input, a list is JSON, a long text has room."""
    assert {one.name: one.kind for one in inputs_of(DEFAULTS)} == {
        "day": InputKind.TEXT,
        "limit": InputKind.WHOLE,
        "share": InputKind.NUMBER,
        "full": InputKind.TRUTH,
        "tables": InputKind.JSON,
        "note": InputKind.LONG_TEXT,
        "since": InputKind.ANY,
    }


def test_what_stands_in_the_inputs_at_first_changes_nothing() -> None:
    """A form that is sent as it is asks for the defaults, by saying nothing."""
    sent = {one.field: one.text for one in inputs_of(DEFAULTS)}
    assert wish_of(DEFAULTS, sent).parameters == {}


def test_what_was_changed_is_sent_in_its_type() -> None:
    """Only what was changed."""
    sent = {"parameter.limit": "20", "parameter.full": "true", "parameter.tables": '["b"]', "parameter.day": "x"}
    assert wish_of(DEFAULTS, sent).parameters == {"limit": 20, "full": True, "tables": ["b"], "day": "x"}


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("[1]", [1]), ("2026-01-01", "2026-01-01"), ("abc", "abc")])
def test_where_the_default_is_null_json_is_json_and_all_else_is_text(text: str, value: Json) -> None:
    """Nothing is known of the type, so what can be JSON is."""
    assert wish_of(DEFAULTS, {"parameter.since": text}).parameters == {"since": value}


def test_all_values_that_do_not_fit_are_told_at_once() -> None:
    """A person corrects a form once."""
    sent = {
        "parameter.limit": "many",
        "parameter.share": "NaN",
        "parameter.full": "maybe",
        "parameter.tables": "[" * 5000,
        "parameter.day": "any\0thing",
    }
    with pytest.raises(Problem) as refusal:
        wish_of(DEFAULTS, {**sent, "window_start": "noon"})
    assert [error.path for error in refusal.value.fields] == ["day", "limit", "share", "full", "tables", "window_start"]


def test_a_form_that_comes_back_has_what_was_sent() -> None:
    """Nobody types a form twice."""
    (one, *_) = inputs_of(DEFAULTS, {"parameter.day": "tomorrow"})
    assert one.text == "tomorrow"


def test_a_window_is_read_as_people_write_it() -> None:
    """In UTC, with either end open."""
    asked = wish_of({}, {"window_start": "2026-01-31 10:00", "window_end": ""})
    assert str(asked.window) == "[2026-01-31T10:00:00Z, …)"
    assert wish_of({}, {"window_start": "", "window_end": " "}).window is None


@pytest.mark.parametrize(("start", "end"), [("tomorrow", ""), ("2026-01-02T00:00", "2026-01-01T00:00")])
def test_a_window_that_is_none_is_refused_in_words(start: str, end: str) -> None:
    """A text that is no time, and an end before its start."""
    with pytest.raises(Problem) as refusal:
        wish_of({}, {"window_start": start, "window_end": end})
    assert "window" in str(refusal.value.message) + str(refusal.value.fields)
