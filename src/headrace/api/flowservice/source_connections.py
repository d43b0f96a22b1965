"""Source connections (3.3): what is read from a base connection."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.connections import KIND as BASE_KIND
from headrace.api.flowservice.entities import ENTITY_ROOTS
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.flow_ends import End
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.queries import Collection
from headrace.api.flowservice.shelf import find
from headrace.api.flowservice.translate.source import check_source, spec_of
from headrace.api.flowservice.wire import Item, object_in, required_text, text_in
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)
KIND = "sourceConnections"


def _read(tenant: Tenant, body: Item) -> Item:
    name = required_text(body, "name")
    spec = spec_of(body)
    base_id = text_in(body, "baseConnectionId")
    if not base_id:
        raise Refusal(Fault.IDS_EMPTY, "baseConnectionId is missing; name the base connection of the source")
    base = find(tenant, BASE_KIND, base_id)
    if base.item["connectionSpec"]["id"] != spec.id:
        raise Refusal(Fault.SPEC, f"connectionSpec.id {spec.id!r} is not that of the base connection {base_id}")
    reference = {"id": spec.id, "version": "1.0"}
    item = {
        "name": name,
        "description": text_in(body, "description"),
        "baseConnectionId": base_id,
        "connectionSpec": reference,
        "data": object_in(body, "data"),
        "params": object_in(body, "params"),
        "state": "enabled",
        "inheritedAttributes": {"baseConnection": {"id": base_id, "connectionSpec": reference}},
    }
    return _checked(tenant, item)


def _checked(_: Tenant, item: Item) -> Item:
    required_text(item, "name")
    check_source(item)
    return item


_COLLECTION = Collection(KIND, ENTITY_ROOTS | {"baseConnectionId", "connectionSpec", "data", "params"})
_END = End(_COLLECTION, "sourceConnectionIds", "source connection", _read, _checked)


@router.get("/sourceConnections")
def list_source_connections(request: Request, tenant: FlowTenant) -> Response:
    """List source connections."""
    return _END.listed(request, tenant)


@router.post("/sourceConnections")
def create_source_connection(
    request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Make a source connection."""
    return _END.created(request, tenant, body)


@router.get("/sourceConnections/{subject}")
def get_source_connection(subject: str, tenant: FlowTenant) -> Response:
    """Show a source connection."""
    return _END.one(subject, tenant)


@router.patch("/sourceConnections/{subject}")
def patch_source_connection(
    subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Change a source connection; flows that use it keep the definition of their creation."""
    return _END.patched(subject, request, tenant, body)


@router.delete("/sourceConnections/{subject}")
def delete_source_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a source connection that no flow uses."""
    return _END.removed(subject, request, tenant)
