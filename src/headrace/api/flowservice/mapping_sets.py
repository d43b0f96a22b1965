"""Mapping sets (8.1, 8.2): versions of which source goes where; old versions stay. They can be validated, and tried on rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.flow_records import all_flows
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.schemas import KIND as SCHEMAS
from headrace.api.flowservice.schemas import resolve, schema_key
from headrace.api.flowservice.shelf import all_of, find, find_or_none, keep, remove
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.mapping import Unusable, expressions, read_mapping_set, unusable, widened
from headrace.api.flowservice.translate.schema import is_open, read_schema
from headrace.api.flowservice.wire import (
    Item,
    body_object,
    flag,
    integer,
    list_in,
    milliseconds,
    object_in,
    stable_uuid,
    text_in,
)
from headrace.core.destination import is_path
from headrace.core.explore import Tried, TryMapping
from headrace.core.schema import Schema
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix="/data/foundation/conversion")
KIND = "mappingSets"
MAX_VERSIONS = 200
"""Versions that are kept of one set."""
MAX_KEPT = 100_000
"""Mappings that are kept of one set, over all versions."""
MAX_PREVIEWED = 1_000
"""Rows of a preview."""

_ORDERS: Mapping[str, Callable[[Entity], int]] = {
    "createdDate": lambda entity: entity.created_at,
    "updatedDate": lambda entity: entity.updated_at,
    "modifiedDate": lambda entity: entity.updated_at,
}
_FILTERS = ("id", "name", "status", "xdmSchema", "version")


@router.post("/mappingSets")
def create_mapping_set(
    request: Request, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Make a mapping set; ``validate=True`` refuses one that cannot be used."""
    item = _read(tenant, body_object(body), validate=bool(flag(request.query_params.get("validate"))))
    subject = tenant.door.ids.uuid().replace("-", "")
    entity = keep(tenant, KIND, subject, item["name"] or subject, {"versions": [identified(tenant, item, None)]})
    return JSONResponse(head_of(entity))


@router.get("/mappingSets")
def list_mapping_sets(request: Request, tenant: NeighbourTenant) -> Response:
    """List the newest versions of mapping sets."""
    query = request.query_params
    limit = min(max(integer(query.get("limit", "10")) or 10, 1), 1000)
    start = max(integer(query.get("start", "0")) or 0, 0)
    expand = bool(flag(query.get("expandSchema")))
    wanted = [_filter(text) for text in query.getlist("property") if text.strip()]
    found = [
        item
        for item in (mapping_set(entity, None) for entity in _ordered(all_of(tenant, KIND), query.get("orderBy", "")))
        if query.get("name") in (None, "", item["name"]) and all(str(item.get(name)) == value for name, value in wanted)
    ]
    chosen = [_expanded(tenant, item) if expand else item for item in found[start : start + limit]]
    return JSONResponse({"data": chosen, "_page": {"count": len(chosen), "limit": limit}, "_links": {}})


