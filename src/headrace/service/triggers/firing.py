"""One firing: a trigger run and its pipeline runs, together or not at all."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.ids import Ids
from headrace.core.outcome import Failure
from headrace.core.trigger import Trigger, TriggerRun, TriggerRunStatus, trigger_run_id
from headrace.service.runs import queue_first_run
from headrace.service.triggers.desk import Asked, Made, TriggerDesk
from headrace.store import trigger_runs
from headrace.store.columns import is_storable
from headrace.store.database import Transaction

_log = structlog.get_logger(__name__)

LATER = frozenset({Code.UNAVAILABLE, Code.DISK_FULL})
"""Problems of the ledger or the machine: what was to be fired is fired later."""
_LONGEST_KEY = 500
"""Characters; of much longer ones PostgreSQL makes no index."""
T = TypeVar("T")
Work = Callable[[Transaction, Failure | None], T]
"""Fires within a transaction; with a failure, no pipeline run is made and that is why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """What a trigger fires for: ``key`` is the same whoever sees it, ``facts`` are shown of it; ``scheduled`` and ``body`` as in ``Asked``."""

    key: str
    scheduled: Instant | None = None
    body: Mapping[str, Json] | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)


class FullError(Exception):
    """A pipeline run cannot be made now since so many wait already; later it can."""


def in_one(desk: TriggerDesk, work: Work[T]) -> T:
    """Return what ``work`` does in one transaction. What the ledger cannot keep of it fails the trigger run: it is done again, with the failure.

    Raises:
        Problem: ``UNAVAILABLE`` or ``DISK_FULL``: nothing was done, and it may be tried later.
    """
    try:
        with desk.database.transaction() as tx:
            return work(tx, None)
    except Problem as problem:
        if problem.code in LATER:
            raise
        failure = Failure.of(problem)
    with desk.database.transaction() as tx:
        return work(tx, failure)


def fire_occurrence(
    tx: Transaction,
    desk: TriggerDesk,
    trigger: Trigger,
    occurrence: Occurrence,
    failure: Failure | None = None,
    *,
    patient: bool = False,
) -> TriggerRun | None:
    """Write the trigger run of an occurrence and its pipeline runs; None: the trigger has fired for it before, so nothing was written.

    The caller holds the trigger, and moves its cursor in the same transaction. When a pipeline run cannot be made, or with ``failure``, the trigger
    run has failed and there is none; but one that has no place in the queue yet is waited for by those who are ``patient``.

    Raises:
        Problem: ``UNAVAILABLE``, ``DISK_FULL``, or what the ledger cannot keep (see ``in_one``): the transaction is to be given up.
        FullError: nothing was written for this occurrence; it is to be fired later.
    """
    now = desk.clock.now()
    run_id = new_run_id(desk.ids, now)
    asked = Asked(trigger=trigger, trigger_run_id=run_id, now=now, scheduled=occurrence.scheduled, body=occurrence.body)
    made = failure or make_runs(tx, desk, asked)
    if patient and isinstance(made, Failure) and made.code is Code.LIMIT_EXCEEDED:
        raise FullError(made.message)
    run = TriggerRun(
        id=run_id,
        scope=trigger.scope,
        trigger_id=trigger.id,
        trigger_name=trigger.name,
        trigger_type=trigger.type,
        key=_kept(occurrence.key),
        status=TriggerRunStatus.FAILED if isinstance(made, Failure) else TriggerRunStatus.SUCCEEDED,
        created_at=now,
        updated_at=now,
        ended_at=now,
        message=made.message if isinstance(made, Failure) else "",
        facts=occurrence.facts,
        pipelines={} if isinstance(made, Failure) else {one.pipeline: one.run.id for one in made},
    )
    if not trigger_runs.insert(tx, run):
        return None
    crash_point("trigger-run-written")
    for one in () if isinstance(made, Failure) else made:
        queue_first_run(tx, one.run)
    crash_point("trigger-runs-queued")
    return run


def make_runs(tx: Transaction, desk: TriggerDesk, asked: Asked) -> tuple[Made, ...] | Failure:
    """Return the pipeline runs that the door makes of a firing, or why it cannot.

    Raises:
        Problem: ``UNAVAILABLE`` or ``DISK_FULL``.
    """
    make = desk.makers.get(asked.trigger.scope.partition("/")[0])
    if make is None:
        return Failure(Code.UNSUPPORTED, f"nobody here makes runs for the trigger '{asked.trigger.name}'")
    try:
        return make(tx, asked)
    except Problem as problem:
        if problem.code in LATER:
            raise
        return Failure.of(problem)
    except Exception as error:  # noqa: BLE001 — a bug of a door must not stop the clock for everybody: the trigger run fails with it
        _log.exception("no runs could be made for a trigger", trigger=asked.trigger.name, scope=asked.trigger.scope)
        return Failure(Code.INTERNAL, f"no run could be made: {type(error).__name__}")


def _kept(key: str) -> str:
    """Return a key as databases can keep and find it: long ones, and those with characters that are no text, by their digest."""
    if len(key) <= _LONGEST_KEY and is_storable(key):
        return key
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def new_run_id(ids: Ids, now: Instant) -> str:
    """Return an id for a trigger run."""
    return trigger_run_id(now, int(ids.uuid().replace("-", ""), 16))
