"""Lists of runs (2.2, 2.3): what the ledger can select it selects; the rest is matched against run objects, a bounded number at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.queries import Filter, ListRequest, envelope, match, page, project
from headrace.api.flowservice.run_records import records_of
from headrace.api.flowservice.translate.run import STATES, run_object
from headrace.api.flowservice.wire import Item
from headrace.core.errors import Problem
from headrace.core.query import Cursor, In, Op, Order, Value
from headrace.core.run import Run, RunStatus
from headrace.service.runs import page_runs
from headrace.store.runs import RunQuery

MAX_SCANNED = 2_000
"""Runs that one request looks at when the ledger cannot select by its filter; the answer's link goes on from there."""
MAX_SORTED = 2_000
"""Newest runs among which an order is kept that the ledger has no index for."""

_ORDERS = {"createdAt": "created_at", "updatedAt": "updated_at"}
_STATE = "metrics.statusSummary.status"
_PARTIAL = "partialsuccess"
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class _Selection:
    """What the ledger is asked for; ``exact``: it selects all that the filters say."""

    query: RunQuery
    exact: bool


def list_runs(tenant: Tenant, listed: ListRequest) -> Item:
    """Return the list, or the count, that ``listed`` asks for.

    Raises:
        Refusal: 1451-400: the continuation token is of another list.
    """
    selection = _select(tenant, listed)
    if selection is None:
        return {"count": 0} if listed.count else envelope("runs", [], None)
    if listed.count:
        return {"count": _count(tenant, listed, selection)}
    if listed.order[0] not in _ORDERS:
        return _sorted(tenant, listed, selection)
    items, position = _page(tenant, listed, selection)
    token = None if position is None else listed.next_token(position)
    return envelope("runs", [project(item, listed.projection) for item in items], token)


def matches_run(item: Item, filters: tuple[Filter, ...]) -> bool:
    """Say whether a run object satisfies the filters; ``state`` is its status, and ``partialSuccess`` a success with rejected rows."""
    for one in filters:
        if one.dotted not in {"state", _STATE}:
            if not match(item, [one]):
                return False
        elif not _has_state(item, one):
            return False
    return True


def _has_state(item: Item, one: Filter) -> bool:
    states = {_fold(item["metrics"]["statusSummary"]["status"])}
    if states == {"success"} and item["metrics"]["recordSummary"].get("failedRecordCount", 0) > 0:
        states.add(_PARTIAL)
    wanted = {_fold(value) for value in one.values}
    return not (states & wanted) if one.op is Op.NE else bool(states & wanted)


def _select(tenant: Tenant, listed: ListRequest) -> _Selection | None:
    """Return the ledger's share of the filters; None: nothing can match."""
    flow_ids, ids = listed.only("flowId"), listed.only("id")
    states = listed.only(_STATE) or listed.only("state")
    statuses = frozenset[RunStatus]() if states is None else _statuses(states)
    if states is not None and not statuses:
        return None
    where = [In(path, tuple(values)) for path, values in (("id", ids), ("flow_id", flow_ids)) if values]
    one_flow = flow_ids[0] if flow_ids is not None and len(flow_ids) == 1 else None
    narrowed = next((part for part in where if part.path == "id" or one_flow is None), None)
    query = RunQuery(scopes=(tenant.scope,), flow_id=one_flow, statuses=statuses, filter=narrowed)
    exact = not listed.filters or (len(listed.filters) == 1 and flow_ids is not None)
    return _Selection(query, exact)


def _statuses(states: tuple[str, ...]) -> frozenset[RunStatus]:
    wanted = {"success" if _fold(state) == _PARTIAL else _fold(state) for state in states}
    return frozenset(status for status, name in STATES.items() if _fold(name) in wanted)


def _page(tenant: Tenant, listed: ListRequest, selection: _Selection) -> tuple[list[Item], tuple[Value, ...] | None]:
    items: list[Item] = []
    for scanned, (run, item, is_last) in enumerate(_walk(tenant, listed, selection), 1):
        if matches_run(item, listed.filters):
            items.append(item)
        full = len(items) == listed.limit or scanned >= MAX_SCANNED
        if full and not is_last:
            return items, (getattr(run, _ORDERS[listed.order[0]]), run.id)
        if full:
            break
    return items, None


def _walk(tenant: Tenant, listed: ListRequest, selection: _Selection) -> Iterator[tuple[Run, Item, bool]]:
    """Yield runs with their objects, and whether each is the last one there is."""
    order = Order(_ORDERS.get(listed.order[0], "created_at"), descending=listed.order[1])
    chunk = listed.limit if selection.exact else max(listed.limit, _CHUNK)
    cursor = None if listed.position is None else Cursor(listed.position).token()
    while True:
        try:
            found = page_runs(tenant.door.database, selection.query, order, chunk, cursor)
        except Problem as problem:
            if cursor is None:
                raise
            raise Refusal(Fault.QUERY_PARAMETER, f"continuationToken belongs to another list: {problem}") from problem
        for number, record in enumerate(records_of(tenant, found.items), 1):
            is_last = number == len(found.items) and found.next is None
            yield record.run, run_object(record, tenant.place), is_last
        if found.next is None:
            return
        cursor = found.next.token()


def _count(tenant: Tenant, listed: ListRequest, selection: _Selection) -> int:
    if not selection.exact:
        return sum(matches_run(item, listed.filters) for _, item, _ in _walk(tenant, listed, selection))
    total, cursor = 0, None
    while True:
        found = page_runs(tenant.door.database, selection.query, limit=1000, cursor=cursor)
        total += len(found.items)
        if found.next is None:
            return total
        cursor = found.next.token()


def _sorted(tenant: Tenant, listed: ListRequest, selection: _Selection) -> Item:
    newest = ListRequest(limit=MAX_SORTED, filters=listed.filters)
    items, _ = _page(tenant, newest, selection)
    # Their states were matched above; what is left to do is the order and the position.
    plain = ListRequest((), listed.projection, listed.limit, listed.order, False, listed.position, listed.texts)
    chosen, token = page(items, plain)
    return envelope("runs", chosen, token)


def _fold(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "")
