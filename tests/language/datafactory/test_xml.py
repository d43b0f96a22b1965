"""XML values: what makes them, how they are written, and what they are in JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import MAX_NESTING, MAX_TEXT
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.templates import evaluate_text
from headrace.language.datafactory.xmljson import from_json, to_json
from headrace.language.datafactory.xmltree import MAX_NODES, outer_xml, read

WRITTEN = {
    "<a/>": "<a />",
    "<a></a>": "<a></a>",
    "<a> </a>": "<a></a>",
    " <a> <b x='1'/> </a>": '<a><b x="1" /></a>',
    "<a> x <!-- c --> y </a>": "<a> x <!-- c --> y </a>",
    '<a xml:space="preserve"> <b/></a>': '<a xml:space="preserve"> <b /></a>',
    '<?xml version="1.0" encoding="utf-16" standalone="yes"?><a>ü</a>': '<?xml version="1.0" encoding="utf-16" standalone="yes"?><a>ü</a>',
    "<a>&#65;&lt;&gt;&amp;&quot;</a>": '<a>A&lt;&gt;&amp;"</a>',
    '<a x="&lt;&#10;&quot;&gt;"/>': '<a x="&lt;&#xA;&quot;&gt;" />',
    "<a><![CDATA[<b>]]>t<![CDATA[]]]]><![CDATA[>]]></a>": "<a><![CDATA[<b>]]>t<![CDATA[]]]]><![CDATA[>]]></a>",
    "<?p d?><a/>": "<?p d?><a />",
    '<p:a xmlns:p="u"><p:b xmlns="v"/></p:a>': '<p:a xmlns:p="u"><p:b xmlns="v" /></p:a>',
}

NO_XML = {
    "": "no element found",
    "text": "syntax error",
    "<a><b></a>": "mismatched tag",
    "<a/><b/>": "junk after document element",
    "<a": "unclosed token",
    "<p:a/>": "the prefix of 'p:a' is not declared",
    '<a p:b="1"/>': "the prefix of 'p:b' is not declared",
    '<a b="1" b="2"/>': "duplicate attribute",
    "<a>&x;</a>": "undefined entity",
    "<a>\x01</a>": "not well-formed",
    '<?xml version="1.1"?><a/>': "the XML version '1.1' is not 1.0",
    "<!DOCTYPE a><a/>": "a document type is not allowed",
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>': "a document type is not allowed",
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>': "a document type is not allowed",
}

AS_JSON: dict[str, Json] = {
    "<a/>": {"a": None},
    "<a></a>": {"a": ""},
    "<a> </a>": {"a": ""},
    "<a>t</a>": {"a": "t"},
    '<a x="1"/>': {"a": {"@x": "1"}},
    '<a x="1">t</a>': {"a": {"@x": "1", "#text": "t"}},
    "<a><b>1</b><c/><b></b></a>": {"a": {"b": ["1", ""], "c": None}},
    "<a>x<b/>y</a>": {"a": {"#text": ["x", "y"], "b": None}},
    "<a><![CDATA[t]]></a>": {"a": {"#cdata-section": "t"}},
    "<a>t<!-- c --></a>": {"a": {"#text": "t"}},
    "<a><!-- c --></a>": {"a": {}},
    "<a><!-- c --><b/><!-- d --></a>": {"a": {"#comment": [], "b": None}},
    "<?p d?><a/>": {"?p": "d", "a": None},
    '<?xml version="1.0" encoding="utf-8"?><a/>': {"?xml": {"@version": "1.0", "@encoding": "utf-8"}, "a": None},
    '<p:a xmlns:p="u" p:x="1"><p:b/></p:a>': {"p:a": {"@xmlns:p": "u", "@p:x": "1", "p:b": None}},
    "<a_x0020_b/>": {"a b": None},
    '<a xml:space="preserve"> </a>': {"a": {"@xml:space": "preserve", "#significant-whitespace": " "}},
}

FROM_JSON: dict[str, str] = {
    '{"a": null}': "<a />",
    '{"a": ""}': "<a></a>",
    '{"a": {}}': "<a />",
    '{"a": " "}': "<a> </a>",
    '{"a": {"b": true, "c": 1.5, "d": 2.0, "e": 12345678901234567890}}': "<a><b>true</b><c>1.5</c><d>2</d><e>12345678901234567890</e></a>",
    '{"a": {"b": [1, null, "x", {"c": 2}], "d": []}}': "<a><b>1</b><b /><b>x</b><b><c>2</c></b></a>",
    '{"a": {"b": [[1, 2], [3]]}}': "<a><b><b>1</b><b>2</b></b><b><b>3</b></b></a>",
    '{"a": {"#text": ["x", "y"], "@b": 1, "@c": null}}': '<a b="1" c="">xy</a>',
    '{"a": {"#cdata-section": "<x>"}}': "<a><![CDATA[<x>]]></a>",
    '{"a": {"b": "<&>\\"", "@b": "<&>\\""}}': '<a b="&lt;&amp;&gt;&quot;"><b>&lt;&amp;&gt;"</b></a>',
    '{"?xml": {"@version": "1.0"}, "a": 1}': '<?xml version="1.0"?><a>1</a>',
    '{"?p": "d", "a": 1}': "<?p d?><a>1</a>",
    '{"a b": 1}': "<a_x0020_b>1</a_x0020_b>",
    '{"1a": 1}': "<_x0031_a>1</_x0031_a>",
    '{"a": {"#comment": "c"}}': "<a><_x0023_comment>c</_x0023_comment></a>",
    '{"p:a": {"p:b": 1, "@p:c": 2}}': '<a c="2"><b>1</b></a>',
    '{"p:a": {"@xmlns:p": "u", "p:b": 1}}': '<p:a xmlns:p="u"><p:b>1</p:b></p:a>',
    '{"a": [1]}': "<a>1</a>",
}

NO_OBJECTS = {
    "{}": "exactly one root key",
    '{"a": 1, "b": 2}': "exactly one root key",
    '{"a": [1, 2]}': "exactly one root key",
    '{"a": []}': "exactly one root key",
    '{"#text": "x"}': "exactly one root key",
    '{"a": {"@b": {}}}': "the value of '@b' is no text",
    '{"a": {"#text": {}}}': "the value of '#text' is no text",
    '{"": 1}': "an element's name is empty",
    '{"a": {"#cdata-section": "]]>x"}}': "not well-formed",
}


def evaluate(expression: str) -> Json:
    """Return an expression's value, without any state."""
    return evaluate_text(expression, FixedState())


