"""Delimited text (contract 9.5). All columns are text.

Read: DuckDB reads the file where it lies if a look at its bytes proves that it does so exactly (``delimited_look``); any other file, and any other
dialect, goes through a reader of ours (``delimited_exact``). Both give the same rows. Written: ``delimited_lines``.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from headrace.dataplane.limits import MIB
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.formats.delimited_cutting import Dialect
from headrace.dataplane.transfer.formats.delimited_exact import ExactReader
from headrace.dataplane.transfer.formats.delimited_head import Head, head_of
from headrace.dataplane.transfer.formats.delimited_lines import Lines
from headrace.dataplane.transfer.formats.delimited_look import Look
from headrace.dataplane.transfer.formats.encodings import as_utf8, codec_of
from headrace.dataplane.transfer.formats.lines import Shape, writing_lines
from headrace.dataplane.transfer.formats.parquet import exactly
from headrace.dataplane.transfer.request import Delimited
from headrace.dataplane.transfer.rows import LocalFile, Rows, Working, Writer, Writing
from headrace.dataplane.transfer.session import TransferSession, literal
from headrace.dataplane.transfer.values import Field

_NEW_LINES = {False: r"'\n'", True: r"'\r\n'"}
"""DuckDB's names of line ends, by whether they are CRLF."""


@contextmanager
def read(file: LocalFile, form: Delimited, session: TransferSession, work: Working) -> Iterator[Rows]:
    """Open a file; see ``rows.Reader``. One without any row has no columns.

    Raises:
        TransferProblem: ``COLUMN_NAME_EMPTY``, ``UNREADABLE``, ``REQUEST_INVALID``; while the relation is read, and nothing may be left out,
            also ``MORE_CELLS_THAN_COLUMNS``.
        Problem: ``LIMIT_EXCEEDED``: too many columns, or a row that is too long; ``DISK_FULL``.
    """
    dialect = Dialect.of(form, Side.SOURCE)
    cancellation = session.engine.cancellation
    scratch = work.folder / f"{uuid.uuid4().hex}.utf8"
    refusals = scratch.with_suffix(".refused")
    with as_utf8(file.path, file.name, form.encoding, scratch, cancellation) as (path, start):
        head = head_of(path, start, file.name, form, work.limits)
        if head.columns is None:
            yield Rows("(SELECT 1 WHERE false)", ())
            return
        exact = ExactReader(
            path,
            file.name,
            dialect,
            head.columns,
            head.offset,
            head.number,
            work.limits.max_row_bytes,
            cancellation,
            refusals if work.tolerant else None,
        )
        fields = tuple(Field(column) for column in head.columns)
        look = Look(dialect, len(fields), head.end)
        scan = ""
        if head.plain and look.proves(path, head.offset, cancellation):
            scan = _scan(path, dialect, head, crlf=look.crlf)
        if scan and not (work.tolerant and _has_faults(session, scan)):
            with session.translating(lambda error: _first_fault(error, exact)):
                yield Rows(scan, fields)
            return
        try:
            with session.translating(lambda _: exact.problem):
                yield Rows(session.register(exact), fields, refused=exact.refused)
        finally:
            refusals.unlink(missing_ok=True)


def _scan(path: Path, dialect: Dialect, head: Head, *, crlf: bool) -> str:
    # Quotes are always doubled in what was looked at, whatever the escape character is.
    quote = literal(dialect.quote)
    columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in head.columns or ())
    # By itself it takes buffers of 16 lines of the longest kind, and many of them: twice the memory, in the same time.
    quoted_nulls = "true" if dialect.null == "" else "false"
    return (
        f"read_csv({literal(exactly(path))}, auto_detect = false, header = false, delim = {literal(dialect.delimiter)}, quote = {quote}, "
        f"escape = {quote}, columns = {{{columns}}}, skip = {head.lines}, nullstr = {literal(dialect.null)}, allow_quoted_nulls = {quoted_nulls}, "
        f"null_padding = true, new_line = {_NEW_LINES[crlf]}, max_line_size = {4 * MIB}, buffer_size = {8 * MIB}, "
        "compression = 'none', hive_partitioning = false)"
    )


def _has_faults(session: TransferSession, scan: str) -> bool:
    """Say whether any row has too many cells; what DuckDB could tell of them by itself is not exact."""
    try:
        session.one(f"SELECT count(*) FROM {scan}")
    except duckdb.Error:
        return True
    return False


def _first_fault(error: duckdb.Error, exact: ExactReader) -> Exception | None:
    """Return the fault that DuckDB has met, in our words and with the right number; None: it is no fault of the file."""
    if "csv" not in str(error).lower():
        return None
    for _ in exact.guarded():
        pass
    return exact.problem


@contextmanager
def write(form: Delimited, fields: tuple[Field, ...], session: TransferSession, writing: Writing) -> Iterator[Writer]:
    """Begin files; see ``rows.WriterMaker``.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the columns cannot be written in this dialect.
    """
    lines = Lines(form, fields, writing.conversion)
    codec = codec_of(form.encoding, Side.SINK)
    shape = Shape(lines.select, codec, lines.header() if form.header else "")
    with writing_lines(shape, session, writing) as writer:
        yield writer
