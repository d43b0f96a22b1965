"""The door as an application: every route behind the gateway, everything else refused in the dialect's words.

It serves whole paths (see ``serves``), so it is asked with the path as the client sent it, never mounted under a prefix that is cut off.
"""

from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory import (
    activity_runs,
    callbacks,
    cancel,
    create_run,
    credentials,
    dataflows,
    datasets,
    events,
    factories,
    global_parameters,
    integration_runtimes,
    linked_services,
    managed_virtual_networks,
    pipeline_runs,
    pipelines,
    preview,
    run_queries,
    token,
    trigger_runs,
    triggers,
)
from headrace.api.datafactory.document import document
from headrace.api.datafactory.door import DataFactoryDoor
from headrace.api.datafactory.errors import Fault, Refusal, render
from headrace.api.datafactory.gateway import authenticate
from headrace.api.datafactory.paths import SUBSCRIPTIONS, Paths
from headrace.api.datafactory.wire import Conventions, answer
from headrace.http.authentication import default_deny
from headrace.http.edge import Edge
from headrace.http.problems import answer_problems

__all__ = ["OPEN", "ROUTERS", "DataFactoryDoor", "make_app", "serves"]

ROUTERS: tuple[APIRouter, ...] = (
    factories.router,
    triggers.actions,
    events.actions,
    pipelines.router,
    create_run.router,
    preview.router,
    pipeline_runs.router,
    cancel.router,
    run_queries.router,
    trigger_runs.router,
    activity_runs.router,
    datasets.router,
    linked_services.router,
    triggers.router,
    dataflows.router,
    global_parameters.router,
    integration_runtimes.router,
    credentials.router,
    managed_virtual_networks.router,
)
"""Every route behind the gateway, but for the answer to unknown paths."""
OPEN: tuple[APIRouter, ...] = (token.router, callbacks.router)
"""Every route that anybody may ask."""

_ONCE = frozenset({"authorization", "if-match", "if-none-match", "x-ms-client-request-id"})
"""Headers that say who asks for what."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OURS = "datafactory"
_OF_TENANTS = frozenset({"oauth2", "v2.0", ".well-known"})


def serves(path: str) -> bool:
    """Say whether a path is one of this door: ``/subscriptions/…``, ``/datafactory/…``, ``/{tenant}/oauth2/…``."""
    segments = path.lower().removeprefix("/").split("/")
    return segments[0] in {SUBSCRIPTIONS, _OURS} or (len(segments) > 2 and segments[1] in _OF_TENANTS)


def make_app(door: DataFactoryDoor) -> FastAPI:
    """Return the door, complete with its edge."""
    guard = default_deny(authenticate, open_routes=[route for router in OPEN for route in router.routes])
    app = FastAPI(
        title="Headrace: Data Factory",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(guard)],
    )
    app.state.door = door
    # The last one is the outermost.
    app.add_middleware(Paths, render=render)
    app.add_middleware(
        Edge, render=render, max_body_bytes=door.max_body_bytes, loopback_only=door.anonymous, once=_ONCE
    )
    app.add_middleware(Conventions, clock=door.clock)
    answer_problems(app, render)
    app.add_exception_handler(HTTPException, _not_offered)
    for router in (*OPEN, *ROUTERS, _last_router()):
        app.include_router(router)
    return app


def _not_offered(request: Request, _: Exception) -> Response:
    """Answer to methods that nothing here knows."""
    return render(request, _nothing_there(request))


def _nothing_there(request: Request) -> Refusal:
    segments: tuple[str, ...] = request.state.segments
    path = "/" + "/".join(segments)
    if "microsoft.datafactory" in (segment.lower() for segment in segments):
        message = f"{request.method} {path} is an operation of Azure Data Factory that is not implemented here."
        return Refusal(Fault.NOT_OFFERED, message)
    return Refusal(Fault.NOT_FOUND, f"{request.method} {path} is not offered here.")


def _last_router() -> APIRouter:
    router = APIRouter()

    def nothing(request: Request) -> Response:
        """Refuse what is not offered."""
        raise _nothing_there(request)

    def openapi(request: Request) -> Response:
        """Answer with the door's OpenAPI document."""
        del request
        return answer(document())

    router.add_api_route("/datafactory/openapi.json", openapi, include_in_schema=False)
    router.add_api_route("/{path:path}", nothing, methods=_METHODS, include_in_schema=False)
    return router