def quoted(text: str) -> str:
    """Return a text as a literal of the language."""
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize(("text", "expected"), WRITTEN.items())
def test_xml_is_written_as_dotnet_writes_it(text: str, expected: str) -> None:
    """A blank before ``/>``, double quotes, no white space between elements, entities as the characters that they are."""
    assert evaluate(f"@string(xml({quoted(text)}))") == expected


@pytest.mark.parametrize(("text", "why"), NO_XML.items())
def test_what_is_no_xml_is_refused(text: str, why: str) -> None:
    """Document types are refused too: nothing is loaded, and no entity can grow."""
    with pytest.raises(Problem) as caught:
        evaluate(f"@xml({quoted(text)})")
    assert caught.value.message.startswith("The function 'xml' parameter is not valid.")
    assert why in caught.value.message


@pytest.mark.parametrize(("text", "expected"), AS_JSON.items())
def test_xml_is_json_by_newtonsofts_conventions(text: str, expected: Json) -> None:
    """``<a/>`` is null and ``<a></a>`` is empty; what is repeated is an array in the place of the first."""
    value = evaluate(f"@json(xml({quoted(text)}))")
    assert json.dumps(value) == json.dumps(expected)


@pytest.mark.parametrize(("text", "expected"), FROM_JSON.items())
def test_an_object_is_xml(text: str, expected: str) -> None:
    """Attributes, texts and repeated elements have their keys; names are made writable."""
    assert evaluate(f"@string(xml(json({quoted(text)})))") == expected


@pytest.mark.parametrize(("text", "why"), NO_OBJECTS.items())
def test_an_object_that_is_no_document_is_refused(text: str, why: str) -> None:
    """One root, and scalars where only text can stand."""
    with pytest.raises(Problem) as caught:
        evaluate(f"@xml(json({quoted(text)}))")
    assert caught.value.message.startswith("The function 'xml' parameter is not valid.")
    assert why in caught.value.message


def test_bytes_become_xml_by_being_called_so() -> None:
    """As in the service they are not looked into before they are read."""
    assert evaluate("@string(xml(base64ToBinary('PGEvPg==')))") == "<a/>"
    assert evaluate("@xml(xml('<a/>'))") == evaluate("@xml('<a/>')")
    with pytest.raises(Problem, match="The function 'json' parameter is not valid"):
        evaluate("@json(xml(binary('<')))")


@pytest.mark.parametrize("argument", ["1", "true", "null", "1.5", "createArray('<a/>')"])
def test_only_texts_and_objects_become_xml(argument: str) -> None:
    """Everything else is told by its type."""
    with pytest.raises(Problem, match="The function 'xml' expects its parameter to be a string or an object"):
        evaluate(f"@xml({argument})")


def test_deep_and_large_xml_is_refused() -> None:
    """Neither recursion nor memory is the user's to spend."""
    for text in (
        "<a>" * (MAX_NESTING + 1) + "</a>" * (MAX_NESTING + 1),
        "<a>" + "<b/>" * MAX_NODES + "</a>",
        "<a>" + "x" * MAX_TEXT + "</a>",
    ):
        with pytest.raises(Problem) as caught:
            read(text)
        assert caught.value.code is Code.LIMIT_EXCEEDED


NAMES = st.text(st.sampled_from("ab1 <é-_x0"), min_size=1, max_size=5)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.text(st.sampled_from("a<&>\"'é\n"), max_size=4),
    lambda inner: st.dictionaries(
        NAMES, st.one_of(inner, st.lists(inner, min_size=2, max_size=3)), min_size=1, max_size=3
    ),
    max_leaves=8,
)


@given(NAMES, VALUES)
def test_an_object_of_texts_comes_back(name: str, value: Json) -> None:
    """Whatever the names and texts are: both conversions are each other's way back."""
    value = stripped(value)
    document = read(from_json({name: value}))
    assert to_json(document) == {name: value}
    assert outer_xml(read(outer_xml(document))) == outer_xml(document)


def stripped(value: Json) -> Json:
    """Return a value without texts of white space alone, which XML does not keep."""
    if isinstance(value, str):
        return value.strip("\n")
    if isinstance(value, list):
        return [stripped(each) for each in value]
    assert isinstance(value, dict)
    return {key: stripped(each) for key, each in value.items()}
