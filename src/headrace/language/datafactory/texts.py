"""The functions of texts. Positions and lengths are UTF-16 units, as in .NET."""

from typing import Final

from headrace.core.codec import Json
from headrace.language.datafactory.table import Call, Function
from headrace.language.datafactory.values import BLANKS, lower, upper, utf16_length, utf16_slice

_GUID_FORMATS: Final = "N, D, B, P, X"


def _concat(call: Call) -> Json:
    return call.joined([call.text_form(value) for value in call.arguments])


def _starts_with(call: Call) -> Json:
    text, start = call.text(0), call.text(1)
    return upper(text[: len(start)]) == upper(start)


def _ends_with(call: Call) -> Json:
    text, end = call.text(0), call.text(1)
    return len(end) <= len(text) and upper(text[len(text) - len(end) :]) == upper(end)


def _index_of(call: Call) -> Json:
    text, wanted = _upper(call, 0), _upper(call, 1)
    return _units(text, text.find(wanted))


def _last_index_of(call: Call) -> Json:
    text, wanted = _upper(call, 0), _upper(call, 1)
    return _units(text, text.rfind(wanted))


def _upper(call: Call, index: int) -> str:
    text = call.text(index)
    call.budget.produce_text(len(text))
    return upper(text)


def _units(text: str, at: int) -> int:
    return at if at < 0 else utf16_length(text[:at])


def _replace(call: Call) -> Json:
    text = call.text(0, "'string' to be a string")
    old, new = call.text(1, "'old string' to be a string"), call.text(2, "'new string' to be a string")
    if not old:
        raise call.refusal(
            "The function 'replace' expects its second parameter 'old string' to be a string that is not empty. "
            "The provided value is of type 'String'."
        )
    growth = len(new) - len(old)
    call.budget.produce_text(len(text) + (text.count(old) * growth if growth > 0 else 0))
    return text.replace(old, new)


def _split(call: Call) -> Json:
    text, separator = call.text(0), call.text(1)
    if not separator:
        return [text]
    call.budget.produce_elements(text.count(separator) + 1)
    return [*text.split(separator)]


def _substring(call: Call) -> Json:
    text = call.text(0, "to be a string")
    start = call.integer(1, "'start index' to be an integer")
    length = utf16_length(text)
    count = call.integer(2, "'length' to be an integer") if len(call) > 2 else length - start
    if not 0 <= start < length:
        raise call.refusal(
            "The function 'substring' parameter is out of range: 'start index' must be non-negative integer "
            "and should be less than the length of the string."
        )
    if count < 0 or start + count > length:
        raise call.refusal(
            "The function 'substring' parameters are out of range: 'start index' and 'length' must be non-negative integers "
            "and their sum must be no larger than the length of the string."
        )
    return utf16_slice(text, start, start + count)


def _to_lower(call: Call) -> Json:
    text = call.text(0, "to be a string")
    call.budget.produce_text(len(text))
    return lower(text)


def _to_upper(call: Call) -> Json:
    text = call.text(0, "to be a string")
    call.budget.produce_text(len(text))
    return upper(text)


def _trim(call: Call) -> Json:
    (text,) = call.arguments
    if not isinstance(text, str):
        raise call.refusal("The provided parameters for function 'trim' are not valid.")
    return text.strip(BLANKS)


def _guid(call: Call) -> Json:
    wanted = call.text(0) if len(call) else "D"
    # Version 4, variant 1, of RFC 9562; uuid4() would ask the system for its chance.
    number = call.state.random().getrandbits(128) & ~(0xF << 76) | 4 << 76
    digits = f"{number & ~(3 << 62) | 2 << 62:032x}"
    dashed = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    match wanted:
        case "D":
            return dashed
        case "N":
            return digits
        case "B":
            return f"{{{dashed}}}"
        case "P":
            return f"({dashed})"
        case "X":
            octets = ",".join(f"0x{digits[at : at + 2]}" for at in range(16, 32, 2))
            return f"{{0x{digits[:8]},0x{digits[8:12]},0x{digits[12:16]},{{{octets}}}}}"
    raise call.refusal(
        f"The function 'guid' format parameter '{wanted}' is not supported. The supported formats are: '{_GUID_FORMATS}'."
    )


FUNCTIONS: Final = (
    Function(
        "concat",
        1,
        None,
        _concat,
        "String",
        "concat(value, …)",
        "The text forms of all values, one behind the other; null is empty.",
        "concat('a', 1, true, null)",
    ),
    Function(
        "startsWith",
        2,
        2,
        _starts_with,
        "String",
        "startsWith(text, start)",
        "Whether the text begins so, ignoring case; with `''` true.",
        "startsWith('Hello', 'he')",
        "two parameters: the string as the first parameter, the value to check as the second parameter",
    ),
    Function(
        "endsWith",
        2,
        2,
        _ends_with,
        "String",
        "endsWith(text, end)",
        "Whether the text ends so, ignoring case; with `''` true.",
        "endsWith('report.CSV', '.csv')",
        "two parameters: the string as the first parameter, the value to check as the second parameter",
    ),
    Function(
        "indexOf",
        2,
        2,
        _index_of,
        "String",
        "indexOf(text, part)",
        "Where the part begins for the first time, ignoring case; -1 where it is not.",
        "indexOf('a/b/c', '/')",
        "two parameters: the string to search inside of as the first parameter, and the string to find as the second parameter",
    ),
    Function(
        "lastIndexOf",
        2,
        2,
        _last_index_of,
        "String",
        "lastIndexOf(text, part)",
        "Where the part begins for the last time, ignoring case; -1 where it is not.",
        "lastIndexOf('a/b/c', '/')",
        "two parameters: the string to search inside of as the first parameter, and the string to find as the second parameter",
    ),
    Function(
        "replace",
        3,
        3,
        _replace,
        "String",
        "replace(text, old, new)",
        "The text with every `old` replaced, with regard to case. `old` must not be empty.",
        "replace('the old string', 'old', 'new')",
        "three string parameters: the string to replace characters inside of as the first parameter, the string that will be "
        "replaced by the new string as the second parameter, and the new string as the third parameter",
    ),
    Function(
        "split",
        2,
        2,
        _split,
        "String",
        "split(text, separator)",
        "The parts between separators, empty ones too. With `''` the text is the only part.",
        "split('a,b,', ',')",
        "two parameters: the string to split as the first parameter, and the separator as the second parameter",
    ),
    Function(
        "substring",
        2,
        3,
        _substring,
        "String",
        "substring(text, start[, length])",
        "A part of the text; it must lie within, and `start` before the end.",
        "substring('hello', 1, 3)",
        "two or three parameters: the string as the first parameter, the start index as the second parameter, and an optional "
        "length as the third parameter",
    ),
    Function(
        "toLower",
        1,
        1,
        _to_lower,
        "String",
        "toLower(text)",
        "The text in lower case, one character to one.",
        "toLower('HeLLo')",
        "one parameter: the string to convert to lower casing",
    ),
    Function(
        "toUpper",
        1,
        1,
        _to_upper,
        "String",
        "toUpper(text)",
        "The text in upper case, one character to one (`ß` stays).",
        "toUpper('straße')",
        "one parameter: the string to convert to upper casing",
    ),
    Function(
        "trim", 1, 1, _trim, "String", "trim(text)", "The text without white space at both ends.", "trim('  a b ')"
    ),
    Function(
        "guid",
        0,
        1,
        _guid,
        "String",
        "guid([format])",
        "A new random identifier. Formats, in this case: `D` (default), `N`, `B`, `P`, `X`.",
        "guid('N')",
        "no parameters or an optional format parameter",
    ),
)
