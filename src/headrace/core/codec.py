"""JSON values, and dataclasses to and from them.

``decode`` is the one reader of definitions (plans, settings, flow files): it reports all errors at once, each with its
path, and names the nearest known field for an unknown one. ``encode`` is its inverse: ``decode(C, encode(x)) == x``.

Known annotations: ``None bool int float str``, enums, dataclasses, ``tuple[T, ...]``, ``frozenset[T]``, ``Mapping[str, T]``, ``Json``, optionals, and
unions of dataclasses that are told apart by a ``ClassVar`` named ``KIND`` (encoded as the field ``kind``).
"""

import dataclasses
import difflib
import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, TypeVar

from headrace.core.errors import Code, FieldError, Problem

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = "Mapping[str, Json]"

T = TypeVar("T")

_MISSING = dataclasses.MISSING
_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false", type(None): "null"}


def encode(value: object) -> Json:
    """Return ``value`` as JSON; dataclass fields that equal their default are left out."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, enum.Enum):
        return encode(value.value)
    if isinstance(value, str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _encode_dataclass(value)
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted((encode(item) for item in value), key=str)
    if isinstance(value, Sequence):
        return [encode(item) for item in value]
    message = f"{type(value).__name__} has no JSON form"
    raise TypeError(message)


def decode(cls: type[T], value: Json, *, what: str) -> T:
    """Return ``value`` as an instance of ``cls``.

    Raises:
        Problem: ``Code.INVALID`` with every error and its path; ``what`` names the document (``"the flow file"``).
    """
    errors: list[FieldError] = []
    result = _decode(cls, value, "", errors)
    if errors:
        raise Problem.of_fields(_code_of(errors), what, tuple(errors))
    return typing.cast("T", result)


def _code_of(errors: Sequence[FieldError]) -> Code:
    unknown = all(error.message.startswith("unknown field") for error in errors)
    return Code.UNKNOWN_FIELD if unknown else Code.INVALID


def _encode_dataclass(value: Any) -> dict[str, Json]:
    result: dict[str, Json] = {}
    kind = getattr(type(value), "KIND", None)
    if kind is not None:
        result["kind"] = encode(kind)
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if _is_default(field, item):
            continue
        result[field.name] = encode(item)
    return result


def _is_default(field: Any, item: object) -> bool:
    if field.default is not _MISSING:
        return bool(item == field.default and type(item) is type(field.default))
    if field.default_factory is not _MISSING:
        return bool(item == field.default_factory())
    return False


@cache
def _hints(cls: type) -> dict[str, Any]:
    # ``Json`` is written as text since it refers to itself: its names must be known wherever it is used.
    return typing.get_type_hints(cls, localns={"Json": object, "Mapping": Mapping, "Sequence": Sequence})


def _decode(hint: Any, value: Json, path: str, errors: list[FieldError]) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any or hint is object or _is_json(hint):
        return value
    if origin in (typing.Union, types.UnionType):
        return _decode_union(hint, value, path, errors)
    if origin in (tuple, frozenset):
        return _decode_sequence(hint, origin, value, path, errors)
    if origin is not None and issubclass(origin, Mapping):
        return _decode_mapping(hint, value, path, errors)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, value, path, errors)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _decode_enum(hint, value, path, errors)
    if hasattr(hint, "__supertype__"):
        return _decode(hint.__supertype__, value, path, errors)
    return _decode_scalar(hint, value, path, errors)


def _is_json(hint: Any) -> bool:
    # The recursive alias resolves to a union that has Sequence among its members; nothing else here does.
    return any(typing.get_origin(part) is Sequence for part in typing.get_args(hint))


def _decode_union(hint: Any, value: Json, path: str, errors: list[FieldError]) -> Any:
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if value is None and len(options) < len(typing.get_args(hint)):
        return None
    if len(options) == 1:
        return _decode(options[0], value, path, errors)
    by_kind = {option.KIND: option for option in options if hasattr(option, "KIND")}
    if by_kind:
        kind = value.get("kind") if isinstance(value, Mapping) else None
        chosen = by_kind.get(kind) if isinstance(kind, str) else None
        if chosen is None:
            errors.append(
                FieldError(_join(path, "kind"), f"{kind!r} is no known kind", "one of " + ", ".join(map(str, by_kind)))
            )
            return None
        return _decode_dataclass(chosen, value, path, errors)
    for option in options:
        attempt: list[FieldError] = []
        result = _decode(option, value, path, attempt)
        if not attempt:
            return result
    errors.append(FieldError(path, f"expected {_name(hint)}, found {_found(value)}"))
    return None


def _decode_sequence(hint: Any, origin: Callable[..., Any], value: Json, path: str, errors: list[FieldError]) -> Any:
    if isinstance(value, str) or not isinstance(value, Sequence):
        errors.append(FieldError(path, f"expected a list, found {_found(value)}"))
        return None
    item_hint = typing.get_args(hint)[0]
    return origin(_decode(item_hint, item, f"{path}[{number}]", errors) for number, item in enumerate(value))


def _decode_mapping(hint: Any, value: Json, path: str, errors: list[FieldError]) -> Any:
    if not isinstance(value, Mapping):
        errors.append(FieldError(path, f"expected an object, found {_found(value)}"))
        return None
    item_hint = typing.get_args(hint)[1]
    return {key: _decode(item_hint, item, _join(path, key), errors) for key, item in value.items()}


def _decode_dataclass(cls: Any, value: Json, path: str, errors: list[FieldError]) -> Any:
    if not isinstance(value, Mapping):
        errors.append(FieldError(path, f"expected an object, found {_found(value)}"))
        return None
    known = {field.name: field for field in dataclasses.fields(cls) if field.init}
    before = len(errors)
    errors.extend(
        FieldError(_join(path, key), f"unknown field {key!r}", _nearest(key, list(known)))
        for key in value
        if key not in known and not (key == "kind" and hasattr(cls, "KIND"))
    )
    arguments: dict[str, Any] = {}
    for name, field in known.items():
        if name in value:
            arguments[name] = _decode(_hints(cls)[name], value[name], _join(path, name), errors)
        elif field.default is _MISSING and field.default_factory is _MISSING:
            errors.append(FieldError(_join(path, name), "is missing", f"expected {_name(_hints(cls)[name])}"))
    if len(errors) > before:
        return None
    try:
        return cls(**arguments)
    except Problem as problem:
        # A dataclass checks what its types cannot say, with paths of its own.
        errors.extend(FieldError(_join(path, e.path), e.message, e.hint) for e in problem.fields)
        if not problem.fields:
            errors.append(FieldError(path, problem.message))
        return None


def _decode_enum(hint: type[enum.Enum], value: Json, path: str, errors: list[FieldError]) -> Any:
    try:
        return hint(value)
    except ValueError:
        names = [str(member.value) for member in hint]
        nearest = _nearest(str(value), names) if isinstance(value, str) else ""
        errors.append(FieldError(path, f"{value!r} is not allowed", nearest or "one of " + ", ".join(names)))
        return None


def _decode_scalar(hint: Any, value: Json, path: str, errors: list[FieldError]) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    errors.append(FieldError(path, f"expected {_name(hint)}, found {_found(value)}"))
    return None


def _name(hint: Any) -> str:
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    return " or ".join(
        _NAMES.get(option, "an object" if isinstance(option, type) else "a list or an object") for option in options
    )


def _found(value: Json) -> str:
    if value is None or isinstance(value, bool | int | float):
        return {None: "null", True: "true", False: "false"}.get(value, str(value))  # type: ignore[arg-type]  # floats are fine keys
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "…")
    return "an object" if isinstance(value, Mapping) else "a list"


def _nearest(name: str, known: Sequence[str]) -> str:
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name and not name.startswith("[") else path + name
