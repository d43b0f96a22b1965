"""Landed files as one relation with typed columns, whose rows are known by file and line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.landing import Landing
from headrace.core.schema import STRING, ColumnType
from headrace.core.settings import PromoteSettings
from headrace.core.source import FileType
from headrace.dataplane.archives import extract_to
from headrace.dataplane.landing import locate
from headrace.dataplane.promotion.inspection import Delimited, Inspector
from headrace.dataplane.promotion.session import REJECTS, SCANS, Session, identifier, literal
from headrace.dataplane.storage import Roots

FILE, ORDINAL, LINE, CORRUPT = "\u0001file", "\u0001ordinal", "\u0001line", "\u0001corrupt"
"""Columns that stand beside the source's own: path of the file, number of the row in its scan, line where the file tells it, and the text of
what is no row (null: it is one). Their names can occur in no source."""
NOTHING = "\u0001nothing"
"""Stands where a source has no columns at all: a query needs something to select."""

NEW_LINES = {False: r"'\n'", True: r"'\r\n'"}
"""DuckDB's names of line ends, by whether they are CRLF."""
_BUFFER = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Opened:
    """One file to be read: under which name people know it, where it lies, and how many rows are in it (damaged ones left out)."""

    name: str
    path: Path
    bytes: int
    modified_at: int | None
    rows: int
    delimited: Delimited | None = None
    first_line: int | None = None
    """Line of the first row where rows are lines or are counted as such; None: the file tells the line of each row itself."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Files that are read by one statement: they have the same columns in the same order."""

    files: tuple[Opened, ...]
    columns: tuple[str, ...]
    function: str
    """The table function with its arguments, but for the last parenthesis."""
    stores_rejects: bool = False
    numbered: bool = False
    """The first column that the function yields is the line."""
    projection: Mapping[str, str] = field(default_factory=dict)
    """SQL of the columns that are not simply read."""
    prepared: str = ""
    """SQL of what the projection is made from, computed once for each row."""
    corrupt: str | None = None
    """SQL of the text of what is no row."""

    def _selected(self) -> str:
        if not self.columns:  # JSON without any object
            return f"NULL AS {identifier(NOTHING)}"
        return ", ".join(f"{self.projection.get(c, identifier(c))} AS {identifier(c)}" for c in self.columns)

    def _prepared(self, reader: str) -> str:
        return f"(SELECT *, {self.prepared} FROM {reader})" if self.prepared else reader

    def rows(self, *, note_rejects: bool) -> str:
        """Return a query of the source's columns, and of ``CORRUPT`` when it can be: for the pass that writes accepted rows.

        ``note_rejects``: what is no row goes to the tables ``REJECTS`` and ``SCANS``; else it is left out.
        """
        noted = f", store_rejects = true, rejects_table = '{REJECTS}', rejects_scan = '{SCANS}'"
        rejects = (noted if note_rejects else ", ignore_errors = true") if self.stores_rejects else ""
        corrupt = f", {self.corrupt} AS {identifier(CORRUPT)}" if self.corrupt else ""
        return f"SELECT {self._selected()}{corrupt} FROM {self._prepared(f'{self.function}{rejects})')}"

    def located(self, types: Mapping[str, str]) -> str:
        """Return all columns of ``types`` with ``FILE``, ``ORDINAL`` and ``LINE``: for the pass that looks for rejects.

        ``types``: name to DuckDB's type; a column that these files lack is null. ``ORDINAL`` counts from 1, in the order of ``files``.
        """
        ignore = ", ignore_errors = true" if self.stores_rejects else ""
        line = f"CAST({identifier(LINE)} AS BIGINT)" if self.numbered else "CAST(NULL AS BIGINT)"
        corrupt = self.corrupt or "CAST(NULL AS VARCHAR)"
        lacking = "".join(
            f"CAST(NULL AS {kind}) AS {identifier(name)}, " for name, kind in types.items() if name not in self.columns
        )
        return (
            f"SELECT {self._selected()}, {lacking}{corrupt} AS {identifier(CORRUPT)}, {identifier(FILE)}, {line} AS {identifier(LINE)}, "
            f"row_number() OVER () AS {identifier(ORDINAL)} "
            f"FROM {self._prepared(f'{self.function}{ignore}, filename = {literal(FILE)})')}"
        )


