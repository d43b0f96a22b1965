"""JSON (contract 9.5): one object, an array of objects, or objects one behind the other, on lines of their own or not; told apart by content.

Read: DuckDB gives one object after the other, without ever holding a whole array. All objects are looked at before the first row goes anywhere: so
what is no valid JSON, is no object, or has a property twice is told at once, with its place, and the type of every top-level property is one
that all of its values have (``documents_types``). The whole object goes along as the text that it is in the file. Written: the objects that
come, one a line or as one array.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from headrace.core.errors import Code, Problem
from headrace.dataplane.json_arrays import is_closed
from headrace.dataplane.limits import MIB
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.documents_fault import fault_in
from headrace.dataplane.transfer.formats.documents_types import Found, look_into, projected
from headrace.dataplane.transfer.formats.encodings import as_utf8, codec_of
from headrace.dataplane.transfer.formats.lines import Shape, writing_lines
from headrace.dataplane.transfer.formats.parquet import exactly
from headrace.dataplane.transfer.formats.typed import check_width, unreadable
from headrace.dataplane.transfer.request import Documents
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN, LocalFile, Rows, Working, Writer, Writing
from headrace.dataplane.transfer.session import TransferSession, identifier, literal
from headrace.dataplane.transfer.values import Field

_HEAD = 64 * 1024
_MARK = b"\xef\xbb\xbf"
_LINES_OBJECT = 16 * MIB
"""Largest object on a line: DuckDB holds two buffers of twice this size for each thread."""


@contextmanager
def read(file: LocalFile, form: Documents, session: TransferSession, work: Working) -> Iterator[Rows]:
    """Open a file; see ``rows.Reader``.

    Raises:
        TransferProblem: ``UNREADABLE``: no valid JSON, elements that are no objects, a property twice; with line and column.
        Problem: ``LIMIT_EXCEEDED``: too many properties, or an object that is too large; ``DISK_FULL``.
    """
    scratch = work.folder / f"{uuid.uuid4().hex}.json"
    cancellation = session.engine.cancellation
    with (
        as_utf8(file.path, file.name, form.encoding, scratch, cancellation) as (path, start),
        _unmarked(path, start, scratch) as text,
    ):
        opened = _Opened(file.name, text, session, work)
        scan, found = opened.look()
        yield Rows(projected(scan, found), found.fields, documents=True)


@contextmanager
def write(form: Documents, fields: tuple[Field, ...], session: TransferSession, writing: Writing) -> Iterator[Writer]:
    """Begin files; see ``rows.WriterMaker``. ``fields`` is the one column of documents."""
    del fields
    codec = codec_of(form.encoding, Side.SINK)
    shape = (
        Shape(_array_pieces, codec, before="[", separator=len(",\n"), after="]\n")
        if form.array
        else Shape(_lines, codec)
    )
    with writing_lines(shape, session, writing) as writer:
        yield writer


def _lines(relation: str) -> str:
    return f"SELECT {_on_one_line()} || e'\\n' AS line FROM {relation}"


def _array_pieces(relation: str) -> str:
    return f"SELECT e',\\n' || {_on_one_line()} AS line FROM {relation}"


def _on_one_line() -> str:
    # Line ends stand between the parts of JSON only, never in its texts.
    document = identifier(DOCUMENT_COLUMN)
    joined = f"regexp_replace({document}, '[\\r\\n]+[ \\t]*', '', 'g')"
    return f"CASE WHEN contains({document}, e'\\n') OR contains({document}, e'\\r') THEN {joined} ELSE {document} END"


@contextmanager
def _unmarked(path: Path, start: int, scratch: Path) -> Iterator[Path]:
    """Give a file without a byte order mark, which DuckDB does not read over."""
    if not start:
        yield path
        return
    try:
        with path.open("rb") as stream, scratch.open("wb") as out:
            stream.seek(start)
            while data := stream.read(MIB):
                out.write(data)
        yield scratch
    except OSError as error:
        raise disk_full(error, scratch.parent) or error from error
    finally:
        scratch.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file in UTF-8, without a mark."""

    name: str
    path: Path
    session: TransferSession
    work: Working

    def look(self) -> tuple[str, Found]:
        """Return DuckDB's reader of the objects (column ``json``), and what is in them."""
        error: duckdb.Error | None = None
        for layout in self._layouts():
            if layout == "array" and not is_closed(self.path):
                break
            scan = self._scan(layout)
            try:
                found = look_into(self.session, scan, lambda count: check_width(self.name, count, self.work.limits))
            except duckdb.Error as said:
                error = said
                continue
            if found.faults or (found.doubtful and self._where()):
                break
            return scan, found
        raise self._fault(error) from error

    def _layouts(self) -> tuple[str, ...]:
        """Return what the file may be, the likeliest first."""
        with self.path.open("rb") as stream:
            head = stream.read(_HEAD).lstrip()
        if head[:1] == b"[":
            return ("array",)
        try:
            json.loads(head.partition(b"\n")[0])
        except (ValueError, RecursionError):
            return ("unstructured",)
        return ("newline_delimited", "unstructured")

    def _scan(self, layout: str) -> str:
        size = self.path.stat().st_size
        largest = _LINES_OBJECT if layout == "newline_delimited" else self.work.limits.max_row_bytes
        most = min(largest, self.work.limits.max_row_bytes, size + MIB)
        path = literal(exactly(self.path))
        return f"read_json_objects({path}, format = '{layout}', maximum_object_size = {most}, compression = 'none')"

    def _where(self) -> str:
        return fault_in(self.path, self.work.limits.max_row_bytes, self.session.engine.cancellation)

    def _fault(self, error: duckdb.Error | None) -> Problem:
        longest = self.work.limits.max_row_bytes
        said = str(error).splitlines()[0].replace(str(self.path), self.name) if error else ""
        if "maximum_object_size" in said:
            message = f"{self.name!r} has an object of more than {longest:,} bytes (max_row_bytes)"
            return Problem(Code.LIMIT_EXCEEDED, message)
        what = self._where() or ("" if said else "its array does not end with a ]")
        if not what:
            return unreadable(self.name, "JSON", said)
        return TransferProblem(
            Reason.UNREADABLE, Side.SOURCE, f"{self.name!r} is no JSON of objects: {what}", Code.SOURCE_UNREADABLE
        )
