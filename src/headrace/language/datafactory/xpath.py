"""XPath 1.0 on XML values, by libxml2.

The paths come from users and libxml2 cannot be told to stop, so a path is weighed before it is tried: see ``_check_cost``.
"""

import math
import re
from typing import Final

from lxml import etree  # type: ignore[import-untyped]  # lxml has no types

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import MAX_LENGTH, MAX_TEXT, Budget
from headrace.language.datafactory.table import Call, Function
from headrace.language.datafactory.xmltree import Document, Element, attribute, outer_xml
from headrace.language.datafactory.xmlvalues import document_of, is_xml, xml_value

_MOST_WORK: Final = 10**8
_MOST_TEXT: Final = 64 * 1024 * 1024
_LITERAL: Final = re.compile("'[^']*'|\"[^\"]*\"")
_TOKEN: Final = re.compile(
    r"""(?P<blank>\s*)(?P<symbol>'[^']*'|"[^"]*"|[0-9]+(?:\.[0-9]*)?|\.[0-9]+|//|::|\.\.|[!<>]=|[^\W\d][\w.-]*(?::(?!:)(?:[\w.-]+|\*))?|\S|$)"""
)
_OPERATORS: Final = frozenset({"and", "or", "div", "mod", "*"})
_WITHIN_A_STEP: Final = frozenset({"/", "//", "::", "@", "$"})
_ENDS_OPERAND: Final = frozenset({")", "]", ".", "..", "*"})
_NODE_TYPES: Final = frozenset({"node", "text", "comment", "processing-instruction"})
_WORD: Final = re.compile(r"['\"\w]|\.[0-9]")
_COSTS: Final = re.compile(
    r"(?P<open>\[)|(?P<close>\])|(?P<below>(?<![\w.)\]*])\.//)|(?P<start>(?:^|(?<=[\[(,=<>|+]))\s*//?)|(?P<wide>//|\.\.|\||(?:parent|descendant|descendant-or-self)\s*::)"
    r"|(?P<wider>(?:ancestor|ancestor-or-self|following|following-sibling|preceding|preceding-sibling)\s*::)"
)


def evaluate(document: Document, path: str, budget: Budget) -> Json:
    """Return what a path finds: a number, a text, a boolean, or an array of the nodes in their order.

    Elements are XML values, texts are texts, attributes are ``name="value"``.

    Raises:
        ValueError: the path is not well formed, or uses a prefix, a variable or a function that is not there.
        Problem: ``LIMIT_EXCEEDED``: it would take too long, or finds too much. ``EXPRESSION_TYPE``: the result is not a finite number.
    """
    if len(path) > MAX_LENGTH:
        raise Problem(Code.LIMIT_EXCEEDED, f"The path has more than {MAX_LENGTH} characters.")
    path = _from_the_document(path)
    if path.strip() in {"/", "/."}:
        return [xml_value(outer_xml(document))]
    text = outer_xml(document)
    _check_cost(path, document.count, len(text))
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, encoding="utf-8")
    root = etree.fromstring(text.encode(), parser)
    try:
        found = root.getroottree().xpath(path)
    except (etree.XPathError, UnicodeError) as error:
        raise ValueError(str(error)) from error
    if isinstance(found, list):
        budget.produce_elements(len(found))
        places = dict(zip(root.iter("*"), document.root.elements(), strict=True))
        return _nodes(found, places, budget)
    if isinstance(found, float) and not math.isfinite(found):
        message = "The function 'xpath' parameters are invalid: the result is no number, or an infinite one."
        raise Problem(Code.EXPRESSION_TYPE, message)
    return str(found) if isinstance(found, str) else found


def _from_the_document(path: str) -> str:
    """Return a path whose relative parts begin at the document: ``a/b`` finds what ``/a/b`` does.

    libxml2 begins at the outermost element here, .NET at the document. Within ``[]`` paths begin at the node that is looked at.
    """
    parts: list[str] = []
    depth, previous, after_operand = 0, "", False
    for found in _TOKEN.finditer(path):
        symbol = found["symbol"]
        depth += (symbol == "[") - (symbol == "]")
        operator = after_operand and symbol in _OPERATORS
        begins = not (after_operand or depth or previous in _WITHIN_A_STEP) and _begins_a_step(
            symbol, path[found.end() :]
        )
        parts.append(f"{found['blank']}{'/' if begins else ''}{symbol}")
        after_operand = not operator and (symbol in _ENDS_OPERAND or _WORD.match(symbol) is not None)
        previous = symbol
    return "".join(parts)


