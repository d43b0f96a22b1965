"""Runs as JSON documents and as text for people."""

from collections.abc import Mapping
from pathlib import Path

from headrace.cli.output import Output, moment, number, one_line, size, took
from headrace.cli.pipelines import recovery_call
from headrace.core.clock import Instant, to_iso
from headrace.core.codec import Json, encode
from headrace.core.engine_operations import LISTEN
from headrace.core.outcome import Failure, Figures, ReasonCount
from headrace.core.run import ActivityRun, ActivityStatus, Batch, Run, RunStatus
from headrace.service.jobs.attempts import JOB, PARENT
from headrace.service.runs import RunDetails

SUCCEEDED_WITH_REJECTS = 2
SHORT = 8
"""Characters of an id that are enough to name a run."""
_MOST_REASONS = 10
_LISTENERS = {ActivityStatus.WAITING: "waits for a listener", ActivityStatus.RUNNING: "a listener is at it"}


def exit_code(details: RunDetails) -> int:
    """Return 0 for success, 2 for success with rows still rejected, 1 for everything else."""
    if details.run.status is not RunStatus.SUCCEEDED:
        return 1
    return SUCCEEDED_WITH_REJECTS if still_rejected(details) else 0


def still_rejected(details: RunDetails) -> int:
    """Return how many rows of the run's batches no replay has accepted since."""
    if not details.batches:
        return details.run.figures.rows_rejected or 0
    return sum((batch.figures.rows_rejected or 0) - batch.resolved for batch in details.batches)


def run_document(details: RunDetails) -> Mapping[str, Json]:
    """Return the run as one JSON object; instants are ISO 8601 text."""
    return {
        **run_line(details.run),
        "definition": encode(details.run.definition),
        "details": dict(details.run.details),
        "activities": [_activity_document(row) for row in details.activities],
        "batches": [batch_document(batch) for batch in details.batches],
    }


def run_line(run: Run) -> Mapping[str, Json]:
    """Return what lists show of a run, as JSON."""
    window: Json = None
    if run.window is not None:
        window = {"start": instant(run.window.start), "end": instant(run.window.end)}
    return {
        "id": run.id,
        "flow": run.flow_name,
        "flow_id": run.flow_id,
        "scope": run.scope,
        "status": run.status.value,
        "kind": run.kind.value,
        "group_id": run.group_id,
        "attempt": run.attempt,
        "retry_of": run.retry_of,
        "reason": _failure(run.reason),
        "parameters": dict(run.parameters),
        "window": window,
        "figures": _figures(run.figures),
        "created_at": instant(run.created_at),
        "started_at": instant(run.started_at),
        "ended_at": instant(run.ended_at),
        "created_by": run.created_by,
    }


def batch_document(batch: Batch) -> Mapping[str, Json]:
    """Return a batch as JSON."""
    return {
        "id": batch.id,
        "run_id": batch.run_id,
        "activity": batch.path,
        "table": batch.table,
        "status": batch.status.value,
        "version": batch.version,
        "figures": _figures(batch.figures),
        "rejects": reasons(batch.rejects),
        "warnings": reasons(batch.warnings),
        "resolved": batch.resolved,
        "diagnostics": list(batch.diagnostics),
        "replay_of": batch.replay_of,
        "failure": _failure(batch.failure),
        "created_at": instant(batch.created_at),
    }


def reasons(found: tuple[ReasonCount, ...]) -> list[Json]:
    """Return counted reasons as JSON."""
    return [encode(reason) for reason in found]


def instant(value: Instant | None) -> str | None:
    """Return an instant as ISO 8601 text."""
    return None if value is None else to_iso(value)


def _activity_document(row: ActivityRun) -> Mapping[str, Json]:
    return {
        "path": row.path,
        "kind": row.kind,
        "attempt": row.attempt,
        "status": row.status.value,
        "verdict": row.verdict,
        "verdict_reason": row.verdict_reason,
        "carried_from": row.carried_from,
        "figures": _figures(row.figures),
        "failure": _failure(row.failure),
        "started_at": instant(row.started_at),
        "ended_at": instant(row.ended_at),
    }


def _figures(figures: Figures) -> Json:
    return encode(figures)


def _failure(failure: Failure | None) -> Json:
    if failure is None:
        return None
    fields: list[Json] = [{"path": e.path, "message": e.message, "hint": e.hint} for e in failure.fields]
    return {"code": failure.code.value, "message": failure.message, "blame": failure.blame.value, "fields": fields}


def status_words(run: Run) -> str:
    """Return the status as people read it: success with rejects is never shown as plain success."""
    if run.status is RunStatus.SUCCEEDED and run.figures.rows_rejected:
        return "succeeded with rejects"
    return run.status.value


