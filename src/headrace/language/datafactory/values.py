"""JSON values of the language: their kinds, their text forms, and when two are the same."""

from headrace.core.codec import Json


def kind_of(value: Json) -> str:
    """Return the name of a value's type, as messages have it."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, str):
        return "String"
    if isinstance(value, int):
        return "Integer"
    if isinstance(value, float):
        return "Float"
    return "Object" if isinstance(value, dict) else "Array"
