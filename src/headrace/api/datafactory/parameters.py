"""Parameters of pipeline runs (4.1): what is given and what is declared become typed values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.datafactory.errors import Refusal, bad_request
from headrace.api.datafactory.wire import Item
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.language.datafactory.values import kind_of, text_of
from headrace.service.sealing import Sealer
from headrace.service.secret_values import is_sealed, open_value, seal_value

SECURE = "securestring"
"""The type of secret parameters, in lower case."""
_TEXTS = frozenset({SECURE, "string"})
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?")
_BOUND = 2**63


class _MismatchError(Exception):
    """A value is none of the type."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a pipeline says about one of its parameters; without ``has_default`` a run has to give it."""

    name: str
    type: str
    has_default: bool = False
    default: Json = None

    @property
    def is_secret(self) -> bool:
        """Say whether its value is kept sealed and shown to nobody."""
        return self.type.lower() == SECURE


@dataclass(frozen=True, slots=True)
class Parameters:
    """Values as a run keeps them (secret ones sealed), and the types that they are declared with."""

    values: Mapping[str, Json]
    types: Mapping[str, str]


def declared_parameters(properties: Mapping[str, Any]) -> tuple[Declared, ...]:
    """Return the parameters of the pipeline with these ``properties``, in their order."""
    written = properties.get("parameters")
    return tuple(_declared(name, entry) for name, entry in written.items()) if isinstance(written, Mapping) else ()


def make_parameters(
    declared: tuple[Declared, ...], given: Mapping[str, Json], target: str, sealer: Sealer, scope: str
) -> Parameters:
    """Return the parameters of a run for which ``given`` is given; names of ``given`` that are not declared are ignored.

    Raises:
        Refusal: 400 with this ``target``: one is missing, or of another type.
    """
    lowered = {name.lower(): value for name, value in given.items()}
    values: dict[str, Json] = {}
    for one in declared:
        if one.name in given:
            value = given[one.name]
        elif one.name.lower() in lowered:
            value = lowered[one.name.lower()]
        elif one.has_default:
            value = one.default
        else:
            text = f"The pipeline parameter '{one.name}' is required and was not given a value."
            raise bad_request(text, target)
        values[one.name] = _kept(one, value, target, sealer, scope)
    return Parameters(values, {one.name: one.type for one in declared})


def _declared(name: str, entry: object) -> Declared:
    item: Item = entry if isinstance(entry, dict) else {}
    kind = item.get("type")
    declared_type = kind if isinstance(kind, str) else ""
    default = item.get("defaultValue")
    if declared_type.lower() == SECURE and isinstance(default, dict) and isinstance(default.get("value"), str):
        default = default["value"]
    return Declared(name, declared_type, "defaultValue" in item, default)


def _kept(declared: Declared, value: Json, target: str, sealer: Sealer, scope: str) -> Json:
    if is_sealed(value):
        # What another run has kept goes on as it is; what only looks like it is nobody's value.
        if declared.type.lower() in _TEXTS and _opens(sealer, scope, value):
            return value
        raise _wrong_type(declared, value, target)
    typed = _typed(declared, value, target)
    return seal_value(sealer, scope, typed) if declared.is_secret and isinstance(typed, str) else typed


def _opens(sealer: Sealer, scope: str, value: Json) -> bool:
    try:
        open_value(sealer, scope, value)
    except Problem:
        return False
    return True


def _typed(declared: Declared, value: Json, target: str) -> Json:
    convert = _CONVERSIONS.get(declared.type.lower())
    if convert is None or value is None:
        return value
    try:
        return convert(value)
    except _MismatchError:
        raise _wrong_type(declared, value, target) from None


def _wrong_type(declared: Declared, value: Json, target: str) -> Refusal:
    return bad_request(
        f"The pipeline parameter '{declared.name}' is of type '{declared.type}'; a value of type '{kind_of(value)}' was given, "
        "which cannot become one.",
        target,
    )


def _string(value: Json) -> Json:
    if isinstance(value, str | int | float):
        return text_of(value)
    raise _MismatchError


def _int(value: Json) -> Json:
    if isinstance(value, bool):
        raise _MismatchError
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and -_BOUND <= value < _BOUND:
        return value
    raise _MismatchError


def _float(value: Json) -> Json:
    if isinstance(value, bool):
        raise _MismatchError
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and abs(value) < 10**308:
        return float(value)
    raise _MismatchError


def _bool(value: Json) -> Json:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise _MismatchError


def _array(value: Json) -> Json:
    if isinstance(value, list):
        return value
    raise _MismatchError


def _object(value: Json) -> Json:
    if isinstance(value, dict):
        return value
    raise _MismatchError


def _secure(value: Json) -> Json:
    if isinstance(value, str):
        return value
    raise _MismatchError


_CONVERSIONS: Mapping[str, Callable[[Json], Json]] = {
    "string": _string,
    "int": _int,
    "integer": _int,
    "float": _float,
    "bool": _bool,
    "boolean": _bool,
    "array": _array,
    "object": _object,
    SECURE: _secure,
}
