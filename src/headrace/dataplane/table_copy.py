"""Copying a table or a query: one snapshot, a window fixed inside it, one Parquet file for each partition."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
import structlog

from headrace.core.clock import Instant
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.landing import LandedFile, Landing
from headrace.core.outcome import Figures
from headrace.core.settings import CopySettings
from headrace.core.source import NullPolicy, TableSource
from headrace.core.window import Window
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases import delta
from headrace.dataplane.connectors.databases.delta import Axis
from headrace.dataplane.connectors.databases.dialect import Column, Family
from headrace.dataplane.connectors.databases.fitting import UnfitError, schema_of
from headrace.dataplane.connectors.databases.opening import open_database
from headrace.dataplane.connectors.databases.relations import Relation, relation_of
from headrace.dataplane.connectors.databases.session import Session
from headrace.dataplane.slices import Copying, one_problem, run_slices
from headrace.dataplane.storage import disk_full

_log = structlog.get_logger(__name__)

_SECONDS_END = 10**11
"""Whole numbers beyond are milliseconds, where nobody said what they are (contract 4.5): as seconds they would be the year 5138."""


@dataclass(frozen=True, slots=True)
class TableSlice:
    """One partition: the rows that fulfil ``condition`` (``""``: all), and the file that they land in."""

    number: int
    name: str
    condition: str
    file: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the slices of one copy share.

    ``session`` is the one that the window was fixed in; ``snapshot`` names its rows for others (None: the slices are read in it, one by one).
    """

    relation: Relation
    columns: tuple[Column, ...]
    condition: str
    session: Session
    snapshot: str | None
    max_bytes: int


def copy_table(
    settings: CopySettings, source: TableSource, work: Copying, find: Callable[[str], ConnectionInfo]
) -> Landing:
    """Copy what ``source`` selects; return the landing, its window with the end that was fixed inside the snapshot.

    Raises:
        Problem: what the database says; ``UNKNOWN_COLUMN``, ``SOURCE_NOT_FOUND`` with similar names.
    """
    info = find(source.connection)
    window = work.task.window
    end = None if source.delta is None or window is None else window.end
    while True:
        with open_database(info, work.limits, work.context.cancellation) as session:
            if end is None or not work.let_pass(end, Instant(session.now)):
                return _copied(settings, source, work, info, session)
        # The snapshot is older than the window's end by now: once more, with one that is not.


def _copied(
    settings: CopySettings, source: TableSource, work: Copying, info: ConnectionInfo, session: Session
) -> Landing:
    relation = relation_of(session, source, work.limits.max_columns)
    window, condition, skipped = _windowed(session, source, relation, work.task.window)
    conditions = _partitions(session, source, relation, condition)
    as_text: frozenset[str] = frozenset()
    while True:
        columns = columns_of(source, relation, as_text)
        snapshot = session.snapshot()
        # Where no other connection can read the same rows, one reads them all.
        slices = split(relation.name, ("",) if snapshot is None else conditions)
        reading = Reading(relation, columns, condition, session, snapshot, settings.max_bytes)
        _log.info("the table is read", table=relation.name, columns=len(columns), partitions=len(slices))
        try:
            files = _copy_slices(slices, reading, work, info)
        except UnfitError as unfit:
            as_text |= unfit.columns
            work.tally.restart()
        else:
            work.tally.add(Figures(rows_skipped=skipped))
            return Landing(files, format="parquet", window=window, rows_skipped=skipped)


def _copy_slices(
    slices: tuple[TableSlice, ...], reading: Reading, work: Copying, info: ConnectionInfo
) -> tuple[LandedFile, ...]:
    done = run_slices(
        slices,
        lambda item: copy_slice(item, reading, work, info),
        lambda item: item.name,
        threads=work.limits.threads,
    )
    if done.failures:
        raise one_problem(done.failures, len(slices), "partitions")
    unfit = [result for result in done.results if isinstance(result, UnfitError)]
    if unfit:
        raise UnfitError(frozenset().union(*(error.columns for error in unfit)))
    return tuple(file for file in done.results if isinstance(file, LandedFile) and file.rows)


def columns_of(source: TableSource, relation: Relation, as_text: frozenset[str]) -> tuple[Column, ...]:
    """Return the wanted columns, in the order that the source gives, else in the table's."""
    known = relation.by_name
    wanted = (known[name] for name in source.columns or known)
    return tuple(column.texted() if column.name in as_text else column for column in wanted)


def _windowed(
    session: Session, source: TableSource, relation: Relation, asked: Window | None
) -> tuple[Window | None, str, int]:
    """Return the window that is delivered, the condition that is read by, and how many rows without a delta value it leaves out."""
    if source.delta is None:
        return None, "", 0
    axis = _axis(session, source, relation)
    window, policy = asked or Window(), source.delta.nulls
    read = delivered = window
    if window.end is None:
        read, delivered = _with_end(session, source.delta.lag_seconds, relation, axis, window)
    nulls = 0
    if not delta.reads_nulls(window, policy):
        counted = session.rows(f"SELECT count(*) {relation.rest(f'{axis.sql} IS NULL')}", relation.name)
        nulls = int(counted[0][0])
    if policy is NullPolicy.FAIL and nulls:
        message = f"{nulls} rows of {relation.name!r} have no value in the delta column {source.delta.name!r}, and its null policy is fail"
        raise Problem(Code.SOURCE_UNREADABLE, message)
    return delivered, delta.condition(axis, read, policy), nulls