@dataclass(frozen=True, slots=True)
class Source:
    """All that is to be promoted: ``columns`` in the order in which they were first seen, with their types."""

    scans: tuple[Scan, ...]
    columns: Mapping[str, ColumnType]
    types: Mapping[str, str]
    """DuckDB's type of each column."""
    delimiter: str = ","

    @property
    def files(self) -> tuple[Opened, ...]:
        """Return the files in the order in which they are read."""
        return tuple(file for scan in self.scans for file in scan.files)

    @property
    def damaged(self) -> int:
        """Return the number of rows that were found unreadable before DuckDB read anything."""
        return sum(file.delimited.damaged for file in self.files if file.delimited)

    @property
    def read(self) -> int:
        """Return the number of all rows, readable or not."""
        return sum(file.rows for file in self.files) + self.damaged

    @property
    def can_be_corrupt(self) -> bool:
        """Say whether rows can turn out not to be ones only when they are looked into."""
        return any(scan.corrupt for scan in self.scans)

    def rows(self, *, note_rejects: bool = False) -> str:
        """Return a query of all columns of all files; a column that a file lacks is null."""
        return " UNION ALL BY NAME ".join(f"({scan.rows(note_rejects=note_rejects)})" for scan in self.scans)


def unpack(
    session: Session, settings: PromoteSettings, landing: Landing, roots: Roots
) -> Iterator[tuple[str, Path, int | None]]:
    """Yield name, path and modification time of every file that the landing contains, unpacked.

    Raises:
        Problem: ``LANDING_GONE``, and what ``archives.extract_to`` raises.
    """
    for number, file in enumerate(landing.files):
        path = locate(roots, file)
        if landing.format != "source":
            yield file.name, path, file.modified_at
            continue
        folder = session.work / f"unpacked.{number}"
        compression = settings.format.compression
        for member in extract_to(folder, path, file.name, compression, session.limits, session.context.cancellation):
            yield member.name, member.path, file.modified_at


def open_delimited(
    session: Session, settings: PromoteSettings, files: Iterator[tuple[str, Path, int | None]], *, exactly: bool
) -> Source:  # fmt: skip
    """Return the source that delimited files are; all of its columns are strings. ``exactly``: as ``Inspector.exactly``.

    Raises:
        Problem: what ``Inspector.inspect`` raises.
    """
    inspector = Inspector(settings.format, session.limits, session.work, session.context.cancellation, exactly)
    groups: dict[tuple[object, ...], list[Opened]] = {}
    for number, (name, path, modified_at) in enumerate(files):
        looked = inspector.inspect(name, path, number)
        opened = Opened(name, looked.path, path.stat().st_size, modified_at, looked.records, looked, line_of(looked))
        shape = (looked.columns, looked.skip, looked.crlf, looked.has_long_rows, looked.repaired, looked.over_lines)
        groups.setdefault(shape, []).append(opened)
    scans = tuple(_scan(session, settings, group) for group in groups.values())
    columns = {column: STRING for scan in scans for column in scan.columns}
    return Source(scans, columns, dict.fromkeys(columns, "VARCHAR"), settings.format.delimiter)


def line_of(looked: Delimited) -> int | None:
    """Return the line of a file's first row where its rows are its lines."""
    return None if looked.repaired else looked.first_line


def _scan(session: Session, settings: PromoteSettings, group: list[Opened]) -> Scan:
    looked = group[0].delimited
    assert looked is not None  # noqa: S101 — made so by the caller, in this module
    return Scan(
        tuple(group),
        looked.columns,
        read_csv(session, settings, group, looked),
        stores_rejects=True,
        numbered=looked.repaired,
    )


def read_csv(session: Session, settings: PromoteSettings, group: list[Opened], looked: Delimited) -> str:
    """Return DuckDB's reader of delimited files that have been looked at, but for the last parenthesis."""
    format_ = settings.format
    columns = ([LINE] if looked.repaired else []) + list(looked.columns)
    paths = ", ".join(literal(str(file.path)) for file in group)
    nulls = ", ".join(literal(text) for text in dict.fromkeys(("", *format_.nulls)))
    longest = session.limits.max_row_bytes
    options = [
        "auto_detect = false, header = false",
        f"delim = {literal(format_.delimiter)}",
        f"quote = {literal(format_.quote)}",
        f"escape = {literal(format_.escape if format_.quote else '')}",
        "columns = {" + ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns) + "}",
        f"skip = {looked.skip}",
        f"nullstr = [{nulls}]",
        "allow_quoted_nulls = false",
        # Never left to be found out: a carriage return in a quoted value would pass for a line end.
        f"new_line = {NEW_LINES[looked.crlf]}",
        f"rejects_line_size_limit = {longest}",
    ]
    if looked.has_long_rows or looked.over_lines:
        # In parallel DuckDB 2.0 loses rows that are long beside its buffers, without a word.
        options.append("parallel = false")
        options.append(f"max_line_size = {longest}, buffer_size = {max(_BUFFER, longest + 1024)}")
    return f"read_csv([{paths}], {', '.join(options)}"


def is_delimited(landing: Landing, settings: PromoteSettings) -> bool:
    """Say whether the landed files are delimited text."""
    return landing.format == "source" and settings.format.type is FileType.DELIMITED
