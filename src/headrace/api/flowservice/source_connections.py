"""Source connections (3.3): what is read from a base connection."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.connections import KIND as BASE_KIND
from headrace.api.flowservice.entities import ENTITY_ROOTS, Entity, check_no_draft, check_writable, shown
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.patches import apply_patch, read_patch
from headrace.api.flowservice.queries import Collection, read_list
from headrace.api.flowservice.shelf import all_of, find, keep, remove
from headrace.api.flowservice.translate.source import check_source, spec_of
from headrace.api.flowservice.usage import is_used
from headrace.api.flowservice.wire import Item, body_object, object_in, required_text, text_in
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)
KIND = "sourceConnections"

_COLLECTION = Collection(KIND, ENTITY_ROOTS | {"baseConnectionId", "connectionSpec", "data", "params"})


@router.get("/sourceConnections")
def list_source_connections(request: Request, tenant: FlowTenant) -> Response:
    """List source connections."""
    listed = read_list(request, _COLLECTION)
    return answers.listed(KIND, [shown(tenant, entity) for entity in all_of(tenant, KIND)], listed)


@router.post("/sourceConnections")
def create_source_connection(
    request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Make a source connection."""
    check_no_draft(request)
    item = _read(tenant, body_object(body))
    entity = keep(tenant, KIND, tenant.door.ids.uuid(), item["name"], item)
    return answers.created(KIND, entity.id, entity.etag)


@router.get("/sourceConnections/{subject}")
def get_source_connection(subject: str, tenant: FlowTenant) -> Response:
    """Show a source connection."""
    return answers.one(shown(tenant, find(tenant, KIND, subject)))


@router.patch("/sourceConnections/{subject}")
def patch_source_connection(
    subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Change a source connection; flows that use it keep the definition of their creation."""
    entity = find(tenant, KIND, subject)
    operations = read_patch(body)
    check_etag(request, entity.etag, required=True)
    for operation in operations:
        check_writable(operation, ("/name", "/description", "/data", "/params"))
    item = _checked(apply_patch(entity.item, operations))
    changed = keep(tenant, KIND, subject, item["name"], item, expected=entity)
    return JSONResponse({"id": subject, "etag": changed.etag, "items": [shown(tenant, changed)]})


@router.delete("/sourceConnections/{subject}")
def delete_source_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a source connection that no flow uses."""
    entity: Entity = find(tenant, KIND, subject)
    check_etag(request, entity.etag, required=False)
    if is_used(tenant, "sourceConnectionIds", subject):
        raise Refusal(Fault.END_USED, f"the source connection {subject} is used by a flow")
    remove(tenant, KIND, entity)
    return answers.gone()


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
    return _checked(item)


def _checked(item: Item) -> Item:
    required_text(item, "name")
    check_source(item)
    return item
