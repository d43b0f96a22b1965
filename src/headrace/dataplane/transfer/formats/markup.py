"""XML: the whole file is one document, in which elements are properties.

Of ``<o id="1"><line>a</line><line>b</line></o>`` becomes ``{"o":{"@id":"1",…,"line":["a","b"]}}``: an element with nothing but text is its text;
attributes are properties ``@name``, text beside them or beside other elements is ``_value_``; what is repeated in one element is an array, at the
place of the first. Blanks between elements are nothing, and neither are comments. An empty element, text equal to ``null`` and ``xsi:nil`` are null.

With ``detect_types``, text that is written as JSON writes whole numbers (of 64 bits), other numbers and truth values becomes such a value, digit for
digit; ``007`` and ``+1`` stay text. Names are those of the file, with their prefixes; a namespace in ``prefixes`` has that prefix instead (an
empty one: none). Without ``namespaces``, declarations of prefixes are attributes, too.

Nothing outside of the file is ever read, and no entity is resolved but the five of XML itself. ``validation`` dtd takes the DTD that is inside of the
file. For xsd the schema would have to be fetched from wherever the file says, which no file may ask of a server: it is refused.

The document is held as JSON text, of at most ``max_row_bytes``; libxml2's limits hold besides (256 elements in one another, 10 MB in one text).
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lxml import etree  # type: ignore[import-untyped]  # lxml has no types

from headrace.core.errors import Code, Problem
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats import documents
from headrace.dataplane.transfer.formats.encodings import as_utf8
from headrace.dataplane.transfer.formats.landed import empty_file
from headrace.dataplane.transfer.formats.typed import unreadable
from headrace.dataplane.transfer.request import Documents, Markup
from headrace.dataplane.transfer.rows import LocalFile, Rows, Working
from headrace.dataplane.transfer.session import TransferSession

_CHUNK = 64 << 10
_XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_XML = "http://www.w3.org/XML/1998/namespace"
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_LONGEST_NUMBER = 40
MOST_ATTRIBUTES = 2_000
"""Attributes, and namespaces, that an element may have: the library takes the square of their number for them, and nothing else of the process goes
on meanwhile."""
_TRUTHS = {"true": "true", "false": "false", "True": "true", "False": "false"}
_UTF_8 = frozenset({"", "utf-8", "utf8", "utf_8"})


@contextmanager
def read(file: LocalFile, form: Markup, session: TransferSession, work: Working) -> Iterator[Rows]:
    """Open an XML file; see ``rows.Reader``. It is one row, with documents.

    Raises:
        TransferProblem: ``UNREADABLE``: no XML, or not valid; ``REQUEST_INVALID``: a validation that is not done.
        Problem: ``LIMIT_EXCEEDED``: larger than ``max_row_bytes``; whatever the cancellation says.
    """
    if form.validation == "xsd":
        message = "validationMode xsd is not supported, since schemas are not fetched from where a file says; take none or dtd"
        raise TransferProblem(Reason.REQUEST_INVALID, Side.SOURCE, message, Code.UNSUPPORTED)
    path = empty_file(work, ".json")
    try:
        with _noticing_a_full_disk(path):
            path.write_text(_converted(file, form, work), encoding="utf-8")
        there = LocalFile(path, file.name, path.stat().st_size, file.modified_at)
        with documents.read(there, Documents(), session, work) as rows:
            yield rows
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _noticing_a_full_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_full(error, path.parent) or error from error


def _converted(file: LocalFile, form: Markup, work: Working) -> str:
    """Return the document; an encoding that was asked for wins over what the file says, except for UTF-8, which is asked for by default."""
    cancellation = work.context.cancellation
    if form.encoding.lower() in _UTF_8:
        return _checked(file, form, work, None)
    scratch = empty_file(work, ".xml")
    with as_utf8(file.path, file.name, form.encoding, scratch, cancellation) as (path, _):
        try:
            # libxml2 reads over a mark at the beginning by itself.
            return _checked(replace(file, path=path), form, work, "utf-8")
        finally:
            scratch.unlink(missing_ok=True)


def _checked(file: LocalFile, form: Markup, work: Working, encoding: str | None) -> str:
    if form.validation == "dtd":
        _validate(file, work, encoding)
    return _document_of(file, form, work, encoding)


def _document_of(file: LocalFile, form: Markup, work: Working, encoding: str | None) -> str:
    building = _Building(file.name, form, work.limits.max_row_bytes)
    parser = etree.XMLPullParser(
        events=("start", "end"), remove_comments=True, remove_pis=True, collect_ids=False, **_options(encoding)
    )
    try:
        with file.path.open("rb") as raw:
            while chunk := raw.read(_CHUNK):
                work.context.cancellation.check()
                parser.feed(chunk)
                building.take(parser)
        parser.close()
        building.take(parser)
    except (etree.LxmlError, LookupError) as error:
        raise unreadable(file.name, "XML", str(error)) from error
    return building.document


def _options(encoding: str | None) -> dict[str, Any]:
    return {
        "resolve_entities": False,
        "no_network": True,
        "load_dtd": False,
        "dtd_validation": False,
        "attribute_defaults": False,
        "huge_tree": False,
        "encoding": encoding,
    }


def _validate(file: LocalFile, work: Working, encoding: str | None) -> None:
    """Look whether the file keeps to the DTD in it; for that, all of it is held in memory.

    Raises:
        TransferProblem: ``UNREADABLE``. Problem: ``LIMIT_EXCEEDED``.
    """
    size = file.path.stat().st_size
    if size > work.limits.max_row_bytes:
        raise _too_large(file.name, work.limits.max_row_bytes)
    try:
        with file.path.open("rb") as raw:
            tree = etree.parse(raw, etree.XMLParser(**_options(encoding)))
    except (etree.LxmlError, LookupError) as error:
        raise unreadable(file.name, "XML", str(error)) from error
    dtd = tree.docinfo.internalDTD
    if dtd is None or next(dtd.iterelements(), None) is None:
        raise unreadable(file.name, "XML", "it has no DTD inside to validate it by, and others are not fetched")
    if not dtd.validate(tree):
        said = dtd.error_log.last_error
        raise unreadable(
            file.name, "XML", f"it is not valid: {'' if said is None else f'line {said.line}: {said.message}'}"
        )


@dataclass(slots=True)
class _Frame:
    """An element whose end has not come: its properties as JSON, and the text in it."""

    name: str
    nil: bool
    properties: dict[str, list[str]] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    begun: bool = False


class _Building:
    """Makes JSON of the events of a parser, and takes the tree apart behind it."""

    def __init__(self, name: str, form: Markup, most: int) -> None:
        self._name, self._form, self._most = name, form, most
        self._open: list[_Frame] = []
        self._size = 0
        self.document = ""

    def take(self, parser: Any) -> None:
        """Take over what came since.

        Raises:
            TransferProblem: ``UNREADABLE``: an entity. Problem: ``LIMIT_EXCEEDED``.
        """
        for event, element in parser.read_events():
            if event == "start":
                self._begin(element)
            else:
                self._end(element)

    def _begin(self, element: Any) -> None:
        if len(element.attrib) > MOST_ATTRIBUTES or len(element.nsmap) > MOST_ATTRIBUTES:
            message = f"{self._name!r} has an element of more than {MOST_ATTRIBUTES:,} attributes or namespaces"
            raise Problem(Code.LIMIT_EXCEEDED, message)
        parent = element.getparent()
        if parent is not None:
            self._gather(parent, element)
        frame = _Frame(self._name_of(element.tag, element.prefix), element.get(_XSI_NIL) in {"true", "1"})
        for key, value in element.attrib.items():
            if key != _XSI_NIL:
                frame.properties[f"@{self._name_of(key, self._prefix_of(element, key))}"] = [self._value(value)]
        if not self._form.namespaces:
            above = {} if parent is None else parent.nsmap
            for prefix, uri in element.nsmap.items():
                if above.get(prefix) != uri:
                    frame.properties["@xmlns" + (f":{prefix}" if prefix else "")] = [_quoted(uri)]
        self._open.append(frame)

    def _gather(self, parent: Any, until: Any) -> None:
        """Take the text that stands before ``until`` (None: all of it), and remove what it stands behind."""
        frame = self._open[-1]
        if not frame.begun:
            frame.begun = True
            frame.text.append(parent.text or "")
        while len(parent) and parent[0] is not until:
            first = parent[0]
            if first.tag is etree.Entity:
                raise unreadable(self._name, "XML", f"line {first.sourceline}: the entity {first.text} is not resolved")
            frame.text.append(first.tail or "")
            del parent[0]

    def _end(self, element: Any) -> None:
        self._gather(element, None)
        frame = self._open.pop()
        value = self._closed(frame)
        element.text = None
        element.attrib.clear()
        self._size += len(value) if not frame.properties else len(frame.properties)
        if self._size > self._most:
            raise _too_large(self._name, self._most)
        if self._open:
            self._open[-1].properties.setdefault(frame.name, []).append(value)
        else:
            self.document = f"{{{_quoted(frame.name)}:{value}}}"

    def _closed(self, frame: _Frame) -> str:
        text = "".join(frame.text)
        if not frame.properties:
            return "null" if frame.nil else self._value(text)
        if text.strip():
            frame.properties["_value_"] = [self._value(text)]
        parts = (
            f"{_quoted(key)}:{values[0] if len(values) == 1 else '[' + ','.join(values) + ']'}"
            for key, values in frame.properties.items()
        )
        return "{" + ",".join(parts) + "}"

    def _value(self, text: str) -> str:
        if text in {"", self._form.null}:
            return "null"
        if self._form.detect_types:
            plain = text.strip()
            if plain in _TRUTHS:
                return _TRUTHS[plain]
            if len(plain) <= _LONGEST_NUMBER and _NUMBER.fullmatch(plain) and _fits(plain):
                return plain
        return _quoted(text)

    def _name_of(self, tag: str, prefix: str | None) -> str:
        uri, _, name = tag.removeprefix("{").rpartition("}")
        mapped = self._form.prefixes.get(uri) if self._form.namespaces and uri else None
        used = prefix if mapped is None else mapped
        return f"{used}:{name}" if used else name

    def _prefix_of(self, element: Any, key: str) -> str | None:
        uri = key.removeprefix("{").rpartition("}")[0]
        if uri in {"", _XML}:
            return "xml" if uri else None
        declared: Mapping[str | None, str] = element.nsmap
        return next((prefix for prefix, found in declared.items() if found == uri and prefix), None)


def _too_large(name: str, most: int) -> Problem:
    message = f"{name!r} is a document of more than {most:,} bytes (max_row_bytes); split it into several files"
    return Problem(Code.LIMIT_EXCEEDED, message)


def _fits(text: str) -> bool:
    if text.lstrip("-").isdigit():
        return _WHOLE.fullmatch(text) is not None and -(2**63) <= int(text) < 2**63
    return True


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
