"""Runs as the door reads and asks for them: everything that a run object is made of, and the keys that make requests safe to repeat."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.flow_records import find_flow
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.translate.plan import delta_of
from headrace.api.flowservice.translate.run import STATES, RunRecord, Told, run_etag
from headrace.api.flowservice.wire import Item, list_in, milliseconds, object_in, text_in
from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.core.run import ActivityRun, Batch, Run
from headrace.core.upload import OF_UPLOADS
from headrace.service.documents import Document, DocumentDraft, put_document
from headrace.store import activity_runs, batches, documents, runs
from headrace.store.database import Transaction
from headrace.store.runs import RunGlance

WITH_REQUEST_ID = 60 * SECOND
"""How long a request with the same ``x-request-id`` is the same request (5.1)."""
MAX_TOLD = 1000
"""Runs of which services have said something that a list looks at in any case."""
_TOLD = "flowservice.runs"
WITHOUT_REQUEST_ID = 10 * SECOND
"""The same where neither has one."""


def request_key(tenant: Tenant, what: str, body: object) -> tuple[str, int]:
    """Return the key under which a request makes one run only, and for how long (µs): same tenant, client, body and request id (5.1, 6)."""
    text = json.dumps([what, tenant.client, body, tenant.given_request_id], sort_keys=True, separators=(",", ":"))
    lifetime = WITHOUT_REQUEST_ID if tenant.given_request_id is None else WITH_REQUEST_ID
    return f"flowservice:{sha256(text.encode()).hexdigest()}", lifetime


def run_details(tenant: Tenant, params: Mapping[str, Any], flow: Mapping[str, Any], delta: Mapping[str, Any]) -> Item:
    """Return the door's own facts about a run on demand: params as they were sent, what it says of its flow, the delta column, who asked."""
    return {
        "params": dict(params),
        "type": "on-demand",
        "flow": dict(flow),
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
            if run.flow_id == OF_UPLOADS:
                raise unknown("runs", subject[:200])
            parts = _Parts(tx, [run])
    except Problem as problem:
        if problem.code in {Code.NOT_FOUND, Code.INVALID}:
            raise unknown("runs", subject[:200]) from problem
        raise
    return _record(tenant, run, parts, {})


def records_of(tenant: Tenant, found: Sequence[Run]) -> list[RunRecord]:
    """Return several runs with all that belongs to each, read at once."""
    with tenant.door.database.reading() as tx:
        parts = _Parts(tx, found)
    flows: dict[str, Item] = {}
    return [_record(tenant, run, parts, flows) for run in found]


def etag_now(tenant: Tenant, run: Run) -> str:
    """Return the run's etag."""
    with tenant.door.database.reading() as tx:
        parts = _Parts(tx, [run])
    return run_etag(run, len(parts.children.get(run.id, ())), parts.told.get(run.id))


def tell(tenant: Tenant, record: RunRecord, fields: Item) -> RunRecord:
    """Return the run with ``fields`` in the place of its own, as a service says (3.5); the ledger's own stay as they are.

    Raises:
        Refusal: A 1404-412: somebody else has said something in between.
    """
    door, run, before = tenant.door, record.run, record.told
    draft = DocumentDraft(
        scope=tenant.scope,
        kind=_TOLD,
        id=run.id,
        name=run.id,
        body={"fields": {**(before.fields if before else {}), **fields}, "user": tenant.user, "client": tenant.client},
        who=tenant.user,
    )
    try:
        kept = put_document(door.database, draft, door.clock, expected=before.revision if before else 0)
    except Problem as problem:
        if problem.code not in {Code.CONFLICT, Code.STALE}:
            raise
        raise Refusal(Fault.STALE_ETAG, f"the run {run.id} was changed in between; read it again") from problem
    return replace(record, told=_told(kept))


def told_of(tenant: Tenant) -> list[str]:
    """Return the ids of the runs of which services have said something, the newest of them, at most ``MAX_TOLD``."""
    with tenant.door.database.reading() as tx:
        return documents.ids(tx, tenant.scope, _TOLD, MAX_TOLD)


def delta_for(run: Run, flow: Mapping[str, Any]) -> Item:
    """Return the delta column that ``run`` reads tables by, as its flow has it now.

    The one run that the schedule of a flow that runs once makes reads everything, also when runs on demand have given it one since (4.5).
    """
    return {} if text_in(run.details, "type") == "one-time" else delta_of(list_in(flow, "transformations"))


def last_runs(tenant: Tenant, flow_ids: Collection[str]) -> dict[str, Item]:
    """Return the newest run of each of these flows as ``lastRunDetails``; flows of which no run has started are left out (4.1)."""
    with tenant.door.database.reading() as tx:
        newest = runs.newest_started(tx, tenant.scope, flow_ids)
    return {flow_id: _last(run) for flow_id, run in newest.items()}


def _last(run: RunGlance) -> Item:
    details: Item = {"id": run.id, "state": STATES[run.status], "startedAtUTC": milliseconds(run.started_at)}
    if run.ended_at is not None:
        details["completedAtUTC"] = milliseconds(run.ended_at)
    return details


class _Parts:
    """What belongs to some runs, by run id."""

    def __init__(self, tx: Transaction, found: Sequence[Run]) -> None:
        ids = [run.id for run in found]
        self.activities = {run_id: _newest(rows) for run_id, rows in activity_runs.of_runs(tx, ids).items()}
        self.batches: dict[str, list[Batch]] = batches.of_runs(tx, ids)
        self.children = runs.retries_of(tx, found)
        self.told = (
            {document.id: _told(document) for document in documents.of_ids(tx, found[0].scope, _TOLD, ids)}
            if found
            else {}
        )


def _record(tenant: Tenant, run: Run, parts: _Parts, flows: dict[str, Item]) -> RunRecord:
    facts = object_in(run.details, "flow")
    if not facts and run.flow_id not in flows:
        # Made before runs kept what they say of their flow.
        flow = find_flow(tenant, run.flow_id)
        flows[run.flow_id] = {} if flow is None else flow.for_runs
    return RunRecord(
        run,
        parts.activities.get(run.id, ()),
        tuple(parts.batches.get(run.id, ())),
        parts.children.get(run.id, ()),
        facts or flows[run.flow_id],
        parts.told.get(run.id),
    )


def _told(document: Document) -> Told:
    body: Item = dict(document.body)
    fields = object_in(body, "fields")
    return Told(fields, document.revision, document.updated_at, text_in(body, "user"), text_in(body, "client"))


def _newest(rows: Iterable[ActivityRun]) -> tuple[ActivityRun, ...]:
    newest: dict[str, ActivityRun] = {}
    for row in rows:
        known = newest.get(row.path)
        if known is None or row.attempt > known.attempt:
            newest[row.path] = row
    return tuple(newest.values())
