"""Random rows from any kind of source into any kind of sink, killed on the way: what was read is in the sink, or told of as refused, once."""

import csv
import io
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import fastavro
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.quarantine import layout
from headrace.dataplane.transfer.request import (
    Avro,
    Choice,
    ColumnMap,
    ColumnMapping,
    Delimited,
    Documents,
    End,
    FilesSink,
    FilesSource,
    Format,
    LogPlace,
    Parquet,
    QuerySource,
    SessionLog,
    Sink,
    Source,
    TableSink,
    Tolerance,
    Transfer,
)
from headrace.dataplane.transfer.values import ValueType
from servers import PostgresServer
from transferring import POINTS, Desk

Row = tuple[str, str]
TEXT = ['"', "'", ",", "\n", "\r\n", "\\", "\\N", "NULL", "é", "雪", "😀", "\u2028", "a", " ", "\t", ";", "{}", "\x01"]
FORMATS: Mapping[str, Format] = {
    "csv": Delimited(header=True, escape='"'),
    "json": Documents(),
    "parquet": Parquet(),
    "avro": Avro(),
}
SOURCES = (*FORMATS, "sqlite", "postgres")
FILES = 3


def rows_of(rng: random.Random) -> list[Row]:
    """Return the rows of one file: a number, or in some rows none, and a text that is hard to write."""
    count = rng.choice((0, 1, 7, 60))
    return [
        (
            rng.choice(("none", "1.5", "9" * 30)) if rng.random() < 0.1 else str(rng.randint(-(2**63), 2**63 - 1)),
            "x" + "".join(rng.choices(TEXT, k=rng.randint(0, 8))) + "x",
        )
        for _ in range(count)
    ]


def is_good(row: Row) -> bool:
    """Say whether a row has a number."""
    return row[0].lstrip("-").isdecimal() and len(row[0]) < 25


def written(kind: str, rows: Sequence[Row]) -> bytes:
    """Return rows as a file."""
    out = io.BytesIO()
    if kind == "csv":
        text = io.StringIO(newline="")
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("n", "t"), *rows])
        return text.getvalue().encode()
    if kind == "json":
        return "".join(json.dumps({"n": n, "t": t}) + "\n" for n, t in rows).encode()
    if kind == "parquet":
        pq.write_table(
            pa.table(
                {"n": [n for n, _ in rows], "t": [t for _, t in rows]},
                pa.schema([("n", pa.string()), ("t", pa.string())]),
            ),
            out,
        )
        return out.getvalue()
    fields = [{"name": name, "type": "string"} for name in ("n", "t")]
    fastavro.writer(out, {"type": "record", "name": "r", "fields": fields}, [{"n": n, "t": t} for n, t in rows])
    return out.getvalue()


def read(kind: str, path: Path) -> list[Row]:
    """Return the rows of a file."""
    if kind == "csv":
        text = io.StringIO(path.read_bytes().decode(), newline="")
        return [(n, t) for n, t in list(csv.reader(text))[1:]]
    if kind == "json":
        return [(str(one["n"]), one["t"]) for one in map(json.loads, path.read_bytes().decode().split("\n")[:-1])]
    if kind == "parquet":
        return [(str(one["n"]), one["t"]) for one in pq.read_table(path).to_pylist()]
    with path.open("rb") as stream:
        return [(str(one["n"]), one["t"]) for one in fastavro.reader(stream)]  # type: ignore[index, call-overload]  # records are mappings


