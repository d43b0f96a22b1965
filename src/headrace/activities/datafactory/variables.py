"""SetVariable and AppendVariable (contract 7.5 and 8.1), and the return value of a pipeline."""

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from headrace.activities.datafactory.attempt import Attempt, Object, Refused, Result, flag, refused
from headrace.activities.datafactory.system import declared_variable, initial_value
from headrace.activities.datafactory.words import BAD_REQUEST, INVALID_TEMPLATE
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.outcome import Outcome, VariableChange
from headrace.language.datafactory.values import kind_of, text_of

RETURN_VALUE = "pipelineReturnValue"
"""The variable that holds what the pipeline returns."""
MAX_RETURN_VALUE = 4 << 20
"""Bytes of JSON that a return value may have."""
_LONGEST_NUMBER = 300
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "string": "String",
        "bool": "Boolean",
        "boolean": "Boolean",
        "integer": "Integer",
        "int": "Integer",
        "array": "Array",
    }
)


def set_variable(attempt: Attempt) -> Result:
    """Set a variable, or the pipeline's return value."""
    if attempt.raw("setSystemVariable") is True:
        # What is returned has a limit of its own, and stands in the input and in the output.
        attempt.max_payload = 4 * MAX_RETURN_VALUE
    given = attempt.given()
    name = given.get("variableName")
    if flag(given.get("setSystemVariable"), "setSystemVariable"):
        return _set_return_value(name, given.get("value"))
    declared, value = _declared(attempt, name), given.get("value")
    expected = _TYPES.get(str(declared.get("type", "")).lower())
    if expected is not None and kind_of(value) != expected:
        raise _wrong_type(declared, expected, value)
    variable = str(declared["name"])
    return Outcome({"name": variable, "value": value}, changes=(VariableChange(variable, value),))


def append_variable(attempt: Attempt) -> Result:
    """Put a value behind the elements of an array."""
    given = attempt.given()
    declared, value = _declared(attempt, given.get("variableName")), given.get("value")
    variable, kind = str(declared["name"]), _TYPES.get(str(declared.get("type", "")).lower())
    if kind != "Array":
        message = (
            f"The variable '{variable}' of type '{kind or declared.get('type')}' cannot be appended to. "
            "Only variables of type 'Array' can."
        )
        raise refused(INVALID_TEMPLATE, message, Code.EXPRESSION_TYPE)
    change = VariableChange(variable, value, append=True, base=initial_value(declared))
    return Outcome({"name": variable, "value": value}, changes=(change,))


def return_value(pairs: Json) -> Object:
    """Return the object that ``[{"key": …, "value": {"type": …, "content": …}}]``, evaluated, describes.

    Raises:
        Refused: it is something else, or a content does not have its type.
    """
    if not isinstance(pairs, Sequence) or isinstance(pairs, str):
        raise _no_return_value("a list of keys and values")
    found: dict[str, Json] = {}
    for pair in pairs:
        key = pair.get("key") if isinstance(pair, Mapping) else None
        if not isinstance(pair, Mapping) or not isinstance(key, str):
            raise _no_return_value("a list of objects with 'key' and 'value'")
        found[key] = _content(pair.get("value"), key)
    return found


def _set_return_value(name: Json, value: Json) -> Outcome:
    if not isinstance(name, str) or name.lower() != RETURN_VALUE.lower():
        raise refused(BAD_REQUEST, f"'{name}' is no system variable that can be set; '{RETURN_VALUE}' can.")
    returned = return_value(value)
    size = len(json.dumps(returned, ensure_ascii=False).encode("utf-8", "replace"))
    if size > MAX_RETURN_VALUE:
        message = f"The return value has {size} bytes; at most {MAX_RETURN_VALUE} are allowed."
        raise refused(BAD_REQUEST, message, Code.LIMIT_EXCEEDED)
    return Outcome({"name": RETURN_VALUE, "value": returned}, changes=(VariableChange(RETURN_VALUE, returned),))


def _content(value: Json, key: str) -> Json:
    """Return the value of one typed content."""
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        raise _no_return_value(f"an object with 'type' and 'content' for the key '{key}'")
    kind, content = str(value["type"]), value.get("content")
    match kind.lower():
        case "expression":
            return content
        case "null":
            return None
        case "string":
            return text_of(content)
        case "boolean" | "bool":
            return flag(content, key)
        case "int" | "integer":
            return _number(content, key, kind, whole=True)
        case "float":
            return _number(content, key, kind, whole=False)
        case "array" if isinstance(content, list):
            return [_content(item, key) for item in content]
        case "object" if isinstance(content, list):
            return return_value(content)
    raise _no_return_value(f"content of type {kind} for the key '{key}', not of type '{kind_of(content)}'")


def _number(content: Json, key: str, kind: str, *, whole: bool) -> Json:
    number = content
    if isinstance(content, str) and len(content) <= _LONGEST_NUMBER:
        try:
            number = int(content) if whole else float(content)
        except ValueError:
            number = content
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise _no_return_value(f"content of type {kind} for the key '{key}', not of type '{kind_of(content)}'")
    if not whole:
        return float(number)
    if isinstance(number, float) and not number.is_integer():
        raise _no_return_value(f"a whole number for the key '{key}'")
    return int(number)


def _no_return_value(expected: str) -> Refused:
    return refused(BAD_REQUEST, f"The value of '{RETURN_VALUE}' must be {expected}.")


def _declared(attempt: Attempt, name: Json) -> Object:
    try:
        return declared_variable(attempt.run, str(name))
    except LookupError:
        message = f"The variable '{name}' is not declared in pipeline '{attempt.run.flow_name}'."
        raise refused(INVALID_TEMPLATE, message, Code.EXPRESSION_TYPE) from None


def _wrong_type(declared: Object, expected: str, value: Json) -> Refused:
    message = (
        f"The variable '{declared['name']}' of type '{expected}' cannot be initialized or updated with value of type '{kind_of(value)}'. "
        f"The variable '{declared['name']}' only supports values of types '{expected}'."
    )
    return refused(INVALID_TEMPLATE, message, Code.EXPRESSION_TYPE)
