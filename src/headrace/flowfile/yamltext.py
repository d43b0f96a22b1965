"""YAML text to JSON values, with the place of every one of them.

The subset that definitions need, read without surprises: no tags but those of JSON's types, no key twice, words like ``NO`` and ``on``
are texts, and so are dates; aliases may not multiply a document beyond its limits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem

MAX_BYTES = 1024 * 1024
"""Longest flow file, in bytes of UTF-8."""
MAX_VALUES = 50_000
"""Most values in a flow file, those that aliases repeat counted each time."""
MAX_DEPTH = 32
"""How deep values may lie in one another."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: Mapping[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STRING = "tag:yaml.org,2002:str"
_PLAIN_TAGS = {_STRING, "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", "!"}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: line and column, from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(slots=True)
class Text:
    """A document that was read: its value, and the places of keys and values by their paths (as in ``FieldError``)."""

    origin: str
    value: Json = None
    keys: dict[str, Place] = field(default_factory=dict)
    values: dict[str, Place] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)

    def locate(self, error: FieldError) -> FieldError:
        """Return ``error`` with the place in the file as its path, and its path in the message where that helps."""
        unknown = error.message.startswith(("unknown field", "unknown operator"))
        by_key = unknown or error.message.startswith("duplicate")
        place = self._place(error.path, by_key=by_key)
        where = self.origin if place is None else f"{self.origin}:{place}"
        message = error.message if by_key or not error.path else f"{error.path}: {error.message}"
        return FieldError(where, message, error.hint)

    def _place(self, path: str, *, by_key: bool) -> Place | None:
        if by_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = re.sub(r"(\.[^.\[\]]*|\[\d+\]|^[^.\[\]]+)$", "", path) if re.search(r"[.\[]", path) else ""
        return self.values.get(path)


class _Loader(yaml.SafeLoader):
    # Nothing is guessed from a plain scalar's looks but what this module says.
    yaml_implicit_resolvers = {}  # noqa: RUF012 — PyYAML declares it so, and nothing adds to it


def parse(text: str, origin: str) -> Text:
    """Return ``text`` as JSON with its places; ``origin`` is the file's name in messages. Keys that occur twice stand in ``errors``.

    Raises:
        Problem: ``MALFORMED``: no YAML, more than one document, a tag; ``LIMIT_EXCEEDED``: too long, too many values, too deep.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise Problem(Code.LIMIT_EXCEEDED, f"{origin} has {size} bytes; a flow file has at most {MAX_BYTES}")
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _malformed(origin, error) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        where = f"{origin}:{line}:{column}"
        message = f"the character U+{ord(text[error.position]):04X} is not allowed"
        raise Problem(Code.MALFORMED, f"{where}: {message}", (FieldError(where, message),)) from None
    except RecursionError:
        raise _too_deep(origin) from None
    found = Text(origin)
    if node is not None:
        found.value = _Reader(found).read(node, "", 0)
    return found


@dataclass(slots=True)
class _Reader:
    text: Text
    count: int = 0

    def read(self, node: yaml.Node, path: str, depth: int) -> Json:
        self.count += 1
        if self.count > MAX_VALUES:
            message = f"{self.text.origin} has more than {MAX_VALUES} values (aliases count each time)"
            raise Problem(Code.LIMIT_EXCEEDED, message)
        if depth > MAX_DEPTH:
            raise _too_deep(self.text.origin)
        self.text.values.setdefault(path, _place_of(node))
        if node.tag not in _PLAIN_TAGS:
            self._refuse(node, f"the tag {node.tag!r} is not allowed; write the plain value")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, f"{path}[{number}]", depth + 1) for number, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> Json:
        result: dict[str, Json] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, "a key must be a plain text")
            key = str(key_node.value)
            below = f"{path}.{key}" if path else key
            if key in result:
                first = self.text.keys[below].line
                self.text.errors.append(
                    FieldError(
                        f"{self.text.origin}:{_place_of(key_node)}", f"duplicate key {key!r}", f"first in line {first}"
                    )
                )
            self.text.keys.setdefault(below, _place_of(key_node))
            result[key] = self.read(value_node, below, depth + 1)
        return result

    def _refuse(self, node: yaml.Node, message: str) -> None:
        where = f"{self.text.origin}:{_place_of(node)}"
        raise Problem(Code.MALFORMED, f"{where}: {message}", (FieldError(where, message),))


def _scalar(node: yaml.Node) -> Json:
    text = str(node.value)
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return parse_scalar(text) if plain and node.tag != "!" else text


def parse_scalar(text: str) -> Json:
    """Return what ``text`` means as a plain scalar: null, a boolean, a number, or itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _place_of(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _too_deep(origin: str) -> Problem:
    return Problem(Code.LIMIT_EXCEEDED, f"{origin} has values that lie more than {MAX_DEPTH} deep in one another")


def _malformed(origin: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = origin if mark is None else f"{origin}:{mark.line + 1}:{mark.column + 1}"
    parts = [part for part in (error.context, error.problem) if part]
    message = "this is no YAML: " + ", ".join(parts)
    if error.problem and "\\t" in error.problem:
        message += " (indent with spaces, not with tabs)"
    if error.problem and "alias" in error.problem:
        message += " (put a text that begins with * in quotes)"
    return Problem(Code.MALFORMED, f"{where}: {message}", (FieldError(where, message),))
