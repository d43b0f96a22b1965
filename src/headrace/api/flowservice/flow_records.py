"""Flows as the door keeps them: the engine's flow, with the dialect's definition among its labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headrace.api.flowservice.entities import Entity, Maker, shown
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.translate.schedule import LABEL, facts_for_runs, schedule_of
from headrace.api.flowservice.wire import Item, list_in, milliseconds, object_in, text_in
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow, Plan
from headrace.service.flows import Waiting, delete_flow, get_flow, page_flows, put_flow
from headrace.service.schedules import put_schedule
from headrace.store.database import Transaction

MAX_FLOWS = 10_000
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """A flow. ``item`` is its definition on the wire; ``frozen`` what it was made of: source, base connections, dataset, spec name."""

    flow: Flow
    item: Item
    frozen: Item
    entity: Entity

    @property
    def frequency(self) -> str:
        """Return how often it runs."""
        return text_in(object_in(self.item, "scheduleParams"), "frequency")

    @property
    def for_runs(self) -> Item:
        """Return what run objects say about their flow, also when it is gone."""
        return facts_for_runs(self.item, self.frozen)


def keep_flow(  # noqa: PLR0913 — a flow is these parts; the last two say what it follows and what follows it
    tenant: Tenant,
    subject: str,
    item: Item,
    frozen: Item,
    plan: Plan,
    *,
    expected: FlowRecord | None = None,
    waiting: Waiting | None = None,
) -> FlowRecord:
    """Return the flow as it is kept now, and its schedule with it: new, or the next revision of ``expected``.

    ``waiting`` says what its runs that have not begun do from now on (None: what they were asked for with).

    Raises:
        Problem: ``STALE``: another revision came first.
    """
    now = tenant.door.clock.now()
    maker = expected.entity.maker if expected else Maker(tenant.user, tenant.client, tenant.user, tenant.client)
    label: dict[str, Any] = {
        "item": item,
        "frozen": frozen,
        "createdAt": expected.entity.created_at if expected else now,
        "updatedAt": now,
        "createdBy": maker.created_by,
        "createdClient": maker.created_client,
        "updatedBy": tenant.user,
        "updatedClient": tenant.client,
    }
    flow = Flow(
        id=subject,
        scope=tenant.scope,
        name=item["name"],
        plan=plan,
        concurrency=1,
        labels={LABEL: label},
        enabled=item["state"] == "enabled",
    )
    seen = expected.flow.revision if expected else 0
    door = tenant.door
    kept = put_flow(door.database, flow, tenant.user, door.clock, expected=seen, along=_schedule, waiting=waiting)
    return record_of(replace(kept, labels=flow.labels))


def find_flow(tenant: Tenant, subject: str) -> FlowRecord | None:
    """Return a flow of the caller's scope, or None."""
    try:
        flow = get_flow(tenant.door.database, tenant.scope, subject)
    except Problem as problem:
        if problem.code in {Code.NOT_FOUND, Code.INVALID}:
            return None
        raise
    return record_of(flow) if LABEL in flow.labels else None


def all_flows(tenant: Tenant) -> Iterator[FlowRecord]:
    """Yield the scope's flows, newest first, at most ``MAX_FLOWS``, without their plans."""
    cursor: str | None = None
    for _ in range(MAX_FLOWS // _PAGE):
        page = page_flows(tenant.door.database, tenant.scope, limit=_PAGE, cursor=cursor, plans=False)
        yield from (record_of(flow) for flow in page.items if LABEL in flow.labels)
        if page.next is None:
            return
        cursor = page.next.token()


def remove_flow(tenant: Tenant, record: FlowRecord) -> None:
    """Remove the flow; its runs, batches and data stay readable."""
    door = tenant.door
    delete_flow(door.database, tenant.scope, record.flow.id, tenant.user, door.clock, record.flow.revision)


def flow_object(tenant: Tenant, record: FlowRecord, last_run: Item | None) -> Item:
    """Return the flow object of 4.1."""
    item, entity = record.item, record.entity
    changed = entity.revision > 1
    started, updated = milliseconds(entity.created_at), milliseconds(entity.updated_at)
    result: Item = {
        **shown(tenant, entity),
        "inheritedAttributes": _inherited(record),
        "runs": f"/runs?property=flowId=={record.flow.id}",
        "lastOperation": {
            "started": updated if changed else started,
            "updated": updated,
            "percentCompleted": 100.0,
            "status": {"value": "completed", "errors": []},
            "ops": list_in(record.frozen, "ops"),
            "operation": "update" if changed else "create",
        },
    }
    if last_run is not None:
        result["lastRunDetails"] = last_run
    return {key: value for key, value in result.items() if key in item or value not in ("", None)}


def _schedule(tx: Transaction, flow: Flow, now: Instant) -> None:
    put_schedule(tx, flow, schedule_of(flow), now)


def _inherited(record: FlowRecord) -> Item:
    source = object_in(record.frozen, "source")
    shown: Item = {"properties": {"isSourceFlow": True, "isDestinationFlow": False}}
    source_id = next(iter(list_in(record.item, "sourceConnectionIds")), None)
    target_id = next(iter(list_in(record.item, "targetConnectionIds")), None)
    if source_id is not None:
        spec, base = object_in(source, "connectionSpec"), text_in(source, "baseConnectionId")
        end: Item = {"id": source_id, "connectionSpec": spec}
        if base:
            end["baseConnection"] = {"id": base, "connectionSpec": spec}
        shown["sourceConnections"] = [end]
    if target_id is not None:
        shown["targetConnections"] = [{"id": target_id, "connectionSpec": object_in(record.frozen, "targetSpec")}]
    return shown


def record_of(flow: Flow) -> FlowRecord:
    """Return the flow as the door keeps it."""
    label = object_in(flow.labels, LABEL)
    return FlowRecord(flow, object_in(label, "item"), object_in(label, "frozen"), _entity(flow, label))


def _entity(flow: Flow, label: Mapping[str, Any]) -> Entity:
    maker = Maker(
        text_in(label, "createdBy"),
        text_in(label, "createdClient"),
        text_in(label, "updatedBy"),
        text_in(label, "updatedClient"),
    )
    times = (Instant(int(label["createdAt"])), Instant(int(label["updatedAt"])))
    return Entity(flow.id, object_in(label, "item"), flow.revision, times[0], times[1], maker)
