"""Target connections (3.3): which dataset of the data lake is written."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.datasets import KIND as DATASETS
from headrace.api.flowservice.entities import ENTITY_ROOTS, check_no_draft, check_writable, shown
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.patches import apply_patch, read_patch
from headrace.api.flowservice.queries import Collection, read_list
from headrace.api.flowservice.shelf import all_of, find, keep, remove
from headrace.api.flowservice.specs import DATA_LAKE
from headrace.api.flowservice.usage import is_used
from headrace.api.flowservice.wire import Item, body_object, object_in, text_in
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix=answers.BASE)
KIND = "targetConnections"

_COLLECTION = Collection(KIND, ENTITY_ROOTS | {"connectionSpec", "data", "params"})


@router.get("/targetConnections")
def list_target_connections(request: Request, tenant: FlowTenant) -> Response:
    """List target connections."""
    listed = read_list(request, _COLLECTION)
    return answers.listed(KIND, [shown(tenant, entity) for entity in all_of(tenant, KIND)], listed)


@router.post("/targetConnections")
def create_target_connection(
    request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Make a target connection to a dataset."""
    check_no_draft(request)
    item = _read(tenant, body_object(body))
    entity = keep(tenant, KIND, tenant.door.ids.uuid(), item["name"], item)
    return answers.created(KIND, entity.id, entity.etag)


@router.get("/targetConnections/{subject}")
def get_target_connection(subject: str, tenant: FlowTenant) -> Response:
    """Show a target connection."""
    return answers.one(shown(tenant, find(tenant, KIND, subject)))


@router.patch("/targetConnections/{subject}")
def patch_target_connection(
    subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Change a target connection; flows that use it keep the definition of their creation."""
    entity = find(tenant, KIND, subject)
    operations = read_patch(body)
    check_etag(request, entity.etag, required=True)
    for operation in operations:
        check_writable(operation, ("/name", "/description", "/data", "/params"))
    item = _read(tenant, apply_patch(entity.item, operations))
    changed = keep(tenant, KIND, subject, item["name"], item, expected=entity)
    return JSONResponse({"id": subject, "etag": changed.etag, "items": [shown(tenant, changed)]})


@router.delete("/targetConnections/{subject}")
def delete_target_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a target connection that no flow uses."""
    entity = find(tenant, KIND, subject)
    check_etag(request, entity.etag, required=False)
    if is_used(tenant, "targetConnectionIds", subject):
        raise Refusal(Fault.END_USED, f"the target connection {subject} is used by a flow")
    remove(tenant, KIND, entity)
    return answers.gone()


def _read(tenant: Tenant, body: Item) -> Item:
    reference = object_in(body, "connectionSpec")
    if not text_in(reference, "id"):
        raise Refusal(Fault.MISSING, "connectionSpec.id is missing")
    if text_in(reference, "id") != DATA_LAKE:
        raise Refusal(Fault.TARGET_SPEC, f"connectionSpec.id {reference['id']!r} is not the data lake {DATA_LAKE}")
    dataset = text_in(object_in(body, "params"), "dataSetId") or text_in(object_in(body, "params"), "datasetId")
    if not dataset:
        raise Refusal(Fault.NO_DATASET, "params.dataSetId is missing; name the dataset that is written")
    find(tenant, DATASETS, dataset)
    return {
        "name": text_in(body, "name"),
        "description": text_in(body, "description"),
        "connectionSpec": {"id": DATA_LAKE, "version": "1.0"},
        "data": object_in(body, "data"),
        "params": {**object_in(body, "params"), "dataSetId": dataset},
        "state": "enabled",
        "inheritedAttributes": {},
    }
