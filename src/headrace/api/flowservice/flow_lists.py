"""Lists of flows (2.2, 2.3): what the ledger can select and order it does, the rest is looked at in all of the scope's flows."""

from collections.abc import Iterable
from dataclasses import replace

from headrace.api.flowservice.flow_records import MAX_FLOWS, FlowRecord, flow_object, record_of
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.queries import ListRequest, envelope, match, page, project
from headrace.api.flowservice.run_records import last_runs
from headrace.api.flowservice.selection import ORDERS, Kept, compiled, next_token, paged
from headrace.api.flowservice.translate.schedule import LABEL
from headrace.api.flowservice.wire import Item
from headrace.core.flow import Flow
from headrace.core.query import And, Compare, Not, Op, Order
from headrace.core.query import Filter as LedgerFilter
from headrace.service.flows import count_flows, page_flows

_LAST_RUN = "lastRunDetails"
_PAGE = 1000
_KEPT = Kept(
    texts={"id": "id", "name": "name"},
    times={"createdAt": f"labels.{LABEL}.createdAt", "updatedAt": f"labels.{LABEL}.updatedAt"},
    within=f"labels.{LABEL}.item",
    roots=frozenset(
        {
            *("description", "state", "flowSpec", "sourceConnectionIds", "targetConnectionIds", "scheduleParams"),
            *("transformations", "options", "labels", "policy"),
        }
    ),
    elsewhere={
        "inheritedAttributes.sourceConnections[].id": f"labels.{LABEL}.item.sourceConnectionIds[]",
        "inheritedAttributes.targetConnections[].id": f"labels.{LABEL}.item.targetConnectionIds[]",
        "inheritedAttributes.sourceConnections[].connectionSpec.id": f"labels.{LABEL}.frozen.source.connectionSpec.id",
        "inheritedAttributes.sourceConnections[].baseConnection.id": f"labels.{LABEL}.frozen.source.baseConnectionId",
        "inheritedAttributes.targetConnections[].connectionSpec.id": f"labels.{LABEL}.frozen.targetSpec.id",
        **{name: f"labels.{LABEL}.{name}" for name in ("createdBy", "createdClient", "updatedBy", "updatedClient")},
    },
)
_ALWAYS = {"inheritedAttributes": {"properties": {"isSourceFlow": True, "isDestinationFlow": False}}}
"""What all flows of this door have."""
_OURS = Not(Compare(f"labels.{LABEL}", Op.EQ, None))
"""Flows of this door: others may share a scope."""


def flow_list(tenant: Tenant, listed: ListRequest) -> Item:
    """Return the list, or the count, that ``listed`` asks for.

    Raises:
        Refusal: 1451-400: the continuation token is of another list.
    """
    always = [one for one in listed.filters if one.dotted.startswith("inheritedAttributes.properties.")]
    if not match(_ALWAYS, always):
        return {"count": 0} if listed.count else envelope("flows", [], None)
    compiled_filter, left = compiled([one for one in listed.filters if one not in always], _KEPT)
    where = _OURS if compiled_filter is None else And((_OURS, compiled_filter))
    if left or (not listed.count and listed.order[0] not in ORDERS):
        return _looked_through(tenant, replace(listed, filters=left), where)
    door = tenant.door
    if listed.count:
        return {"count": count_flows(door.database, tenant.scope, where)}
    order = Order(ORDERS[listed.order[0]], descending=listed.order[1])
    found = paged(
        listed,
        lambda cursor: page_flows(
            door.database, tenant.scope, order=order, limit=listed.limit, cursor=cursor, where=where, plans=False
        ),
    )
    items = _shown(tenant, [record_of(flow) for flow in found.items], with_last=_wants_last(listed))
    return envelope("flows", [project(item, listed.projection) for item in items], next_token(listed, found))


def _looked_through(tenant: Tenant, listed: ListRequest, where: LedgerFilter) -> Item:
    """Return the list of those flows among the ledger's that match what the ledger cannot say."""
    needs_last = _LAST_RUN in {one.path[0][0] for one in listed.filters} | {listed.order[0].split(".")[0]}
    items = _shown(tenant, _all(tenant, where), with_last=needs_last)
    if listed.count:
        return {"count": sum(1 for item in items if match(item, listed.filters))}
    chosen, token = page(items, replace(listed, projection=frozenset()))
    if not needs_last and _wants_last(listed):
        last = last_runs(tenant, [item["id"] for item in chosen])
        chosen = [item | ({_LAST_RUN: last[item["id"]]} if item["id"] in last else {}) for item in chosen]
    return envelope("flows", [project(item, listed.projection) for item in chosen], token)


def _wants_last(listed: ListRequest) -> bool:
    return not listed.projection or any(path.split(".")[0] == _LAST_RUN for path in listed.projection)


def _shown(tenant: Tenant, records: list[FlowRecord], *, with_last: bool) -> list[Item]:
    last = last_runs(tenant, [record.flow.id for record in records]) if with_last else {}
    return [flow_object(tenant, record, last.get(record.flow.id)) for record in records]


def _all(tenant: Tenant, where: LedgerFilter) -> list[FlowRecord]:
    """Return the scope's flows that ``where`` takes, newest first, at most ``MAX_FLOWS``."""
    return [record_of(flow) for flow in _pages(tenant, where)]


def _pages(tenant: Tenant, where: LedgerFilter) -> Iterable[Flow]:
    cursor: str | None = None
    for _ in range(MAX_FLOWS // _PAGE):
        found = page_flows(tenant.door.database, tenant.scope, limit=_PAGE, cursor=cursor, where=where, plans=False)
        yield from found.items
        if found.next is None:
            return
        cursor = found.next.token()
