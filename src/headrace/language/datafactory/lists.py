"""The functions of arrays, objects, and of texts as sequences of characters."""

import json
from collections.abc import Sequence
from typing import Final

from headrace.core.codec import Json
from headrace.language.datafactory.limits import Budget
from headrace.language.datafactory.state import matching
from headrace.language.datafactory.table import Call, makes
from headrace.language.datafactory.values import kind_of, same, utf16_length, utf16_slice

_ENCODER: Final = json.JSONEncoder(sort_keys=True)


def _contains(call: Call) -> Json:
    collection, wanted = call.arguments
    if isinstance(collection, list):
        call.budget.look_through(len(collection))
        return any(same(each, wanted, call.budget) for each in collection)
    if isinstance(collection, str | dict) and not isinstance(wanted, str):
        raise call.refusal(
            "The function 'contains' expects parameters of matching types: a dictionary and a key (string), an array and a value "
            f"(object), or a string and a substring. The provided types '{kind_of(collection)}' and '{kind_of(wanted)}' are "
            "incompatible."
        )
    if isinstance(collection, str):
        return str(wanted) in collection
    if isinstance(collection, dict):
        return wanted in collection or matching(str(wanted), collection) is not None
    raise call.refusal(
        "The function 'contains' expects its first argument 'collection' to be a dictionary (object), an array or a string. "
        f"The provided value is of type '{kind_of(collection)}'."
    )


def _empty(call: Call) -> Json:
    (value,) = call.arguments
    if value is None:
        return True
    if isinstance(value, str | list | dict):
        return not value
    raise call.wrong_type(0, "to be an object, an array or a string")


def _first(call: Call) -> Json:
    (value,) = call.arguments
    if isinstance(value, list):
        return value[0] if value else None
    if isinstance(value, str):
        return utf16_slice(value, 0, 1)
    raise call.wrong_type(0, "be an array or a string")


def _last(call: Call) -> Json:
    (value,) = call.arguments
    if isinstance(value, list):
        return value[-1] if value else None
    if isinstance(value, str):
        length = utf16_length(value)
        return utf16_slice(value, max(length - 1, 0), length)
    raise call.wrong_type(0, "be an array or a string")


def _length(call: Call) -> Json:
    (value,) = call.arguments
    if isinstance(value, list):
        return len(value)
    if isinstance(value, str):
        return utf16_length(value)
    raise call.wrong_type(0, "to be an array or a string")


def _skip(call: Call) -> Json:
    value, count = _collection(call)
    if isinstance(value, str):
        return utf16_slice(value, count, utf16_length(value))
    call.budget.produce_elements(max(len(value) - count, 0))
    return value[count:]


def _take(call: Call) -> Json:
    value, count = _collection(call)
    if isinstance(value, str):
        return utf16_slice(value, 0, count)
    call.budget.produce_elements(min(len(value), count))
    return value[:count]


def _collection(call: Call) -> tuple[str | list[Json], int]:
    value = call.arguments[0]
    if not isinstance(value, list | str):
        raise call.wrong_type(0, "'collection' to be an array or a string")
    count = call.integer(1, "'count' to be an integer")
    if count < 0:
        raise call.refusal(
            f"The function '{call.name}' parameters are out of range: 'count' must be a positive integer. "
            f"The provided valus is '{count}'."
        )
    return value, count


def _join(call: Call) -> Json:
    values = call.arguments[0]
    if not isinstance(values, list):
        raise call.wrong_type(0, "to be an array")
    separator = call.text(1)
    call.budget.look_through(len(values))
    return call.joined([call.text_form(value) for value in values], separator)


def _union(call: Call) -> Json:
    if _kind(call) == "Object":
        merged: dict[str, Json] = {}
        for each in call.arguments:
            if isinstance(each, dict):
                call.budget.produce_elements(len(each))
                merged.update(each)
        return merged
    distinct: dict[str, Json] = {}
    for array in call.arguments:
        if isinstance(array, list):
            call.budget.produce_elements(len(array))
            for each in array:
                distinct.setdefault(_identity(each, call.budget), each)
    return list(distinct.values())


def _intersection(call: Call) -> Json:
    if _kind(call) == "Object":
        first, *others = (each for each in call.arguments if isinstance(each, dict))
        call.budget.produce_elements(len(first))
        return {
            key: value
            for key, value in first.items()
            if all(key in other and same(value, other[key], call.budget) for other in others)
        }
    identities = [_distinct(array, call.budget) for array in call.arguments if isinstance(array, list)]
    return [value for key, value in identities[0].items() if all(key in other for other in identities[1:])]


