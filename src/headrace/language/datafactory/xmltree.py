"""XML as the service's language sees it: a small tree of elements and texts, read by expat and written as .NET writes it.

    read         text to a document; no document type, so no entities and nothing from outside
    outer_xml    a node's text, as XmlDocument.OuterXml has it

libxml2 forgets whether an element was written ``<a/>`` or ``<a></a>``, which is null or ``""`` in JSON: hence expat.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NoReturn
from xml.parsers import expat

from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import MAX_NESTING, MAX_TEXT

MAX_NODES: Final = 100_000
"""Most elements, attributes and texts of a document."""

_BLANKS: Final = " \t\r\n"


class LeafKind(Enum):
    """What stands between elements."""

    TEXT = "text"
    CDATA = "cdata"
    SPACE = "space"
    """White space that ``xml:space="preserve"`` keeps."""
    COMMENT = "comment"
    INSTRUCTION = "instruction"


@dataclass(slots=True)
class Leaf:
    """A text, a comment or an instruction; ``target`` is the instruction's name."""

    kind: LeafKind
    value: str
    target: str = ""


@dataclass(slots=True)
class Element:
    """An element. Names stand as they are written, prefixes included; ``scope`` has the URIs of the prefixes that count here."""

    name: str
    attributes: dict[str, str]
    scope: Mapping[str, str] = field(default_factory=dict)
    children: "list[Element | Leaf]" = field(default_factory=list)
    empty: bool = False
    """It is written ``<a/>``; counts where it has no children."""

    def elements(self) -> "Iterator[Element]":
        """Yield this element and those within it, in the order in which they begin."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += [child for child in reversed(element.children) if isinstance(child, Element)]


Node = Element | Leaf


@dataclass(slots=True)
class Document:
    """A document: its declaration's fields, if it has one, and its nodes, of which exactly one is an element."""

    declaration: dict[str, str] | None
    nodes: list[Node]
    count: int
    """Elements, attributes and texts."""

    @property
    def root(self) -> Element:
        """The outermost element."""
        return next(node for node in self.nodes if isinstance(node, Element))


def read(text: str) -> Document:
    """Return the document that ``text`` is; white space between elements is left out.

    Raises:
        ValueError: it is not well formed, declares a document type, or uses an undeclared prefix; the message says what and where.
        Problem: ``LIMIT_EXCEEDED``: it is too large or too deep.
    """
    if len(text) > MAX_TEXT:
        raise Problem(Code.LIMIT_EXCEEDED, f"The XML has more than {MAX_TEXT} characters.")
    reader = _Reader(text.encode())
    try:
        reader.read()
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    return Document(reader.declaration, reader.nodes, reader.count)


