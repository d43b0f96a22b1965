"""Rows that are gathered in an interim table, and taken over in one transaction: upserts, and transfers that are all or nothing.

The interim table is a plain one, so what is in it outlives a crash, and a later try goes on with it. Beside the columns of the rows it has
``headrace_slice`` and ``headrace_row``: of rows with the same key the last one of a slice counts.
"""

from collections.abc import Mapping

import pyarrow as pa

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.transfer.databases.links.link import Fault, Link, LinkError, Table
from headrace.dataplane.transfer.databases.marks import digest
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import TableMode, TableSink
from headrace.dataplane.transfer.values import Field, ValueType

SLICE, ROW = Field("headrace_slice", ValueType.STRING), Field("headrace_row", ValueType.INT64)
_SLICE_WIDTH = 16
_NAME_WIDTH = 20
_NUMBERS: Mapping[str, str] = {"MySQL": "SIGNED"}
_TEXTS: Mapping[str, str] = {"MySQL": f"CHAR({_SLICE_WIDTH})"}


def keys_of(sink: TableSink, table: Table, fields: tuple[Field, ...], where: str) -> tuple[str, ...]:
    """Return the columns that rows are found by; empty for plain inserts.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: there are none; ``COLUMN_UNKNOWN``: the rows have no such column.
    """
    if sink.mode is not TableMode.UPSERT:
        return ()
    keys = sink.keys or table.keys
    if not keys:
        message = f"{where} has no primary key, and the upsert names no keys: nothing says which rows are the same"
        raise TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)
    names = {field.name for field in fields}
    for key in keys:
        if key not in names:
            message = f"the key {key!r} of the upsert into {where} is none of the columns that are written: {', '.join(sorted(names))}"
            raise TransferProblem(Reason.COLUMN_UNKNOWN, Side.SINK, message)
    return keys


def interim_name(sink: TableSink, dialect: Dialect, key: str, asked: str) -> str:
    """Return the quoted name of the interim table, which is the same for all tries."""
    schema = "" if dialect.name == "SQLite" else sink.interim_schema or sink.schema
    name = f"headrace_interim_{digest(f'{key} {asked} {sink.schema} {sink.table}')[:_NAME_WIDTH]}"
    return ".".join(dialect.quoted(part) for part in (schema, name) if part)


def make_interim(link: Link, name: str, table: Table, fields: tuple[Field, ...], keys: tuple[str, ...]) -> None:
    """Make the interim table where it is missing: the columns as the table has them, without its rules, so that texts compare alike."""
    del keys  # the table is read once, whole: an index would cost more than it saves
    dialect = link.dialect
    if _is_there(link, name):
        return
    text, number = _TEXTS.get(dialect.name, f"varchar({_SLICE_WIDTH})"), _NUMBERS.get(dialect.name, "bigint")
    quoted = _listed(dialect, fields)
    marks = f"CAST('' AS {text}) AS {SLICE.name}, CAST(0 AS {number}) AS {ROW.name}"
    # The second half, for SQL Server, takes away what a column was made to count by.
    empty = f"SELECT {quoted}, {marks} FROM {table.name} WHERE 1 = 0"
    try:
        if dialect.name == "SQL Server":
            link.run(f"SELECT * INTO {name} FROM ({empty} UNION ALL {empty}) AS source")
        else:
            link.run(f"CREATE TABLE {name} AS {empty}")
    except LinkError:
        if not _is_there(link, name):  # another try may have made it at the same moment
            raise


def marked_batch(batch: pa.RecordBatch, item: str, before: int) -> pa.RecordBatch:
    """Return a batch of a slice with the columns that tell which of its rows is the last; ``before`` of its rows came earlier."""
    count = batch.num_rows
    slices = pa.array([digest(item)[:_SLICE_WIDTH]] * count, pa.string())
    rows = pa.array(range(before, before + count), pa.int64())
    return pa.RecordBatch.from_arrays([*batch.columns, slices, rows], names=[*batch.schema.names, SLICE.name, ROW.name])


