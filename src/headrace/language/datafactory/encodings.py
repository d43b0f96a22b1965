"""The functions of base64, data URIs, percent encoding, and of values that hold bytes."""

import base64
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.language.datafactory.table import Call, Function
from headrace.language.datafactory.values import BLANKS, content_of, content_value, from_base64, json_text

OCTETS: Final = "application/octet-stream"

_DATA_URI: Final = re.compile(
    r"data:(?P<type>[^,;]*)(?P<parameters>(?:;[^,;]*)*),(?P<data>.*)", re.DOTALL | re.IGNORECASE
)
_UNESCAPED: Final = "-_.~"
_CHARSETS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}


def _encode(text: str) -> bytes:
    return text.encode(errors="replace")


def _base64(call: Call) -> Json:
    (value,) = call.arguments
    if not isinstance(value, str | list | dict):
        raise call.wrong_type(0, "to be a string, an object or an array")
    return _base64_text(call, value if isinstance(value, str) else json_text(value))


def _base64_text(call: Call, text: str) -> str:
    content = _encode(text)
    call.budget.produce_text(len(content) * 4 // 3)
    return base64.b64encode(content).decode()


def _decoded(call: Call, text: str) -> bytes:
    call.budget.produce_text(len(text))
    try:
        return from_base64(text)
    except ValueError:
        raise call.refusal(
            f"The function '{call.name}' was invoked with a parameter that is not valid. "
            "The value cannot be decoded from base64 representation."
        ) from None


def _base64_to_string(call: Call) -> Json:
    return _decoded(call, call.text(0, "to be a string")).decode(errors="replace")


def _base64_to_binary(call: Call) -> Json:
    text = call.text(0, "to be a string")
    _decoded(call, text)
    return {"$content-type": OCTETS, "$content": text}


def _binary(call: Call) -> Json:
    (value,) = call.arguments
    if value is None:
        raise call.not_convertible()
    content = content_of(value)
    return content_value(OCTETS, _encode(call.text_form(value)) if content is None else content)


def _data_uri(call: Call) -> Json:
    (value,) = call.arguments
    if value is None:
        raise call.not_convertible()
    if isinstance(value, str):
        return f"data:text/plain;charset=utf-8;base64,{_base64_text(call, value)}"
    return f"data:application/json;charset=utf-8;base64,{_base64_text(call, json_text(value))}"


def _data_uri_to_string(call: Call) -> Json:
    type_, content = _data_of(call)
    charset = re.search(r";\s*charset\s*=\s*\"?([^;\"]+)", type_, re.IGNORECASE)
    encoding = _CHARSETS.get(charset.group(1).strip().lower()) if charset else "utf-8"
    if encoding is None:
        raise _no_data_uri(call)
    return content.decode(encoding, errors="replace")


def _data_uri_to_binary(call: Call) -> Json:
    type_, content = _data_of(call)
    return content_value(type_, content)


def _data_of(call: Call) -> tuple[str, bytes]:
    """Return the type (with its parameters) and the bytes of the data URI that is the argument."""
    text = call.text(0, "to be a string")
    call.budget.produce_text(len(text))
    found = _DATA_URI.fullmatch(text.strip(BLANKS))
    if found is None:
        raise _no_data_uri(call)
    parameters, data = found["parameters"], unquote_to_bytes(_encode(found["data"]))
    if parameters.lower().endswith(";base64"):
        parameters = parameters[: -len(";base64")]
        try:
            data = from_base64(data.decode("ascii"))
        except ValueError:
            raise _no_data_uri(call) from None
    return (found["type"] or "text/plain") + parameters, data


def _no_data_uri(call: Call) -> Problem:
    return call.refusal(
        f"The function '{call.name}' expects its parameter to be formatted as a valid data URI. "
        f"The provided value '{call.arguments[0]}' was not formatted correctly."
    )


def _uri_component(call: Call) -> Json:
    text = call.joined([call.text_form(value) for value in call.arguments])
    call.budget.produce_text(3 * len(text))
    return quote(text, safe=_UNESCAPED, errors="replace")


def _uri_component_to_string(call: Call) -> Json:
    return _unescaped(call).decode(errors="replace")


def _uri_component_to_binary(call: Call) -> Json:
    return content_value(OCTETS, _unescaped(call))


def _unescaped(call: Call) -> bytes:
    text = call.text(0, "to be a string")
    call.budget.produce_text(len(text))
    return unquote_to_bytes(_encode(text.replace("+", " ")))


def _function(  # noqa: PLR0913 — the columns of a table
    name: str,
    implementation: Callable[[Call], Json],
    argument: str,
    doc: str,
    example: str,
    expects: str,
    *,
    most: int | None = 1,
) -> Function:
    return Function(name, 1, most, implementation, "Conversion", f"{name}({argument})", doc, example, expects)


_BASE64: Final = "one parameter: the base64 representation to decode"
_DATA_URI_TEXT: Final = "one parameter: the data URI to decode"
_URI: Final = "one parameter: the URI component to decode"
_TO_URI: Final = "at least one parameter: the value to convert to URI component"

FUNCTIONS: Final = (
    _function(
        "base64",
        _base64,
        "value",
        "The base64 form of a text, or of the JSON text of an array or object.",
        "base64('hello')",
        "one parameter: the string to encode into base64 representation",
    ),
    _function(
        "base64ToBinary",
        _base64_to_binary,
        "text",
        "The bytes of a base64 text, as an object of `$content-type` and `$content`.",
        "base64ToBinary('aGVsbG8=')",
        _BASE64,
    ),
    _function(
        "base64ToString",
        _base64_to_string,
        "text",
        "The UTF-8 text of a base64 text.",
        "base64ToString('aGVsbG8=')",
        _BASE64,
    ),
    _function("decodeBase64", _base64_to_string, "text", "Like `base64ToString`.", "decodeBase64('aGVsbG8=')", _BASE64),
    _function(
        "binary",
        _binary,
        "value",
        "The bytes of a value's text form, as an object of `$content-type` and `$content`.",
        "binary('hi')",
        "one parameter: the value to convert to binary",
    ),
    _function(
        "dataUri",
        _data_uri,
        "value",
        "The data URI of a text, or of the JSON text of another value.",
        "dataUri('hello')",
        "one parameter: the value to be converted to a data URI",
    ),
    _function(
        "dataUriToBinary",
        _data_uri_to_binary,
        "uri",
        "The bytes of a data URI, as an object with its type.",
        "dataUriToBinary('data:text/plain;charset=utf-8;base64,aGVsbG8=')",
        _DATA_URI_TEXT,
    ),
    _function(
        "dataUriToString",
        _data_uri_to_string,
        "uri",
        "The text of a data URI, in base64 or percent encoding.",
        "dataUriToString('data:,hello%20world')",
        _DATA_URI_TEXT,
    ),
    _function(
        "decodeDataUri",
        _data_uri_to_string,
        "uri",
        "Like `dataUriToString`.",
        "decodeDataUri('data:,A%20B')",
        _DATA_URI_TEXT,
    ),
    _function(
        "uriComponent",
        _uri_component,
        "value, …",
        "The text forms behind each other, percent-encoded but for letters, digits and `-_.~`; null is empty.",
        "uriComponent('a b/c')",
        _TO_URI,
        most=None,
    ),
    _function(
        "encodeUriComponent",
        _uri_component,
        "value, …",
        "Like `uriComponent`.",
        "encodeUriComponent('é')",
        _TO_URI,
        most=None,
    ),
    _function(
        "uriComponentToBinary",
        _uri_component_to_binary,
        "text",
        "The decoded bytes, as an object of `$content-type` and `$content`.",
        "uriComponentToBinary('a%20b')",
        _URI,
    ),
    _function(
        "uriComponentToString",
        _uri_component_to_string,
        "text",
        "The decoded text; `+` is a blank, a malformed escape stays.",
        "uriComponentToString('a%20b+c')",
        _URI,
    ),
    _function(
        "decodeUriComponent",
        _uri_component_to_string,
        "text",
        "Like `uriComponentToString`.",
        "decodeUriComponent('a%20b')",
        _URI,
    ),
)
