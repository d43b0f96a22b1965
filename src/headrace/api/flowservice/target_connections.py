"""Target connections (3.3): which dataset of the data lake is written."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.datasets import KIND as DATASETS
from headrace.api.flowservice.entities import ENTITY_ROOTS
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.flow_ends import DRAFT, End
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.queries import Collection
from headrace.api.flowservice.shelf import find
from headrace.api.flowservice.specs import DATA_LAKE
from headrace.api.flowservice.wire import Item, object_in, required_text, text_in
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)
KIND = "targetConnections"
_JsonBody = Annotated[Body, Depends(json_body)]


def _read(tenant: Tenant, body: Item) -> Item:
    if not text_in(object_in(body, "connectionSpec"), "id"):
        raise Refusal(Fault.MISSING, "connectionSpec.id is missing")
    _check_spec(body)
    dataset = _dataset_of(body)
    if not dataset:
        raise Refusal(Fault.NO_DATASET, "params.dataSetId is missing; name the dataset that is written")
    find(tenant, DATASETS, dataset)
    required_text(object_in(object_in(body, "data"), "schema"), "id", where="data.schema.")
    return {
        "name": text_in(body, "name"),
        "description": text_in(body, "description"),
        "connectionSpec": {"id": DATA_LAKE, "version": "1.0"},
        "data": object_in(body, "data"),
        "params": {**object_in(body, "params"), "dataSetId": dataset},
        "state": "enabled",
        "inheritedAttributes": {},
    }


def _read_draft(tenant: Tenant, body: Item) -> Item:
    item: Item = {"name": text_in(body, "name"), "description": text_in(body, "description"), "state": DRAFT}
    if text_in(object_in(body, "connectionSpec"), "id"):
        _check_spec(body)
        item["connectionSpec"] = {"id": DATA_LAKE, "version": "1.0"}
    dataset = _dataset_of(body)
    if dataset:
        find(tenant, DATASETS, dataset)
    return {
        **item,
        **{key: object_in(body, key) for key in ("data", "params") if key in body},
        "inheritedAttributes": {},
    }


def _check_spec(body: Item) -> None:
    reference = object_in(body, "connectionSpec")
    if text_in(reference, "id") != DATA_LAKE:
        raise Refusal(Fault.TARGET_SPEC, f"connectionSpec.id {reference['id']!r} is not the data lake {DATA_LAKE}")
    if str(reference.get("version", "1.0")) not in {"1.0", "1"}:
        raise Refusal(Fault.SPEC, f"connectionSpec.version is {reference['version']!r}; 1.0 is expected")


def _dataset_of(body: Item) -> str:
    params = object_in(body, "params")
    return text_in(params, "dataSetId") or text_in(params, "datasetId")


_COLLECTION = Collection(KIND, ENTITY_ROOTS | {"connectionSpec", "data", "params"})
_END = End(_COLLECTION, "targetConnectionIds", "target connection", _read, _read_draft)


@router.get("/targetConnections")
def list_target_connections(request: Request, tenant: FlowTenant) -> Response:
    """List target connections."""
    return _END.listed(request, tenant)


@router.post("/targetConnections/search")
def search_target_connections(request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """List target connections that a body asks for."""
    return _END.searched(request, tenant, body)


@router.post("/targetConnections")
def create_target_connection(request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Make a target connection, or a draft of one."""
    return _END.created(request, tenant, body)


@router.get("/targetConnections/{subject}")
def get_target_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show a target connection."""
    return _END.one(subject, request, tenant)


@router.patch("/targetConnections/{subject}")
def patch_target_connection(subject: str, request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Change a target connection; flows that use it keep the definition of their creation."""
    return _END.patched(subject, request, tenant, body)


@router.post("/targetConnections/{subject}/action")
def act_on_target_connection(subject: str, request: Request, tenant: FlowTenant, body: _JsonBody) -> Response:
    """Publish a draft."""
    return _END.acted(subject, request, tenant, body)


@router.delete("/targetConnections/{subject}")
def delete_target_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a target connection that no flow uses."""
    return _END.removed(subject, request, tenant)
