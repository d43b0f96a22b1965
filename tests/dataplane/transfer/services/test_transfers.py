"""Whole transfers from and to HTTP services."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.transfer.conduct import TransferFailed
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.request import (
    Choice,
    ColumnMap,
    ColumnMapping,
    Delimited,
    Documents,
    End,
    FilesSink,
    FilesSource,
    HttpRequestOptions,
    Markup,
    Parquet,
    Place,
    ServiceSink,
    ServiceSource,
    StoreType,
    TableSink,
    Transfer,
)
from headrace.dataplane.transfer.values import ValueType
from listeners import Heard, Listener, listening
from transferring import Desk

CSV = Delimited(header=True, extension=".csv", row_delimiter="\n")
JSON = {"content-type": "application/json"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return an installation of its own."""
    return Desk(tmp_path).make()


@pytest.fixture
def service() -> Iterator[Listener]:
    """Return a server."""
    with listening() as made:
        yield made


def of_orders(base: str) -> ColumnMap:
    """Return a mapping of the elements of an array to two columns; ``base`` is the array's path."""
    columns = (
        ColumnMapping(End(path="['id']"), End("id", type=ValueType.INT64)),
        ColumnMapping(End(path="['to']['name']"), End("name")),
        ColumnMapping(
            End(path="$['page']" if base == "$['orders']" else "$['r']['page']"), End("page", type=ValueType.INT32)
        ),
    )
    return ColumnMap(columns, collection=base)


def test_pages_of_a_service_become_a_file(desk: Desk, service: Listener) -> None:
    """With the rows of an array in each page, and what is beside it."""

    def answer(heard: Heard) -> tuple[int, dict[str, str], bytes]:
        page = 2 if "page=2" in heard.path else 1
        orders = [{"id": page * 10 + number, "to": {"name": f"n{number}"}} for number in range(2)]
        body = {"page": page, "orders": orders, "next": "?page=2" if page == 1 else None}
        return 200, JSON, json.dumps(body).encode()

    service.answer = answer
    source = ServiceSource(service.url, pagination={"AbsoluteUrl": "$.next"})
    sink = FilesSink(desk.place, Parquet(), "out", "o.parquet")
    report = desk.run(Transfer(source, sink, "asked", of_orders("$['orders']")))
    assert pq.read_table(desk.data / "out/o.parquet").to_pylist() == [
        {"id": page * 10 + number, "name": f"n{number}", "page": page} for page in (1, 2) for number in range(2)
    ]
    assert (report.figures.rows_read, report.figures.rows_accepted) == (4, 4)
    assert (report.figures.bytes_read or 0) > 100


def test_a_service_without_rows_gives_an_empty_file(desk: Desk, service: Listener) -> None:
    """And so does one whose pages have none."""
    sink = FilesSink(desk.place, Parquet(), "out", "o.parquet")
    for content in (b"", b"[]", b'{"page": 1, "orders": []}'):
        service.answer = lambda _, body=content: (200, JSON, body)  # type: ignore[misc]  # the loop's value
        report = desk.run(Transfer(ServiceSource(service.url), sink, f"asked {content!r}", of_orders("$['orders']")))
        assert (report.figures.rows_accepted, pq.read_table(desk.data / "out/o.parquet").num_rows) == (0, 0)


def test_a_service_goes_straight_into_another(desk: Desk, service: Listener) -> None:
    """Objects stay what they are."""
    rows = [{"id": number, "deep": {"a": [number]}} for number in range(5)]
    with listening() as target:
        target.answer = lambda _: (200, {}, b"")
        service.answer = lambda _: (200, JSON, json.dumps(rows).encode())
        report = desk.run(Transfer(ServiceSource(service.url), ServiceSink(target.url, batch_rows=2), "asked"))
        assert [row for heard in target.heard for row in json.loads(heard.body)] == rows
    assert report.figures.rows_accepted == 5


def to_service(desk: Desk, service: Listener) -> Transfer:
    """Return a transfer of two files of three rows to a service, two rows a request."""
    for name in ("a", "b"):
        desk.write(f"in/{name}.csv", "n\n" + "".join(f"{name}{number}\n" for number in range(3)))
    return Transfer(
        FilesSource(desk.place, Choice(folder="in"), CSV), ServiceSink(service.url, batch_rows=2), "asked", parallel=1
    )


@pytest.mark.parametrize(
    ("point", "passing"), [("transfer-after-write", 1), ("transfer-after-noted", 1), ("transfer-before-slice", 2)]
)
def test_a_service_that_remembers_keys_has_every_row_once(
    desk: Desk, service: Listener, point: str, passing: int
) -> None:
    """Whatever dies between a request and the note of it."""
    taken: dict[str, Any] = {}

    def answer(heard: Heard) -> tuple[int, dict[str, str], bytes]:
        taken.setdefault(heard.headers["idempotency-key"], json.loads(heard.body))
        return 201, {}, b""

    service.answer = answer
    request = to_service(desk, service)
    assert desk.killed(request, point, passing)
    report = desk.run(request, attempt=2)
    assert [row["n"] for rows in taken.values() for row in rows] == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert report.figures.rows_accepted == 6


