"""The registry's built-in resources (10): classes, behaviours and groups of fields; they are the same in every sandbox."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import registry
from headrace.api.flowservice.gateway import NeighbourTenant

router = APIRouter(prefix=registry.BASE)


@router.get("/global/schemas")
def list_global_schemas(request: Request, _: NeighbourTenant) -> Response:
    """List the built-in schemas: there are none, schemas are the tenant's."""
    return registry.listed(request, [])


@router.get("/global/classes")
def list_global_classes(request: Request, _: NeighbourTenant) -> Response:
    """List the built-in classes."""
    return registry.listed(request, registry.built_in("classes"))


@router.get("/tenant/classes")
def list_classes(request: Request, _: NeighbourTenant) -> Response:
    """List the tenant's classes: there are none, the built-in ones are all."""
    return registry.listed(request, [])


@router.get("/global/behaviors")
def list_behaviors(request: Request, _: NeighbourTenant) -> Response:
    """List the behaviours."""
    return registry.listed(request, registry.built_in("behaviors"))


@router.get("/global/fieldgroups")
def list_global_field_groups(request: Request, _: NeighbourTenant) -> Response:
    """List the built-in field groups."""
    return registry.listed(request, registry.built_in("mixins"))


@router.get("/global/schemas/{subject:path}")
@router.get("/global/classes/{subject:path}")
@router.get("/global/behaviors/{subject:path}")
@router.get("/global/fieldgroups/{subject:path}")
def get_built_in(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Show a built-in part by its URL-encoded ``$id`` or its ``meta:altId``."""
    form = registry.read_form(request)
    return JSONResponse(registry.formed(tenant, registry.find_built_in(subject), form))