def _axis(session: Session, source: TableSource, relation: Relation) -> Axis:
    """Return how the delta column is compared; what numbers are is seen from the largest one where nobody said it."""
    assert source.delta is not None  # noqa: S101 — the caller has looked
    wanted, column = source.delta, relation.by_name[source.delta.name]
    if wanted.milliseconds is None and column.family in (Family.INTEGER, Family.NUMBER):
        whole = session.dialect.floored.format(f"max({column.compared})", 1)
        largest = session.rows(f"SELECT {whole} {relation.rest()}", relation.name)[0][0]
        wanted = replace(
            wanted, milliseconds=largest is not None and delta.whole(str(largest), _SECONDS_END) > _SECONDS_END
        )
    return delta.axis_of(wanted, column, session.dialect)


def _with_end(session: Session, lag: float, relation: Relation, axis: Axis, window: Window) -> tuple[Window, Window]:
    """Return what is read and what is delivered: up to the present of this snapshot less the lag, the end just behind the largest value.

    What is read ends there too, so that a row which comes meanwhile is not read twice where the statements are not of one snapshot.
    """
    latest = replace(window, end=delta.bound(axis, session.now, lag, window.start))
    largest = axis.micros.format(f"max({axis.sql})")
    inside = relation.rest(delta.condition(axis, latest, NullPolicy.SKIP))
    found = session.rows(f"SELECT {largest} {inside}", relation.name)[0][0]
    delivered = delta.tightened(axis, latest, None if found is None else str(found))
    return (latest if found is None else delivered), delivered


def _partitions(session: Session, source: TableSource, relation: Relation, condition: str) -> tuple[str, ...]:
    """Return the condition of each partition: ranges of the partition column that tile it; rows without a value go with the first."""
    if source.partition_column is None or source.partitions == 1:
        return ("",)
    column = relation.by_name[source.partition_column]
    native = delta.native_axis(column, session.dialect)
    axis = native or delta.integer_axis(column, session.dialect)
    if axis is None:
        message = (
            f"the partition column {column.name!r} is {column.kind}; it has to be a whole number, a date or a timestamp"
        )
        raise Problem(Code.INVALID, message, (FieldError("partition_column", message),))
    finite = session.dialect.finite.format(column.compared) if native else ""
    low, high = (axis.micros.format(f"{end}({column.compared}){finite}") for end in ("min", "max"))
    ends = session.rows(f"SELECT {low}, {high} {relation.rest(condition)}", relation.name)[0]
    first, last = (None if end is None else axis.parse(str(end)) for end in ends)
    if first is None or last is None:
        return ("",)
    ranges = delta.split(first // axis.grain, last // axis.grain, source.partitions)
    return tuple(
        _range_condition(axis, *(None if end is None else Instant(end * axis.grain) for end in ends)) for ends in ranges
    )


def _range_condition(axis: Axis, low: int | None, high: int | None) -> str:
    parts = [f"{axis.sql} >= {axis.literal(low)}"] if low is not None else []
    parts += [f"{axis.sql} < {axis.literal(high)}"] if high is not None else []
    inside = " AND ".join(parts) or "1 = 1"
    return f"({inside} OR {axis.sql} IS NULL)" if low is None else f"({inside})"


def split(name: str, conditions: tuple[str, ...]) -> tuple[TableSlice, ...]:
    """Return a slice for each condition; their names tell the partition where there is more than one."""
    count = len(conditions)
    return tuple(
        TableSlice(number, name if count == 1 else f"{name} ({number} of {count})", condition, f"{number:06d}.parquet")
        for number, condition in enumerate(conditions, 1)
    )


def copy_slice(item: TableSlice, reading: Reading, work: Copying, info: ConnectionInfo) -> LandedFile | UnfitError:
    """Land the rows of one partition; return what landed, or the columns that have to land as text.

    Raises:
        Problem: what is wrong; nothing of the file is left then.
    """
    target = work.folder.path / item.file
    quoted = reading.session.dialect.quoted
    select = ", ".join(f"{column.select} AS {quoted(column.name)}" for column in reading.columns)
    query = f"SELECT {select} {reading.relation.rest(reading.condition, item.condition)}"
    crash_point("copy-before-partition")
    try:
        if reading.snapshot is None:
            rows = _write(reading.session, query, target, item.name, reading, work)
        else:
            with open_database(info, work.limits, work.context.cancellation, reading.snapshot) as session:
                rows = _write(session, query, target, item.name, reading, work)
    except UnfitError as unfit:
        target.unlink(missing_ok=True)
        return unfit
    except OSError as error:
        target.unlink(missing_ok=True)
        raise disk_full(error, target.parent) or error from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    crash_point("copy-after-partition")
    size = target.stat().st_size
    work.tally.add(Figures(files_written=1, bytes_written=size))
    return LandedFile(work.folder.landed(item.file), item.name, size, rows=rows)


def _write(session: Session, query: str, target: Path, name: str, reading: Reading, work: Copying) -> int:
    rows = 0
    with (
        target.open("wb") as out,
        pq.ParquetWriter(out, schema_of(reading.columns), compression="snappy") as writer,
        closing(session.batches(query, reading.columns, name)) as batches,
    ):
        for landed in batches:
            writer.write_batch(landed)
            rows += landed.num_rows
            work.tally.add(Figures(rows_read=landed.num_rows, bytes_read=landed.nbytes))
            if (work.tally.figures.bytes_read or 0) > reading.max_bytes:
                message = f"the source has more than {reading.max_bytes:,} bytes (max_bytes)"
                raise Problem(Code.LIMIT_EXCEEDED, message)
    return rows