def test_a_service_that_refuses_fails_the_transfer_and_the_next_try_goes_on(desk: Desk, service: Listener) -> None:
    """What is noted is not sent again."""
    service.answer = lambda heard: (500 if b"b0" in heard.body else 200, {}, b"sorry")
    request = to_service(desk, service)
    assert getattr(desk.fails(request).problem, "reason", None) is Reason.REST_CLIENT_ERROR
    service.answer = lambda _: (200, {}, b"")
    service.heard.clear()
    report = desk.run(request, attempt=2)
    assert [row["n"] for heard in service.heard for row in json.loads(heard.body)] == ["b0", "b1", "b2"]
    assert report.figures.rows_accepted == 6


def test_rows_of_a_service_are_in_a_table_once(desk: Desk, service: Listener) -> None:
    """Those of one reading, though the service has others the next time: a batch of the first is not followed by one of the second."""

    def answer(_heard: Heard) -> tuple[int, dict[str, str], bytes]:
        first = len(service.heard) * 100
        return 200, JSON, json.dumps([{"id": first + number} for number in range(5)]).encode()

    service.answer = answer
    columns = (ColumnMapping(End(path="$['id']"), End("id", type=ValueType.INT64)),)
    info = ConnectionInfo("sqlite", f"sqlite:///{desk.data / 'sink.db'}", {})
    sink = TableSink(info, table="t", create=True, batch_rows=2)
    request = Transfer(ServiceSource(service.url), sink, "asked", ColumnMap(columns))
    assert desk.killed(request, "table-after-batch")
    desk.run(request, attempt=2)
    with closing(sqlite3.connect(desk.data / "sink.db")) as connection:
        assert connection.execute("SELECT id FROM t ORDER BY id").fetchall() == [(100 + number,) for number in range(5)]


def test_a_source_that_was_corrected_is_read_again(desk: Desk, service: Listener) -> None:
    """Where the table has none of the rows that were read, the next try does not insist on the faulty ones."""
    service.answer = lambda _heard: (200, JSON, json.dumps([{"id": "one" if len(service.heard) < 2 else 1}]).encode())
    columns = (ColumnMapping(End(path="$['id']"), End("id", type=ValueType.INT64)),)
    info = ConnectionInfo("sqlite", f"sqlite:///{desk.data / 'sink.db'}", {})
    request = Transfer(ServiceSource(service.url), TableSink(info, table="t", create=True), "asked", ColumnMap(columns))
    with pytest.raises(TransferFailed):
        desk.run(request)
    desk.run(request, attempt=2)
    with closing(sqlite3.connect(desk.data / "sink.db")) as connection:
        assert connection.execute("SELECT id FROM t").fetchall() == [(1,)]


def test_a_file_of_an_http_server_is_read_like_any_other(desk: Desk, service: Listener) -> None:
    """Its name goes on; a missing one is told."""
    service.answer = lambda heard: (200, {}, b"n,t\n1,x\n") if heard.path.startswith("/a.csv") else (404, {}, b"gone")
    url = service.url.replace("/hook", "")
    place = Place(StoreType.HTTP, label="HttpServer")
    sink = FilesSink(desk.place, Documents(), "out")
    source = FilesSource(place, Choice(), CSV, http=HttpRequestOptions(url=f"{url}/a.csv?x=1"))
    desk.run(Transfer(source, sink, "asked"))
    assert desk.files("out") == {"a.json": b'{"n":"1","t":"x"}\n'}
    missing = FilesSource(place, Choice(), CSV, http=HttpRequestOptions(url=f"{url}/b.csv"))
    problem = desk.fails(Transfer(missing, sink, "other")).problem
    assert getattr(problem, "reason", None) is Reason.HTTP_CLIENT_ERROR


def test_elements_of_an_xml_file_become_rows(desk: Desk) -> None:
    """By the path of what is repeated."""
    lines = "".join(f'<o><id>{number}</id><to kind="x"><name>n{number}</name></to></o>' for number in range(3))
    desk.write("in/a.xml", f"<r><page>7</page>{lines}</r>")
    source = FilesSource(desk.place, Choice(folder="in"), Markup())
    desk.run(Transfer(source, FilesSink(desk.place, CSV, "out"), "asked", of_orders("$['r']['o']")))
    assert desk.files("out") == {"a.csv": b"id,name,page\n0,n0,7\n1,n1,7\n2,n2,7\n"}
