"""XML values: objects that hold XML text, what makes them, and what becomes of them in JSON."""

from collections.abc import Mapping
from typing import Final

from headrace.core.codec import Json
from headrace.language.datafactory.table import Call, Function
from headrace.language.datafactory.values import CONTENT, CONTENT_TYPE, content_of, content_value
from headrace.language.datafactory.xmljson import from_json, to_json
from headrace.language.datafactory.xmltree import Document, outer_xml, read

_TYPE: Final = "application/xml;charset=utf-8"


def xml_value(text: str) -> Json:
    """Return the value that holds XML text."""
    return content_value(_TYPE, text.encode())


def is_xml(value: Json) -> bool:
    """Say whether a value is an object that says it holds XML."""
    if not isinstance(value, Mapping) or CONTENT not in value:
        return False
    type_ = value.get(CONTENT_TYPE)
    kind = type_.partition(";")[0].strip().lower() if isinstance(type_, str) else ""
    return kind in {"application/xml", "text/xml"} or kind.endswith("+xml")


def document_of(value: Json) -> Document:
    """Return the document that an XML value holds.

    Raises:
        ValueError: it holds no XML.
        Problem: ``LIMIT_EXCEEDED``: it is too large or too deep.
    """
    content = content_of(value)
    if content is None:
        message = "its content is no base64"
        raise ValueError(message)
    return read(content.decode("utf-8-sig"))


def as_json(value: Json) -> Json:
    """Return the object that ``json()`` makes of an XML value.

    Raises:
        ValueError: it holds no XML.
        Problem: ``LIMIT_EXCEEDED``: it is too large or too deep.
    """
    return to_json(document_of(value))


def _xml(call: Call) -> Json:
    value = call.arguments[0]
    if not isinstance(value, str | dict):
        raise call.wrong_type(0, "to be a string or an object")
    content = content_of(value)
    if content is not None:
        # As in the service, bytes become XML by being called so; who reads them looks into them.
        return content_value(_TYPE, content)
    try:
        text = _written(value)
    except ValueError as error:
        message = f"The function 'xml' parameter is not valid. The provided value cannot be converted to XML: {error}."
        raise call.refusal(message) from error
    call.budget.produce_text(len(text))
    return xml_value(text)


def _written(value: str | dict[str, Json]) -> str:
    """Return XML as .NET writes it: ``<a />`` for ``<a/>``, and without white space between elements."""
    if isinstance(value, str):
        return outer_xml(read(value))
    text = from_json(value)
    read(text)
    return text


FUNCTIONS: Final = (
    Function(
        name="xml",
        least=1,
        most=1,
        implementation=_xml,
        category="Conversion",
        syntax="xml(value)",
        doc="The XML of a text, or of an object with one root key: `@name` is an attribute, `#text` a text, an array repeats its element. "
        "XML with a document type is refused.",
        example="""string(xml(json('{"person": {"@id": 1, "name": ["Ann", "Bo"]}}')))""",
        expects="one parameter: a string or an object",
    ),
)
"""The function that makes XML values."""
