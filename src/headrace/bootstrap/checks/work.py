"""Workers and runs, and what happens by the clock."""

from headrace.bootstrap.checks.finding import Check, Finding, fail, ok, warn
from headrace.bootstrap.checks.ground import Ground
from headrace.core.clock import DAY, MINUTE, SECOND, Instant
from headrace.core.run import RunStatus
from headrace.store import gauges, inspection, open_runs, reject_pages, workers
from headrace.store.database import Transaction
from headrace.store.reject_pages import RejectQuery
from headrace.store.workers import Worker

LONG = MINUTE
"""A run that waits so long for a worker, and what is overdue for so long, is told."""
_SHOWN = 3
"""Ids that are told; lists have the others."""
_BATCHES = 200


def _workers(ground: Ground) -> Finding:
    now = ground.now
    with ground.reading() as tx:
        alive, late = _living(ground, tx, now)
        queued = _queued(tx)
    if not alive and queued:
        silent = f" ({late[0].id} has been silent for {_length(now - late[0].heartbeat_at)})" if late else ""
        return fail(
            f"no worker is alive{silent}, and {_counted(queued, 'run')} {'is' if queued == 1 else 'are'} queued",
            "start one, or a server with its own",
            command=ground.command("worker"),
        )
    if late:
        one = late[0]
        return warn(
            f"the heartbeat of {_counted(len(late), 'worker')} is overdue, the longest for {_length(now - one.heartbeat_at)}",
            f"see whether process {one.pid} on {one.host} still runs; a living worker takes over what it did",
            where=one.id,
            command=ground.command("workers ls"),
        )
    return ok(f"{_counted(len(alive), 'worker')} alive" if alive else "none is alive, and nothing is queued")


def _queued_runs(ground: Ground) -> Finding:
    now = ground.now
    with ground.reading() as tx:
        waiting = [
            found
            for scope in open_runs.scopes(tx, None)
            if (found := open_runs.oldest_queued(tx, scope, now)) is not None
        ]
    if waiting and now - min(waiting) > LONG:
        return warn(
            f"a run has waited for a worker for {_length(now - min(waiting))}",
            "start more workers, or raise HEADRACE_WORKER_CONCURRENCY; what waits:",
            command=ground.command("runs ls --status queued"),
        )
    return ok("no run waits long for a worker")


def _running_runs(ground: Ground) -> Finding:
    now = ground.now
    with ground.reading() as tx:
        alive, _late = _living(ground, tx, now)
        doing = open_runs.activities_of_workers(tx, open_runs.scopes(tx, None))
    living = {worker.id for worker in alive}
    lost = sorted({run for worker, what in doing.items() if worker not in living for run, _path in what})
    if not lost:
        return ok("every run that is running has a living worker")
    shown = ", ".join(lost[:_SHOWN]) + (" …" if len(lost) > _SHOWN else "")
    words = f"{_counted(len(lost), 'run')} {'is' if len(lost) == 1 else 'are'} running without a living worker"
    if alive:
        return warn(
            words,
            "the living workers take them over within seconds; if they do not, look at their logs",
            where=shown,
            command=ground.command("workers ls"),
        )
    return fail(words, "start a worker: it goes on where they stopped", where=shown, command=ground.command("worker"))


def _schedules(ground: Ground) -> Finding:
    before = Instant(ground.now - LONG)
    with ground.reading() as tx:
        late = gauges.schedules_overdue(tx, before)
        triggers = gauges.triggers_overdue(tx, before)
        alive, _late = _living(ground, tx, ground.now)
    if not late and not triggers:
        return ok("no schedule and no trigger is overdue")
    several = [_counted(late, "schedule")] * bool(late) + [_counted(triggers, "trigger")] * bool(triggers)
    words = f"{' and '.join(several)} should have fired more than a minute ago"
    if alive:
        return warn(words, "workers fire them: look at their logs; which:", command=ground.command("schedules ls"))
    return fail(words, "workers fire them, and none is alive: start one", command=ground.command("worker"))


def _webhooks(ground: Ground) -> Finding:
    with ground.reading() as tx:
        found = inspection.given_up(tx, Instant(ground.now - DAY))
    if not found:
        return ok("no delivery was given up within the last day")
    count = sum(found.values())
    most = max(found, key=lambda one: found[one])
    return warn(
        f"{_counted(count, 'delivery', 'deliveries')} {'was' if count == 1 else 'were'} given up within the last day",
        "see what the receiver answered; when it is well again, `headrace webhooks redeliver`",
        where=most,
        command=ground.command(f"webhooks deliveries {most}"),
    )


def _rejects(ground: Ground) -> Finding:
    with ground.reading() as tx:
        page = reject_pages.page(tx, RejectQuery(), _BATCHES)
    rows = sum((one.batch.figures.rows_rejected or 0) - one.batch.resolved for one in page.items)
    if not rows:
        return ok("no rejected row is unresolved")
    least = "at least " if page.next is not None else ""
    return ok(
        f"{least}{_counted(rows, 'rejected row')} in {_counted(len(page.items), 'batch', 'batches')} are unresolved: `headrace quarantine ls`"
    )


def _living(ground: Ground, tx: Transaction, now: Instant) -> tuple[list[Worker], list[Worker]]:
    """Return the workers that are alive, and those that should be and have been silent for too long, the longest first."""
    silent = Instant(round(now - ground.settings.dead_after_seconds * SECOND))
    found = sorted(workers.living(tx), key=lambda worker: worker.heartbeat_at)
    return [one for one in found if one.heartbeat_at >= silent], [one for one in found if one.heartbeat_at < silent]


def _queued(tx: Transaction) -> int:
    counted = open_runs.counts(tx, open_runs.scopes(tx, None))
    return open_runs.total(counted, (RunStatus.QUEUED,))[RunStatus.QUEUED]


def _counted(count: int, noun: str, plural: str = "") -> str:
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def _length(microseconds: int) -> str:
    minutes = microseconds // MINUTE
    if minutes < 2:
        return f"{microseconds // SECOND} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


CHECKS = (
    Check("workers", "workers that are alive or silent, against the runs that are queued", _workers),
    Check("queued-runs", "the run that waits longest for a worker", _queued_runs),
    Check("running-runs", "running runs whose worker is alive no more", _running_runs),
    Check("schedules", "schedules and triggers that are overdue", _schedules),
    Check("webhooks", "deliveries of webhooks that were given up within a day", _webhooks),
    Check("rejects", "rejected rows that nobody resolved (told, never a fault)", _rejects),
)
