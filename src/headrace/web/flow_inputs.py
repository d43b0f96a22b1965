"""A flow's parameters and window as inputs of a form, and back: each parameter has the type of its default."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from headrace.core.clock import Instant, from_datetime
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.window import Window
from headrace.http.bodies import Missing, parse

PREFIX = "parameter."
"""Before a parameter's name, in a form: no other field has such a name."""

_LONG = 60


class InputKind(StrEnum):
    """What stands in an input, and how it is read."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    WHOLE = "whole"
    NUMBER = "number"
    TRUTH = "truth"
    JSON = "json"
    ANY = "any"
    """The default is null: nothing is said of the type. What is JSON is read as such, all else is a text; empty: null."""


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the form: ``text`` is what stands in it at first, or what was sent when the form comes back."""

    name: str
    kind: InputKind
    text: str

    @property
    def field(self) -> str:
        """Return its name in the form."""
        return PREFIX + self.name


@dataclass(frozen=True, slots=True)
class Wish:
    """What a form asks for: the parameters that are other than their defaults, and the window (None: the flow's own)."""

    parameters: Mapping[str, Json]
    window: Window | None


def inputs_of(defaults: Mapping[str, Json], sent: Mapping[str, str] | None = None) -> tuple[Input, ...]:
    """Return an input for each parameter; with ``sent`` (the form's fields), what stood in them when they were sent."""
    given = sent or {}
    return tuple(
        Input(name, _kind(default), given.get(PREFIX + name, _written(default))) for name, default in defaults.items()
    )


def parameters_of(defaults: Mapping[str, Json], sent: Mapping[str, str]) -> Mapping[str, Json]:
    """Return the parameters that are other than their defaults.

    Raises:
        Problem: ``INVALID``: all values that are not of their type.
    """
    return wish_of(defaults, {name: text for name, text in sent.items() if name.startswith(PREFIX)}).parameters


def wish_of(defaults: Mapping[str, Json], sent: Mapping[str, str]) -> Wish:
    """Return what a form asks for.

    Raises:
        Problem: ``INVALID``: all that does not fit, or a window that ends before it starts.
    """
    errors: list[FieldError] = []
    parameters = _parameters(defaults, sent, errors)
    start = _instant("window_start", sent.get("window_start", ""), errors)
    end = _instant("window_end", sent.get("window_end", ""), errors)
    if errors:
        raise Problem.of_fields(Code.INVALID, "the form", tuple(errors))
    return Wish(parameters, None if start is None and end is None else Window(start, end))


def _parameters(defaults: Mapping[str, Json], sent: Mapping[str, str], errors: list[FieldError]) -> Mapping[str, Json]:
    found: dict[str, Json] = {}
    for name, default in defaults.items():
        text = sent.get(PREFIX + name)
        if text is None:
            continue
        kind = _kind(default)
        try:
            value = _READERS[kind](text)
        except ValueError:
            errors.append(FieldError(name, f"{text!r} does not fit", f"{_EXPECTED[kind]} is expected"))
            continue
        if value != default or type(value) is not type(default):
            found[name] = value
    return found


def _instant(name: str, text: str, errors: list[FieldError]) -> Instant | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        errors.append(FieldError(name, f"{text!r} is no date and time", "one such as 2026-01-31 10:00, in UTC"))
        return None
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _kind(default: Json) -> InputKind:
    if default is None:
        return InputKind.ANY
    if isinstance(default, bool):
        return InputKind.TRUTH
    if isinstance(default, int):
        return InputKind.WHOLE
    if isinstance(default, float):
        return InputKind.NUMBER
    if isinstance(default, str):
        return InputKind.LONG_TEXT if len(default) > _LONG or "\n" in default else InputKind.TEXT
    return InputKind.JSON


def _written(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None)


def _read_truth(text: str) -> Json:
    return {"true": True, "false": False}[text] if text in {"true", "false"} else _refuse(text)


def _refuse(text: str) -> Json:
    raise ValueError(text)


def _read_number(text: str) -> Json:
    value = _read_json(text)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else _refuse(text)


def _read_json(text: str) -> Json:
    try:
        value = parse(text.encode())
    except Problem:
        return _refuse(text)
    return _refuse(text) if isinstance(value, Missing) else value


def _read_any(text: str) -> Json:
    if not text:
        return None
    try:
        return _read_json(text)
    except ValueError:
        return text


def _read_text(text: str) -> Json:
    if "\0" in text:
        return _refuse(text)
    # Browsers send lines' ends as CR LF whatever stood there.
    return text.replace("\r\n", "\n")


_READERS: Mapping[InputKind, Callable[[str], Json]] = {
    InputKind.TEXT: _read_text,
    InputKind.LONG_TEXT: _read_text,
    InputKind.WHOLE: int,
    InputKind.NUMBER: _read_number,
    InputKind.TRUTH: _read_truth,
    InputKind.JSON: _read_json,
    InputKind.ANY: _read_any,
}
_EXPECTED: Mapping[InputKind, str] = {
    InputKind.TEXT: "a text without the character NUL",
    InputKind.LONG_TEXT: "a text without the character NUL",
    InputKind.WHOLE: "a whole number",
    InputKind.NUMBER: "a number",
    InputKind.TRUTH: "true or false",
    InputKind.JSON: "JSON",
    InputKind.ANY: "JSON or a text",
}
