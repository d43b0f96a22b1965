"""Runs that have ended, told to a collector of traces and to a catalog: real servers on loopback take what is sent."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from fakes import ManualClock
from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.core.ids import derived_uuid
from headrace.core.outcome import Failure, Figures
from headrace.core.run import ActivityStatus, Caller, RunStatus
from headrace.service.lineage import lineage_reporter
from headrace.service.reporting import Report, ReportDesk, report_due
from headrace.service.tracing import span_id, trace_id, trace_reporter
from headrace.store import activity_runs, batches, report_cursors, runs
from headrace.store.database import Database
from ledger_rows import FAILURE, a_batch, a_retry, a_run, activities

LANDED = {"landing": {"files": [{"path": "run-1/Copy/1.1/0", "name": "flights.csv", "bytes": 120}]}}
A, B = "018f5f6e-0000-7000-8000-00000000000a", "018f5f6e-0000-7000-8000-00000000000b"


@dataclass
class Taker:
    """A server that keeps what it is sent. ``status``: what it answers."""

    url: str = ""
    status: int = 200
    bodies: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def spans(self) -> dict[str, Span]:
        """Return the spans, by their names."""
        found: dict[str, Span] = {}
        for _, _, body in self.bodies:
            request = ExportTraceServiceRequest.FromString(body)
            found |= {
                span.name: span
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            }
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return the events."""
        return [json.loads(body) for _, _, body in self.bodies]


@pytest.fixture
def taker() -> Iterator[Taker]:
    """Return a server on loopback."""
    took = Taker()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            took.bodies.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            self.send_response(took.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the name in the class that it overrides
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        took.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield took
        server.shutdown()


def _ended_runs(database: Database, now: int) -> None:
    """Write a run whose second activity failed, after its first one had to be tried twice; and a retry that another run has called."""
    with database.transaction() as tx:
        first = a_run(A, status=RunStatus.FAILED, reason=FAILURE, created_at=now, started_at=now + 5, ended_at=now + 90)
        runs.insert(tx, first)
        copy, promote = activities(A, created_at=now, updated_at=now)
        rows = [
            _row(copy, ActivityStatus.FAILED, now + 10, now + 20, failure=FAILURE),
            _row(
                copy,
                ActivityStatus.SUCCEEDED,
                now + 30,
                now + 40,
                attempt=2,
                output=LANDED,
                figures=Figures(bytes_read=120),
            ),
            _row(promote, ActivityStatus.FAILED, now + 50, now + 80, failure=Failure(Code.TOO_MANY_REJECTS, "3 rows")),
        ]
        activity_runs.insert_all(tx, rows)
        batches.save(tx, a_batch(run_id=A))
        caller = Caller("parent-run", "Call", 1)
        retry = a_retry(
            B, of=A, status=RunStatus.SUCCEEDED, created_at=now, ended_at=now + 95, started_at=now, caller=caller
        )
        runs.insert(tx, retry)


def _row(row: Any, status: ActivityStatus, began: int, ended: int, **more: Any) -> Any:
    return type(row)(**{**_members(row), "status": status, "started_at": began, "ended_at": ended, **more})


def _members(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).__dataclass_fields__}


def _desk(database: Database, clock: ManualClock, **reporters: Any) -> ReportDesk:
    desk = ReportDesk(database, clock, reporters)
    assert report_due(desk) is False
    _ended_runs(database, clock.now())
    clock.advance(10 * SECOND)
    return desk