def _begins_a_step(symbol: str, rest: str) -> bool:
    if symbol in {"*", ".", "..", "@"}:
        return True
    is_name = symbol[:1].isalpha() or symbol[:1] == "_"
    return is_name and (symbol in _NODE_TYPES or not rest.lstrip().startswith("("))


def _check_cost(path: str, nodes: int, size: int) -> None:
    """Refuse paths that could take minutes, or more memory than is due.

    The work grows with the number of nodes for each step that may look at the whole document and is taken from many nodes. Every
    part between commas may be a text as long as the document.
    """
    steps = _LITERAL.sub("", path)
    wide = min(_wide_steps(steps), 10)
    if (wide and size * nodes**wide > _MOST_WORK) or size * (1 + steps.count(",")) > _MOST_TEXT:
        message = f"The path would take too long on this XML of {nodes} nodes: use fewer steps that search the whole document."
        raise Problem(Code.LIMIT_EXCEEDED, message)


def _wide_steps(steps: str) -> int:
    """Count ``//``, ``..``, ``|``, ``following::`` and the like; a path from the root counts within ``[]``, where it is taken again and again."""
    wide = depth = 0
    for found in _COSTS.finditer(steps):
        match found.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "start":
                wide += depth > 0
            case "below":
                wide += depth > 1  # elements nest too little for one look below each to matter
            case "wide":
                wide += 1
            case _:
                wide += 2  # libxml2 compares all that one node has found with all that others have
    return wide


def _nodes(found: list[object], places: dict[etree._Element, Element], budget: Budget) -> list[Json]:
    values: list[Json] = []
    size = 0
    for node in found:
        text = _written(node, places)
        size += len(text)
        if size > MAX_TEXT:
            # Elements within one another: each of them has the text of all that are within it.
            raise Problem(Code.LIMIT_EXCEEDED, f"What the path finds has more than {MAX_TEXT} characters.")
        values.append(xml_value(text) if etree.iselement(node) else text)
    budget.produce_text(size)
    return values


def _written(node: object, places: dict[etree._Element, Element]) -> str:
    if isinstance(node, tuple):
        prefix, uri = node
        return attribute(f"xmlns:{prefix}" if prefix else "xmlns", uri or "")
    if isinstance(node, str):
        return _text(node, places)
    if node in places:
        return outer_xml(places[node])
    return str(etree.tostring(node, encoding="unicode", with_tail=False))


def _text(found: etree._ElementUnicodeResult, places: dict[etree._Element, Element]) -> str:
    """Return a text as it is, and an attribute with its name as it is written."""
    if not found.is_attribute:
        return str(found)
    owner = places[found.getparent()]
    uri, _, local = (found.attrname or "").rpartition("}")
    for name in owner.attributes:
        prefix, _, written_local = name.rpartition(":")
        if written_local == local and (not uri or owner.scope.get(prefix) == uri[1:]):
            return attribute(name, str(found))
    return attribute(f"xml:{local}", str(found))


def _xpath(call: Call) -> Json:
    value, path = call.arguments[0], call.arguments[1]
    if not is_xml(value):
        raise call.wrong_type(0, "to be an XML")
    call.text(1, "to be a string")
    try:
        document = document_of(value)
    except ValueError as error:
        message = (
            f"The function 'xpath' parameters are invalid: the 'xml' parameter must hold well formed XML: {error}."
        )
        raise call.refusal(message) from error
    try:
        return evaluate(document, str(path), call.budget)
    except ValueError as error:
        message = "The function 'xpath' parameters are invalid: the 'xpath' parameter must be a supported, well formed XPath expression."
        raise call.refusal(message) from error


FUNCTIONS: Final = (
    Function(
        name="xpath",
        least=2,
        most=2,
        implementation=_xpath,
        category="Conversion",
        syntax="xpath(xml, path)",
        doc="What a path of XPath 1.0 finds in an XML value: a number, a text, a boolean, or an array of nodes: elements as XML "
        'values, texts as texts, attributes as `name="value"`.',
        example="xpath(xml('<a><b>1</b><b>2</b></a>'), 'sum(/a/b)')",
        expects="two parameters: an XML and an XPath expression",
    ),
)
"""The function that looks into XML values."""
