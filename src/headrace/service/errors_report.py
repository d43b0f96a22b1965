"""Errors over many runs: what goes wrong again and again, and where, grouped by code, message and column."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.clock import DAY, HOUR, MINUTE, Instant
from headrace.core.errors import Code, FieldError, Problem
from headrace.store.database import Database
from headrace.store.errors_report import PAGE, RunTrouble, Troubled, troubled

__all__ = ["MAX_DAYS", "ErrorGroup", "ErrorKind", "Troubled", "period_of", "report_errors"]

MAX_DAYS = 366
"""How far back a report reaches at most."""
MAX_GROUPS = 10_000
"""Groups that a report has at most; what comes further is counted under the code alone."""

_PERIOD = re.compile(r"([1-9]\d{0,5})([mhdw])")
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_VARYING = (
    (re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b|\b[0-9a-f]{32,64}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"), "<time>"),
    (re.compile(r"(?<![\w.])-?\d+([.,]\d+)*(?![\w])"), "<n>"),
)


class ErrorKind(StrEnum):
    """What a group counts."""

    FAILURE = "failure"
    """Runs that have failed; the column is empty, the place is the activity."""
    REJECT = "reject"
    """Rows that were rejected."""
    WARNING = "warning"
    """Rows in which a column was made null."""


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """One thing that goes wrong.

    ``place``: the activity (failures), or the column (rejects, warnings; None: the row as a whole). ``message`` has ``<n>``, ``<id>`` and ``<time>``
    where these differ from run to run. ``rows`` is 0 for failures. ``run_id`` and ``batch_id`` are an example, the newest.
    """

    kind: ErrorKind
    code: str
    place: str | None
    message: str
    rows: int
    runs: int
    first_seen: Instant
    last_seen: Instant
    run_id: str
    batch_id: str | None


@dataclass(slots=True)
class _Sum:
    """A group while it is counted; runs come newest first, all of one run together."""

    newest: RunTrouble
    batch_id: str | None
    oldest: RunTrouble
    rows: int = 0
    runs: int = 1


_Key = tuple[ErrorKind, str, str | None, str]


def report_errors(database: Database, query: Troubled, page: int = PAGE) -> list[ErrorGroup]:
    """Return what went wrong in the runs of ``query``: failures first, then what concerns most runs, then most rows.

    ``page`` runs are read at a time; what is kept of them is one count for each group. A run whose failure has the reason of one of its
    activities counts once.
    """
    sums: dict[_Key, _Sum] = {}
    for run in troubled(database, query, page):
        for key, rows, batch_id in _entries(run):
            kind, code, place, _ = key
            kept = key if key in sums or len(sums) < MAX_GROUPS else (kind, code, place, "…")
            known = sums.setdefault(kept, _Sum(run, batch_id, run))
            known.rows += rows
            if known.oldest is not run:
                known.runs += 1
                known.oldest = run
    groups = [
        ErrorGroup(*key, s.rows, s.runs, s.oldest.created_at, s.newest.created_at, s.newest.run_id, s.batch_id)
        for key, s in sums.items()
    ]
    return sorted(groups, key=_rank)


def period_of(text: str, now: Instant) -> Instant | None:
    """Return when a period that ends ``now`` begins: ``90m``, ``24h``, ``7d``, ``2w``; None: ``text`` is no period.

    Raises:
        Problem: ``INVALID``: it is longer than ``MAX_DAYS``.
    """
    found = _PERIOD.fullmatch(text)
    if found is None:
        return None
    length = int(found[1]) * _UNITS[found[2]]
    if length > MAX_DAYS * DAY:
        error = FieldError("since", f"{text} is too long", f"{MAX_DAYS} days at most")
        raise Problem(Code.INVALID, str(error), (error,))
    return Instant(now - length)


def steady(message: str) -> str:
    """Return ``message`` without what differs from run to run: ids, times and numbers."""
    for pattern, name in _VARYING:
        message = pattern.sub(name, message)
    return message


def _rank(group: ErrorGroup) -> tuple[bool, int, int, str, str, str, str]:
    later = group.kind is not ErrorKind.FAILURE
    return later, -group.runs, -group.rows, group.kind.value, group.code, group.place or "", group.message


def _entries(run: RunTrouble) -> Iterator[tuple[_Key, int, str | None]]:
    seen: set[_Key] = set()
    batch_id = run.batches[-1].batch_id if run.batches else None
    told = {failure.message for _, failure in run.failures}
    failures = [*run.failures]
    if run.reason is not None and run.reason.message not in told:
        failures.append(("", run.reason))
    for path, failure in failures:
        key = (ErrorKind.FAILURE, failure.code.value, path or None, steady(failure.message))
        # An activity that was tried again and again has failed once.
        if key not in seen:
            seen.add(key)
            yield key, 0, batch_id
    for batch in run.batches:
        for kind, reasons in ((ErrorKind.REJECT, batch.rejects), (ErrorKind.WARNING, batch.warnings)):
            for reason in reasons:
                yield (kind, reason.code, reason.column, steady(reason.message)), reason.count, batch.batch_id
