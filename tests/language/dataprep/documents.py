"""The naive interpreter of lists, objects and lambdas: what the compiled SQL must agree with on values whose kind shows at run time."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.language.dataprep.syntax import (
    Call,
    Conditional,
    Element,
    Lambda,
    ListLiteral,
    Literal,
    Member,
    Node,
    Reference,
    Spread,
)
from language.dataprep.interpreter import TransformError


def interpret(node: Node, row: Mapping[str, Any]) -> Any:
    """Return the value of an expression for a row.

    Raises:
        TransformError: it cannot be evaluated.
    """
    match node:
        case Literal(value=value):
            return value
        case Reference(path=(first, *names)):
            found = row[first]
            for name in names:
                found = _field(found, name)
            return found
        case Member() | Element() if (spread := _spread(node)) is not None:
            items = _list(interpret(spread.target, row))
            return None if items is None else [_behind(node, item, row) for item in items]
        case Member():
            return _field(interpret(node.target, row), node.name)
        case Element():
            return _element(interpret(node.target, row), interpret(node.index, row))
        case ListLiteral():
            return [interpret(element, row) for element in node.elements]
        case Conditional():
            return interpret(node.then if interpret(node.condition, row) else node.otherwise, row)
        case Call():
            return _call(node, row)
    raise NotImplementedError(node)


def _spread(node: Node) -> Spread | None:
    """Return the ``[*]`` that a path goes through, if it does."""
    while isinstance(node, Member | Element):
        node = node.target
    return node if isinstance(node, Spread) else None


def _behind(node: Node, item: Any, row: Mapping[str, Any]) -> Any:
    """Return what a path behind ``[*]`` takes of one element."""
    match node:
        case Member():
            return _field(_behind(node.target, item, row), node.name)
        case Element():
            return _element(_behind(node.target, item, row), interpret(node.index, row))
        case _:
            return item


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _element(value: Any, index: Any) -> Any:
    if isinstance(index, str):
        return _field(value, index)
    return value[index] if isinstance(value, list) and 0 <= index < len(value) else None


def _list(value: Any) -> list[Any] | None:
    if value is not None and not isinstance(value, list):
        raise TransformError
    return value


def _object(value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise TransformError
    return value


def _call(node: Call, row: Mapping[str, Any]) -> Any:
    if node.name == "coalesce":
        return next((value for argument in node.arguments if (value := interpret(argument, row)) is not None), None)
    if node.name in {"filterArray", "transformArray"}:
        made = node.arguments[1]
        assert isinstance(made, Lambda)
        items = _list(interpret(node.arguments[0], row))
        if items is None:
            return None
        values = [interpret(made.body, {**row, made.parameters[0]: item}) for item in items]
        return (
            values
            if node.name == "transformArray"
            else [item for item, keep in zip(items, values, strict=True) if keep]
        )
    return _FUNCTIONS[node.name](*(interpret(argument, row) for argument in node.arguments))


def _size(value: Any) -> int:
    if value is None:
        return 0
    return len(json.dumps(value)) if isinstance(value, bool | int) else len(value)


def _text(value: Any) -> str:
    if isinstance(value, bool | list | dict):
        raise TransformError
    return str(value)


def _joined(separator: str, items: Any) -> str | None:
    texts = None if _list(items) is None else [_text(item) for item in items if item is not None]
    return None if texts is None else separator.join(texts)


def _added(items: Any, *values: Any) -> list[Any] | None:
    whole = _list(items)
    return None if whole is None else [*whole, *values]


def _all_of(*lists: Any) -> list[Any] | None:
    given = [_list(items) for items in lists]
    return None if None in given else [item for items in given for item in items or []]


def _flat(items: Any) -> list[Any] | None:
    whole = _list(items)
    if whole is None or not any(isinstance(item, list) for item in whole):
        return whole
    parts = ((_flat(item) or []) if isinstance(item, list) else [item] for item in whole if item is not None)
    return [item for part in parts for item in part]


def _mapped(*entries: Any) -> dict[str, Any]:
    return dict(zip(entries[::2], entries[1::2], strict=True))


def _merged(*maps: Any) -> dict[str, Any] | None:
    given = [_object(one) for one in maps]
    if None in given:
        return None
    return {key: value for one in reversed(given) for key, value in (one or {}).items()}


def _values(whole: Any, keys: Any) -> Any:
    given = _object(whole)
    if given is None or keys is None:
        return None
    if isinstance(keys, str):
        return given.get(keys)
    return [json.loads(text) for text in dict.fromkeys(json.dumps(given[key]) for key in keys if key in given)]


def _has(whole: Any, keys: Any) -> bool | None:
    given = _object(whole)
    return None if given is None else any(key in given for key in ([keys] if isinstance(keys, str) else keys))


def _keyed(items: Any, name: str) -> dict[str, Any] | None:
    whole = _list(items)
    if whole is None:
        return None
    keys = [_field(item, name) for item in whole]
    return {_text(key): item for key, item in zip(keys, whole, strict=True) if key is not None}


def _zipped(*entries: Any) -> list[Any] | None:
    lists: Sequence[list[Any] | None] = [_list(items) for items in entries[1::2]]
    if None in lists:
        return None
    longest = max(len(items or []) for items in lists)
    return [
        {key: _element(items, number) for key, items in zip(entries[::2], lists, strict=True)}
        for number in range(longest)
    ]


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "size_of": _size,
    "is_empty": lambda value: value is None or value in ("", [], {}),
    "array_to_string": _joined,
    "add_to_array": _added,
    "join_arrays": _all_of,
    "flattenArray": _flat,
    "to_map": _mapped,
    "add_to_map": _merged,
    "map_get_values": _values,
    "map_has_keys": _has,
    "array_to_map": _keyed,
    "arrays_to_objects": _zipped,
    "object_to_map": _object,
    "get": _field,
    "get_keys": lambda value: None if _object(value) is None else list(value),
    "explode": lambda text: None if text is None else text.split(","),
}
