"""Base connections (3.2): where sources are. Secrets in them are sealed and never returned."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.actions import FINALIZE, finalize_refusal, read_action
from headrace.api.flowservice.connection_records import (
    DRAFT,
    KIND,
    STATES,
    find_usable,
    on_the_outside,
    read_connection,
    read_draft,
    revealed,
    sealing,
    unsealing,
)
from headrace.api.flowservice.entities import ENTITY_ROOTS, Entity, check_writable, shown, wants_draft
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.explore import connection_columns, explore_connection
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.patches import Operation, apply_patch, read_patch
from headrace.api.flowservice.queries import Collection, check_query, read_list, read_search
from headrace.api.flowservice.reach import reaches
from headrace.api.flowservice.shelf import find, keep, listing, remove
from headrace.api.flowservice.usage import is_used
from headrace.api.flowservice.wire import Item, body_object, text_in
from headrace.http.bodies import Body, json_body

__all__ = ["KIND", "router"]

router = APIRouter(prefix=answers.BASE)

_COLLECTION = Collection(KIND, ENTITY_ROOTS | {"auth", "connectionSpec"})
_PATCHABLE = ("/name", "/description", "/auth/params", "/state")
_PATCHABLE_DRAFT = ("/name", "/description", "/auth", "/connectionSpec")
_JsonBody = Annotated[Body, Depends(json_body)]


@router.get("/connections")
def list_connections(request: Request, tenant: FlowTenant) -> Response:
    """List base connections."""
    return listing(tenant, KIND, read_list(request, _COLLECTION))


@router.post("/connections/search")
def search_connections(request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """List base connections that a body asks for."""
    return listing(tenant, KIND, read_search(request, body, _COLLECTION))


@router.post("/connections")
def create_connection(request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Make a base connection, or a draft of one; the source is not contacted."""
    check_query(request, "mode")
    read = read_draft if wants_draft(request) else read_connection
    item = read(tenant, body_object(body))
    subject = tenant.door.ids.uuid()
    outside = on_the_outside(item)
    entity = keep(tenant, KIND, subject, item["name"], outside, along=sealing(tenant, subject, item))
    return answers.created(KIND, subject, entity.etag)


@router.get("/connections/{subject}")
def get_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show a base connection, its secrets masked."""
    check_query(request)
    return answers.one(shown(tenant, find(tenant, KIND, subject)))


@router.patch("/connections/{subject}")
def patch_connection(subject: str, request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Change name, description, parameters or state; a parameter that is sent masked stays as it is."""
    check_query(request)
    entity = find(tenant, KIND, subject)
    operations = read_patch(body)
    check_etag(request, entity.etag, required=True)
    return _changed(tenant, entity, _patched(tenant, entity, operations))


@router.delete("/connections/{subject}")
def delete_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a base connection that no flow uses, and its secrets."""
    check_query(request)
    entity = find(tenant, KIND, subject)
    check_etag(request, entity.etag, required=False)
    if is_used(tenant, "baseConnectionIds", subject):
        raise Refusal(Fault.CONNECTION_USED, f"the connection {subject} is used by a flow")
    remove(tenant, KIND, entity, along=unsealing(tenant, subject))
    return answers.gone()


@router.post("/connections/{subject}/action")
def act_on_connection(subject: str, request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Publish a draft."""
    entity = find(tenant, KIND, subject)
    action = read_action(request, body, {"publish", *FINALIZE}).op
    check_etag(request, entity.etag, required=False)
    if action in FINALIZE:
        raise finalize_refusal(tenant.identity)
    if entity.item["state"] != DRAFT:
        raise Refusal(Fault.ACTION_STATE, f"the connection {subject} is {entity.item['state']}, no draft")
    return _changed(tenant, entity, read_connection(tenant, revealed(tenant, subject, entity.item)))


@router.get("/connections/{subject}/test")
def test_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Say whether the source can be reached with what the connection says."""
    check_query(request)
    message = reaches(tenant, find_usable(tenant, subject))
    return JSONResponse({"result": True} if message is None else {"result": False, "message": message})


@router.get("/connections/{subject}/explore")
def explore(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Look into the source (7.7)."""
    return explore_connection(request, tenant, find_usable(tenant, subject))


@router.get("/connections/{subject}/configs")
def get_connection_configs(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show the columns of the table that ``object`` names; without it, none."""
    return connection_columns(request, tenant, find_usable(tenant, subject))


def _changed(tenant: Tenant, entity: Entity, item: Item) -> Response:
    """Keep the connection as ``item`` (with its secrets) says, and answer with its new etag."""
    outside, along = on_the_outside(item), sealing(tenant, entity.id, item)
    changed = keep(tenant, KIND, entity.id, item["name"], outside, expected=entity, along=along)
    return answers.changed(entity.id, changed.etag)


def _patched(tenant: Tenant, entity: Entity, operations: tuple[Operation, ...]) -> Item:
    is_draft = entity.item["state"] == DRAFT
    for operation in operations:
        if operation.path[0] == "connectionSpec" and not is_draft:
            raise Refusal(Fault.SPEC_CHANGED, "the connection spec of a connection cannot be changed")
        check_writable(operation, _PATCHABLE_DRAFT if is_draft else _PATCHABLE)
    item = revealed(tenant, entity.id, apply_patch(entity.item, operations))
    if is_draft:
        return read_draft(tenant, item)
    state = text_in(item, "state").lower()
    if state not in STATES:
        raise Refusal(Fault.STATE_VALUE, f"state is {item.get('state')!r}; enabled or disabled is expected")
    return {**read_connection(tenant, item), "state": STATES[state]}
