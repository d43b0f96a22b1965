"""What an installation says of itself in numbers: one family for each thing, with where it comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from headrace.core.client import EVERYWHERE, Identity, Role
from headrace.core.clock import DAY, MINUTE, SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.run import RunStatus
from headrace.core.traffic import Durations
from headrace.service.native.desk import NativeDesk
from headrace.service.native.workers import is_late
from headrace.store import gauges, open_runs, run_totals, webhook_counts, workers
from headrace.store.database import Transaction
from headrace.store.run_totals import Totals

OVERDUE = MINUTE
"""What should have fired so long ago is overdue."""

LEDGER, PROCESS = "ledger", "process"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. ``kind``: ``counter``, ``gauge`` or ``histogram``. ``source``: the ledger (the same in every process), or this process alone."""

    name: str
    kind: str
    labels: tuple[str, ...]
    source: str
    words: str


FAMILIES: tuple[Family, ...] = (
    Family(
        "headrace_build_info", "gauge", ("version", "database"), PROCESS, "1, with the release and the kind of ledger."
    ),
    Family(
        "headrace_ledger_up",
        "gauge",
        (),
        PROCESS,
        "Whether the ledger can be reached: 1 or 0. What comes from it is missing when it cannot.",
    ),
    Family("headrace_runs_ended_total", "counter", ("door", "status"), LEDGER, "Runs that have ended."),
    Family(
        "headrace_rows_total",
        "counter",
        ("door", "what"),
        LEDGER,
        "Rows of runs that have ended: `read`, `accepted`, `rejected`, `skipped`, `warned`.",
    ),
    Family(
        "headrace_bytes_total", "counter", ("door", "what"), LEDGER, "Bytes of runs that have ended: `read`, `written`."
    ),
    Family(
        "headrace_files_total", "counter", ("door", "what"), LEDGER, "Files of runs that have ended: `read`, `written`."
    ),
    Family(
        "headrace_runs_open",
        "gauge",
        ("door", "status"),
        LEDGER,
        "Runs that have not ended; `queued` is the depth of the queue.",
    ),
    Family(
        "headrace_run_queued_oldest_seconds",
        "gauge",
        (),
        LEDGER,
        "How long the run has waited that waits longest for a worker; 0: none waits.",
    ),
    Family(
        "headrace_activities_running",
        "gauge",
        (),
        LEDGER,
        "Activities that workers do now, in the 1,000 newest runs that are in hand.",
    ),
    Family(
        "headrace_workers",
        "gauge",
        ("state",),
        LEDGER,
        "Workers: `alive`, and those of them whose heartbeat is overdue, `late`.",
    ),
    Family(
        "headrace_worker_heartbeat_age_seconds",
        "gauge",
        ("worker",),
        LEDGER,
        "How long ago a living worker said that it is alive.",
    ),
    Family(
        "headrace_webhook_deliveries",
        "gauge",
        ("state",),
        LEDGER,
        "Deliveries of webhooks: `pending`, and those `given_up` within the last day.",
    ),
    Family(
        "headrace_schedules_overdue",
        "gauge",
        ("kind",),
        LEDGER,
        "Schedules (`schedule`) and triggers (`trigger`) that were due more than a minute ago and have not fired.",
    ),
    Family(
        "headrace_http_requests_total",
        "counter",
        ("door", "status"),
        PROCESS,
        "Answers by class of status (`2xx`); `4xx` has requests whose client went away.",
    ),
    Family(
        "headrace_http_request_duration_seconds",
        "histogram",
        ("door",),
        PROCESS,
        "How long they took to the beginning of the answer.",
    ),
)
"""All families of our own, in the order of the reference."""
_OPEN = tuple(status for status in RunStatus if not status.is_final)
_SUMS: Mapping[str, tuple[str, ...]] = {
    "rows": ("read", "accepted", "rejected", "skipped", "warned"),
    "bytes": ("read", "written"),
    "files": ("read", "written"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a family, with its labels' values in the family's order."""

    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """What was found. ``samples``: by the family's name; ``durations``: of the histogram, by door."""

    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    durations: Mapping[str, Durations] = field(default_factory=dict)


def look(desk: NativeDesk, caller: Identity) -> Metrics:
    """Return all metrics of the installation.

    Raises:
        Problem: ``FORBIDDEN``: ``caller`` may not read, or not in all scopes.
    """
    if not caller.role.includes(Role.READER) or EVERYWHERE not in caller.scopes:
        raise Problem(Code.FORBIDDEN, "metrics tell of the whole installation: this needs a client of all scopes (*)")
    found: dict[str, list[Sample]] = {
        "headrace_build_info": [Sample((desk.version, desk.database.dialect), 1)],
        "headrace_http_requests_total": [Sample(key, count) for key, count in sorted(desk.traffic.answers().items())],
    }
    try:
        found |= _of_ledger(desk)
        found["headrace_ledger_up"] = [Sample((), 1)]
    except Problem as problem:
        if problem.code is not Code.UNAVAILABLE:
            raise
        found["headrace_ledger_up"] = [Sample((), 0)]
    return Metrics(found, desk.traffic.durations())


def _of_ledger(desk: NativeDesk) -> dict[str, list[Sample]]:
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        totals = run_totals.counted(tx, now)
    with desk.database.reading() as tx:
        found = {**_of_totals(totals), **_of_runs(tx, now), **_of_workers(desk, tx, now)}
        given_up = webhook_counts.given_up(tx, None, Instant(now - DAY))
        pending = gauges.deliveries_pending(tx)
        late = Instant(now - OVERDUE)
        overdue = (gauges.schedules_overdue(tx, late), gauges.triggers_overdue(tx, late))
    found["headrace_webhook_deliveries"] = [Sample(("given_up",), given_up), Sample(("pending",), pending)]
    found["headrace_schedules_overdue"] = [Sample(("schedule",), overdue[0]), Sample(("trigger",), overdue[1])]
    return found


def _of_totals(totals: Totals) -> dict[str, list[Sample]]:
    doors = sorted(totals.doors.items())
    ended = [Sample((door, status), count) for door, of in doors for status, count in sorted(of.runs.items())]
    sums = {f"headrace_{noun}_total": list(_sums(noun, totals)) for noun in _SUMS}
    return {"headrace_runs_ended_total": ended, **sums}


def _sums(noun: str, totals: Totals) -> Iterator[Sample]:
    for door, of in sorted(totals.doors.items()):
        for what in _SUMS[noun]:
            yield Sample((door, what), getattr(of.figures, f"{noun}_{what}") or 0)


def _of_runs(tx: Transaction, now: Instant) -> dict[str, list[Sample]]:
    scopes = open_runs.scopes(tx, None)
    counts: dict[tuple[str, str], int] = {}
    for scope, of in open_runs.counts(tx, scopes).items():
        for status, count in of.items():
            key = (scope.partition("/")[0], status.value)
            counts[key] = counts.get(key, 0) + count
    doors = sorted({scope.partition("/")[0] for scope in scopes})
    oldest = [found for scope in scopes if (found := open_runs.oldest_queued(tx, scope, now)) is not None]
    doing = open_runs.activities_of_workers(tx, scopes)
    return {
        # A status without runs is told too: a line that ends says less than one that falls to nought.
        "headrace_runs_open": [
            Sample((door, status.value), counts.get((door, status.value), 0)) for door in doors for status in _OPEN
        ],
        "headrace_run_queued_oldest_seconds": [Sample((), (now - min(oldest)) / SECOND if oldest else 0)],
        "headrace_activities_running": [Sample((), sum(map(len, doing.values())))],
    }


def _of_workers(desk: NativeDesk, tx: Transaction, now: Instant) -> dict[str, list[Sample]]:
    living = workers.living(tx)
    late = sum(is_late(desk, worker.heartbeat_at, now) for worker in living)
    ages = [Sample((worker.id,), max(now - worker.heartbeat_at, 0) / SECOND) for worker in living]
    return {
        "headrace_workers": [Sample(("alive",), len(living)), Sample(("late",), late)],
        "headrace_worker_heartbeat_age_seconds": ages,
    }
