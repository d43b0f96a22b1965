"""Batches in the catalog (9), from the first file to the last row, and where their files are."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.catalog_queries import CatalogRequest, equals, millis, read_request
from headrace.api.flowservice.errors import unknown
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.translate.batch import BatchRecord, batch_object, standings_of
from headrace.api.flowservice.wire import MS, Item, stable_uuid
from headrace.core.clock import Instant
from headrace.core.codec import decode
from headrace.core.errors import Code, Problem
from headrace.core.landing import LandedFile, Landing
from headrace.core.query import Order
from headrace.core.window import Window
from headrace.service.catalog import NEWEST_FIRST, CatalogQuery, Catalogued, find_catalogued, page_catalog
from headrace.service.runs import get_run

router = APIRouter(prefix="/data/foundation/catalog")
MAX_LOOKED_AT = 10_000
"""Batches that one list looks at where the ledger cannot select or order as it is asked to, the newest."""

_CHUNK = 200
_ORDERS = {"created": "created_at", "updated": "updated_at", "id": "id"}
_ALSO = {
    name: equals(name) for name in ("externalId", "createdClient", "createdUser", "recordCount", "failedRecordCount")
}


@router.get("/batches")
def list_batches(request: Request, tenant: NeighbourTenant) -> Response:
    """List batches as an object keyed by id, newest first; beyond the end it is empty."""
    asked = read_request(request, also=_ALSO)
    query = _query(request, tenant)
    items = [] if query is None else _listed(tenant, query, asked)
    return JSONResponse({str(item["id"]): asked.shown(item) for item in items})


@router.get("/batches/{subject}")
def show_batch(subject: str, tenant: NeighbourTenant) -> Response:
    """Show a batch as an object keyed by its id."""
    record = find_batch(tenant, subject)
    return JSONResponse({record.id: batch_object(record, tenant.place)})


def find_batch(tenant: Tenant, subject: str) -> BatchRecord:
    """Return a batch of the caller's scope with its run.

    Raises:
        Refusal: 404: there is none, here.
    """
    try:
        return record_of(find_catalogued(tenant.door.database, tenant.scope, subject))
    except Problem as problem:
        if problem.code in {Code.NOT_FOUND, Code.INVALID}:
            raise unknown("batches", subject[:100]) from problem
        raise


def record_of(found: Catalogued) -> BatchRecord:
    """Return a batch of the ledger as what its object is made of."""
    return BatchRecord(found.batch, found.run, found.table.rpartition("/")[2], found.upload)


def table_of(tenant: Tenant, dataset: str) -> str:
    """Return the place of a dataset's table below the lake; the organisation's name never stands in a path."""
    return f"flowservice/{stable_uuid('org', tenant.place.org)[:8]}/{tenant.place.sandbox}/{dataset}"


def data_files(tenant: Tenant, record: BatchRecord) -> dict[str, Path]:
    """Return the batch's files in the lake that there are still, by name."""
    if record.batch is None:
        return {}
    table = tenant.door.roots.lake / record.batch.table
    return _present(tenant.door.roots.lake, {name: table / name for name in record.batch.files})


def landed_files(tenant: Tenant, record: BatchRecord) -> dict[str, Path]:
    """Return what the batch's run had landed and that is there still, by the source's names."""
    root = tenant.door.roots.landing
    return _present(root, {file.name: root / file.path for file in landed(tenant, record)})


def landed(tenant: Tenant, record: BatchRecord) -> tuple[LandedFile, ...]:
    """Return what the ledger says that the batch's run had landed."""
    if record.run is None:
        return ()
    details = get_run(tenant.door.database, tenant.scope, record.run.id)
    for activity in details.activities:
        landing = activity.output.get("landing")
        if landing is not None:
            return decode(Landing, landing, what="the landing of a run").files
    return ()


def _query(request: Request, tenant: Tenant) -> CatalogQuery | None:
    """Return the ledger's share of a list's filters; None: nothing can match."""
    given = request.query_params
    query = CatalogQuery(scope=tenant.scope)
    statuses = [word for text in given.getlist("status") for word in text.split(",") if word.strip()]
    if statuses:
        query = replace(query, standings=standings_of(statuses))
        if not query.standings:
            return None
    if given.get("dataSet"):
        query = replace(query, table=table_of(tenant, given["dataSet"]))
    ids = [one.strip() for text in given.getlist("batch") for one in text.split(",") if one.strip()]
    exact, after, before = (millis(given.get(name)) for name in ("created", "createdAfter", "createdBefore"))
    start = exact if exact is not None else None if after is None else after + 1
    end = exact + 1 if exact is not None else before
    if start is not None and end is not None and start >= end:
        return None
    window = Window(None if start is None else Instant(start * MS), None if end is None else Instant(end * MS))
    return replace(query, ids=tuple(ids), created=window)


def _listed(tenant: Tenant, query: CatalogQuery, asked: CatalogRequest) -> list[Item]:
    order = asked.order or (("created", True),)
    by_ledger = len({down for _, down in order}) == 1 and order[0][0] in _ORDERS
    in_order = Order(_ORDERS[order[0][0]], descending=order[0][1]) if by_ledger else NEWEST_FIRST
    if by_ledger and not asked.conditions:
        found = page_catalog(tenant.door.database, query, in_order, limit=asked.limit, offset=asked.start)
        return [batch_object(record_of(one), tenant.place) for one in found]
    items = _scanned(tenant, query, in_order)
    return asked.page(items if by_ledger else asked.ordered(items))


def _scanned(tenant: Tenant, query: CatalogQuery, order: Order) -> Iterator[Item]:
    for offset in range(0, MAX_LOOKED_AT, _CHUNK):
        found = page_catalog(tenant.door.database, query, order, limit=_CHUNK, offset=offset)
        yield from (batch_object(record_of(one), tenant.place) for one in found)
        if len(found) < _CHUNK:
            return


def _present(root: Path, files: dict[str, Path]) -> dict[str, Path]:
    real = root.resolve()
    return {
        name: path for name, path in files.items() if path.resolve().is_relative_to(real) and path.resolve().is_file()
    }
