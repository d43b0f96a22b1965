"""The functions that convert, encode and decode."""

import pytest

from headrace.core.codec import Json
from headrace.language.datafactory.jsontext import read_json
from headrace.language.datafactory.limits import Budget
from headrace.language.datafactory.values import same
from language.datafactory.evaluating import assert_value, refusal_of

OCTETS = "application/octet-stream"
NOT_CONVERTIBLE = "was invoked with a parameter that is not valid. The value cannot be converted to the target type."
NOT_BASE64 = "was invoked with a parameter that is not valid. The value cannot be decoded from base64 representation."


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("array(null)", [None]),
        ("array(json('[]'))", []),
        ("createArray(null)", [None]),
        ("bool(' tRUE\t')", True),
        ("bool('false')", False),
        ("bool(-0.0)", False),
        ("bool(0.1)", True),
        ("bool(-2)", True),
        ("bool(true)", True),
        ("int(true)", 1),
        ("int(false)", 0),
        ("int(-7.0)", -7),
        ("int('+5')", 5),
        ("int(' -5\t')", -5),
        ("int('1,0,00')", 1000),
        ("int('1.')", 1),
        ("int('5.00')", 5),
        ("int('2.5e1')", 25),
        ("int('1E+2')", 100),
        ("int('9223372036854775807')", 9223372036854775807),
        ("int('-9223372036854775808')", -9223372036854775808),
        ("int('9223372036854775807.0')", 9223372036854775807),
        ("float('1,234.5')", 1234.5),
        ("float('-.5')", -0.5),
        ("float('+1e2')", 100.0),
        ("float(3)", 3.0),
        ("float(false)", 0.0),
        ("base64(createArray(1.0, 'é'))", "WzEuMCwiw6kiXQ=="),
        ("base64ToString('w6 k=')", "é"),
        ("base64ToString('/w==')", "\ufffd"),
        ("string(base64ToBinary(' aG	k='))", "hi"),
        ("base64ToBinary('')", {"$content-type": OCTETS, "$content": ""}),
        ("binary(true)", {"$content-type": OCTETS, "$content": "VHJ1ZQ=="}),
        ("binary('')", {"$content-type": OCTETS, "$content": ""}),
        ("binary(createArray(1.0))", {"$content-type": OCTETS, "$content": "WzEuMF0="}),
        ("binary(base64ToBinary('/w=='))", {"$content-type": OCTETS, "$content": "/w=="}),
        ("concat(binary('hi'), '!')", "hi!"),
        ("string(createArray(binary('hi')))", '[{"$content-type":"application/octet-stream","$content":"aGk="}]'),
        ("dataUri(1.0)", "data:application/json;charset=utf-8;base64,MS4w"),
        ("dataUri(true)", "data:application/json;charset=utf-8;base64,dHJ1ZQ=="),
        ("dataUri(createArray('a'))", "data:application/json;charset=utf-8;base64,WyJhIl0="),
        ("dataUri('')", "data:text/plain;charset=utf-8;base64,"),
        ("dataUriToString('data:,a\ud83d')", "a?"),
        ("dataUriToString('data:;base64,aGVsbG8=')", "hello"),
        ("dataUriToString('DATA:text/html,%C3%A9+1')", "é+1"),
        ("dataUriToString('data:text/plain;charset=iso-8859-1,%E9')", "é"),
        ("decodeDataUri('data:,a,b')", "a,b"),
        ("dataUriToBinary('data:,a%20b')", {"$content-type": "text/plain", "$content": "YSBi"}),
        ("dataUriToBinary('data:image/png;base64,/w==')", {"$content-type": "image/png", "$content": "/w=="}),
        ("uriComponent(null)", ""),
        ("uriComponent(true)", "True"),
        ("uriComponent(2.0)", "2"),
        ("uriComponent('a b', 1, true, null)", "a%20b1True"),
        ("encodeUriComponent('a', '/')", "a%2F"),
        ("json(binary('{\"a\":[1]}'))", {"a": [1]}),
        ("uriComponent(createArray('a'))", "%5B%22a%22%5D"),
        ("uriComponent('aZ09-_.~!*()''')", "aZ09-_.~%21%2A%28%29%27"),
        ("encodeUriComponent('😀')", "%F0%9F%98%80"),
        ("uriComponentToString('%zz%2+%41')", "%zz%2 A"),
        ("decodeUriComponent('%2B')", "+"),
        ("uriComponentToBinary('%FF')", {"$content-type": OCTETS, "$content": "/w=="}),
    ],
)
def test_a_value_is_converted(expression: str, value: Json) -> None:
    """In type and value."""
    assert_value(f"@{expression}", value)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("bool", ["null", "''", "'1'", "'yes'", "json('[]')", "json('{}')"]),
        ("int", ["null", "''", "' '", "'abc'", "10.9", "'10.5'", "'1 0'", "',1'", "'5-'", "'1e'", "'0x1'", "'1e99'", "1e19", "json('[]')"]),
        ("int", ["'9223372036854775808'", "'-9223372036854775809'", "9223372036854775808.0", "'1e-1'", "'1.2.3'", "'(5)'", "'٣'"]),
        ("int", ["json('9223372036854775808')"]),
        ("float", ["null", "''", "'abc'", "'1e400'", "'NaN'", "'Infinity'", "'.'", "'1.5.5'", "'- 1'", "'1-'", "json('{}')"]),
        ("binary", ["null"]),
        ("dataUri", ["null"]),
    ],
)  # fmt: skip
def test_what_does_not_convert_is_refused(function: str, arguments: list[str]) -> None:
    """With one text for all of it."""
    for argument in arguments:
        assert refusal_of(f"@{function}({argument})") == f"The function '{function}' {NOT_CONVERTIBLE}", argument


