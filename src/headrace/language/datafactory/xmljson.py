"""Between XML and JSON, by the conventions of Newtonsoft's XmlNodeConverter, which the service uses.

    to_json      a document to an object: ``@attribute``, ``#text``, ``#cdata-section``, ``?xml``; repeated elements are an array
    from_json    an object with one root key to XML text

Comments are left out; several of them leave an empty array, as they do in the service. Characters that XML names cannot have are written ``_x0020_``.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.limits import MAX_NESTING
from headrace.language.datafactory.values import float_text
from headrace.language.datafactory.xmltree import Document, Element, Leaf, LeafKind, Node, declarations, outer_xml

_DECLARATION: Final = "?xml"
_COMMENT: Final = "#comment"
_LEAF_KEYS: Final[Mapping[LeafKind, str]] = {
    LeafKind.TEXT: "#text",
    LeafKind.CDATA: "#cdata-section",
    LeafKind.SPACE: "#significant-whitespace",
    LeafKind.COMMENT: _COMMENT,
}
_LEAF_KINDS: Final[Mapping[str, LeafKind]] = {key: kind for kind, key in _LEAF_KEYS.items() if key != _COMMENT}
_ENCODED: Final = re.compile("_x([0-9A-Fa-f]{4})_")
_NO_NAME: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)|[^\w.:·-]|^[\d.·-]")


def to_json(document: Document) -> Json:
    """Return the object that stands for a document."""
    declaration: dict[str, Json] = {}
    if document.declaration is not None:
        declaration[_DECLARATION] = {f"@{name}": value for name, value in document.declaration.items()}
    return declaration | _grouped(document.nodes)


def _grouped(nodes: Iterable[Node]) -> dict[str, Json]:
    """Return nodes by their keys; where several have one key, they are an array in the place of the first."""
    groups: dict[str, list[Json]] = {}
    for node in nodes:
        if isinstance(node, Element):
            groups.setdefault(_decoded(node.name), []).append(_value(node))
        elif node.kind is LeafKind.INSTRUCTION:
            groups.setdefault(f"?{node.target}", []).append(node.value)
        else:
            groups.setdefault(_LEAF_KEYS[node.kind], []).append(node.value)
    comments = groups.get(_COMMENT, ())
    if len(comments) == 1:
        del groups[_COMMENT]
    return {key: _alone(key, values) for key, values in groups.items()}


def _alone(key: str, values: list[Json]) -> Json:
    if key == _COMMENT:
        return []
    return values[0] if len(values) == 1 else values


def _value(element: Element) -> Json:
    children = element.children
    if not element.attributes:
        if not children:
            return None if element.empty else ""
        only = children[0]
        if len(children) == 1 and isinstance(only, Leaf) and only.kind is LeafKind.TEXT:
            return only.value
    attributes: dict[str, Json] = {f"@{_decoded(name)}": value for name, value in element.attributes.items()}
    return attributes | _grouped(children)


def _decoded(name: str) -> str:
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), name)


def from_json(value: Mapping[str, Json]) -> str:
    """Return the XML of an object with one root key; a declaration and instructions may stand beside it.

    Names are only made writable: whether the text is XML is for its reader to say.

    Raises:
        ValueError: there is no root, or more than one; an attribute is no scalar.
        Problem: ``LIMIT_EXCEEDED``: it nests too deeply.
    """
    nodes: list[Node] = []
    declaration: dict[str, str] | None = None
    for key, each in value.items():
        if key == _DECLARATION and isinstance(each, Mapping):
            declaration = {name.removeprefix("@"): _scalar(name, field) for name, field in each.items()}
        else:
            _add(nodes, key, each, 1)
    roots = [node for node in nodes if isinstance(node, Element)]
    for root in roots:
        _drop_prefixes(root, {})
    if len(roots) != 1 or any(isinstance(node, Leaf) and node.kind in _LEAF_KEYS for node in nodes):
        message = f"an object needs exactly one root key, and this one makes {len(roots)} root elements"
        raise ValueError(message)
    return outer_xml(Document(declaration, nodes, 0))


def _add(nodes: list[Node], key: str, value: Json, depth: int) -> None:
    """Append what a key and its value become: nothing (an empty array), a leaf, or elements."""
    if isinstance(value, list):
        for each in value:
            nodes.append(_wrapped(key, each, depth)) if isinstance(each, list) else _add(nodes, key, each, depth)
    elif key in _LEAF_KINDS:
        nodes.append(Leaf(_LEAF_KINDS[key], _scalar(key, value)))
    elif key.startswith("?"):
        nodes.append(Leaf(LeafKind.INSTRUCTION, _scalar(key, value), key[1:]))
    else:
        nodes.append(_element(key, value, depth))


def _wrapped(key: str, values: list[Json], depth: int) -> Element:
    """Return the element that stands for an array within an array; its elements have the same name."""
    _check(depth)
    element = Element(_encoded(key), {}, empty=True)
    _add(element.children, key, values, depth + 1)
    return element


def _element(key: str, value: Json, depth: int) -> Element:
    _check(depth)
    if not isinstance(value, Mapping):
        children: list[Node] = [] if value is None else [Leaf(LeafKind.TEXT, _scalar(key, value))]
        return Element(_encoded(key), {}, children=children, empty=True)
    element = Element(_encoded(key), {}, empty=True)
    for name, each in value.items():
        if name.startswith("@") and len(name) > 1:
            element.attributes[_encoded(name[1:])] = _scalar(name, each)
        else:
            _add(element.children, name, each, depth + 1)
    return element


def _drop_prefixes(element: Element, outer: Mapping[str, str]) -> None:
    """Take away the prefixes that nothing declares, as the service does."""
    scope = {**outer, **declarations(element.attributes)}
    element.name = _declared(element.name, scope)
    element.attributes = {_declared(name, scope): value for name, value in element.attributes.items()}
    for child in element.children:
        if isinstance(child, Element):
            _drop_prefixes(child, scope)


def _declared(name: str, scope: Mapping[str, str]) -> str:
    prefix, colon, local = name.partition(":")
    return name if not colon or prefix in {"xml", "xmlns"} or scope.get(prefix) else local


def _check(depth: int) -> None:
    if depth > MAX_NESTING:
        raise Problem(Code.LIMIT_EXCEEDED, f"The object nests more than {MAX_NESTING} levels.")


def _scalar(key: str, value: Json) -> str:
    if isinstance(value, Mapping | list):
        message = f"the value of '{key}' is no text"
        raise ValueError(message)  # noqa: TRY004 — what callers tell as a value that is no XML
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return float_text(value) if isinstance(value, float) else str(value)


def _encoded(key: str) -> str:
    if not key:
        message = "an element's name is empty"
        raise ValueError(message)
    return _NO_NAME.sub(lambda found: f"_x{ord(found[0]):04X}_", key)
