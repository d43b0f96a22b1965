"""Paths of XPath 1.0 on XML values."""

import base64
import time

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import Budget
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.templates import evaluate_text
from headrace.language.datafactory.xmltree import read
from headrace.language.datafactory.xpath import evaluate

SHOP = '<s xml:lang="en"><i p="1">a</i><i p="2">b<n/></i> <k></k><!-- c --></s>'
SPACES = '<p:a xmlns:p="u" p:x="&lt;&quot;" y="2"><b><p:c/></b></p:a>'

FOUND = [
    (SHOP, "/s/i[@p='2']/text()", ["b"]),
    (SHOP, "/s/i", ['<i p="1">a</i>', '<i p="2">b<n /></i>']),
    (SHOP, "s/i[1]", ['<i p="1">a</i>']),
    (SHOP, "i", []),
    (SHOP, "count(s/i[../k]) * count(*) + .5 * 2", 3.0),
    (SHOP, "s/k | child::s/i[@p='1']", ['<i p="1">a</i>', "<k></k>"]),
    (SHOP, "@p", []),
    (SHOP, ".", [SHOP.replace("<n/>", "<n />").replace("> <", "><")]),
    ("<div><and/></div>", "div/and", ["<and />"]),
    ("<div><and/></div>", "div and count(*) div 2 = .5", True),
    (SHOP, "//k | //n", ["<n />", "<k></k>"]),
    (SHOP, "/s/text()", []),
    (SHOP, "/s/i/@p", ['p="1"', 'p="2"']),
    (SHOP, "/s/@xml:lang", ['xml:lang="en"']),
    (SHOP, "/s/comment()", ["<!-- c -->"]),
    ("<a/>", "/", ["<a />"]),
    (SHOP, "/nothing", []),
    (SHOP, "count(//i)", 2.0),
    (SHOP, "sum(//@p) div 2", 1.5),
    (SHOP, "string(//i[last()])", "b"),
    (SHOP, "name(/*)", "s"),
    (SHOP, "//i = 'a'", True),
    (SHOP, "not(//k)", False),
    (SHOP, "translate('abc', 'b', '/')", "a/c"),
    ("<a>x<![CDATA[y]]>z</a>", "/a/text()", ["xyz"]),
    ("<a>5</a>", "/a > 3 and /a < 6", True),
    ('<?xml version="1.0" encoding="utf-16"?><a>ü</a>', "/a", ["<a>ü</a>"]),
    (SPACES, "/*/@*", ['p:x="&lt;&quot;"', 'y="2"']),
    (SPACES, "/*/*", ['<b><p:c xmlns:p="u" /></b>']),
    (SPACES, "//*[local-name()='c']", ['<p:c xmlns:p="u" />']),
    (SPACES, "/*/namespace::p", ['xmlns:p="u"']),
    ('<a xmlns="u"><b/></a>', "//b", []),
    ('<a xmlns="u"><b/></a>', "//*[name()='b']", ['<b xmlns="u" />']),
]

MALFORMED = ("", "///", "foo(", "count(//i", "/s/", "//i[", "p:x", "$v", "document('x')", "1 +", "nope()", "/s/\x00")


def found(xml: str, path: str) -> Json:
    """Return what a path finds, with the text of XML values in their place."""
    value = evaluate(read(xml), path, Budget())
    return [text_of(each) for each in value] if isinstance(value, list) else value


def text_of(value: Json) -> Json:
    """Return the text of an XML value, and any other value as it is."""
    if not isinstance(value, dict):
        return value
    assert value["$content-type"] == "application/xml;charset=utf-8"
    return base64.b64decode(str(value["$content"])).decode()


@pytest.mark.parametrize(("xml", "path", "expected"), FOUND)
def test_a_path_finds(xml: str, path: str, expected: Json) -> None:
    """Elements are XML values with the namespaces that they use, texts are texts, attributes have their names, numbers are floats."""
    value = found(xml, path)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("path", MALFORMED)
def test_a_path_that_cannot_be_read_is_refused(path: str) -> None:
    """Prefixes, variables and functions of XSLT are not there."""
    with pytest.raises(ValueError, match=r"."):
        evaluate(read(SHOP), path, Budget())


def test_the_function_fails_in_the_services_words() -> None:
    """What is no XML is told by its type; a path that is none has a text of its own."""
    cases = {
        "@xpath('<a/>', '/a')": "The function 'xpath' expects its first parameter to be an XML. The provided value is of type 'String'.",
        "@xpath(base64ToBinary('PGEvPg=='), '/a')": "The function 'xpath' expects its first parameter to be an XML. "
        "The provided value is of type 'Object'.",
        "@xpath(xml('<a/>'), null)": "The function 'xpath' expects its second parameter to be a string. "
        "The provided value is of type 'Null'.",
        "@xpath(xml('<a/>'), '$x')": "The function 'xpath' parameters are invalid: the 'xpath' parameter must be a supported, "
        "well formed XPath expression.",
        "@xpath(xml('<a/>'), 'number(''x'')')": "The function 'xpath' parameters are invalid: "
        "the result is no number, or an infinite one.",
        "@xpath(xml(binary('<')), '/a')": "The function 'xpath' parameters are invalid: the 'xml' parameter must hold well formed XML: "
        "unclosed token: line 1, column 0.",
    }
    for expression, message in cases.items():
        with pytest.raises(Problem) as caught:
            evaluate_text(expression, FixedState())
        assert caught.value.message == message


def test_results_can_be_searched_again() -> None:
    """What is found is an XML value like any other."""
    expression = "@xpath(xpath(xml('<a><b><c>1</c></b></a>'), '/a/b')[0], 'string(/b/c)')"
    assert evaluate_text(expression, FixedState()) == "1"


@pytest.mark.parametrize(
    "path",
    [
        "//i[//i[//i]]",
        "/s/i/following-sibling::i/following-sibling::i",
        "//i[count(preceding::i[count(preceding::i) > 2]) > 2]",
        "/s/i[../i[../i]]",
        "/s/*[count(/s/*[count(/s/*) > 1]) > 1]",
        "concat(" + "/," * 4000 + "/)",
        "/s" + "[1]" * 5000,
    ],
)
def test_a_path_that_would_take_minutes_is_refused(path: str) -> None:
    """libxml2 cannot be stopped, so it is not started: the answer is there at once."""
    document = read("<s>" + "<i>some text here</i>" * 2_000 + "</s>")
    started = time.process_time()
    with pytest.raises(Problem) as caught:
        evaluate(document, path, Budget())
    assert caught.value.code is Code.LIMIT_EXCEEDED
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "path", ["//i[n='5']", "count(//i) + count(//n)", "/s/i[@p > 3]/n", "//i[.//n]", "//*[name()='i']"]
)
def test_usual_paths_on_thousands_of_nodes_are_fine(path: str) -> None:
    """What people write for a list of records has its answer."""
    document = read("<s>" + "".join(f'<i p="{k}"><n>{k}</n></i>' for k in range(1_500)) + "</s>")
    assert evaluate(document, path, Budget())
