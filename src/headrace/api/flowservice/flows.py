"""Flows (3.4, 4): what is run, made of connections and a mapping set."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.actions import FINALIZE, finalize_refusal, read_action
from headrace.api.flowservice.entities import ENTITY_ROOTS, wants_draft
from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.firing import fire_at_once
from headrace.api.flowservice.flow_checks import parts_of, published, read_draft, read_flow
from headrace.api.flowservice.flow_lists import flow_list
from headrace.api.flowservice.flow_patches import DRAFT, patched
from headrace.api.flowservice.flow_records import FlowRecord, find_flow, flow_object, keep_flow, remove_flow
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.patches import read_patch, written
from headrace.api.flowservice.queries import Collection, check_query, read_list, read_search
from headrace.api.flowservice.run_records import delta_for, last_runs
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.plan import delta_of, make_plan
from headrace.api.flowservice.wire import Item, body_object, list_in
from headrace.core.flow import Plan
from headrace.core.run import Run
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)
KIND = "flows"

COLLECTION = Collection(
    KIND,
    ENTITY_ROOTS
    | {
        *("flowSpec", "sourceConnectionIds", "targetConnectionIds", "scheduleParams", "transformations", "options"),
        *("runs", "lastOperation", "lastRunDetails", "policy"),
    },
)


@router.get("/flows")
def list_flows(request: Request, tenant: FlowTenant) -> Response:
    """List flows."""
    return JSONResponse(flow_list(tenant, read_list(request, COLLECTION)))


@router.post("/flows/search")
def search_flows(request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """List flows as a body asks for them."""
    return JSONResponse(flow_list(tenant, read_search(request, body, COLLECTION)))


@router.post("/flows")
def create_flow(request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a flow, which runs by its schedule from now on; or a draft of one, which does not."""
    check_query(request, "mode")
    draft = wants_draft(request)
    given = body_object(body)
    item, frozen = read_draft(tenant, given) if draft else read_flow(tenant, given)
    record = keep_flow(tenant, tenant.door.ids.uuid(), item, frozen, _plan(tenant, item, frozen))
    if not draft:
        fire_at_once(tenant, record.flow.id)
    return answers.created(KIND, record.flow.id, record.entity.etag)


@router.get("/flows/{subject}")
def get_flow(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show a flow."""
    check_query(request)
    record = _find(tenant, subject)
    return answers.one(flow_object(tenant, record, last_runs(tenant, [subject]).get(subject)))


@router.patch("/flows/{subject}")
def patch_flow(
    subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Change name, description, schedule, transformations, options, labels, policy or state of a flow; of a draft its ids too."""
    check_query(request)
    record = _find(tenant, subject)
    operations = read_patch(body)
    check_etag(request, record.entity.etag, required=True)
    item, frozen = patched(tenant, record, operations)
    return answers.changed(subject, _keep(tenant, record, item, {**frozen, "ops": written(operations)}).entity.etag)


@router.delete("/flows/{subject}")
def delete_flow(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a flow: its active runs are cancelled; runs, batches and data stay readable."""
    check_query(request)
    record = _find(tenant, subject)
    check_etag(request, record.entity.etag, required=False)
    remove_flow(tenant, record)
    return answers.gone()


@router.post("/flows/{subject}/action")
def act_on_flow(
    subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Enable or disable a flow, which can be repeated; or publish a draft."""
    action = read_action(request, body, {"enable", "disable", "publish", *FINALIZE}).op
    record = _find(tenant, subject)
    check_etag(request, record.entity.etag, required=False)
    if action in FINALIZE:
        raise finalize_refusal(tenant.identity)
    changed = _publish(tenant, record) if action == "publish" else switch_flow(tenant, record, action)
    return answers.changed(subject, changed.entity.etag)


def _publish(tenant: Tenant, record: FlowRecord) -> FlowRecord:
    """Return the flow that a draft becomes, after all checks of 4.2."""
    if record.item["state"] != DRAFT:
        raise Refusal(Fault.ACTION_STATE, f"the flow {record.flow.id} is no draft; only a draft can be published")
    item, frozen = read_flow(tenant, published(record.item))
    changed = _keep(tenant, record, item, {**frozen, "ops": _state_op("enabled")})
    fire_at_once(tenant, record.flow.id)
    return changed


def switch_flow(tenant: Tenant, record: FlowRecord, action: str) -> FlowRecord:
    """Return the flow, enabled or disabled; one that is so already stays as it is."""
    if record.item["state"] == DRAFT:
        raise Refusal(Fault.ACTION_STATE, f"the flow {record.flow.id} is a draft; publish it")
    state = "enabled" if action == "enable" else "disabled"
    if record.item["state"] == state:
        return record
    item, frozen = {**record.item, "state": state}, {**record.frozen, "ops": _state_op(state)}
    if state == "enabled":
        return _keep(tenant, record, item, frozen)
    # Also a flow whose parts are gone can be stopped.
    subject, plan = record.flow.id, record.flow.plan
    return keep_flow(tenant, subject, item, frozen, plan, expected=record, waiting=lambda _run: None)


def _state_op(state: str) -> list[Item]:
    return [{"op": "replace", "path": "/state", "value": state}]


def _find(tenant: Tenant, subject: str) -> FlowRecord:
    record = find_flow(tenant, subject)
    if record is None:
        raise unknown(KIND, subject[:200])
    return record


def _plan(tenant: Tenant, item: Item, frozen: Item) -> Plan:
    """Return what the flow's runs execute; a draft has nothing to execute."""
    if item["state"] == DRAFT:
        return Plan(())
    delta = delta_of(list_in(item, "transformations"))
    return make_plan(parts_of(tenant, item, frozen), delta, check_expression)


def _keep(tenant: Tenant, record: FlowRecord, item: Item, frozen: Item) -> FlowRecord:
    """Keep a changed flow; runs of it that have not begun follow it, or are cancelled when it is disabled now."""
    subject = record.flow.id
    if item["state"] == DRAFT:
        return keep_flow(tenant, subject, item, frozen, Plan(()), expected=record)
    parts = parts_of(tenant, item, frozen)
    plan = make_plan(parts, delta_of(list_in(item, "transformations")), check_expression)

    def waiting(run: Run) -> Plan | None:
        return make_plan(parts, delta_for(run, item), check_expression) if item["state"] == "enabled" else None

    return keep_flow(tenant, subject, item, frozen, plan, expected=record, waiting=waiting)
