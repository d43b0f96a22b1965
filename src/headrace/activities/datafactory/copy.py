"""Copy (contract 9): rows or bytes from a source straight into a sink."""

from dataclasses import dataclass

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.copying.asking import Asked, ask
from headrace.activities.datafactory.copying.failures import INNER_CODES, PASSED_ON, failure_of, inner_code
from headrace.activities.datafactory.copying.outputs import NOTED, Ending, error_entry, output_of
from headrace.activities.datafactory.copying.tolerance import shown_path
from headrace.activities.datafactory.moving import Moving, machinery
from headrace.activities.datafactory.recalling import Memory
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import BatchReport, Failure, Outcome
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.report import Told, TransferReport
from headrace.dataplane.transfer.request import FilesSink, LogPlace, ServiceSink, Transfer

_REASONS = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True)
class _Times:
    started: Instant
    ended: Instant


def copy_data(attempt: Attempt, moving: Moving) -> Result:
    """Copy, and say what was done; what was left out lies in the quarantine, and in the logs that the copy asks for."""
    conduct, task = machinery("conduct"), attempt.task
    folder = machinery("journal").folder_of(moving.roots_of(task.scope), task.commit_key)
    memory = Memory.of(folder, attempt.installation.sealer, task)
    attempt.memory = memory.read()
    known = len(attempt.memory)
    asked = ask(attempt, moving.connecting, attempt.given())
    attempt.hide_in_input()
    attempt.context.note({NOTED: asked.facts.noted()})
    if len(attempt.memory) > known and not memory.keep(attempt.memory, first=not known):
        attempt.memory = memory.read()
        asked = ask(attempt, moving.connecting, attempt.given())
    means = conduct.Means(
        moving.roots_of(task.scope),
        moving.limits,
        moving.clock,
        moving.egress,
        moving.batch_id(task),
        words=inner_code,
    )
    started = moving.clock.now() if task.started_at is None else task.started_at
    problem: Problem | None = None
    report: TransferReport
    try:
        report = conduct.transfer(asked.transfer, task, attempt.context, means)
    except conduct.TransferFailed as failed:
        report, problem = failed.report, failed.problem
    batch = _batch(task.commit_key, means.batch_id, asked.transfer, report)
    return _outcome(asked, report, problem, _Times(started, moving.clock.now()), batch)


def _outcome(
    asked: Asked, report: TransferReport, problem: Problem | None, times: _Times, batch: BatchReport | None
) -> Outcome:
    failure = None if problem is None else _failure(problem)
    tolerance = asked.transfer.tolerance
    ending = Ending(
        times.started,
        times.ended,
        _status(failure),
        _errors(report, failure),
        _shown(None if tolerance.log is None else tolerance.log.to, report.log_path),
        _shown(tolerance.redirect, report.redirect_path),
    )
    output = output_of(asked.facts, report, ending)
    return Outcome(output, report.figures, failure, batch)


def _status(failure: Failure | None) -> str:
    if failure is None:
        return "Succeeded"
    return "Cancelled" if failure.code is Code.CANCELLED else "Failed"


def _failure(problem: Problem) -> Failure:
    return Failure.of(problem) if problem.code in PASSED_ON else failure_of(problem)


def _errors(report: TransferReport, failure: Failure | None) -> list[Json]:
    told = [error_entry(_told(one)) for one in report.told]
    return told if failure is None else [error_entry(failure.message), *told]


def _told(one: Told) -> str:
    name = INNER_CODES[Reason(one.reason)] if one.reason in _REASONS else one.reason
    times = f" ({one.count} times)" if one.count > 1 else ""
    return f"ErrorCode={name},'Message={one.message}{times}'"


def _shown(place: LogPlace | None, path: str) -> str:
    found = "" if place is None else shown_path(place.place, path)
    return f"{found}/" if found and not found.endswith(("/", ".csv")) else found


def _batch(commit_key: str, batch_id: str, transfer: Transfer, report: TransferReport) -> BatchReport | None:
    """Return the batch that the quarantine knows the refused rows by; None: no row was refused."""
    if not report.diagnostics:
        return None
    return BatchReport(
        batch_id,
        _target(transfer),
        commit_key,
        version=None,
        figures=report.figures,
        rejects=report.rejects,
        diagnostics=report.diagnostics,
    )


def _target(transfer: Transfer) -> str:
    sink = transfer.sink
    if isinstance(sink, FilesSink):
        return "/".join(filter(None, (sink.folder, sink.file))) or "/"
    if isinstance(sink, ServiceSink):
        return sink.url.partition("?")[0]
    return ".".join(filter(None, (sink.schema, sink.table))) or sink.procedure
