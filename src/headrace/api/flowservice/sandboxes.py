"""Sandboxes (13): those of the installation; they cannot be changed here."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.door import DEFAULT_SANDBOX
from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.gateway import Caller, sandbox_id
from headrace.api.flowservice.wire import Item

router = APIRouter(prefix="/data/foundation/sandbox-management")
_SINCE = "2020-01-01T00:00:00.000Z"


def caller_of(request: Request) -> Caller:
    """Return who calls: these routes need no sandbox."""
    caller: Caller = request.state.caller
    return caller


Calling = Annotated[Caller, Depends(caller_of)]


@router.get("")
@router.get("/sandboxes")
def list_sandboxes(caller: Calling) -> Response:
    """List the sandboxes."""
    found = [_sandbox(caller, name) for name in caller.door.sandboxes]
    return JSONResponse({"sandboxes": found, "_page": {"limit": 20, "count": len(found)}, "_links": {}})


@router.get("/sandboxTypes")
def list_sandbox_types(_: Calling) -> Response:
    """List the types that a sandbox can have."""
    types = [{"id": name, "title": name} for name in ("production", "development")]
    return JSONResponse({"sandboxTypes": types})


@router.get("/sandboxes/{name}")
def get_sandbox(name: str, caller: Calling) -> Response:
    """Show a sandbox."""
    if name not in caller.door.sandboxes:
        raise unknown("sandboxes", name)
    return JSONResponse(_sandbox(caller, name))


@router.post("/sandboxes")
@router.put("/sandboxes/{name}")
@router.patch("/sandboxes/{name}")
@router.delete("/sandboxes/{name}")
def change_sandbox(_: Calling) -> Response:
    """Refuse: sandboxes are set in the server's configuration."""
    raise Refusal(Fault.NO_WRITE, "sandboxes are set in the server's configuration and cannot be changed here")


def _sandbox(caller: Caller, name: str) -> Item:
    production = name == DEFAULT_SANDBOX
    return {
        "id": sandbox_id(caller.org, name),
        "name": name,
        "title": "Production" if production else name,
        "state": "active",
        "type": "production" if production else "development",
        "region": "VA7",
        "isDefault": production,
        "etag": 1,
        "createdDate": _SINCE,
        "lastModifiedDate": _SINCE,
        "createdBy": "headrace",
        "modifiedBy": "headrace",
    }