def _distinct(array: Sequence[Json], budget: Budget) -> dict[str, Json]:
    budget.produce_elements(len(array))
    found: dict[str, Json] = {}
    for each in array:
        found.setdefault(_identity(each, budget), each)
    return found


def _identity(value: Json, budget: Budget) -> str:
    """Return a text that values have in common exactly if they are equal in type and value."""
    text = _ENCODER.encode(value)
    if "-0.0" in text:
        text = _ENCODER.encode(_without_negative_zero(value))
    budget.produce_text(len(text))
    budget.spend(2)
    return text


def _without_negative_zero(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_negative_zero(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_negative_zero(each) for each in value]
    return value + 0.0 if isinstance(value, float) else value


def _kind(call: Call) -> str:
    kinds = list(dict.fromkeys(kind_of(value) for value in call.arguments))
    if len(kinds) > 1:
        raise call.refusal(
            f"Function '{call.name}' expects parameters of same type, but found '{','.join(kinds)}' distinct types."
        )
    if kinds[0] not in {"Array", "Object"}:
        raise call.refusal(
            f"The function '{call.name}' expects either a comma separated list of arrays or a comma separated list of objects as its "
            f"parameters. The function was invoked with parameters of type '{kinds[0]}'."
        )
    return kinds[0]


_function = makes("Collection")


FUNCTIONS: Final = (
    _function(
        "contains",
        2,
        2,
        _contains,
        "contains(collection, value)",
        "Whether a text has a part (with regard to case), an array an element (equal in type and value), an object a key "
        "(ignoring case).",
        "contains(createArray(1, 'a'), 'a')",
        "two parameters: the collection to search inside of as the first parameter, and the value to find as the second parameter",
    ),
    _function(
        "empty",
        1,
        1,
        _empty,
        "empty(collection)",
        "Whether it is null, `''`, or an array or object without elements.",
        "empty('')",
        "one parameter: the object, array or string to test for emptiness",
    ),
    _function(
        "first",
        1,
        1,
        _first,
        "first(collection)",
        "The first element or character; null of an empty array, `''` of an empty text.",
        "first('hello')",
        "one parameter: the array or string to get the first element of",
    ),
    _function(
        "last",
        1,
        1,
        _last,
        "last(collection)",
        "The last element or character; null of an empty array, `''` of an empty text.",
        "last(split('a/b/c', '/'))",
        "one parameter: the array or string to get the last element of",
    ),
    _function(
        "length",
        1,
        1,
        _length,
        "length(collection)",
        "The number of elements of an array, or of UTF-16 units of a text.",
        "length('日本語')",
        "one parameter: the array or string to get the length of",
    ),
    _function(
        "skip",
        2,
        2,
        _skip,
        "skip(collection, count)",
        "An array or text without so many at its beginning.",
        "skip(createArray(0, 1, 2), 1)",
        "two parameters: the collection as the first parameter, and the count of elements to skip as the second parameter",
    ),
    _function(
        "take",
        2,
        2,
        _take,
        "take(collection, count)",
        "So many from the beginning of an array or text.",
        "take('abcde', 3)",
        "two parameters: the collection as the first parameter, and the count of elements to take as the second parameter",
    ),
    _function(
        "join",
        2,
        2,
        _join,
        "join(array, separator)",
        "The text forms of all elements, with the separator in between.",
        "join(createArray(1, true, null), ',')",
        "two parameters: the array of elements to join as the first parameter, and the element separator as the second parameter",
    ),
    _function(
        "union",
        2,
        None,
        _union,
        "union(collection, collection, …)",
        "Arrays: all elements once, equal ones by type and value. Objects: all keys, the later value wins.",
        "union(createArray(1, 2), createArray(2, 3))",
        "either a comma separated list of arrays or a comma separated list of objects as its parameters",
    ),
    _function(
        "intersection",
        2,
        None,
        _intersection,
        "intersection(collection, collection, …)",
        "Arrays: the elements that all have, in the order of the first. Objects: the keys with equal values in all.",
        "intersection(createArray(1, 2, 3), createArray(3, 1))",
        "either a comma separated list of arrays or a comma separated list of objects as its parameters",
    ),
)
