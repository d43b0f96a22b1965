"""Accepted rows to Parquet, in one pass."""

import os
from dataclasses import dataclass
from pathlib import Path

from headrace.core.schema import Schema
from headrace.dataplane.lake.files import DataFile, data_file
from headrace.dataplane.lake.types import stored
from headrace.dataplane.promotion.mapping import Mapped, schema_of
from headrace.dataplane.promotion.reading import Source
from headrace.dataplane.promotion.session import REJECTS, SCANS, Session, literal
from headrace.dataplane.promotion.staging import final_name
from headrace.dataplane.storage import make_durable

_ROW_GROUP = 122_880


@dataclass(frozen=True, slots=True)
class Written:
    """What the first pass did: ``files`` hold the ``accepted`` rows; ``unreadable`` lines were no rows."""

    files: tuple[DataFile, ...]
    accepted: int
    unreadable: int

    @property
    def bytes(self) -> int:
        """Return the size of the files."""
        return sum(file.bytes for file in self.files)


def write_accepted(session: Session, source: Source, mapped: Mapped, table: Path, prefix: str) -> Written:
    """Write the rows that the mapping and the schema accept into files of ``table`` whose names begin with ``prefix``.

    What an earlier call left under the same prefix is removed first. Rows keep no order.

    Raises:
        Problem: ``DISK_FULL``, ``LIMIT_EXCEEDED``, what the cancellation says.
    """
    remove_parts(table, prefix)
    forget_unreadable(session)
    table.mkdir(parents=True, exist_ok=True)
    schema = schema_of(mapped)
    columns = {column.name: stored(final_name(column.name), column.type) for column in mapped.columns}
    rows = mapped.accepted(source.rows(note_rejects=True), columns)
    several_bytes = session.limits.data_file_bytes
    large = sum(file.bytes for file in source.files) > 2 * several_bytes
    # One file takes its name as it is; several are numbered by DuckDB in a folder.
    place = table if large else table / f"{prefix}-0.parquet"
    several = (
        f", FILE_SIZE_BYTES {several_bytes}, FILENAME_PATTERN {literal(prefix + '-{i}')}, OVERWRITE_OR_IGNORE"
        if large
        else ""
    )
    session.keep_order(keep=False)
    with session.reporting(source.read):
        found = session.rows(
            f"COPY ({rows}) TO {literal(str(place))} "
            f"(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {_ROW_GROUP}, RETURN_STATS{several})"
        )
    files = tuple(_data_file(row, schema) for row in found if row[1])
    for path in {Path(row[0]) for row in found} - {table / file.path for file in files}:
        path.unlink(missing_ok=True)
    _sync(table, files)
    return Written(files, sum(file.rows for file in files), _unreadable(session, source))


def remove_parts(table: Path, prefix: str) -> None:
    """Remove data files of ``table`` whose names begin with ``prefix``."""
    for path in table.glob(f"{prefix}-*.parquet"):
        path.unlink(missing_ok=True)


def forget_unreadable(session: Session) -> None:
    """Forget lines that an earlier statement found unreadable."""
    for name in (REJECTS, SCANS):
        session.rows(f"DROP TABLE IF EXISTS {name}")


def _data_file(row: tuple[object, ...], schema: Schema) -> DataFile:
    """Read one row of ``RETURN_STATS``: file, rows, bytes, footer's bytes, statistics by quoted column path."""
    path, rows, size, _, columns = row[:5]
    # Columns last: one whose own name has a dot comes before a field of that path.
    deepest_first = sorted(_mapping(columns).items(), key=lambda item: -str(item[0]).count('"."'))
    by_name = {_path(str(key)): value for key, value in deepest_first}
    return data_file(Path(str(path)).name, int(str(size)), int(str(rows)), by_name, schema)


def _path(quoted: str) -> str:
    """Return ``person.name`` of ``"person"."name"``; the elements of a list are called ``element`` there."""
    return ".".join(name.replace('""', '"') for name in quoted[1:-1].split('"."'))


def _mapping(value: object) -> dict[str, dict[str, str]]:
    return value if isinstance(value, dict) else {}


def _sync(table: Path, files: tuple[DataFile, ...]) -> None:
    """Let the files survive a loss of power before a commit refers to them."""
    for file in files:
        descriptor = os.open(table / file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    make_durable(table)


def _unreadable(session: Session, source: Source) -> int:
    if not any(scan.stores_rejects for scan in source.scans):
        return 0
    return int(
        session.one(f"SELECT count(*) FROM (SELECT DISTINCT scan_id, file_id, line_byte_position FROM {REJECTS})")
    )
