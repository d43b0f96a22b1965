"""Runs as the door reads and asks for them: everything that a run object is made of, and the keys that make requests safe to repeat."""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from headrace.api.flowservice.errors import unknown
from headrace.api.flowservice.flow_records import find_flow
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.translate.run import STATES, RunRecord, run_etag
from headrace.api.flowservice.wire import Item, milliseconds
from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.core.run import ActivityRun, Batch, Run, RunStatus
from headrace.service.runs import cancel_run, page_runs
from headrace.store import activity_runs, batches, runs
from headrace.store.database import Transaction
from headrace.store.runs import RunQuery

WITH_REQUEST_ID = 60 * SECOND
"""How long a request with the same ``x-request-id`` is the same request (5.1)."""
WITHOUT_REQUEST_ID = 10 * SECOND
"""The same where neither has one."""
_OPEN_RUNS = 1000


def request_key(tenant: Tenant, what: str, body: object) -> tuple[str, int]:
    """Return the key under which a request makes one run only, and for how long (µs): same tenant, client, body and request id (5.1, 6)."""
    text = json.dumps([what, tenant.client, body, tenant.given_request_id], sort_keys=True, separators=(",", ":"))
    lifetime = WITHOUT_REQUEST_ID if tenant.given_request_id is None else WITH_REQUEST_ID
    return f"flowservice:{sha256(text.encode()).hexdigest()}", lifetime


def run_details(tenant: Tenant, params: Mapping[str, Any], *, kind: str, delta: Mapping[str, Any]) -> Item:
    """Return the door's own facts about a run: params as they were sent, the delta column it reads by, who asked."""
    return {
        "params": dict(params),
        "type": kind,
        "deltaColumn": dict(delta),
        "user": tenant.user,
        "client": tenant.client,
        "requestId": tenant.request_id,
    }


def find_run(tenant: Tenant, subject: str) -> RunRecord:
    """Return a run of the caller's scope with all that belongs to it.

    Raises:
        Refusal: 1439-404: there is none, here.
    """
    try:
        with tenant.door.database.reading() as tx:
            run = runs.get(tx, tenant.scope, subject)
            parts = _parts(tx, [run])
    except Problem as problem:
        if problem.code in {Code.NOT_FOUND, Code.INVALID}:
            raise unknown("runs", subject[:200]) from problem
        raise
    return _record(tenant, run, parts, {})


def records_of(tenant: Tenant, found: Sequence[Run]) -> list[RunRecord]:
    """Return several runs with all that belongs to each, read at once."""
    with tenant.door.database.reading() as tx:
        parts = _parts(tx, found)
    flows: dict[str, Item] = {}
    return [_record(tenant, run, parts, flows) for run in found]


def children_of(tenant: Tenant, run: Run) -> tuple[str, ...]:
    """Return the ids of the runs that were made to repair ``run``, oldest first."""
    with tenant.door.database.reading() as tx:
        return runs.retries_of(tx, [run]).get(run.id, ())


def etag_now(tenant: Tenant, run: Run) -> str:
    """Return the run's etag."""
    return run_etag(run, len(children_of(tenant, run)))


def last_run(tenant: Tenant, flow_id: str) -> Item | None:
    """Return the flow's newest run as ``lastRunDetails``; None while no run has started (4.1)."""
    query = RunQuery(scopes=(tenant.scope,), flow_id=flow_id)
    newest = page_runs(tenant.door.database, query, limit=1).items
    if not newest or newest[0].started_at is None:
        return None
    run = newest[0]
    details: Item = {"id": run.id, "state": STATES[run.status], "startedAtUTC": milliseconds(run.started_at)}
    if run.ended_at is not None:
        details["completedAtUTC"] = milliseconds(run.ended_at)
    return details


def cancel_open_runs(tenant: Tenant, flow_id: str, *, started_too: bool) -> None:
    """Cancel the flow's runs that have not ended; those that have started only if ``started_too``."""
    statuses = {RunStatus.QUEUED}
    if started_too:
        statuses |= {RunStatus.RUNNING, RunStatus.WAITING}
    query = RunQuery(scopes=(tenant.scope,), flow_id=flow_id, statuses=frozenset(statuses))
    door = tenant.door
    for run in page_runs(door.database, query, limit=_OPEN_RUNS).items:
        try:
            cancel_run(door.database, tenant.scope, run.id, tenant.user, door.clock)
        except Problem as problem:
            # It may have ended in between; then there is nothing to cancel.
            if problem.code is not Code.ILLEGAL_STATE:
                raise


class _Parts:
    """What belongs to some runs, by run id."""

    def __init__(self, tx: Transaction, found: Sequence[Run]) -> None:
        ids = [run.id for run in found]
        self.activities = {run_id: _newest(rows) for run_id, rows in activity_runs.of_runs(tx, ids).items()}
        self.batches: dict[str, list[Batch]] = batches.of_runs(tx, ids)
        self.children = runs.retries_of(tx, found)


def _parts(tx: Transaction, found: Sequence[Run]) -> _Parts:
    return _Parts(tx, found)


def _record(tenant: Tenant, run: Run, parts: _Parts, flows: dict[str, Item]) -> RunRecord:
    if run.flow_id not in flows:
        flow = find_flow(tenant, run.flow_id)
        flows[run.flow_id] = {} if flow is None else flow.for_runs
    return RunRecord(
        run,
        parts.activities.get(run.id, ()),
        tuple(parts.batches.get(run.id, ())),
        parts.children.get(run.id, ()),
        flows[run.flow_id],
    )


def _newest(rows: Iterable[ActivityRun]) -> tuple[ActivityRun, ...]:
    newest: dict[str, ActivityRun] = {}
    for row in rows:
        known = newest.get(row.path)
        if known is None or row.attempt > known.attempt:
            newest[row.path] = row
    return tuple(newest.values())
