"""The Data Landing Zone (7.9): what it is, and files in it."""

from pathlib import Path

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.downloads import send
from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.landing_folder import landing_folder
from headrace.api.flowservice.translate.source import CONTAINER, without_container
from headrace.dataplane.landing_zone import Incoming, place

BASE = "/data/foundation/connectors/landingzone"
TYPE = "user_drop_zone"

router = APIRouter(prefix=BASE)


@router.get("")
def get_landing_zone(request: Request, tenant: NeighbourTenant) -> Response:
    """Show the container, and for how many days files stay in it."""
    _check_type(request)
    landing_folder(tenant)
    return JSONResponse({"containerName": CONTAINER, "containerTTL": str(tenant.door.landing_zone_days)})


@router.get("/credentials")
@router.post("/credentials")
def get_credentials(_: NeighbourTenant) -> Response:
    """Refuse: files arrive through the mounted directory, or by PUT."""
    raise Refusal(Fault.ZONE_ACTION, f"credentials are not offered; send files with PUT {BASE}/files/{{path}}")


@router.put("/files/{path:path}")
async def put_file(path: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Take a file in: streamed to the disk, and there only when it is whole."""
    folder, target = await run_in_threadpool(_target, tenant, path)
    incoming = await run_in_threadpool(Incoming, target)
    try:
        async for chunk in request.stream():
            await run_in_threadpool(incoming.write, chunk)
        await run_in_threadpool(incoming.finish)
    finally:
        incoming.drop()
    body = {"path": f"{CONTAINER}/{target.relative_to(folder).as_posix()}", "size": incoming.size}
    return JSONResponse(body, status_code=201)


@router.get("/files/{path:path}")
def get_file(path: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Answer with the bytes of a file, or with a part of them."""
    return send(request, _existing(tenant, path), unknown("landingzone/files", path[:200]))


@router.delete("/files/{path:path}")
def delete_file(path: str, tenant: NeighbourTenant) -> Response:
    """Remove a file."""
    _existing(tenant, path).unlink(missing_ok=True)
    return Response(status_code=204)


def _check_type(request: Request) -> None:
    given = request.query_params.get("type", TYPE)
    if given.strip().lower() != TYPE:
        raise Refusal(Fault.ZONE_TYPE, f"the landing zone type {given[:40]!r} is not offered; {TYPE} is")


def _target(tenant: Tenant, path: str) -> tuple[Path, Path]:
    folder = landing_folder(tenant)
    return folder, place(folder, without_container(path))


def _existing(tenant: Tenant, path: str) -> Path:
    _, target = _target(tenant, path)
    if not target.is_file():
        raise unknown("landingzone/files", path[:200])
    return target
