"""The functions that make one type of value from another."""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from headrace.core.codec import Json
from headrace.language.datafactory.jsontext import read_json
from headrace.language.datafactory.table import Call, Function
from headrace.language.datafactory.values import BLANKS, content_of
from headrace.language.datafactory.xmlvalues import as_json, is_xml

_INT64: Final = 2**63
_INT64_DIGITS: Final = 19
_MOST_CHARACTERS: Final = 1_000
# As .NET reads numbers: a comma may stand anywhere behind the first digit of the whole part.
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_NUMBER_BLANKS: Final = "\t\n\v\f\r "


def _array(call: Call) -> Json:
    (value,) = call.arguments
    return value if isinstance(value, list) else [value]


def _create_array(call: Call) -> Json:
    return list(call.arguments)


def _bool(call: Call) -> Json:
    (value,) = call.arguments
    if isinstance(value, int | float):
        return value != 0
    word = value.strip(BLANKS).lower() if isinstance(value, str) else ""
    if word not in {"true", "false"}:
        raise call.not_convertible()
    return word == "true"


def _int(call: Call) -> Json:
    (value,) = call.arguments
    number: Decimal | None = None
    if isinstance(value, int):
        number = Decimal(int(value))  # json() keeps more than 64 bits
    elif isinstance(value, float) and math.isfinite(value):
        number = Decimal(value)
    elif isinstance(value, str):
        digits = _digits(value)
        number = None if digits is None else Decimal(digits)
    if number is None or number.adjusted() >= _INT64_DIGITS or number != number.to_integral_value():
        raise call.not_convertible()
    whole = int(number)
    if not -_INT64 <= whole < _INT64:
        raise call.not_convertible()
    return whole


def _float(call: Call) -> Json:
    (value,) = call.arguments
    digits = _digits(value) if isinstance(value, str) else value
    if digits is None or isinstance(digits, list | dict):
        raise call.not_convertible()
    try:
        number = float(digits)  # type: ignore[arg-type]  # text of digits or a number
    except OverflowError:
        raise call.not_convertible() from None
    if not math.isfinite(number):
        raise call.not_convertible()
    return number


def _digits(text: str) -> str | None:
    """Return a number's text without blanks and commas, or None where it is none."""
    bare = text.strip(_NUMBER_BLANKS)
    return bare.replace(",", "") if len(bare) <= _MOST_CHARACTERS and _NUMBER.fullmatch(bare) else None


def _string(call: Call) -> Json:
    return call.text_form(call.arguments[0])


def _json(call: Call) -> Json:
    (value,) = call.arguments
    content = content_of(value)
    text = value if content is None else content.decode(errors="replace")
    try:
        if is_xml(value):
            return as_json(value)
        if isinstance(text, str):
            call.budget.produce_text(len(text))
            return read_json(text)
    except ValueError as error:
        raise call.refusal(
            f"The function 'json' parameter is not valid. The provided value cannot be parsed: {error}."
        ) from None
    raise call.wrong_type(0, "to be a string or an XML")


def _function(
    name: str,
    implementation: Callable[[Call], Json],
    doc: str,
    example: str,
    expects: str,
    *,
    most: int | None = 1,
) -> Function:
    syntax = f"{name}(value)" if most else f"{name}(value, …)"
    return Function(name, 1, most, implementation, "Conversion", syntax, doc, example, expects)


FUNCTIONS: Final = (
    _function(
        "array",
        _array,
        "An array as it is; anything else as the only element of one.",
        "array('hello')",
        "one parameter: the value to convert to an array",
    ),
    _function(
        "createArray",
        _create_array,
        "An array of the values.",
        "createArray('h', 1, true, null)",
        "",
        most=None,
    ),
    _function(
        "bool",
        _bool,
        "A boolean of `true` or `false` as text, in any case, or of a number (0 is false).",
        "bool('False')",
        "one parameter: the value that is to be converted to a boolean",
    ),
    _function(
        "int",
        _int,
        "An integer of a number without fraction, of a boolean, or of text (`'1,000'`, `'1e3'`).",
        "int('1,000')",
        "one parameter: the value that is to be converted to an integer",
    ),
    _function(
        "float",
        _float,
        "A float of a number, a boolean, or of text.",
        "float('1.10')",
        "one parameter: the value that is to be converted to a floating point number",
    ),
    _function(
        "string",
        _string,
        "The text form.",
        "string(1.50)",
        "one parameter: the value that is to be converted to a string",
    ),
    _function(
        "json",
        _json,
        "The value of a JSON text (also of bytes that hold one), read tolerantly, or of XML (`@attribute`, `#text`). Of `''` null.",
        "json('{a: [1, 2.0,]}')",
        "one parameter: the string or XML to convert to JSON",
    ),
)