def keep_only(link: Link, interim: str, rows: Mapping[str, int]) -> None:
    """Look whether the interim table has as many rows of each slice as were written, within a transaction; remove those of other slices.

    Raises:
        Problem: ``COUNTS_DIFFER``: somebody else has changed it.
    """
    counted = link.rows(f"SELECT {SLICE.name}, count(*) FROM {interim} GROUP BY {SLICE.name}")
    found = {str(name): int(count) for name, count in counted}
    for item, count in rows.items():
        here = found.pop(digest(item)[:_SLICE_WIDTH], 0)
        if here != count:
            message = f"the table {interim}, in which rows are gathered, has {here:,} rows of a slice of which {count:,} were written"
            raise Problem(Code.COUNTS_DIFFER, f"{message}; somebody else has changed it: begin again with a new run")
    for name in found:
        link.run(f"DELETE FROM {interim} WHERE {SLICE.name} = '{name}'")


def merge(link: Link, sink: TableSink, table: Table, interim: str, fields: tuple[Field, ...]) -> None:
    """Take the rows over, within a transaction: those whose key is there are changed, the others inserted."""
    dialect, columns = link.dialect, _listed(link.dialect, fields)
    overriding = " OVERRIDING SYSTEM VALUE" if dialect.name == "PostgreSQL" else ""
    counted = bool(table.counted) and table.counted in {field.name for field in fields}
    before, after = (f"SET IDENTITY_INSERT {table.name} {switch};" if counted else "" for switch in ("ON", "OFF"))
    if sink.mode is not TableMode.UPSERT:
        link.run(
            f"{before}INSERT INTO {table.name} ({columns}){overriding} SELECT {columns} FROM {interim} ORDER BY {SLICE.name}, {ROW.name};{after}"
        )
        return
    keys = sink.keys or table.keys
    quoted_keys = ", ".join(map(dialect.quoted, keys))
    # A null is no key: such a row is the same as no other, although PARTITION BY takes them for one.
    without_key = " OR ".join(f"{dialect.quoted(key)} IS NULL" for key in keys)
    latest = (
        f"(SELECT {columns} FROM (SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY {quoted_keys} ORDER BY {ROW.name} DESC, {SLICE.name} DESC) "
        f"AS headrace_rank FROM {interim}) AS ranked WHERE headrace_rank = 1 OR {without_key})"
    )
    same = " AND ".join(f"t.{dialect.quoted(key)} = s.{dialect.quoted(key)}" for key in keys)
    changed = [dialect.quoted(field.name) for field in fields if field.name not in (*keys, table.counted)]
    if changed:
        link.run(_update(dialect, table.name, latest, same, changed))
    link.run(
        f"{before}INSERT INTO {table.name} ({columns}){overriding} SELECT {columns} FROM {latest} AS s "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table.name} AS t WHERE {same});{after}"
    )


def _update(dialect: Dialect, table: str, latest: str, same: str, changed: list[str]) -> str:
    sets = ", ".join(f"{name} = s.{name}" for name in changed)
    if dialect.name in ("PostgreSQL", "SQLite"):
        return f"UPDATE {table} AS t SET {sets} FROM {latest} AS s WHERE {same}"
    if dialect.name == "SQL Server":
        return f"UPDATE t SET {sets} FROM {table} AS t JOIN {latest} AS s ON {same}"
    if dialect.name == "MySQL":
        qualified = ", ".join(f"t.{name} = s.{name}" for name in changed)
        return f"UPDATE {table} AS t JOIN {latest} AS s ON {same} SET {qualified}"
    # The form that every database knows. It looks for each row once for each column.
    plain = same.replace("t.", f"{table}.")
    each = ", ".join(f"{name} = (SELECT s.{name} FROM {latest} AS s WHERE {plain})" for name in changed)
    return f"UPDATE {table} SET {each} WHERE EXISTS (SELECT 1 FROM {latest} AS s WHERE {plain})"


def drop(link: Link, interim: str) -> None:
    """Remove the interim table, if it is there."""
    if not _is_there(link, interim):
        return
    try:
        link.run(f"DROP TABLE {interim}")
    except LinkError:
        if _is_there(link, interim):  # else another try has removed it at the same moment
            raise


def _is_there(link: Link, table: str) -> bool:
    """Say whether there is such a table. Outside of transactions only: some databases give a transaction up with a query that fails."""
    try:
        link.rows(f"SELECT count(*) FROM {table} WHERE 1 = 0")
    except LinkError as missing:
        if missing.fault is Fault.AWAY:
            raise
        return False
    return True


def _listed(dialect: Dialect, fields: tuple[Field, ...]) -> str:
    return ", ".join(dialect.quoted(field.name) for field in fields)
