"""Replays: corrected rejects of a batch, played again as a run of their own in the same group."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from headrace.core.clock import DAY, Clock, Instant
from headrace.core.codec import JsonObject, decode, encode
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Plan
from headrace.core.ids import Ids
from headrace.core.landing import Landing
from headrace.core.outcome import Figures
from headrace.core.planning import PlanRequest, plan_run
from headrace.core.run import Batch, BatchStatus, Run, RunKind, RunStatus
from headrace.core.settings import PromoteSettings
from headrace.core.source import FileType
from headrace.core.target import RejectRule, WriteMode
from headrace.dataplane import landing
from headrace.dataplane.quarantine import corrected as corrections
from headrace.dataplane.quarantine.corrected import Corrected, Rejects
from headrace.dataplane.storage import Roots
from headrace.service.runs import as_object, key_in_use, once, pending, queue_run
from headrace.store import audit, batches, runs
from headrace.store.database import Database, Transaction

KIND = "replay"
"""The kind of the one activity of a replay's plan, and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """How corrected rejects are played again. ``request_key`` as for runs; ``file_name`` is what the corrected file is called in reports."""

    created_by: str
    request_key: str | None = None
    request_key_lifetime: int = 7 * DAY
    file_name: str = "corrected.json"


@dataclass(frozen=True, slots=True)
class ReplayDesk:
    """What a replay needs."""

    database: Database
    roots: Roots
    clock: Clock
    ids: Ids


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """Settings of the activity: whose rejects, what was landed, which reject each line is, and how the rows are promoted."""

    batch: str
    landing: Landing
    numbers: str
    promote: PromoteSettings


@dataclass(frozen=True, slots=True)
class _Origin:
    """The batch whose rejects are played again, the run that made it, and how it was promoted."""

    batch: Batch
    run: Run
    promote: PromoteSettings
    delimited: bool
    resolved: frozenset[int]

    def is_open(self, number: int) -> bool:
        """Say whether the row with this number is rejected still."""
        return 1 <= number <= (self.batch.figures.rows_rejected or 0) and number not in self.resolved


def replay(desk: ReplayDesk, scope: str | None, batch_id: str, corrected: BinaryIO, request: ReplayRequest) -> Run:
    """Return the new run that plays ``corrected`` again: rejected rows of the batch, as they were downloaded and then corrected.

    The run has kind ``replay``, is in the group of the batch's run, and ends in a batch of its own; what it accepts is no longer
    counted as rejected in the first one, and what it does not is rejected still. Rows are appended, also where the flow overwrites.
    Rows that came from a delimited source are accepted one by one; those of other sources all or none.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: nothing is rejected any more, nothing of the batch was committed (retry its run), or it holds
            rows that were played again themselves; ``CONFLICT``: another replay of the batch has not ended; what ``corrected.land`` raises.
    """
    now = desk.clock.now()
    with desk.database.reading() as tx:
        origin = _origin(tx, scope, batch_id)
        found = _repeated(tx, origin, request, now)
    if found is None:
        run_id = desk.ids.uuid()
        rejects = Rejects(batch_id, origin.delimited, origin.is_open)
        landed = corrections.land(desk.roots, run_id, rejects, corrected, name=request.file_name)
        found = _make(desk, origin, landed, request, (run_id, now))
        if found.id != run_id:
            landing.remove(desk.roots, run_id)
    if found.details.get("replay_of") != batch_id:
        raise key_in_use(found)
    return found


def _repeated(tx: Transaction, origin: _Origin, request: ReplayRequest, now: Instant) -> Run | None:
    if request.request_key is not None:
        since = Instant(now - request.request_key_lifetime)
        found = runs.find_by_request_key(tx, origin.run.scope, request.request_key, since)
        if found is not None:
            return found
    _check(origin)
    return None


def _make(
    desk: ReplayDesk, origin: _Origin, landed: Corrected, request: ReplayRequest, made: tuple[str, Instant]
) -> Run:
    run_id, now = made

    def make(tx: Transaction) -> Run:
        _check(_origin(tx, None, origin.batch.id))
        run = _new_run(tx, origin, landed, request, made)
        queue_run(tx, run, pending(run, plan_run(run.definition, (), PlanRequest(run.id))))
        batches.begin_replay(tx, origin.batch.id, run.id, now)
        audit.record(tx, run.scope, request.created_by, "batch.replay", origin.batch.id, now, {"run_id": run.id})
        return run

    try:
        return once(desk.database, origin.run.scope, request.request_key, now - request.request_key_lifetime, make)
    except Problem:
        landing.remove(desk.roots, run_id)
        raise


def _origin(tx: Transaction, scope: str | None, batch_id: str) -> _Origin:
    batch = batches.get(tx, scope, batch_id)
    run = runs.get(tx, batch.scope, batch.run_id)
    if batch.replay_of is not None:
        what = f"batch {batch.id} holds rows that were played again"
        raise Problem(Code.ILLEGAL_STATE, f"{what}; correct and play the rejects of batch {batch.replay_of}")
    settings = decode(PromoteSettings, run.definition.by_name[batch.path].settings, what="the promotion's settings")
    copied = run.definition.by_name.get(settings.landing)
    from_table = copied is not None and _source_kind(copied) == "table"
    delimited = settings.format.type is FileType.DELIMITED and not from_table
    return _Origin(batch, run, settings, delimited, frozenset(batches.resolved(tx, batch.id)))


def _source_kind(copied: Activity) -> object:
    source = copied.settings.get("source")
    return source.get("kind") if isinstance(source, Mapping) else None


def _check(origin: _Origin) -> None:
    batch = origin.batch
    if batch.status is not BatchStatus.COMMITTED:
        raise Problem(
            Code.ILLEGAL_STATE,
            f"nothing of batch {batch.id} was committed; correct the source or the rule and retry run {batch.run_id}",
        )
    if batch.resolved >= (batch.figures.rows_rejected or 0):
        raise Problem(Code.ILLEGAL_STATE, f"no row of batch {batch.id} is rejected any more")


def _new_run(
    tx: Transaction, origin: _Origin, landed: Corrected, request: ReplayRequest, made: tuple[str, Instant]
) -> Run:
    run_id, now = made
    definition = _definition(origin, landed)
    details = {name: value for name, value in origin.run.details.items() if name != "watermark"}
    return replace(
        origin.run,
        id=run_id,
        kind=RunKind.REPLAY,
        retry_of=origin.run.id,
        attempt=1 + runs.last_attempt(tx, origin.run.group_id),
        status=RunStatus.QUEUED,
        reason=None,
        definition=definition,
        plan=as_object(plan_run(definition, (), PlanRequest(run_id))),
        due_at=None,
        request_key=request.request_key,
        created_by=request.created_by,
        details={**details, "replay_of": origin.batch.id},
        figures=Figures(),
        revision=1,
        created_at=now,
        updated_at=now,
        started_at=None,
        ended_at=None,
        caller=None,
    )


def _definition(origin: _Origin, landed: Corrected) -> Plan:
    promote = replace(
        origin.promote,
        landing=KIND,
        target=replace(origin.promote.target, mode=WriteMode.APPEND),
        format=corrections.DELIMITED if origin.delimited else corrections.LINES,
        rejects=RejectRule(at_most_percent=100 if origin.delimited else 0),
    )
    settings = ReplaySettings(origin.batch.id, landed.landing, landed.numbers, promote)
    policy = origin.run.definition.by_name[origin.batch.path].policy
    return Plan((Activity(KIND, KIND, cast("JsonObject", encode(settings)), policy=policy),))