@router.post("/mappingSets/validate")
def validate_mapping_set(tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Say of each mapping whether it can be used."""
    item = read_mapping_set(body_object(body))
    bad = {(one.destination, one.source): one for one in _unusable(tenant, item)}
    answers = []
    for mapping in item["mappings"]:
        one = bad.get((mapping["destination"], mapping["source"]))
        errors = None if one is None else [_error(mapping, one.message)]
        answers.append({"status": "SUCCESS" if one is None else "FAILED", "errors": errors})
    return JSONResponse({"validationResponse": answers})


@router.post("/mappingSets/preview")
def preview_mapping_set(tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Show what a mapping set makes of one row, or of several: the same code as a run's, on rows that the caller brings."""
    given = body_object(body)
    rows = _rows(given.get("data"))
    item = read_mapping_set(object_in(given, "mappingSet"))
    mapping = expressions(item["mappings"], check_expression)
    tried = tenant.door.explore(TryMapping(tuple(rows), mapping, _previewed(tenant, item, mapping)))
    data = [dict(row) for row in tried.rows]
    answer: Item = {"data": data if isinstance(given["data"], list) else data[0]}
    errors = _preview_errors(item, tried)
    return JSONResponse({**answer, "errors": errors} if errors else answer)


@router.get("/mappingSets/{subject}")
def get_mapping_set(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Show a version of a mapping set, else the newest."""
    item = mapping_set(find(tenant, KIND, subject), request.query_params.get("version"))
    return JSONResponse(_expanded(tenant, item) if flag(request.query_params.get("expandSchema")) else item)


@router.put("/mappingSets/{subject}")
def put_mapping_set(
    subject: str, request: Request, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Keep the next version of a mapping set, and answer the whole set."""
    entity = find(tenant, KIND, subject)
    item = _read(tenant, body_object(body), validate=bool(flag(request.query_params.get("validate"))))
    return JSONResponse(mapping_set(keep_version(tenant, entity, identified(tenant, item, entity)), None))


@router.delete("/mappingSets/{subject}")
def delete_mapping_set(subject: str, tenant: NeighbourTenant) -> Response:
    """Remove a mapping set that no flow uses, with all of its versions."""
    entity = find(tenant, KIND, subject)
    for record in all_flows(tenant):
        if any(
            text_in(object_in(one, "params"), "mappingId") == subject
            for one in list_in(record.item, "transformations")
            if isinstance(one, Mapping)
        ):
            raise Refusal(Fault.VALUE, f"the mapping set {subject} is used by the flow {record.entity.id}")
    remove(tenant, KIND, entity)
    return JSONResponse(head_of(entity))


def mapping_set(entity: Entity, version: object) -> Item:
    """Return a version of a mapping set as the service shows it.

    Raises:
        Refusal: 1412-400: there is no such version.
    """
    number, item = version_of(entity, version)
    return {
        **head_of(entity),
        "version": number,
        **item,
        "mappings": [shown_mapping(entity, one) for one in with_ids(entity, number, item)],
        "status": "PUBLISHED",
        "supportVersion": "1.1",
        "strictMapping": False,
        "allowNullValues": False,
    }


def version_of(entity: Entity, version: object) -> tuple[int, Item]:
    """Return the number and the content of a version; None, or empty: the newest.

    Raises:
        Refusal: 1412-400: there is no such version.
    """
    versions = entity.item["versions"]
    if version is None or version == "":
        return len(versions) - 1, versions[-1]
    number = integer(version)
    if number is None or not 0 <= number < len(versions):
        raise Refusal(Fault.MAPPING_VERSION, f"the mapping set {entity.id} has no version {str(version)[:40]!r}")
    return number, versions[number]


def keep_version(tenant: Tenant, entity: Entity, item: Item) -> Entity:
    """Return the set with ``item`` as its next version.

    Raises:
        Refusal: 1312-400: it has too many. Problem: ``STALE``: another one came first.
    """
    versions = entity.item["versions"]
    kept = sum(len(one["mappings"]) for one in versions) + len(item["mappings"])
    if len(versions) >= MAX_VERSIONS or kept > MAX_KEPT:
        what = f"{MAX_VERSIONS} versions, or {MAX_KEPT} mappings in all of them"
        raise Refusal(Fault.VALUE, f"a mapping set has at most {what}; make a new one")
    named = item["name"] or entity.id
    return keep(tenant, KIND, entity.id, named, {"versions": [*versions, item]}, expected=entity)


def identified(tenant: Tenant, item: Item, before: Entity | None) -> Item:
    """Return a version whose mappings have ids: those of ``before`` with the same destination, in order, else new ones."""
    free: dict[str, list[str]] = {}
    if before is not None:
        number, newest = version_of(before, None)
        for one in with_ids(before, number, newest):
            free.setdefault(one["destination"], []).append(one["id"])
    made = []
    for one in item["mappings"]:
        known = free.get(one["destination"])
        made.append({**one, "id": known.pop(0) if known else tenant.door.ids.uuid().replace("-", "")})
    return {**item, "mappings": made}


def with_ids(entity: Entity, version: int, item: Item) -> list[Item]:
    """Return the mappings of a version with their ids; versions of earlier releases have none in them."""
    return [
        {"id": stable_uuid(entity.id, str(version), str(position)).replace("-", ""), **one}
        for position, one in enumerate(item["mappings"])
    ]


def head_of(entity: Entity) -> Item:
    """Return what is told of a set besides its content."""
    return {
        "id": entity.id,
        "version": len(entity.item["versions"]) - 1,
        "createdDate": milliseconds(entity.created_at),
        "modifiedDate": milliseconds(entity.updated_at),
        "createdBy": entity.maker.created_by,
        "modifiedBy": entity.maker.updated_by,
    }


def shown_mapping(entity: Entity, mapping: Item) -> Item:
    """Return a mapping as the service shows it."""
    return {**head_of(entity), **mapping, "version": 0}


def check_usable(tenant: Tenant, item: Item) -> None:
    """Refuse a version with mappings that cannot be used.

    Raises:
        Refusal: 1419-400: names them.
    """
    bad = _unusable(tenant, item)
    if bad:
        texts = "; ".join(f"{one.destination}: {one.message}" for one in bad[:20])
        raise Refusal(Fault.MAPPING_INVALID, f"{len(bad)} mappings cannot be used: {texts}")


def _read(tenant: Tenant, body: Item, *, validate: bool) -> Item:
    item = read_mapping_set(body)
    if validate:
        check_usable(tenant, item)
    return item


def _schema(tenant: Tenant, item: Item) -> Item | None:
    """Return the resolved schema that a set is for, or None."""
    key = schema_key(item["xdmSchema"])
    schema = find_or_none(tenant, SCHEMAS, key) if key else None
    return None if schema is None else resolve(tenant, schema.item)


def _unusable(tenant: Tenant, item: Item) -> list[Unusable]:
    schema = _schema(tenant, item)
    columns = None if schema is None else read_schema(schema)
    return unusable(item["mappings"], columns, check_expression, is_open=schema is not None and is_open(schema))


def _expanded(tenant: Tenant, item: Item) -> Item:
    """Return a set with its schema in ``outputSchema``."""
    return {**item, "outputSchema": {**item["outputSchema"], "schema": _schema(tenant, item)}}


def _rows(data: object) -> list[Item]:
    given: list[object] = data if isinstance(data, list) else [data]
    rows = [row for row in given if isinstance(row, dict)]
    if not rows or len(rows) < len(given):
        raise Refusal(Fault.VALUE, "data is neither an object nor a list of objects")
    if len(rows) > MAX_PREVIEWED:
        raise Refusal(Fault.VALUE, f"data has {len(rows)} rows; at most {MAX_PREVIEWED} are previewed")
    return rows


def _previewed(tenant: Tenant, item: Item, mapping: Mapping[str, str]) -> Schema | None:
    """Return the schema that a preview is validated by; without one destinations that are paths make objects all the same."""
    schema = _schema(tenant, item)
    if schema is None:
        paths = [destination for destination in mapping if is_path(destination)]
        return widened(Schema(()), paths) if paths else None
    columns = read_schema(schema)
    return widened(columns, tuple(mapping)) if is_open(schema) else columns


def _preview_errors(item: Item, tried: Tried) -> list[Item]:
    by_destination = {one["destination"]: one for one in item["mappings"]}
    found: list[Item] = []
    for error in tried.errors:
        destination = error.target or ""
        mapping = by_destination.get(destination, {"destination": destination, "source": "", "sourceType": ""})
        shown = _error(mapping, error.message)
        if shown not in found:
            found.append(shown)
    return found


def _error(mapping: Mapping[str, Any], message: str) -> Item:
    return {
        "destination": mapping["destination"],
        "exception": message,
        "source": mapping["source"],
        "columnName": mapping["source"],
        "sourceType": mapping["sourceType"],
    }


def _filter(text: str) -> tuple[str, str]:
    name, operator, value = text.partition("==")
    if not operator or name.strip() not in _FILTERS:
        raise Refusal(Fault.VALUE, f"property {text[:100]!r} is no filter; use one of {', '.join(_FILTERS)} with ==")
    return name.strip(), value.strip().strip('"')


def _ordered(entities: Sequence[Entity], order: str) -> list[Entity]:
    """Return sets by ``orderBy``: a date, ``-`` in front for the newest first; newest first when nothing is asked."""
    name = order.strip().lstrip("+-")
    if not name:
        return list(entities)
    if name not in _ORDERS:
        raise Refusal(
            Fault.VALUE, f"orderBy {order[:100]!r} is no order; use createdDate or updatedDate, with - in front"
        )
    return sorted(entities, key=_ORDERS[name], reverse=order.strip().startswith("-"))