class _Reader:
    """Builds the tree while expat reads."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.declaration: dict[str, str] | None = None
        self.nodes: list[Node] = []
        self.count = 0
        self._open: list[Element] = []
        self._in_cdata = False
        # The text is UTF-8 now, whatever its declaration says.
        self.parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declare
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartCdataSectionHandler = self._start_cdata
        parser.EndCdataSectionHandler = self._end_cdata
        parser.CommentHandler = lambda value: self._add(Leaf(LeafKind.COMMENT, value))
        parser.ProcessingInstructionHandler = lambda target, value: self._add(Leaf(LeafKind.INSTRUCTION, value, target))

    def read(self) -> None:
        self.parser.Parse(self._content, True)

    def _declare(self, version: str, encoding: str | None, standalone: int) -> None:
        if version != "1.0":
            message = f"the XML version '{version}' is not 1.0"
            raise ValueError(message)
        self.declaration = {"version": version}
        if encoding is not None:
            self.declaration["encoding"] = encoding
        if standalone >= 0:
            self.declaration["standalone"] = "yes" if standalone else "no"

    def _refuse_doctype(self, *_: object) -> NoReturn:
        message = "a document type is not allowed"
        raise ValueError(message)

    def _add(self, node: Node) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise Problem(Code.LIMIT_EXCEEDED, f"The XML has more than {MAX_NODES} elements, attributes and texts.")
        (self._open[-1].children if self._open else self.nodes).append(node)

    def _start(self, name: str, pairs: list[str]) -> None:
        if len(self._open) >= MAX_NESTING:
            raise Problem(Code.LIMIT_EXCEEDED, f"The XML nests more than {MAX_NESTING} levels.")
        attributes = dict(zip(pairs[::2], pairs[1::2], strict=True))
        outer = self._open[-1].scope if self._open else {}
        declared = declarations(attributes)
        scope = {**outer, **declared} if declared else outer
        for each in (name, *attributes):
            _check_prefix(each, scope)
        self.count += len(attributes)
        element = Element(name, attributes, scope)
        self._add(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        # The end of <a/> is told just behind it, the end of <a></a> in front of its last tag.
        at = self.parser.CurrentByteIndex
        self._open.pop().empty = self._content[at - 2 : at] == b"/>"

    def _text(self, value: str) -> None:
        if self._in_cdata:
            self._add(Leaf(LeafKind.CDATA, value))
        elif value.strip(_BLANKS):
            self._add(Leaf(LeafKind.TEXT, value))
        elif self._keeps_space():
            self._add(Leaf(LeafKind.SPACE, value))

    def _keeps_space(self) -> bool:
        said = (element.attributes.get("xml:space") for element in reversed(self._open))
        return next((each for each in said if each is not None), "default") == "preserve"

    def _start_cdata(self) -> None:
        self._in_cdata = True

    def _end_cdata(self) -> None:
        self._in_cdata = False


def _check_prefix(name: str, scope: Mapping[str, str]) -> None:
    prefix, colon, local = name.partition(":")
    if colon and (":" in local or not local or (prefix not in {"xml", "xmlns"} and not scope.get(prefix))):
        message = f"the prefix of '{name}' is not declared"
        raise ValueError(message)


def outer_xml(node: Node | Document) -> str:
    """Return a node's text. An element within another one gets the declarations of the prefixes that it uses."""
    parts: list[str] = []
    if isinstance(node, Document):
        if node.declaration:
            fields = "".join(f' {name}="{value}"' for name, value in node.declaration.items())
            parts.append(f"<?xml{fields}?>")
        for each in node.nodes:
            _write(each, {}, parts)
    else:
        _write(node, {}, parts)
    return "".join(parts)


def _write(node: Node, declared: Mapping[str, str], parts: list[str]) -> None:
    if isinstance(node, Leaf):
        parts.append(_leaf(node))
        return
    attributes = node.attributes | _missing(node, declared)
    written = "".join(f" {attribute(name, value)}" for name, value in attributes.items())
    if node.empty and not node.children:
        parts.append(f"<{node.name}{written} />")
        return
    parts.append(f"<{node.name}{written}>")
    inner = {**declared, **declarations(attributes)}
    for child in node.children:
        _write(child, inner, parts)
    parts.append(f"</{node.name}>")


def _missing(element: Element, declared: Mapping[str, str]) -> dict[str, str]:
    """Return the declarations that an element needs, beside those that it and what it is written into have."""
    if not element.scope:
        return {}
    names = (element.name, *(name for name in element.attributes if ":" in name))
    prefixes = {name.partition(":")[0] if ":" in name else "" for name in names} - {"xml", "xmlns"}
    missing = {}
    for prefix in sorted(prefixes):
        declaration = f"xmlns:{prefix}" if prefix else "xmlns"
        uri = element.scope.get(prefix, "")
        if uri != declared.get(prefix, "") and declaration not in element.attributes:
            missing[declaration] = uri
    return missing


def declarations(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the URIs of the prefixes that attributes declare; the default namespace has the prefix ``""``."""
    return {name[6:]: uri for name, uri in attributes.items() if name == "xmlns" or name.startswith("xmlns:")}


def attribute(name: str, value: str) -> str:
    """Return an attribute as it is written."""
    escaped = _escaped(value).replace('"', "&quot;").replace("\r", "&#xD;").replace("\n", "&#xA;")
    return f'{name}="{escaped}"'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _leaf(leaf: Leaf) -> str:
    match leaf.kind:
        case LeafKind.CDATA:
            return f"<![CDATA[{leaf.value}]]>"
        case LeafKind.COMMENT:
            return f"<!--{leaf.value}-->"
        case LeafKind.INSTRUCTION:
            return f"<?{leaf.target} {leaf.value}?>"
        case LeafKind.TEXT | LeafKind.SPACE:
            return _escaped(leaf.value)
