"""Re-triggering a run (6): what may be retried, and from where it goes on."""

from collections.abc import Callable

from headrace.api.flowservice.door import FlowServiceDoor
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.firing import nobody
from headrace.api.flowservice.flow_checks import parts_of
from headrace.api.flowservice.flow_records import FlowRecord, find_flow
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.run_records import delta_for, records_of, request_key
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.plan import make_plan
from headrace.api.flowservice.translate.run import STATES, RunRecord
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.planning import PlanMode
from headrace.core.query import Order
from headrace.core.run import BatchStatus, Run, RunKind, RunStatus
from headrace.service.retries import RetryRequest, retry_run
from headrace.service.runs import page_runs
from headrace.service.schedules import Firing
from headrace.store import runs
from headrace.store.runs import RunQuery

_GROUP = 1000


def retry(tenant: Tenant, record: RunRecord) -> Run:
    """Return the new run that repairs ``record``'s, or the one that the same call made a moment ago.

    It has the original window and params, and the flow's present mapping, options and connection. Landed data are reused.

    Raises:
        Refusal: 1430-400, 1388-400, 1387-400.
    """
    run, door = record.run, tenant.door
    key, lifetime = request_key(tenant, "re-trigger", run.id)
    flow = _flow(tenant, run)
    if not _is_repeated(tenant, key, lifetime):
        _check_state(tenant, record)
    delta = delta_for(run, flow.item)
    plan = make_plan(parts_of(tenant, flow.item, flow.frozen), delta, check_expression)
    request = RetryRequest(
        created_by=tenant.user,
        mode=PlanMode.ALL if run.status is RunStatus.SUCCEEDED else PlanMode.FROM_FAILURE,
        definition=plan,
        request_key=key,
        request_key_lifetime=lifetime,
        details={
            **run.details,
            "deltaColumn": delta,
            "flow": flow.for_runs,
            "user": tenant.user,
            "client": tenant.client,
            "requestId": tenant.request_id,
        },
    )
    try:
        return retry_run(
            door.database, tenant.scope, run.id, request, door.outcome_lost, clock=door.clock, ids=door.ids
        )
    except Problem as problem:
        if problem.code in {Code.ILLEGAL_STATE, Code.CONFLICT}:
            raise Refusal(Fault.RETRY_STATE, problem.message) from problem
        raise


def remaker(door: FlowServiceDoor) -> Callable[[Run], Firing]:
    """Return what says what a retry executes that somebody asks for who did not come through this door: what ``retry`` would have it do."""

    def remake(run: Run) -> Firing:
        tenant = nobody(door, run.scope)
        try:
            flow = _flow(tenant, run)
        except Refusal as refusal:
            # Elsewhere the door's numbers say nothing.
            code = Code.NOT_FOUND if refusal.fault is Fault.RUN_FLOW_UNKNOWN else Code.ILLEGAL_STATE
            raise Problem(code, refusal.message) from refusal
        delta = delta_for(run, flow.item)
        plan = make_plan(parts_of(tenant, flow.item, flow.frozen), delta, check_expression)
        return Firing(plan, {"deltaColumn": delta, "flow": flow.for_runs})

    return remake


def _flow(tenant: Tenant, run: Run) -> FlowRecord:
    flow = find_flow(tenant, run.flow_id)
    if flow is None:
        raise Refusal(Fault.RUN_FLOW_UNKNOWN, f"the flow {run.flow_id} of the run {run.id} does not exist any more")
    if flow.item["state"] != "enabled":
        what = f"the flow {run.flow_id} is {flow.item['state']}"
        raise Refusal(Fault.RETRY_FLOW_STATE, f"{what}; enable it to retry its runs")
    return flow


def _is_repeated(tenant: Tenant, key: str, lifetime: int) -> bool:
    since = Instant(tenant.door.clock.now() - lifetime)
    with tenant.door.database.reading() as tx:
        return runs.find_by_request_key(tx, tenant.scope, key, since) is not None


def _check_state(tenant: Tenant, record: RunRecord) -> None:
    run = record.run
    if not run.status.is_final:
        raise Refusal(
            Fault.RETRY_STATE, f"the run {run.id} is {STATES[run.status]}; it can be retried when it has ended"
        )
    if run.kind is RunKind.REPLAY:
        raise Refusal(
            Fault.RETRY_STATE, f"the run {run.id} plays rejected rows again; retry the run that rejected them"
        )
    if run.status is RunStatus.SUCCEEDED and _ingested(record):
        raise Refusal(Fault.RETRY_STATE, f"the run {run.id} is a success and has ingested rows")
    query = RunQuery(group_id=run.group_id)
    group = page_runs(tenant.door.database, query, Order("created_at"), _GROUP).items
    later = [other for other in group if other.attempt > run.attempt and other.kind is not RunKind.REPLAY]
    for other in records_of(tenant, later):
        if not other.run.status.is_final:
            state = STATES[other.run.status]
            raise Refusal(Fault.RETRY_STATE, f"a later attempt, {other.run.id}, is {state}")
        if _ingested(other):
            raise Refusal(Fault.RETRY_STATE, f"a later attempt, {other.run.id}, has ingested the rows already")


def _ingested(record: RunRecord) -> bool:
    return any(batch.status is BatchStatus.COMMITTED and batch.figures.rows_accepted for batch in record.batches)
