"""Parameters of a flow file: ``${name}`` becomes its value, once, and what it becomes is never looked at again.

What a parameter becomes depends on where it stands, so that it is data everywhere and never code:

    in an expression (mapping)   a literal of the expression language; other ``${…}`` are columns there
    in source.query              an SQL literal
    in source.database           text; inside of a URL percent-encoded. ``${env:NAME}`` stands for a variable of the environment,
    and source.connection        ``${file:PATH}`` for what a file holds
    alone in any other value     the value itself, with its type
    within any other text        its text; ``$${`` stands for ``${``
"""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from headrace.core.codec import Json
from headrace.core.errors import FieldError, Problem
from headrace.flowfile.yamltext import parse_scalar
from headrace.language.dataprep.tokens import Sort, tokens

_REFERENCE = re.compile(r"\$?\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPES: Mapping[type, str] = {bool: "true or false", int: "an integer", float: "a number", str: "a text"}


_OUTSIDE = ("env:", "file:")
_ELSEWHERE = "the environment and files are read in source.database and source.connection only"
_CONNECTION = "source.connection."
MAX_FILE_BYTES = 64 * 1024
"""Longest file that ``${file:PATH}`` stands for."""


@dataclass(slots=True)
class Interpolation:
    """Puts values in the place of references. What is wrong is added to ``errors``, with its path.

    Paths in ``${file:PATH}`` begin at ``directory``.
    """

    values: Mapping[str, Json]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    errors: list[FieldError] = field(default_factory=list)

    def apply(self, value: Json, path: str = "") -> Json:
        """Return ``value`` with every reference in it replaced; keys stay as they are."""
        if path == "parameters":
            return value
        if isinstance(value, Mapping):
            return {key: self.apply(item, f"{path}.{key}" if path else key) for key, item in value.items()}
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, list):
            return [self.apply(item, f"{path}[{number}]") for number, item in enumerate(value)]
        return value

    def _text(self, text: str, path: str) -> Json:
        if path.startswith("mapping."):
            return self._expression(text)
        whole = _REFERENCE.fullmatch(text)
        if path == "source.query":
            return _REFERENCE.sub(lambda match: self._one(match, path, _sql_literal), text)
        if path == "source.database":
            spell = _plain if whole else _quoted
            return _REFERENCE.sub(lambda match: self._one(match, path, spell, outside=True), text)
        if path.startswith(_CONNECTION) and not (whole and not whole[1].startswith(_OUTSIDE)):
            return _REFERENCE.sub(lambda match: self._one(match, path, _plain, outside=True), text)
        if whole and not text.startswith("$$"):
            return self._value(whole[1], path)
        return _REFERENCE.sub(lambda match: self._one(match, path, _plain), text)

    def _expression(self, text: str) -> str:
        try:
            found = tokens(text)
        except Problem:
            return text  # the parser says what is wrong with it
        result, at = "", 0
        for token in found:
            if token.sort is Sort.QUOTED_NAME and token.value in self.values:
                result += text[at : token.at] + _expression_literal(self.values[token.value])
                at = token.end
        return result + text[at:]

    def filled_in(self, text: str) -> str:
        """Return ``text`` with declared parameters in it replaced, and nothing else; what is wrong is no matter here."""
        return _REFERENCE.sub(
            lambda match: _plain(self.values[match[1]]) if match[1] in self.values else match[0], text
        )

    def _one(self, match: "re.Match[str]", path: str, spell: Callable[[Json], str], *, outside: bool = False) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        name = match[1]
        if not outside or not name.startswith(_OUTSIDE):
            return spell(self._value(name, path))
        if name.startswith("file:"):
            return spell(self._file(name.removeprefix("file:"), path))
        variable = name.removeprefix("env:")
        if variable not in self.environment:
            self.errors.append(
                FieldError(path, f"the environment has no variable {variable!r}", f"set it: export {variable}=…")
            )
        # What is missing is not empty: that it is not given would be a further error.
        return spell(self.environment.get(variable, variable))

    def _file(self, name: str, path: str) -> str:
        """Return the text of a file, without the line end that editors put last."""
        try:
            with (self.directory / Path(name).expanduser()).open("rb") as file:
                text = file.read(MAX_FILE_BYTES + 1)
            if len(text) > MAX_FILE_BYTES:
                self.errors.append(FieldError(path, f"the file {name!r} has more than {MAX_FILE_BYTES} bytes"))
            return text.decode().removesuffix("\n").removesuffix("\r")
        except (OSError, RuntimeError, ValueError) as error:
            # RuntimeError: there is no such home; ValueError: no text, or no name of a file.
            why = error.strerror if isinstance(error, OSError) else "it is no text file"
            self.errors.append(
                FieldError(path, f"the file {name!r} cannot be read: {why}", "a path from the flow file")
            )
            return ""

    def _value(self, name: str, path: str) -> Json:
        if name.startswith(_OUTSIDE):
            self.errors.append(FieldError(path, _ELSEWHERE, "use a parameter"))
            return name
        if name not in self.values:
            self.errors.append(FieldError(path, f"${{{name}}} is no declared parameter", _nearest(name, self.values)))
            return name
        return self.values[name]


def declared(raw: Json, given: Mapping[str, Json], errors: list[FieldError]) -> Mapping[str, Json]:
    """Return the value of every parameter that the document ``raw`` declares: the given one, else its default.

    Given texts are read as the type of the default. What is wrong (undeclared, missing, another type) is added to ``errors``.
    """
    block = raw.get("parameters") if isinstance(raw, Mapping) else None
    defaults = block if isinstance(block, Mapping) else {}
    values: dict[str, Json] = {}
    for name, default in defaults.items():
        path = f"parameters.{name}"
        if not _NAME.fullmatch(name):
            errors.append(FieldError(path, f"{name!r} is no name", "letters, digits and _, not a digit first"))
        elif not isinstance(default, str | int | float | bool | None):
            errors.append(FieldError(path, "a default is a text, a number, true, false or null"))
        else:
            values[name] = _given(name, default, given, errors)
    errors.extend(
        FieldError("parameters", f"{name!r} is given but not declared", _nearest(name, defaults))
        for name in given
        if name not in defaults
    )
    return values


def _given(name: str, default: Json, given: Mapping[str, Json], errors: list[FieldError]) -> Json:
    if name not in given:
        if default is None:
            errors.append(FieldError(f"parameters.{name}", "has no default and was not given", f"--param {name}=…"))
        return default
    value = given[name]
    if default is None or isinstance(default, str):
        return value
    if isinstance(value, str):
        value = parse_scalar(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        message = f"{given[name]!r} was given, and the default is {_TYPES[type(default)]}"
        errors.append(FieldError(f"parameters.{name}", message, f"give {_TYPES[type(default)]}"))
    return value


def _nearest(name: str, known: Mapping[str, object]) -> str:
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    if matches:
        return f"did you mean {matches[0]!r}?"
    return f"the file declares {', '.join(known)}" if known else "declare it under parameters:"


def _plain(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _quoted(value: Json) -> str:
    return quote(_plain(value), safe="")


def _sql_literal(value: Json) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return _plain(value) or "NULL"


def _expression_literal(value: Json) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    # Brackets keep a sign from being read as an operator of what stands before it.
    return "null" if value is None else f"({_plain(value)})"
