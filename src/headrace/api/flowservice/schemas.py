"""Schemas (10): the tenant's own and their versions, and what the registry has in all."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import registry
from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.registry import key_of as schema_key
from headrace.api.flowservice.registry import resolve, tenant_id
from headrace.api.flowservice.shelf import all_of
from headrace.api.flowservice.wire import Item, object_in, text_in
from headrace.http.bodies import Body, json_body

__all__ = ["KIND", "resolve", "router", "schema_id", "schema_key", "schema_object", "tenant_id"]

router = APIRouter(prefix=registry.BASE)
KIND = registry.SCHEMAS
_DATASETS = "dataSets"


@router.get("/stats")
def show_stats(tenant: NeighbourTenant) -> Response:
    """Count what the tenant has."""
    groups, own = len(all_of(tenant, registry.FIELD_GROUPS)), len(all_of(tenant, KIND))
    counts = {"schemas": own, "mixins": groups, "datatypes": 0, "classes": 0, "unions": 0}
    lists: Item = {name: [] for name in ("recentlyCreatedResources", "recentlyUpdatedResources", "classUsage")}
    return JSONResponse({"imsOrg": tenant.place.org, "tenantId": tenant_id(tenant), "counts": counts, **lists})


@router.get("/tenant/schemas")
def list_schemas(request: Request, tenant: NeighbourTenant) -> Response:
    """List the tenant's schemas."""
    return registry.listed(request, registry.own(tenant, KIND))


@router.post("/tenant/schemas")
def create_schema(tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a schema; properties may stand in it directly."""
    return registry.create(tenant, KIND, registry.read_resource(tenant, registry.whole_body(body)))


@router.get("/tenant/schemas/{subject:path}")
def get_schema(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Show a schema by its URL-encoded ``$id`` or its ``meta:altId``."""
    form = registry.read_form(request)
    item = schema_object(tenant, registry.find_own(tenant, KIND, subject))
    return JSONResponse(registry.formed(tenant, item, form))


@router.put("/tenant/schemas/{subject:path}")
def put_schema(subject: str, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Keep the next version of a schema."""
    entity = registry.find_own(tenant, KIND, subject)
    return registry.replace(tenant, KIND, entity, registry.read_resource(tenant, registry.whole_body(body)))


@router.patch("/tenant/schemas/{subject:path}")
def patch_schema(subject: str, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Change parts of a schema with a JSON Patch."""
    entity = registry.find_own(tenant, KIND, subject)
    return registry.replace(tenant, KIND, entity, registry.read_resource(tenant, registry.patched(entity, body)))


@router.delete("/tenant/schemas/{subject:path}")
def delete_schema(subject: str, tenant: NeighbourTenant) -> Response:
    """Remove a schema that no dataset is of."""
    entity = registry.find_own(tenant, KIND, subject)
    users = [
        f"dataset {dataset.id}"
        for dataset in all_of(tenant, _DATASETS)
        if schema_key(text_in(object_in(dataset.item, "schemaRef"), "id")) == entity.id
    ]
    return registry.discard(tenant, KIND, entity, users)


def schema_id(tenant: Tenant, key: str) -> str:
    """Return the ``$id`` of a schema."""
    return registry.resource_id(tenant, KIND, key)


def schema_object(tenant: Tenant, entity: Entity) -> Item:
    """Return a schema as the registry shows it."""
    return registry.resource_object(tenant, KIND, entity)
