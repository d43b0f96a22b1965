"""HTTP services as sinks."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.core.errors import Code
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Login, ServiceSink
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN, Slice, Written
from headrace.dataplane.transfer.services.writing import write_service
from headrace.dataplane.transfer.values import Field, ValueType
from listeners import Listener, listening
from transfer_files import PlainStream, session_in, working

FIELDS = (Field(DOCUMENT_COLUMN, ValueType.DOCUMENT),)


@pytest.fixture
def service() -> Iterator[Listener]:
    """Return a server that takes everything."""
    with listening() as made:
        made.answer = lambda _: (201, {}, b"")
        yield made


def send(sink: ServiceSink, folder: Path, rows: int, item: str = "s") -> Written:
    """Send objects ``{"n": 0}`` …."""
    sql = f"""(SELECT '{{"n":' || range || ',"t":"ü"}}' AS "{DOCUMENT_COLUMN}" FROM range({rows}))"""
    writer = write_service(sink, working(folder))
    assert writer.columns() is None
    writer.begin(FIELDS)
    with session_in(folder) as session:
        done = writer.write(Slice(item, item), PlainStream(session, sql, FIELDS, documents=True))
    writer.finish()
    writer.close()
    return done


def bodies(service: Listener) -> list[Any]:
    """Return what came."""
    return [
        json.loads(gzip.decompress(heard.body) if heard.headers.get("content-encoding") == "gzip" else heard.body)
        for heard in service.heard
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("packed", [True, False])
def test_rows_are_sent_as_arrays_of_so_many_objects(
    service: Listener, tmp_path: Path, method: str, packed: bool
) -> None:
    """In order, with the rest at the end."""
    sink = ServiceSink(
        service.url, method=method, batch_rows=3, gzip=packed, headers={"X-A": "1"}, login=Login("basic", "u", "p")
    )
    done = send(sink, tmp_path, 7)
    assert [[row["n"] for row in body] for body in bodies(service)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert (done.rows, done.bytes) == (7, sum(len(heard.body) for heard in service.heard))
    for heard in service.heard:
        assert (heard.method, heard.headers["content-type"], heard.headers["x-a"]) == (method, "application/json", "1")
        assert heard.headers["authorization"].startswith("Basic ")


def test_no_rows_make_no_request(service: Listener, tmp_path: Path) -> None:
    """Nothing is there to be said."""
    assert send(ServiceSink(service.url), tmp_path, 0).rows == 0
    assert service.heard == []


def test_a_batch_that_is_sent_again_has_the_same_key_and_the_same_bytes(service: Listener, tmp_path: Path) -> None:
    """A service that remembers keys takes it once, whatever dies in between."""
    sink = ServiceSink(service.url, batch_rows=2, gzip=True)
    for item in ("a", "a", "b"):
        send(sink, tmp_path, 4, item)
    keys = [heard.headers["idempotency-key"] for heard in service.heard]
    assert keys[:2] == keys[2:4]
    assert len(set(keys)) == 4
    assert [heard.body for heard in service.heard[:2]] == [heard.body for heard in service.heard[2:4]]
    assert write_service(sink, working(tmp_path)).needs_repeatable  # type: ignore[attr-defined]  # asked for by the conductor only


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, Code.INVALID), (401, Code.TARGET_DENIED), (503, Code.TARGET_UNAVAILABLE), (302, Code.INVALID)],
)
def test_a_request_that_is_not_taken_fails_the_slice(
    service: Listener, tmp_path: Path, status: int, code: Code
) -> None:
    """A redirect too: followed, a POST would become a GET, and its rows would be lost."""
    service.answer = lambda _: (status, {"location": service.url}, b"why")
    with pytest.raises(TransferProblem, match=f"answered with {status}: why") as caught:
        send(ServiceSink(service.url), tmp_path, 1)
    assert (caught.value.reason, caught.value.side, caught.value.code) == (Reason.REST_CLIENT_ERROR, Side.SINK, code)
    assert len(service.heard) == 1


def test_a_pause_lies_between_requests(service: Listener, tmp_path: Path) -> None:
    """Not before the first."""
    sink = ServiceSink(service.url, batch_rows=1, pause_seconds=0.01)
    assert send(sink, tmp_path, 3).rows == len(service.heard) == 3
