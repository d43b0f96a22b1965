"""Field groups (10): sets of fields that schemas refer to."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import registry
from headrace.api.flowservice.gateway import NeighbourTenant
from headrace.api.flowservice.shelf import all_of
from headrace.api.flowservice.translate.resolving import references_of
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=registry.BASE)
KIND = registry.FIELD_GROUPS


@router.get("/tenant/fieldgroups")
def list_field_groups(request: Request, tenant: NeighbourTenant) -> Response:
    """List the tenant's field groups."""
    return registry.listed(request, registry.own(tenant, KIND))


@router.post("/tenant/fieldgroups")
def create_field_group(tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a field group."""
    return registry.create(tenant, KIND, registry.read_resource(tenant, registry.whole_body(body)))


@router.get("/tenant/fieldgroups/{subject:path}")
def get_field_group(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Show a field group by its URL-encoded ``$id`` or its ``meta:altId``."""
    form = registry.read_form(request)
    item = registry.resource_object(tenant, KIND, registry.find_own(tenant, KIND, subject))
    return JSONResponse(registry.formed(tenant, item, form))


@router.put("/tenant/fieldgroups/{subject:path}")
def put_field_group(subject: str, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Keep the next version of a field group."""
    entity = registry.find_own(tenant, KIND, subject)
    return registry.replace(tenant, KIND, entity, registry.read_resource(tenant, registry.whole_body(body)))


@router.patch("/tenant/fieldgroups/{subject:path}")
def patch_field_group(subject: str, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Change parts of a field group with a JSON Patch."""
    entity = registry.find_own(tenant, KIND, subject)
    return registry.replace(tenant, KIND, entity, registry.read_resource(tenant, registry.patched(entity, body)))


@router.delete("/tenant/fieldgroups/{subject:path}")
def delete_field_group(subject: str, tenant: NeighbourTenant) -> Response:
    """Remove a field group that no schema and no other group refers to."""
    entity = registry.find_own(tenant, KIND, subject)
    own = registry.resource_id(tenant, KIND, entity.id)
    users = [
        f"{kind} {other.item['title']!r}"
        for kind in (registry.SCHEMAS, KIND)
        for other in all_of(tenant, kind)
        if own in references_of(other.item)
    ]
    return registry.discard(tenant, KIND, entity, users)
