"""Copying a table or a query: one snapshot, a window fixed inside it, one Parquet file for each partition."""

import difflib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

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
from headrace.dataplane.connectors.databases.delta import Axis, quoted
from headrace.dataplane.connectors.databases.postgres import Session, connect, find_table
from headrace.dataplane.connectors.databases.postgres_types import (
    Column,
    UnfitError,
    column_of,
    fitted,
    kind_of,
    schema_of,
)
from headrace.dataplane.slices import Copying, one_problem, run_slices
from headrace.dataplane.storage import disk_full

_KINDS = ("postgres", "postgresql")


@dataclass(frozen=True, slots=True)
class Relation:
    """What is read: its name for people, its SQL in a FROM clause, and its columns as the database describes them."""

    name: str
    sql: str
    kinds: dict[str, str]
    fields: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class TableSlice:
    """One partition: the rows that fulfil ``condition`` (``""``: all), and the file that they land in."""

    number: int
    name: str
    condition: str
    file: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the slices of one copy share: the relation, its columns as they land, the window's condition, the snapshot."""

    relation: Relation
    columns: tuple[Column, ...]
    condition: str
    snapshot: str
    max_bytes: int


def copy_table(
    settings: CopySettings, source: TableSource, work: Copying, find: Callable[[str], ConnectionInfo]
) -> Landing:
    """Copy what ``source`` selects; return the landing, its window with the end that was fixed inside the snapshot.

    Raises:
        Problem: what the database says; ``UNKNOWN_COLUMN``, ``SOURCE_NOT_FOUND`` with similar names.
    """
    info = find(source.connection)
    if info.kind not in _KINDS:
        raise Problem(Code.UNSUPPORTED, f"tables cannot be read from {info.kind!r} yet; PostgreSQL can")
    with connect(info, work.limits, work.context.cancellation) as session:
        relation = relation_of(session, source)
        _check_columns(source, relation, work.limits.max_columns)
        window, condition, skipped = _windowed(session, source, relation, work.task.window)
        conditions = _partitions(session, source, relation, condition)
        slices = split(relation.name, conditions)
        as_text: frozenset[str] = frozenset()
        while True:
            columns = columns_of(source, relation, as_text)
            reading = Reading(relation, columns, condition, session.snapshot(), settings.max_bytes)
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


def relation_of(session: Session, source: TableSource) -> Relation:
    """Return the described table or query.

    Raises:
        Problem: ``SOURCE_NOT_FOUND``, ``INVALID`` (more than one statement, two columns of one name), and what the database says.
    """
    if source.table is not None:
        name, sql = source.table, find_table(session, source.table)
    else:
        name, query = "query", (source.query or "").strip().rstrip(";")
        session.describe(query, "the query")  # alone first: what closes a parenthesis of ours is no query
        sql = f"(\n{query}\n)"
    schema = session.describe(f"SELECT * FROM {sql} AS source", name if source.table else "the query")
    twice = sorted({field.name for field in schema if len(schema.get_all_field_indices(field.name)) > 1})
    if twice:
        raise Problem(Code.INVALID, f"the query has more than one column named {twice[0]!r}; give each its own name")
    return Relation(name, sql, {field.name: kind_of(field) for field in schema}, tuple(schema))


def columns_of(source: TableSource, relation: Relation, as_text: frozenset[str]) -> tuple[Column, ...]:
    """Return the wanted columns, in the order that the source gives, else in the table's."""
    by_name = {field.name: field for field in relation.fields}
    return tuple(column_of(by_name[name], as_text=name in as_text) for name in source.columns or by_name)


def _check_columns(source: TableSource, relation: Relation, most: int) -> None:
    if len(relation.fields) > most:
        raise Problem(
            Code.LIMIT_EXCEEDED,
            f"{relation.name!r} has {len(relation.fields)} columns; at most {most} are allowed (max_columns)",
        )
    wanted = [(f"columns[{number}]", name) for number, name in enumerate(source.columns)]
    wanted += [("delta.name", source.delta.name)] if source.delta else []
    wanted += [("partition_column", source.partition_column)] if source.partition_column else []
    errors = tuple(
        FieldError(path, f"{relation.name!r} has no column {name!r}", _similar(name, list(relation.kinds)))
        for path, name in wanted
        if name not in relation.kinds
    )
    if errors:
        raise Problem.of_fields(Code.UNKNOWN_COLUMN, f"the source {relation.name!r}", errors)


def _similar(name: str, known: list[str]) -> str:
    by_lower = {column.lower(): column for column in known}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return f"did you mean {by_lower[matches[0]]!r}?" if matches else "columns are " + ", ".join(known[:10])


