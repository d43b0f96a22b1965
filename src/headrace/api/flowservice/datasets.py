"""Datasets (9): tables of the lake, under ids that the target connections name."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.batches import record_of, table_of
from headrace.api.flowservice.catalog_queries import equals, read_request
from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.flow_records import all_flows
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.patches import apply_patch, read_patch
from headrace.api.flowservice.schemas import KIND as SCHEMAS
from headrace.api.flowservice.schemas import schema_key
from headrace.api.flowservice.shelf import all_of, find, find_or_none, keep, remove
from headrace.api.flowservice.translate.batch import STATUSES
from headrace.api.flowservice.translate.schema import behaviour_of
from headrace.api.flowservice.wire import Item, body_object, flag, list_in, milliseconds, object_in, text_in
from headrace.core.upload import Standing
from headrace.http.bodies import Body, json_body
from headrace.service.catalog import CatalogQuery, page_catalog

router = APIRouter(prefix="/data/foundation/catalog")
KIND = "dataSets"
MAX_TAGS = 1000
_TABLE = "adobe/pqs/table"
_ID = "\0id"
_LAST: Mapping[str, frozenset[Standing]] = {
    "lastBatchId": frozenset(),
    "lastSuccessfulBatch": frozenset({Standing.COMMITTED}),
    "lastFailedBatch": frozenset({Standing.FAILED}),
}


@router.get("/dataSets")
def list_datasets(request: Request, tenant: NeighbourTenant) -> Response:
    """List datasets as an object keyed by id; beyond the end it is empty."""
    asked = read_request(request, also={"name": equals("name"), "created": equals("created")})
    by_id = {entity.id: entity for entity in all_of(tenant, KIND)}
    items = [{**dataset_object(tenant, entity), _ID: entity.id} for entity in by_id.values()]
    chosen = asked.page(asked.ordered(items))
    found = {item[_ID]: {name: value for name, value in item.items() if name != _ID} for item in chosen}
    return JSONResponse({key: asked.shown({**item, **_last(tenant, key)}) for key, item in found.items()})


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
    entity = find(tenant, KIND, subject)
    return JSONResponse({entity.id: {**dataset_object(tenant, entity), **_last(tenant, entity.id)}})


@router.patch("/dataSets/{subject}")
def patch_dataset(subject: str, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Change parts of a dataset: with a JSON Patch, or with the fields that differ."""
    entity = find(tenant, KIND, subject)
    whole = _as_sent(entity)
    changed = apply_patch(whole, read_patch(body)) if isinstance(body, list) else {**whole, **body_object(body)}
    return _replaced(tenant, entity, changed)


@router.put("/dataSets/{subject}")
def put_dataset(subject: str, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Replace a dataset's definition; its rows stay."""
    return _replaced(tenant, find(tenant, KIND, subject), body_object(body))


@router.delete("/dataSets/{subject}")
def delete_dataset(subject: str, tenant: NeighbourTenant) -> Response:
    """Remove a dataset that no flow fills; what was written stays in the lake."""
    entity = find(tenant, KIND, subject)
    users = [record.flow.id for record in all_flows(tenant) if text_in(record.frozen, "dataSetId") == entity.id]
    if users:
        raise Refusal(Fault.VALUE, f"the dataset {subject} is filled by the flow {users[0]}; delete the flow first")
    remove(tenant, KIND, entity)
    return JSONResponse([f"@/dataSets/{entity.id}"])


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


def _last(tenant: Tenant, dataset: str) -> Item:
    """Return which batches of a dataset came last."""
    table = table_of(tenant, dataset)
    found: Item = {}
    for name, standings in _LAST.items():
        query = CatalogQuery(scope=tenant.scope, table=table, standings=standings)
        for one in page_catalog(tenant.door.database, query, limit=1):
            record = record_of(one)
            found[name] = record.id
            if not standings:
                found["lastBatchStatus"] = STATUSES[record.standing]
    return found


def _as_sent(entity: Entity) -> Item:
    return {name: value for name, value in entity.item.items() if name != "behaviour"}


def _replaced(tenant: Tenant, entity: Entity, body: Item) -> Response:
    if not object_in(body, "schemaRef"):
        body = {**body, "schemaRef": entity.item["schemaRef"]}
    item = _read(tenant, body)
    if schema_key(item["schemaRef"]["id"]) != schema_key(entity.item["schemaRef"]["id"]):
        raise Refusal(Fault.VALUE, f"the dataset {entity.id} has rows of its schema, which cannot be another one")
    if "tags" not in body:
        item["tags"] = {**item["tags"], **entity.item["tags"]}
    # A table keeps its name, whatever the dataset is called later.
    item["tags"][_TABLE] = entity.item["tags"][_TABLE]
    keep(tenant, KIND, entity.id, item["name"], item, expected=entity)
    return JSONResponse([f"@/dataSets/{entity.id}"])


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
        "tags": {_TABLE: [re.sub(r"\W+", "_", name).strip("_").lower() or "table"], **tags},
        "behaviour": behaviour_of(schema.item),
        "enableErrorDiagnostics": bool(flag(body.get("enableErrorDiagnostics"))),
    }
