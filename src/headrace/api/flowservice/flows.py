"""Flows (3.4, 4): what is run, made of connections and a mapping set."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.actions import FINALIZE, finalize_refusal, read_action
from headrace.api.flowservice.entities import ENTITY_ROOTS, check_no_draft, check_writable
from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.firing import fire_at_once
from headrace.api.flowservice.flow_checks import check_flow, parts_of, read_flow
from headrace.api.flowservice.flow_records import (
    FlowRecord,
    all_flows,
    find_flow,
    flow_object,
    keep_flow,
    remove_flow,
)
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.patches import Operation, apply_patch, read_patch
from headrace.api.flowservice.queries import Collection, read_list
from headrace.api.flowservice.run_records import cancel_open_runs, last_run
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.plan import delta_of, make_plan
from headrace.api.flowservice.translate.schedule import ONCE
from headrace.api.flowservice.wire import Item, body_object, flag, instant, integer, list_in, object_in, required_text
from headrace.core.flow import Plan
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)
KIND = "flows"

_COLLECTION = Collection(
    KIND,
    ENTITY_ROOTS
    | {
        *("flowSpec", "sourceConnectionIds", "targetConnectionIds", "scheduleParams", "transformations", "options"),
        *("runs", "lastOperation", "lastRunDetails", "policy"),
    },
)
_PATCHABLE = (
    *("/name", "/description", "/scheduleParams", "/transformations", "/options", "/labels", "/policy", "/state"),
)
_STATES = {"enabled": "enabled", "disabled": "disabled", "initializing": "disabled"}


@router.get("/flows")
def list_flows(request: Request, tenant: FlowTenant) -> Response:
    """List flows."""
    listed = read_list(request, _COLLECTION)
    return answers.listed(KIND, [_shown(tenant, record) for record in all_flows(tenant)], listed)


@router.post("/flows")
def create_flow(request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a flow; one that runs once gets its run, due at its start time."""
    check_no_draft(request)
    item, frozen = read_flow(tenant, body_object(body))
    plan = _plan(tenant, item, frozen)
    record = keep_flow(tenant, tenant.door.ids.uuid(), item, frozen, plan)
    fire_at_once(tenant, record.flow.id)
    return answers.created(KIND, record.flow.id, record.entity.etag)


@router.get("/flows/{subject}")
def get_flow(subject: str, tenant: FlowTenant) -> Response:
    """Show a flow."""
    return answers.one(_shown(tenant, _find(tenant, subject)))


@router.patch("/flows/{subject}")
def patch_flow(
    subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Change name, description, schedule, transformations, options, labels, policy or state of a flow."""
    record = _find(tenant, subject)
    operations = read_patch(body)
    check_etag(request, record.entity.etag, required=True)
    item = _patched(tenant, record, operations)
    changed = _keep(tenant, record, item, [operation.pointer for operation in operations])
    return answers.changed(subject, changed.entity.etag)


@router.delete("/flows/{subject}")
def delete_flow(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a flow: its active runs are cancelled; runs, batches and data stay readable."""
    record = _find(tenant, subject)
    check_etag(request, record.entity.etag, required=False)
    remove_flow(tenant, record)
    cancel_open_runs(tenant, subject, started_too=True)
    return answers.gone()


@router.post("/flows/{subject}/action")
def act_on_flow(
    subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Enable or disable a flow; doing it again changes nothing."""
    action = read_action(request, body, {"enable", "disable", "publish", *FINALIZE}).op
    record = _find(tenant, subject)
    check_etag(request, record.entity.etag, required=False)
    if action == "publish":
        raise Refusal(Fault.ACTION_STATE, f"the flow {subject} is no draft; only a draft can be published")
    if action in FINALIZE:
        raise finalize_refusal(tenant.identity)
    state = "enabled" if action == "enable" else "disabled"
    changed = record if record.item["state"] == state else _keep(tenant, record, {**record.item, "state": state}, [])
    return answers.changed(subject, changed.entity.etag)


def _find(tenant: Tenant, subject: str) -> FlowRecord:
    record = find_flow(tenant, subject)
    if record is None:
        raise unknown(KIND, subject[:200])
    return record


def _shown(tenant: Tenant, record: FlowRecord) -> Item:
    return flow_object(tenant, record, last_run(tenant, record.flow.id))


def _plan(tenant: Tenant, item: Item, frozen: Item) -> Plan:
    delta = delta_of(list_in(item, "transformations"))
    return make_plan(parts_of(tenant, item, frozen), delta, check_expression)


def _patched(tenant: Tenant, record: FlowRecord, operations: tuple[Operation, ...]) -> Item:
    for operation in operations:
        check_writable(operation, _PATCHABLE)
    item = apply_patch(record.item, operations)
    required_text(item, "name")
    state = item.get("state")
    if not isinstance(state, str) or state.lower() not in _STATES:
        raise Refusal(Fault.STATE_VALUE, f"state is {state!r}; enabled or disabled is expected")
    item["state"] = _STATES[state.lower()]
    _check_started(tenant, record.item, item)
    delta = delta_of(list_in(item, "transformations"))
    added = record.frozen.get("deltaAdded") is True and delta == delta_of(list_in(record.item, "transformations"))
    check_flow(tenant, item, record.frozen, delta_added=added)
    return item


def _check_started(tenant: Tenant, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Refuse changes of a schedule whose start has passed (4.7)."""
    old, new = object_in(before, "scheduleParams"), object_in(after, "scheduleParams")
    start = instant(old.get("startTime"))
    if old == new or start is None or start > tenant.door.clock.now():
        return
    if old.get("frequency") == ONCE or integer(old.get("startTime")) != integer(new.get("startTime")):
        raise Refusal(Fault.START_PASSED, "scheduleParams.startTime has passed and cannot be changed any more")
    if new.get("frequency") == ONCE:
        raise Refusal(Fault.FREQUENCY_TO_ONCE, "scheduleParams.frequency cannot become once after the start")
    if flag(old.get("backfill", True)) != flag(new.get("backfill", True)):
        raise Refusal(Fault.BACKFILL_LATE, "scheduleParams.backfill cannot be changed after the start")


def _keep(tenant: Tenant, record: FlowRecord, item: Item, pointers: list[str]) -> FlowRecord:
    frozen = {**record.frozen, "ops": pointers}
    changed = keep_flow(tenant, record.flow.id, item, frozen, _plan(tenant, item, frozen), expected=record)
    if item["state"] == "disabled" and record.item["state"] != "disabled":
        cancel_open_runs(tenant, record.flow.id, started_too=False)
    return changed