@pytest.mark.parametrize("function", ["base64ToString", "base64ToBinary", "decodeBase64"])
def test_base64_is_read_strictly(function: str) -> None:
    """Missing or superfluous padding and foreign characters are refused."""
    for text in ("a", "aGVsbG8", "aGVsbG8==", "aGVs!G8=", "aG=sbG8=", "====", "aGVsbG8-"):
        assert refusal_of(f"@{function}('{text}')") == f"The function '{function}' {NOT_BASE64}", text


@pytest.mark.parametrize("function", ["dataUriToString", "dataUriToBinary", "decodeDataUri"])
def test_a_data_uri_is_read_strictly(function: str) -> None:
    """The text that was given is repeated."""
    for text in ("", "hello", "data:hello", "data:text/plain;base64,a", "data:;base64,é", "http://a,b"):
        assert refusal_of(f"@{function}('{text}')") == (
            f"The function '{function}' expects its parameter to be formatted as a valid data URI. "
            f"The provided value '{text}' was not formatted correctly."
        )


@pytest.mark.parametrize(
    "function",
    [
        *("base64ToString", "base64ToBinary", "decodeBase64", "dataUriToString", "dataUriToBinary", "decodeDataUri"),
        *("uriComponentToString", "uriComponentToBinary", "decodeUriComponent", "toLower", "toUpper"),
    ],
)
def test_what_decodes_takes_texts_only(function: str) -> None:
    """Null is not a text."""
    for argument, kind in (
        ("null", "Null"),
        ("1", "Integer"),
        ("1.5", "Float"),
        ("true", "Boolean"),
        ("json('[]')", "Array"),
    ):
        assert refusal_of(f"@{function}({argument})") == (
            f"The function '{function}' expects its parameter to be a string. The provided value is of type '{kind}'."
        )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (" \t\n", None),
        ("null", None),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("12345678901234567890123", 12345678901234567890123),
        ('{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
        ("{a:1,$b_2:2,'c d':3,}", {"a": 1, "$b_2": 2, "c d": 3}),
        ("{'it\\'s': 'a\"b'}", {"it's": 'a"b'}),
        ("[1,[],{},]", [1, [], {}]),
        ("['\\u00e9\\n\\/']", ["é\n/"]),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud83d"', "\ufffd"),
        ("'\\ud83d\\ude00'", "😀"),
        ('["tab\tand\nline"]', ["tab\tand\nline"]),
        ("/* so */ [1, // or so\n 2]", [1, 2]),
        ("0x1F", 31),
        ("\ufeff[1]", [1]),
        ("010", 8),
        ("-010", -10),
        ("00", 0),
        ("[,]", [None]),
        ("[1,,2]", [1, None, 2]),
        ("{a:,b:undefined}", {"a": None, "b": None}),
    ],
)
def test_json_is_read_tolerantly(text: str, value: Json) -> None:
    """As the service reads it: what people write by hand is taken."""
    assert same(read_json(text), value, Budget())


@pytest.mark.parametrize(
    "text",
    [
        *(
            "{",
            "[",
            '"a',
            "'a",
            '{"a"',
            '{"a":',
            '{"a":1',
            "[1",
            "[1,",
            "1 2",
            "[1]]",
            "{} x",
            "abc",
            "TRUE",
            "True",
            "nul",
        ),
        *(
            "{1,2}",
            "[1 2]",
            "{a 1}",
            "{,}",
            ",",
            "NaN",
            "Infinity",
            "undefine",
            "+1",
            "-",
            "1.2.3",
            "1e",
            "0x",
            "1e999",
        ),
        *('"\\x"', '"\\u12"', "<a/>", "/* ", "{a:'b}", "08", "00.5", "-0x1F"),
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Truncated text and text behind the value too."""
    with pytest.raises(ValueError, match=r"at position '[0-9]+'"):
        read_json(text)
    quoted = text.replace("'", "''")
    assert refusal_of(f"@json('{quoted}')").startswith("The function 'json' parameter is not valid. ")


@pytest.mark.parametrize("argument", ["null", "1", "1.5", "true", "createArray('1')", "json('{}')"])
def test_json_takes_texts_and_xml_only(argument: str) -> None:
    """What is JSON already is refused."""
    assert refusal_of(f"@json({argument})").startswith(
        "The function 'json' expects its parameter to be a string or an XML."
    )