def test_a_run_is_a_trace_and_its_attempts_are_spans(
    sqlite_database: Database, clock: ManualClock, taker: Taker
) -> None:
    """A collector is sent what the ledger has: times, ends, codes and figures, under ids that everybody can derive."""
    desk = _desk(sqlite_database, clock, traces=trace_reporter(f"{taker.url}/otlp/", {"api-key": "k"}, "1.0"))
    report_due(desk)
    path, headers, body = taker.bodies[0]
    assert (path, headers["api-key"]) == ("/otlp/v1/traces", "k")
    spans = [
        span
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert [span.name for span in spans] == ["flights", "Copy", "Copy", "Promote", "flights"]
    run, failed, copied, promoted, retry = spans
    assert int.from_bytes(run.trace_id, "big") == trace_id(A)
    assert {span.trace_id for span in spans[:4]} == {run.trace_id}
    assert {span.parent_span_id for span in spans[1:4]} == {run.span_id}
    assert (failed.status.code, failed.status.message) == (2, FAILURE.message)
    assert (copied.status.code, copied.end_time_unix_nano - copied.start_time_unix_nano) == (1, 10_000)
    told = {one.key: one.value.string_value or one.value.int_value for one in copied.attributes}
    assert (told["headrace.activity.attempt"], told["headrace.bytes_read"]) == (2, 120)
    assert {one.key: one.value.string_value for one in promoted.attributes}["error.type"] == "too_many_rejects"
    assert int.from_bytes(retry.trace_id, "big") == trace_id("parent-run")
    assert int.from_bytes(retry.parent_span_id, "big") == span_id("parent-run", "Call", 1)
    assert [int.from_bytes(link.span_id, "big") for link in retry.links] == [span_id(A)]


def test_a_run_is_told_of_with_what_it_read_and_wrote(
    sqlite_database: Database, clock: ManualClock, taker: Taker
) -> None:
    """A catalog hears of the beginning and the end, of files in and tables out, and why it failed."""
    desk = _desk(sqlite_database, clock, lineage=lineage_reporter(taker.url, "acme", "t0ken", "1.0"))
    report_due(desk)
    path, headers, _ = taker.bodies[0]
    assert (path, headers["authorization"]) == ("/api/v1/lineage", "Bearer t0ken")
    start, fail, *_ = events = taker.events()
    assert [event["eventType"] for event in events] == ["START", "FAIL", "START", "COMPLETE"]
    assert {event["run"]["runId"] for event in events[:2]} == {A}
    assert start["job"] == {"namespace": "acme", "name": "flowservice/acme/prod/flights", "facets": {}}
    (read,), (written,) = fail["inputs"], fail["outputs"]
    assert (read["name"], read["inputFacets"]["inputStatistics"]["size"]) == ("flights.csv", 120)
    assert (written["name"], written["outputFacets"]["outputStatistics"]["rowCount"]) == ("flights", 7)
    assert fail["run"]["facets"]["errorMessage"]["message"] == "source_unavailable: the source broke off"
    assert events[2]["run"]["facets"]["parent"]["run"]["runId"] == derived_uuid("openlineage", "parent-run")


def test_what_was_not_taken_is_told_again_and_nothing_twice(
    database: Database, clock: ManualClock, taker: Taker
) -> None:
    """An outage of who is told delays; a worker that dies while it tells leaves it to the next one, when its lease is over."""
    told: list[str] = []
    away = True

    def reporter(reports: Any) -> None:
        if away:
            raise Problem(Code.UNAVAILABLE, "away")
        told.extend(report.run.id for report in reports)

    desk = _desk(database, clock, somebody=reporter)
    report_due(desk)
    away = False
    report_due(desk)
    assert told == []
    clock.advance(report_cursors.LEASE + SECOND)
    for _ in range(2):
        report_due(desk)
    assert told == [A, B]
    assert taker.bodies == []


def test_a_collector_that_is_away_is_a_problem(sqlite_database: Database, clock: ManualClock, taker: Taker) -> None:
    """What could not be delivered is said, so that it is tried again."""
    _ended_runs(sqlite_database, clock.now())
    with sqlite_database.reading() as tx:
        report = Report(runs.get(tx, None, A), [], [], A)
    taker.status = 400
    for reporter in (trace_reporter(taker.url, {}, "1"), lineage_reporter(taker.url, "n", "", "1")):
        with pytest.raises(Problem) as refusal:
            reporter([report])
        assert refusal.value.code is Code.UNAVAILABLE
