"""Connection specs and flow specs (3.1)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.errors import Fault, unknown
from headrace.api.flowservice.gateway import FlowTenant
from headrace.api.flowservice.queries import Collection, match, project, read_list
from headrace.api.flowservice.specs import connection_specs, flow_specs
from headrace.api.flowservice.wire import Item

router = APIRouter(prefix=answers.BASE)

_ROOTS = frozenset({"id", "name", "providerId", "version", "attributes", "type", "permissionsInfo"})
_CONNECTION_SPECS = Collection(
    "connectionSpecs",
    _ROOTS | {"authSpec", "sourceSpec", "targetSpec", "exploreSpec"},
    unknown_field=Fault.SPEC_FILTER_FIELD,
)
_FLOW_SPECS = Collection(
    "flowSpecs",
    _ROOTS
    | {
        *("sourceConnectionSpecIds", "targetConnectionSpecIds", "optionSpec", "scheduleSpec"),
        *("transformationSpec", "transformationSpecs", "runSpec"),
    },
)


@router.get("/connectionSpecs")
def list_connection_specs(request: Request, tenant: FlowTenant) -> Response:
    """List connection specs, all on one page."""
    return _listed(request, _CONNECTION_SPECS, connection_specs(with_local_files=bool(tenant.door.file_roots)))


@router.get("/connectionSpecs/{subject}")
def get_connection_spec(subject: str, tenant: FlowTenant) -> Response:
    """Show a connection spec."""
    return _one("connectionSpecs", subject, connection_specs(with_local_files=bool(tenant.door.file_roots)))


@router.get("/flowSpecs")
def list_flow_specs(request: Request, _: FlowTenant) -> Response:
    """List flow specs, all on one page."""
    return _listed(request, _FLOW_SPECS, flow_specs())


@router.get("/flowSpecs/{subject}")
def get_flow_spec(subject: str, _: FlowTenant) -> Response:
    """Show a flow spec."""
    return _one("flowSpecs", subject, flow_specs())


def _listed(request: Request, collection: Collection, specs: list[Item]) -> Response:
    listed = read_list(request, collection)
    found = [project(spec, listed.projection) for spec in specs if match(spec, listed.filters)]
    return JSONResponse({"items": found, "_links": {}})


def _one(collection: str, subject: str, specs: list[Item]) -> Response:
    for spec in specs:
        if spec["id"] == subject:
            return JSONResponse({"items": [spec]})
    raise unknown(collection, subject)
