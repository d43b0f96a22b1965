"""Source connections (3.3): what is read from a base connection, or from the Data Landing Zone."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.connection_records import KIND as BASE_KIND
from headrace.api.flowservice.connection_records import find_usable
from headrace.api.flowservice.entities import ENTITY_ROOTS
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.flow_ends import DRAFT, End
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.landing_folder import landing_folder
from headrace.api.flowservice.queries import Collection
from headrace.api.flowservice.shelf import find
from headrace.api.flowservice.specs_custom import connector_of
from headrace.api.flowservice.translate.source import check_source, spec_id_of, spec_of
from headrace.api.flowservice.wire import Item, object_in, required_text, text_in
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)
KIND = "sourceConnections"
_JsonBody = Annotated[Body, Depends(json_body)]


def _read(tenant: Tenant, body: Item) -> Item:
    name = required_text(body, "name")
    canonical = _canonical(tenant, body)
    spec, base_id = spec_of(canonical), text_in(body, "baseConnectionId")
    reference = {"id": spec.id, "version": "1.0"}
    inherited: Item = {}
    if not spec.auth:
        if base_id:
            raise Refusal(Fault.BASE_ID_NOT_ALLOWED, f"sources of {spec.name} have no baseConnectionId; leave it out")
        landing_folder(tenant)
    elif not base_id:
        raise Refusal(Fault.IDS_EMPTY, "baseConnectionId is missing; name the base connection of the source")
    else:
        base = find_usable(tenant, base_id)
        if base.item["connectionSpec"]["id"] != spec.id:
            raise Refusal(Fault.SPEC, f"connectionSpec.id {spec.id!r} is not that of the base connection {base_id}")
        inherited = {"baseConnection": {"id": base_id, "connectionSpec": reference}}
    check_source(canonical)
    return {
        "name": name,
        "description": text_in(body, "description"),
        **({"baseConnectionId": base_id} if base_id else {}),
        "connectionSpec": reference,
        "data": object_in(body, "data"),
        "params": object_in(body, "params"),
        "state": "enabled",
        "inheritedAttributes": inherited,
    }


def _read_draft(tenant: Tenant, body: Item) -> Item:
    item: Item = {"name": required_text(body, "name"), "description": text_in(body, "description"), "state": DRAFT}
    if spec_id_of(body):
        item["connectionSpec"] = {"id": spec_of(_canonical(tenant, body)).id, "version": "1.0"}
    if text_in(body, "baseConnectionId"):
        item["baseConnectionId"] = find(tenant, BASE_KIND, body["baseConnectionId"]).id
    return {
        **item,
        **{key: object_in(body, key) for key in ("data", "params") if key in body},
        "inheritedAttributes": {},
    }


def _canonical(tenant: Tenant, body: Item) -> Item:
    """Return ``body`` with the connector's own spec in the place of a custom one."""
    spec = connector_of(tenant, spec_id_of(body))
    return body if spec is None else {**body, "connectionSpec": {**body["connectionSpec"], "id": spec.id}}


_COLLECTION = Collection(KIND, ENTITY_ROOTS | {"baseConnectionId", "connectionSpec", "data", "params"})
_END = End(_COLLECTION, "sourceConnectionIds", "source connection", _read, _read_draft)


@router.get("/sourceConnections")
def list_source_connections(request: Request, tenant: FlowTenant) -> Response:
    """List source connections."""
    return _END.listed(request, tenant)


@router.post("/sourceConnections/search")
def search_source_connections(request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """List source connections that a body asks for."""
    return _END.searched(request, tenant, body)


@router.post("/sourceConnections")
def create_source_connection(request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Make a source connection, or a draft of one."""
    return _END.created(request, tenant, body)


@router.get("/sourceConnections/{subject}")
def get_source_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show a source connection."""
    return _END.one(subject, request, tenant)


@router.patch("/sourceConnections/{subject}")
def patch_source_connection(subject: str, request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Change a source connection; flows that use it keep the definition of their creation."""
    return _END.patched(subject, request, tenant, body)


@router.post("/sourceConnections/{subject}/action")
def act_on_source_connection(subject: str, request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Publish a draft."""
    return _END.acted(subject, request, tenant, body)


@router.delete("/sourceConnections/{subject}")
def delete_source_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a source connection that no flow uses."""
    return _END.removed(subject, request, tenant)
