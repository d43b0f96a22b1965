"""Runs as traces of OpenTelemetry: a run is a trace, an attempt at an activity a span. Loaded only where traces are wanted.

Ids are derived from those of the ledger, so whoever tells of a run twice tells the same. A run that another one has called lies in the trace of
that one, below the attempt that called it; a retry is linked to the run that it goes on with.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from headrace.core.errors import Code, Problem
from headrace.core.masking import masked_forms
from headrace.core.outcome import Failure, Figures
from headrace.core.run import ActivityRun, ActivityStatus, Run, RunStatus
from headrace.service.reporting import Report

MAX_MESSAGE = 1000
"""Characters of an error that a span has."""
_TIMEOUT_SECONDS = 10.0
Value = str | int | float | bool
_FAILED = frozenset({ActivityStatus.FAILED, ActivityStatus.TIMED_OUT})


def trace_reporter(endpoint: str, headers: Mapping[str, str], version: str) -> Callable[[Sequence[Report]], None]:
    """Return what sends traces of runs to the collector at ``endpoint``; ``/v1/traces`` is put behind it."""
    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint.rstrip('/')}/v1/traces", headers=dict(headers), timeout=_TIMEOUT_SECONDS
    )
    resource = Resource({"service.name": "headrace", "service.version": version})
    scope = InstrumentationScope("headrace", version)

    def send(reports: Sequence[Report]) -> None:
        spans = [span for report in reports for span in spans_of(report, resource, scope)]
        if spans and exporter.export(spans) is not SpanExportResult.SUCCESS:
            raise Problem(Code.UNAVAILABLE, "the collector of traces did not take them")

    return send


def trace_id(run_id: str) -> int:
    """Return the id of the trace of the run at the top."""
    return _number(f"headrace trace {run_id}", 16)


def span_id(run_id: str, path: str = "", attempt: int = 0) -> int:
    """Return the id of a run's span, or of the span of an attempt at one of its activities."""
    return _number(f"headrace span {run_id} {attempt} {path}", 8)


def spans_of(report: Report, resource: Resource, scope: InstrumentationScope) -> Iterator[ReadableSpan]:
    """Yield the spans of a run: its own first."""
    run, trace = report.run, trace_id(report.top)
    own = _context(trace, span_id(run.id))
    caller = run.caller
    above = None if caller is None else _context(trace, span_id(caller.run_id, caller.path, caller.attempt))
    links = [Link(_context(trace_id(run.retry_of), span_id(run.retry_of)))] if run.retry_of else []
    yield ReadableSpan(
        name=run.flow_name or run.flow_id,
        context=own,
        parent=above,
        resource=resource,
        attributes=_of_run(run),
        links=links,
        kind=SpanKind.INTERNAL,
        status=_status(run.reason, failed=run.status is RunStatus.FAILED),
        start_time=run.created_at * 1000,
        end_time=(run.ended_at or run.created_at) * 1000,
        instrumentation_scope=scope,
    )
    newest = {row.path: row for row in sorted(report.activities, key=lambda row: row.attempt)}
    for row in report.activities:
        if row.started_at is None:
            continue
        around = newest.get(row.parent)
        parent = own if around is None else _context(trace, span_id(run.id, around.path, around.attempt))
        yield ReadableSpan(
            name=row.path,
            context=_context(trace, span_id(run.id, row.path, row.attempt)),
            parent=parent,
            resource=resource,
            attributes=_of_activity(row),
            kind=SpanKind.INTERNAL,
            status=_status(row.failure, failed=row.status in _FAILED),
            start_time=row.started_at * 1000,
            end_time=(row.ended_at or row.started_at) * 1000,
            instrumentation_scope=scope,
        )


def _of_run(run: Run) -> dict[str, Value]:
    return {
        "headrace.run.id": run.id,
        "headrace.run.group": run.group_id,
        "headrace.run.attempt": run.attempt,
        "headrace.run.kind": run.kind.value,
        "headrace.run.status": run.status.value,
        "headrace.flow.id": run.flow_id,
        "headrace.scope": run.scope,
        **_figures(run.figures),
        **_failure(run.reason),
    }


def _of_activity(row: ActivityRun) -> dict[str, Value]:
    return {
        "headrace.run.id": row.run_id,
        "headrace.activity.path": row.path,
        "headrace.activity.attempt": row.attempt,
        "headrace.activity.kind": row.kind,
        "headrace.activity.status": row.status.value,
        **({} if row.worker_id is None else {"headrace.worker": row.worker_id}),
        **_figures(row.figures),
        **_failure(row.failure),
    }


def _figures(figures: Figures) -> dict[str, Value]:
    named = {field.name: getattr(figures, field.name) for field in fields(figures)}
    return {f"headrace.{name}": value for name, value in named.items() if value is not None}


def _failure(failure: Failure | None) -> dict[str, Value]:
    return {} if failure is None else {"error.type": failure.code.value, "headrace.blame": failure.blame.value}


def _status(failure: Failure | None, *, failed: bool) -> Status:
    if not failed:
        return Status(StatusCode.OK)
    return Status(StatusCode.ERROR, None if failure is None else masked_forms(failure.message)[:MAX_MESSAGE])


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _number(text: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big")