def execute(info: ConnectionInfo, statement: str, rows: Sequence[Row] = ()) -> list[Any]:
    """Execute a statement on a database, once for each of ``rows``, if there are any; return what it gives."""
    if info.kind == "sqlite":
        with closing(sqlite3.connect(info.url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            found = file.executemany(statement, rows) if rows else file.execute(statement)
            return list(found.fetchall())
    with psycopg.connect(info.url, autocommit=True) as connection, connection.cursor() as cursor:
        for row in rows:
            cursor.execute(statement.replace("?", "%s").encode(), row)
        if not rows:
            cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def source_of(kind: str, desk: Desk, info: ConnectionInfo, files: Sequence[Sequence[Row]]) -> Source:
    """Make a source of rows."""
    if kind in FORMATS:
        for number, rows in enumerate(files):
            desk.write(f"in/{number}.{kind}", written(kind, rows))
        return FilesSource(desk.place, Choice(folder="in"), FORMATS[kind])
    execute(info, "CREATE TABLE s (n text, t text)")
    if rows := [row for one in files for row in one]:
        execute(info, "INSERT INTO s VALUES (?, ?)", rows)
    return QuerySource(info, query="SELECT n, t FROM s ORDER BY random()")


def sink_of(kind: str, desk: Desk, info: ConnectionInfo, rng: random.Random) -> Sink:
    """Return a sink."""
    if kind in FORMATS:
        return FilesSink(desk.place, FORMATS[kind], "out", max_rows=rng.choice((None, None, 5)))
    schema = "public" if info.kind == "postgres" else ""
    return TableSink(
        info, schema=schema, table="k", create=True, batch_rows=rng.choice((3, 20)), transactional=rng.random() < 0.5
    )


def found_in(kind: str, desk: Desk, info: ConnectionInfo) -> Counter[Row]:
    """Return the rows of a sink."""
    if kind in FORMATS:
        paths = sorted(path for path in (desk.data / "out").rglob("*") if path.is_file())
        return Counter(row for path in paths for row in read(kind, path))
    return Counter((str(n), t) for n, t in execute(info, "SELECT n, t FROM k"))


def check(desk: Desk, seed: int, connect: Callable[[str, str], ConnectionInfo], deaths: int) -> None:
    """Do one random transfer, and look whether every row is accounted for."""
    rng = random.Random(seed)  # noqa: S311 — no secret is made of it
    kinds = rng.choice(SOURCES), rng.choice(SOURCES)
    files = [rows_of(rng) for _ in range(FILES)]
    source, sink = (connect(kind, name) for kind, name in zip(kinds, ("source", "sink"), strict=True))
    columns = ColumnMap((ColumnMapping(End("n"), End("n", type=ValueType.INT64)), ColumnMapping(End("t"), End("t"))))
    tolerance = Tolerance(
        skip_rows=True, log=SessionLog(LogPlace(desk.place, "logs")), redirect=LogPlace(desk.place, "old")
    )
    request = Transfer(
        source_of(kinds[0], desk, source, files),
        sink_of(kinds[1], desk, sink, rng),
        "asked",
        columns,
        tolerance=tolerance,
        parallel=rng.choice((1, 3)),
        activity="Copy",
        activity_run="r",
    )
    died = [rng.choice(POINTS) for _ in range(deaths)]
    for epoch, point in enumerate(died, 1):
        desk.killed(request, point, rng.randint(1, 3), epoch=epoch)
    figures = desk.run(request, epoch=deaths + 1).figures
    said = f"seed {seed}: {kinds}, died at {died}"
    rows = [row for one in files for row in one]
    good, bad = Counter(filter(is_good, rows)), [row for row in rows if not is_good(row)]
    assert found_in(kinds[1], desk, sink) == good, said
    counts = (figures.rows_read, figures.rows_accepted, figures.rows_rejected)
    assert counts == (len(rows), good.total(), len(bad)), said
    kept = [json.loads(line) for line in b"".join(layout.open_rows(desk.roots, "batch-1")).splitlines()] if bad else []
    assert len(kept) == len(bad), said
    (log,) = desk.files("logs").values()
    assert log.count(b"TabularRowSkip") == len(bad), said
    assert desk.parts() == [], said


@pytest.fixture
def connect(desk: Desk, request: pytest.FixtureRequest) -> Callable[[str, str], ConnectionInfo]:
    """Return what makes a database where one is needed."""

    def made(kind: str, name: str) -> ConnectionInfo:
        if kind != "postgres":
            return ConnectionInfo("sqlite", f"sqlite:///{desk.data / name}.db")
        server: PostgresServer = request.getfixturevalue("postgres_server")
        database = f"any_{name}_{abs(hash(desk.home)):x}"
        request.addfinalizer(lambda: server.drop_database(database))
        return ConnectionInfo("postgres", server.create_database(database))

    return made


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(3))
def test_every_row_is_in_the_sink_or_told_of(
    desk: Desk, connect: Callable[[str, str], ConnectionInfo], seed: int
) -> None:
    """A few cases, each killed once."""
    check(desk, seed, connect, deaths=1)


@pytest.mark.soak
@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(100, 250))
def test_every_row_is_in_the_sink_or_told_of_whatever_comes(
    desk: Desk, connect: Callable[[str, str], ConnectionInfo], seed: int
) -> None:
    """Many cases, killed up to three times."""
    check(desk, seed, connect, deaths=seed % 4)
