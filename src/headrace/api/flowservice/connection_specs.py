"""Connection specs (3.1): what sources and targets there are."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.errors import Fault, unknown
from headrace.api.flowservice.explore import explore_spec
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.queries import Collection, check_query, match, project, read_list
from headrace.api.flowservice.specs_custom import CONNECTION_SPECS, custom_specs, put_spec
from headrace.api.flowservice.specs_shapes import connection_specs
from headrace.api.flowservice.wire import Item, body_object
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)

SPEC_ROOTS = frozenset({"id", "name", "providerId", "version", "attributes", "type", "permissionsInfo", "description"})
_COLLECTION = Collection(
    CONNECTION_SPECS,
    SPEC_ROOTS | {"authSpec", "sourceSpec", "targetSpec", "exploreSpec"},
    unknown_field=Fault.SPEC_FILTER_FIELD,
    only_filters=True,
)
_JsonBody = Annotated[Body, Depends(json_body)]


@router.get("/connectionSpecs")
def list_connection_specs(request: Request, tenant: FlowTenant) -> Response:
    """List connection specs, all on one page."""
    return listed_specs(request, _COLLECTION, _all(tenant))


@router.post("/connectionSpecs")
def create_connection_spec(tenant: FlowTenant, body: _JsonBody) -> Response:
    """Make another name for a connector; for services."""
    made = put_spec(tenant, CONNECTION_SPECS, body_object(body))
    return JSONResponse(made, status_code=201, headers={"location": f"{answers.BASE}/connectionSpecs/{made['id']}"})


@router.get("/connectionSpecs/{subject}")
def get_connection_spec(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show a connection spec."""
    check_query(request)
    return one_spec(CONNECTION_SPECS, subject, _all(tenant))


@router.put("/connectionSpecs/{subject}")
def put_connection_spec(subject: str, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Change a custom connection spec; for services."""
    return JSONResponse(put_spec(tenant, CONNECTION_SPECS, body_object(body), subject))


@router.get("/connectionSpecs/{subject}/explore")
def explore(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Look into the Data Landing Zone (7.9)."""
    one_spec(CONNECTION_SPECS, subject, _all(tenant))
    return explore_spec(request, tenant, subject)


@router.get("/connectionSpecs/{subject}/configs")
def get_connection_spec_configs(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show a spec's further settings: there are none."""
    check_query(request, "outputType", "outputField", "limit", "start")
    one_spec(CONNECTION_SPECS, subject, _all(tenant))
    return JSONResponse({"items": [], "pageInfo": {"hasNext": False}})


def listed_specs(request: Request, collection: Collection, specs: list[Item]) -> Response:
    """Answer a list of specs; only ``property`` counts."""
    listed = read_list(request, collection)
    found = [project(spec, listed.projection) for spec in specs if match(spec, listed.filters)]
    return JSONResponse({"items": found, "_links": {}})


def one_spec(collection: str, subject: str, specs: list[Item]) -> Response:
    """Answer with one spec.

    Raises:
        Refusal: 1439-404.
    """
    for spec in specs:
        if spec["id"] == subject:
            return JSONResponse({"items": [spec]})
    raise unknown(collection, subject[:200])


def _all(tenant: Tenant) -> list[Item]:
    ours = connection_specs(with_local_files=bool(tenant.door.file_roots))
    return [*ours, *custom_specs(tenant, CONNECTION_SPECS)]
