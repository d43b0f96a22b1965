"""Datasets (9): tables of the lake, under ids that the target connections name."""

import re
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.schemas import KIND as SCHEMAS
from headrace.api.flowservice.schemas import schema_key
from headrace.api.flowservice.shelf import all_of, find, find_or_none, keep
from headrace.api.flowservice.translate.schema import behaviour_of
from headrace.api.flowservice.wire import Item, body_object, flag, integer, list_in, milliseconds, object_in, text_in
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix="/data/foundation/catalog")
KIND = "dataSets"
MAX_LIMIT = 100
MAX_TAGS = 1000


@router.get("/dataSets")
def list_datasets(request: Request, tenant: NeighbourTenant) -> Response:
    """List datasets as an object keyed by id."""
    query = request.query_params
    limit = min(max(integer(query.get("limit", "100")) or MAX_LIMIT, 1), MAX_LIMIT)
    start = max(integer(query.get("start", "0")) or 0, 0)
    found = [entity for entity in all_of(tenant, KIND) if query.get("name") in (None, "", entity.item["name"])]
    chosen = found[start : start + limit]
    return JSONResponse({entity.id: dataset_object(tenant, entity) for entity in chosen})


@router.post("/dataSets")
def create_dataset(tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a dataset of a schema."""
    item = _read(tenant, body_object(body))
    subject = sha256(tenant.door.ids.uuid().encode()).hexdigest()[:24]
    entity = keep(tenant, KIND, subject, item["name"], item)
    return JSONResponse([f"@/dataSets/{entity.id}"], status_code=201)


@router.get("/dataSets/{subject}")
def get_dataset(subject: str, tenant: NeighbourTenant) -> Response:
    """Show a dataset as an object keyed by its id."""
    return JSONResponse({subject: dataset_object(tenant, find(tenant, KIND, subject))})


def dataset_object(tenant: Tenant, entity: Entity) -> Item:
    """Return a dataset as the catalog shows it."""
    item = entity.item
    return {
        "name": item["name"],
        "description": item["description"],
        "imsOrg": tenant.place.org,
        "sandboxId": tenant.place.sandbox_id,
        "created": milliseconds(entity.created_at),
        "updated": milliseconds(entity.updated_at),
        "createdClient": entity.maker.created_client,
        "createdUser": entity.maker.created_by,
        "updatedUser": entity.maker.updated_by,
        "version": "1.0.0",
        "schemaRef": item["schemaRef"],
        "fileDescription": {"format": "parquet", "persisted": True, "containerFormat": "parquet"},
        "tags": item["tags"],
        "classification": {"dataBehavior": item["behaviour"], "managedBy": "CUSTOMER"},
        "viewId": entity.id,
        "files": f"@/dataSetFiles?dataSetId={entity.id}",
        "observableSchema": {},
        "enableErrorDiagnostics": item["enableErrorDiagnostics"],
    }


def _read(tenant: Tenant, body: Item) -> Item:
    name = text_in(body, "name").strip()
    if not name:
        raise Refusal(Fault.MISSING, "the field name is missing; a text is expected")
    reference = object_in(body, "schemaRef")
    key = schema_key(text_in(reference, "id"))
    schema = find_or_none(tenant, SCHEMAS, key) if key else None
    if schema is None:
        raise Refusal(Fault.VALUE, f"schemaRef.id {reference.get('id')!r} is no schema of this sandbox")
    given = object_in(body, "tags")
    if len(given) > MAX_TAGS:
        raise Refusal(Fault.VALUE, f"tags has {len(given)} names; the limit is {MAX_TAGS}")
    tags = {key: list_in(given, key) for key in given}
    return {
        "name": name,
        "description": text_in(body, "description"),
        "schemaRef": {
            "id": text_in(reference, "id"),
            "contentType": text_in(reference, "contentType", "application/vnd.adobe.xed-full+json;version=1"),
        },
        "tags": {"adobe/pqs/table": [re.sub(r"\W+", "_", name).strip("_").lower() or "table"], **tags},
        "behaviour": behaviour_of(schema.item),
        "enableErrorDiagnostics": bool(flag(body.get("enableErrorDiagnostics"))),
    }
