"""Multipart forms with a file (contract 12.7): the file goes to the disk as it comes, whatever part of the form comes first.

In memory are only the fields, which are bounded, and as much of the file as came in one go.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from headrace.api.jobs.bodies import unpacked
from headrace.api.jobs.errors import bad_request, too_large
from headrace.dataplane.space_files import Incoming

MAX_FIELDS_BYTES = 1 << 20
"""Of all fields together, names included."""
MAX_FIELDS = 1_000

_FILE = "file"
_FORM = b"multipart/form-data"
_PIECE = 1 << 20
_EXTENDED = re.compile(r"filename\*\s*=\s*(?:utf-8)'[^']*'([^;]+)", re.IGNORECASE)


@dataclass(slots=True)
class Form:
    """What a form has: the values of each field in order, and what the file is called (None: there is none)."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    file_name: str | None = None

    def text(self, name: str) -> str | None:
        """Return the last value of a field; None: it is absent or empty."""
        return (self.fields.get(name) or [""])[-1] or None


async def read_form(request: Request, incoming: Incoming, max_file_bytes: int) -> Form:
    """Read a form, and write its file to ``incoming``.

    Raises:
        Refusal: 400: it is no form, is broken, or has several files; 413: its file or its fields are too large.
        Problem: ``DISK_FULL``.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != _FORM or not boundary:
        raise bad_request("A form is expected: Content-Type: multipart/form-data with a boundary.")
    reading = _Reading()
    try:
        parser = MultipartParser(boundary, reading.callbacks())  # type: ignore[arg-type]  # a table of functions
        async for piece in _small(unpacked(request)):
            parser.write(piece)
            if reading.waiting:
                if incoming.size + sum(map(len, reading.waiting)) > max_file_bytes:
                    raise too_large(f"The file has more than {max_file_bytes} bytes, the limit of this server.")
                waiting, reading.waiting = reading.waiting, []
                await run_in_threadpool(_write, incoming, waiting)
        parser.finalize()
    except FormParserError as error:
        raise bad_request(f"The form cannot be read: {error}.") from error
    if not reading.ended:
        raise bad_request("The form ends early: its last boundary is missing.")
    return reading.form


class _Reading:
    """What the parser tells."""

    def __init__(self) -> None:
        self.form = Form()
        self.ended = False
        self.waiting: list[bytes] = []
        self._taken = 0
        self._count = 0
        self._header = b""
        self._value = b""
        self._disposition = ""
        self._name = ""
        self._text = bytearray()
        self._is_file = False

    def callbacks(self) -> dict[str, object]:
        """Return what is to be called when."""
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        self._count += 1
        if self._count > MAX_FIELDS:
            raise too_large(f"The form has more than {MAX_FIELDS} parts.")
        self._disposition, self._name, self._text, self._is_file = "", "", bytearray(), False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value.decode("latin-1")
        self._header, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _decoded(options.get(b"name", b""))
        if self._name != _FILE:
            return
        if self.form.file_name is not None:
            raise bad_request("The form has several files; one is expected.", _FILE)
        extended = _EXTENDED.search(self._disposition)
        name = options.get(b"filename", b"") if extended is None else unquote_to_bytes(extended[1].strip())
        self._is_file, self.form.file_name = True, _decoded(name)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.waiting.append(data[start:end])
            return
        self._taken += end - start
        if self._taken > MAX_FIELDS_BYTES:
            raise too_large(f"The fields of the form have more than {MAX_FIELDS_BYTES} bytes.")
        self._text += data[start:end]

    def _on_part_end(self) -> None:
        if not self._is_file:
            self.form.fields.setdefault(self._name, []).append(_decoded(bytes(self._text)))

    def _on_end(self) -> None:
        self.ended = True


async def _small(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        for start in range(0, len(piece), _PIECE):
            yield piece[start : start + _PIECE]


def _write(incoming: Incoming, pieces: list[bytes]) -> None:
    for piece in pieces:
        incoming.write(piece)


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if "\0" in text:
        raise bad_request("A field of the form contains the character NUL.")
    return text
