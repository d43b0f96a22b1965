"""The door as an application: every route behind the gateway, everything else 404 in the dialect's words.

It serves whole paths (``/ims/…`` and ``/data/foundation/…``, see ``PREFIXES``), so it is asked with the path as the client sent it, never mounted
under a prefix that is cut off.
"""

from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import (
    batches,
    classes,
    connection_specs,
    connections,
    datasets,
    errors_report,
    export,
    field_groups,
    flow_specs,
    flows,
    ims,
    ingestion,
    landingzone,
    languages,
    mapping_sets,
    mappings,
    runs,
    sandboxes,
    schemas,
    source_connections,
    target_connections,
)
from headrace.api.flowservice.document import document
from headrace.api.flowservice.door import FlowServiceDoor
from headrace.api.flowservice.errors import Fault, Refusal, render
from headrace.api.flowservice.gateway import authenticate
from headrace.http.authentication import default_deny
from headrace.http.edge import Edge
from headrace.http.problems import answer_problems

__all__ = ["PREFIXES", "ROUTERS", "FlowServiceDoor", "make_app"]

PREFIXES = ("/ims", "/data/foundation")
"""The beginnings of all paths that this door answers."""

ROUTERS: tuple[APIRouter, ...] = (
    ims.router,
    sandboxes.router,
    connection_specs.router,
    flow_specs.router,
    connections.router,
    source_connections.router,
    target_connections.router,
    schemas.router,
    field_groups.router,
    classes.router,
    datasets.router,
    batches.router,
    ingestion.router,
    mapping_sets.router,
    mappings.router,
    languages.router,
    flows.router,
    runs.router,
    errors_report.router,
    export.router,
    landingzone.router,
)
"""Every route of the door, but for its own document and the answer to unknown paths."""

_TAKING_FILES = ("/data/foundation/import/", "/data/foundation/connectors/landingzone/files/")
_ONCE = frozenset(
    {"authorization", "x-api-key", "x-gw-ims-org-id", "x-sandbox-name", "x-sandbox-id", "if-match", "x-request-id"}
)
"""Headers that say who asks for what."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def make_app(door: FlowServiceDoor) -> FastAPI:
    """Return the door, complete with its edge."""
    guard = default_deny(authenticate, open_routes=ims.router.routes)
    app = FastAPI(
        title="Headrace: Flow Service",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(guard)],
    )
    app.state.door = door
    app.add_middleware(
        Edge,
        render=render,
        max_body_bytes=door.max_body_bytes,
        larger=dict.fromkeys(_TAKING_FILES, door.max_upload_bytes),
        loopback_only=door.dev,
        once=_ONCE,
    )
    answer_problems(app, render)
    app.add_exception_handler(HTTPException, _not_offered)
    for router in (*ROUTERS, _last_router()):
        app.include_router(router)
    return app


def _not_offered(request: Request, _: Exception) -> Response:
    """Answer to methods that nothing here knows."""
    return render(request, Refusal(Fault.NO_ROUTE, f"{request.method} {request.url.path} is not offered here"))


def _last_router() -> APIRouter:
    router = APIRouter()

    def openapi(request: Request) -> Response:
        """Answer with the door's OpenAPI document."""
        del request
        return JSONResponse(document())

    def nothing(request: Request) -> Response:
        """Refuse what is not offered."""
        raise Refusal(Fault.NO_ROUTE, f"{request.method} {request.url.path} is not offered here")

    router.add_api_route("/data/foundation/flowservice/openapi.json", openapi, include_in_schema=False)
    router.add_api_route("/{path:path}", nothing, methods=_METHODS, include_in_schema=False)
    return router