def _windowed(
    session: Session, source: TableSource, relation: Relation, asked: Window | None
) -> tuple[Window | None, str, int]:
    """Return the window that is read, its condition, and how many rows without a delta value it leaves out."""
    if source.delta is None:
        return None, "", 0
    axis = delta.axis_of(source.delta, relation.kinds[source.delta.name])
    window, policy = asked or Window(), source.delta.nulls
    read = delivered = window
    if window.end is None:
        axis = _with_precision(session, source, relation, axis)
        read, delivered = _with_end(session, source.delta.lag_seconds, relation, axis, window)
    nulls = 0
    if not delta.reads_nulls(window, policy):
        counted = session.rows(
            f"SELECT count(*) AS n FROM {relation.sql} AS source WHERE {axis.sql} IS NULL", relation.name
        )
        nulls = int(counted[0]["n"])
    if policy is NullPolicy.FAIL and nulls:
        message = f"{nulls} rows of {relation.name!r} have no value in the delta column {source.delta.name!r}, and its null policy is fail"
        raise Problem(Code.SOURCE_UNREADABLE, message)
    return delivered, delta.condition(axis, read, policy), nulls


def _with_precision(session: Session, source: TableSource, relation: Relation, axis: Axis) -> Axis:
    """Return the axis with the grain of a table's ``timestamp(p)``: rows of the same second may still come."""
    if source.delta is None or source.table is None or not relation.kinds[source.delta.name].startswith("timestamp"):
        return axis
    found = session.rows(
        f"SELECT atttypmod AS precision FROM pg_catalog.pg_attribute WHERE attrelid = {delta.text_literal(relation.sql)}::regclass "
        f"AND attname = {delta.text_literal(source.delta.name)}"
    )
    precision = int(found[0]["precision"]) if found else -1
    return axis if precision < 0 else replace(axis, grain=10 ** (6 - precision))


def _with_end(session: Session, lag: float, relation: Relation, axis: Axis, window: Window) -> tuple[Window, Window]:
    """Return what is read, up to the present of this snapshot less the lag, and what is delivered: its end just behind the largest value."""
    now = session.rows("SELECT floor(extract(epoch FROM transaction_timestamp()) * 1000000)::int8 AS now")
    latest = replace(window, end=delta.bound(axis, int(now[0]["now"]), lag, window.start))
    inside = delta.condition(axis, latest, NullPolicy.SKIP)
    largest = axis.micros.format(f"max({axis.sql})")
    found = session.rows(f"SELECT {largest} AS largest FROM {relation.sql} AS source WHERE {inside}", relation.name)
    return latest, delta.tightened(axis, latest, found[0]["largest"])


def _partitions(session: Session, source: TableSource, relation: Relation, condition: str) -> tuple[str, ...]:
    """Return the condition of each partition: ranges of the partition column that tile it; rows without a value go with the first."""
    if source.partition_column is None or source.partitions == 1:
        return ("",)
    kind, column = relation.kinds[source.partition_column], quoted(source.partition_column)
    native = delta.native_axis(column, kind)
    axis = native or delta.integer_axis(column, kind)
    if axis is None:
        message = f"the partition column {source.partition_column!r} is {kind}; it has to be a whole number, a date or a timestamp"
        raise Problem(Code.INVALID, message, (FieldError("partition_column", message),))
    finite = f"isfinite({column})" if native else "true"
    low, high = (axis.micros.format(f"{end}({column}) FILTER (WHERE {finite})") for end in ("min", "max"))
    where = f" WHERE {condition}" if condition else ""
    ends = session.rows(f"SELECT {low} AS low, {high} AS high FROM {relation.sql} AS source{where}", relation.name)[0]
    first, last = (None if ends[end] is None else axis.parse(ends[end]) for end in ("low", "high"))
    if first is None or last is None:
        return ("",)
    ranges = delta.split(first // axis.grain, last // axis.grain, source.partitions)
    return tuple(
        _range_condition(axis, *(None if end is None else Instant(end * axis.grain) for end in ends)) for ends in ranges
    )


def _range_condition(axis: Axis, low: int | None, high: int | None) -> str:
    parts = [f"{axis.sql} >= {axis.literal(low)}"] if low is not None else []
    parts += [f"{axis.sql} < {axis.literal(high)}"] if high is not None else []
    inside = " AND ".join(parts) or "true"
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
    conditions = " AND ".join(filter(None, (reading.condition, item.condition)))
    where = f" WHERE {conditions}" if conditions else ""
    select = ", ".join(column.select for column in reading.columns)
    query = f"SELECT {select} FROM {reading.relation.sql} AS source{where}"
    crash_point("copy-before-partition")
    try:
        with connect(info, work.limits, work.context.cancellation, reading.snapshot) as session:
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
        closing(session.batches(query, name)) as batches,
    ):
        for batch in batches:
            landed = fitted(batch, reading.columns)
            writer.write_batch(landed)
            rows += landed.num_rows
            work.tally.add(Figures(rows_read=landed.num_rows, bytes_read=landed.nbytes))
            if (work.tally.figures.bytes_read or 0) > reading.max_bytes:
                message = f"the source has more than {reading.max_bytes:,} bytes (max_bytes)"
                raise Problem(Code.LIMIT_EXCEEDED, message)
    return rows
