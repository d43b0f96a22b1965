"""From the dataclasses of ``core.native`` to JSON Schema: types from annotations, words from docstrings."""

import ast
import dataclasses
import enum
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from headrace.core.clock import Instant
from headrace.core.native.wire import instant_text, members_of, to_wire

Schema = dict[str, Any]

LARGEST_NUMBER = 10**18 - 1
_INSTANT: Schema = {"type": "string", "format": "date-time"}
_SCALARS: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER},
    float: {"type": "number"},
    Instant: _INSTANT,
}
_NAMED = re.compile(r"(?:^|(?<=[.:;]\s)|(?<=\n))((?:``\w+(?:\.\w+)?``(?:/|, | and )?)+)(?=:|\s(?!:))")
_CONSTANT = re.compile(r"``([A-Z_]+)``")
_NAME = re.compile(r"``([\w.]+)``")


def reference_to(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


class Schemas:
    """The named schemas of a document: asked for one, it has those that it is made of, too."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(self, hint: Any) -> Schema:
        """Return the schema of an annotation."""
        if hint is object:
            return {"description": "Any JSON."}
        if hint in _SCALARS:
            return dict(_SCALARS[hint])
        origin, parts = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            return self._optional(next(part for part in parts if part is not type(None)))
        if origin is tuple:
            return {"type": "array", "items": self.of(parts[0])}
        if origin is not None and issubclass(origin, Mapping):
            value = _plain(parts[1])
            return {"type": "object", "additionalProperties": True if value is object else self.of(value)}
        if issubclass(hint, enum.Enum):
            self.named.setdefault(hint.__name__, _enum(hint))
        elif hint.__name__ not in self.named:
            # Noted before it is made: it may have members of its own kind.
            self.named[hint.__name__] = {}
            self.named[hint.__name__] = self._told(hint)
        return reference_to(hint.__name__)

    def body(self, cls: type, without: Iterable[str]) -> Schema:
        """Return the schema of what is asked in a body, without the members that stand in the path: no others are taken."""
        members = {name: hint for name, hint in members_of(cls).items() if name not in without}
        needed = [field.name for field in dataclasses.fields(cls) if field.name in members and is_needed(field)]
        schema: Schema = {
            "type": "object",
            "description": summary_of(cls),
            "properties": {name: self.member(cls, name, hint) for name, hint in members.items()},
            "additionalProperties": False,
        }
        return {**schema, "required": needed} if needed else schema

    def member(self, cls: type, name: str, hint: Any) -> Schema:
        """Return the schema of one member, with what is said of it and its default."""
        schema = self.of(hint)
        words = words_of(cls).get(name)
        field = next(one for one in dataclasses.fields(cls) if one.name == name)
        # Beside a reference, these are allowed since 3.1.
        if words:
            schema["description"] = words
        if field.default not in (dataclasses.MISSING, None):
            schema["default"] = default_of(field)
        return schema

    def _told(self, cls: Any) -> Schema:
        members = members_of(cls)
        return {
            "type": "object",
            "description": summary_of(cls),
            "properties": {name: self._described(cls, name, hint) for name, hint in members.items()},
            "required": list(members),
        }

    def _described(self, cls: type, name: str, hint: Any) -> Schema:
        words = words_of(cls).get(name)
        return {**self.of(hint), "description": words} if words else self.of(hint)

    def _optional(self, hint: Any) -> Schema:
        schema = self.of(hint)
        if "type" in schema:
            return {**schema, "type": [schema["type"], "null"]}
        return {"anyOf": [schema, {"type": "null"}]}


def is_needed(field: "dataclasses.Field[Any]") -> bool:
    """Say whether a member has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def default_of(field: "dataclasses.Field[Any]") -> Any:
    """Return a member's default as JSON."""
    value = field.default
    if isinstance(value, tuple):
        return list(value)
    if dataclasses.is_dataclass(value):
        return to_wire(value)
    return value.value if isinstance(value, enum.Enum) else value


def summary_of(cls: type) -> str:
    """Return what a docstring says of the whole, without its notes on members."""
    text = _docstring(cls)
    start = next((match.start() for match in _NAMED.finditer(text) if _members_in(cls, match[1])), len(text))
    return _flat(cls, text[:start])


@cache
def words_of(cls: Any) -> Mapping[str, str]:
    """Return what is said of each member: in the class's docstring (``name``: …), or in the line below the member."""
    text = _docstring(cls)
    marks = [match for match in _NAMED.finditer(text) if _members_in(cls, match[1])]
    found: dict[str, str] = {}
    for mark, following in zip(marks, [*marks[1:], None][: len(marks)], strict=True):
        said = text[mark.start() : following.start() if following else len(text)]
        lead = mark[1].rstrip()
        words = said[len(mark[1]) :].removeprefix(":").strip() if said[len(mark[1]) :].startswith(":") else said
        for name in _members_in(cls, lead):
            found.setdefault(name, _sentence(_flat(cls, words)))
    return {**found, **_below(cls)}


def _members_in(cls: Any, lead: str) -> list[str]:
    members = members_of(cls)
    return [name for name in _NAME.findall(lead) if name in members]


@cache
def _below(cls: Any) -> Mapping[str, str]:
    """Return the texts that stand below members."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 — the source of a class is one
    found = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name):
            value = after.value if isinstance(after, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[before.target.id] = _flat(cls, value.value)
    return found


def _docstring(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "")


def _flat(cls: type, text: str) -> str:
    """Return a text in one line, in the words of JSON, with numbers for the constants of the class's module."""
    constants = vars(sys.modules[cls.__module__])
    text = _CONSTANT.sub(lambda match: str(constants.get(match[1], match[0])), text)
    return " ".join(text.replace("``", "`").replace("None", "null").split())


def _sentence(text: str) -> str:
    text = text.rstrip(";:, ")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _plain(hint: Any) -> Any:
    return object if any(typing.get_origin(part) is not None for part in typing.get_args(hint)) else hint


def _enum(cls: type[enum.Enum]) -> Schema:
    return {"type": "string", "enum": [member.value for member in cls], "description": _flat(cls, _docstring(cls))}


EXAMPLE_INSTANT = instant_text(Instant(1_769_839_200_000_000))
"""An instant as an example."""
