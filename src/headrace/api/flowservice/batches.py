"""Batches in the catalog (9), and where their files are."""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.errors import unknown
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.translate.batch import BatchRecord, batch_object
from headrace.core.codec import decode
from headrace.core.errors import Code, Problem
from headrace.core.landing import LandedFile, Landing
from headrace.service.quarantine import get_batch
from headrace.service.runs import get_run

router = APIRouter(prefix="/data/foundation/catalog")


@router.get("/batches/{subject}")
def show_batch(subject: str, tenant: NeighbourTenant) -> Response:
    """Show a batch as an object keyed by its id."""
    record = find_batch(tenant, subject)
    return JSONResponse({record.batch.id: batch_object(record, tenant.place)})


def find_batch(tenant: Tenant, subject: str) -> BatchRecord:
    """Return a batch of the caller's scope with its run.

    Raises:
        Refusal: 404: there is none, here.
    """
    try:
        batch = get_batch(tenant.door.database, tenant.scope, subject)
        run = get_run(tenant.door.database, tenant.scope, batch.run_id).run
    except Problem as problem:
        if problem.code in {Code.NOT_FOUND, Code.INVALID}:
            raise unknown("batches", subject[:100]) from problem
        raise
    return BatchRecord(batch, run, batch.table.rpartition("/")[2])


def data_files(tenant: Tenant, record: BatchRecord) -> dict[str, Path]:
    """Return the batch's files in the lake that are there still, by name."""
    table = tenant.door.roots.lake / record.batch.table
    return _present(tenant.door.roots.lake, {name: table / name for name in record.batch.files})


def landed_files(tenant: Tenant, record: BatchRecord) -> dict[str, Path]:
    """Return what the batch's run had landed and that is there still, by the source's names."""
    root = tenant.door.roots.landing
    return _present(root, {file.name: root / file.path for file in _landed(tenant, record)})


def _landed(tenant: Tenant, record: BatchRecord) -> tuple[LandedFile, ...]:
    details = get_run(tenant.door.database, tenant.scope, record.run.id)
    for activity in details.activities:
        landing = activity.output.get("landing")
        if landing is not None:
            return decode(Landing, landing, what="the landing of a run").files
    return ()


def _present(root: Path, files: dict[str, Path]) -> dict[str, Path]:
    real = root.resolve()
    return {
        name: path for name, path in files.items() if path.resolve().is_relative_to(real) and path.resolve().is_file()
    }