def summary(details: RunDetails, lake: Path, output: Output) -> None:
    """Print how a run ended, where the rows are, and what can be done next."""
    run, short = details.run, details.run.id[:SHORT]
    output.say(f"{run.flow_name}: {status_words(run)} in {took(run.started_at, run.ended_at)} (run {run.id})")
    _rows(details, output)
    for title, found in (("rejected", "rejects"), ("warned", "warnings")):
        counted = [reason for batch in details.batches for reason in getattr(batch, found)]
        _reasons(title, counted, output)
    for batch in details.batches:
        if batch.version is not None:
            output.say(f"  table     {_shown(lake / batch.table)} (version {batch.version})")
    if run.reason is not None:
        failure(run.reason, output)
    if still_rejected(details):
        output.say(f"  look      headrace runs rejects {short}")
    call = recovery_call(run)
    # A job is retried as a whole: there is nothing to be seen before.
    dry = "" if call or JOB in run.details else " --dry-run"
    if run.status is RunStatus.FAILED:
        output.say(f"  why       headrace runs errors {short}")
        output.say(f"  retry     {call or f'headrace runs retry {short}'}{dry}")
    elif run.status is RunStatus.CANCELLED:
        output.say(f"  go on     {call or f'headrace runs retry {short}'}")


def failure(found: Failure, output: Output) -> None:
    """Print why something failed, and who has to act."""
    output.say(f"  reason    {found.code.value}: {one_line(found.message)}")
    for error in found.fields:
        output.say(f"            {one_line(str(error))}")


def activities_table(details: RunDetails, output: Output) -> None:
    """Print the run's activities, every attempt."""
    rows = [
        (
            row.path,
            str(row.attempt),
            row.status.value,
            took(row.started_at, row.ended_at),
            number(row.figures.rows_read),
            "-" if row.status is ActivityStatus.CARRIED else size(row.figures.bytes_read),
            _why(row),
        )
        for row in details.activities
    ]
    right = ("attempt", "took", "rows", "bytes")
    output.table(("activity", "attempt", "status", "took", "rows", "bytes", "why"), rows, right=right)


def _why(row: ActivityRun) -> str:
    if row.failure is not None:
        return f"{row.failure.code.value}: {one_line(row.failure.message)}"
    if row.status is ActivityStatus.CARRIED:
        return f"carried over from run {(row.carried_from or '')[:SHORT]}"
    if row.kind == LISTEN:
        return _LISTENERS.get(row.status, "")
    return row.verdict_reason


def header(run: Run, output: Output) -> None:
    """Print what a run is."""
    pairs = [
        ("run", run.id),
        ("flow", run.flow_name),
        ("status", status_words(run)),
        ("kind", f"{run.kind.value}, attempt {run.attempt} of group {run.group_id[:SHORT]}"),
        ("created", f"{moment(run.created_at)} by {run.created_by or '-'}"),
        ("took", took(run.started_at, run.ended_at)),
    ]
    if JOB in run.details:
        part_of = run.details.get(PARENT)
        pairs.append(("job", f"{run.details[JOB]}{'' if part_of is None else f', a part of {part_of}'}"))
    if run.window is not None:
        pairs.append(("window", str(run.window)))
    for name, value in {**run.parameters, **_parameters(run)}.items():
        pairs.append(("parameter", f"{name} = {value}"))
    for name, text in pairs:
        output.say(f"{name:<10}{one_line(text)}")
    if run.reason is not None:
        output.say(f"{'reason':<10}{run.reason.code.value}: {one_line(run.reason.message)}")


def _parameters(run: Run) -> Mapping[str, Json]:
    found = run.details.get("parameters")
    return found if isinstance(found, Mapping) else {}


def _rows(details: RunDetails, output: Output) -> None:
    figures = details.run.figures
    if figures.rows_read is None:
        return
    words = f"read {number(figures.rows_read)}, accepted {number(figures.rows_accepted)}, rejected {number(figures.rows_rejected)}"
    if figures.rows_skipped:
        words += f", skipped {number(figures.rows_skipped)}"
    if figures.rows_warned:
        words += f", with warnings {number(figures.rows_warned)}"
    output.say(f"  rows      {words}")


def _reasons(title: str, counted: list[ReasonCount], output: Output) -> None:
    for reason in sorted(counted, key=lambda r: -r.count)[:_MOST_REASONS]:
        column = reason.column or "(row)"
        output.say(f"  {title:<8}  {number(reason.count):>9}  {column}: {one_line(reason.message)} ({reason.code})")
    if len(counted) > _MOST_REASONS:
        output.say(f"  {title:<8}  and {len(counted) - _MOST_REASONS} further reasons")


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
