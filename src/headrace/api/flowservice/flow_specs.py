"""Flow specs (3.1): what kinds of flows there are."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.connection_specs import SPEC_ROOTS, listed_specs, one_spec
from headrace.api.flowservice.flow_specs_shapes import flow_specs
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.queries import Collection, check_query, read_search
from headrace.api.flowservice.specs_custom import FLOW_SPECS, custom_specs, put_spec
from headrace.api.flowservice.wire import Item, body_object
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)

_COLLECTION = Collection(
    FLOW_SPECS,
    SPEC_ROOTS
    | {
        *("sourceConnectionSpecIds", "targetConnectionSpecIds", "optionSpec", "scheduleSpec"),
        *("transformationSpec", "transformationSpecs", "runSpec"),
    },
    only_filters=True,
)
_JsonBody = Annotated[Body, Depends(json_body)]


@router.get("/flowSpecs")
def list_flow_specs(request: Request, tenant: FlowTenant) -> Response:
    """List flow specs, all on one page."""
    return listed_specs(request, _COLLECTION, _all(tenant))


@router.post("/flowSpecs/search")
def search_flow_specs(request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """List flow specs that a body asks for."""
    return answers.listed(FLOW_SPECS, _all(tenant), read_search(request, body, _COLLECTION))


@router.post("/flowSpecs")
def create_flow_spec(tenant: FlowTenant, body: _JsonBody) -> Response:
    """Make another name for a flow spec; for services."""
    made = put_spec(tenant, FLOW_SPECS, body_object(body))
    return JSONResponse(made, status_code=201, headers={"location": f"{answers.BASE}/flowSpecs/{made['id']}"})


@router.get("/flowSpecs/{subject}")
def get_flow_spec(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show a flow spec."""
    check_query(request)
    return one_spec(FLOW_SPECS, subject, _all(tenant))


@router.put("/flowSpecs/{subject}")
def put_flow_spec(subject: str, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Change a custom flow spec; for services."""
    return JSONResponse(put_spec(tenant, FLOW_SPECS, body_object(body), subject))


def _all(tenant: Tenant) -> list[Item]:
    return [*flow_specs(), *custom_specs(tenant, FLOW_SPECS)]
