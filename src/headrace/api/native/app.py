"""The door as an application: every route behind the gateway, everything else refused.

It serves whole paths (see ``paths.serves``), so it is asked with the path as the client sent it, never mounted under a prefix that is cut off.
"""

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from headrace.api.native import document, events, health, scrape, token
from headrace.api.native.door import PREFIX, NativeDoor
from headrace.api.native.errors import Refusal, render
from headrace.api.native.gateway import authenticate
from headrace.api.native.health import Readiness
from headrace.api.native.paths import Raw, serves
from headrace.api.native.routes import IDEMPOTENCY_KEY, make_router
from headrace.core.errors import Code
from headrace.core.native.table import OPERATIONS
from headrace.http.authentication import default_deny
from headrace.http.edge import Edge
from headrace.http.problems import answer_problems

__all__ = ["OPEN", "NativeDoor", "make_app", "serves"]

OPEN: tuple[APIRouter, ...] = (token.router, health.router)
"""Every route that anybody may ask."""
_ONCE = frozenset({"authorization", IDEMPOTENCY_KEY, "last-event-id"})
"""Headers that say who asks for what."""
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def make_app(door: NativeDoor) -> FastAPI:
    """Return the door, complete with its edge."""
    guard = default_deny(authenticate, open_routes=[route for router in OPEN for route in router.routes])
    app = FastAPI(
        title="Headrace: native API",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(guard)],
    )
    app.state.door = door
    app.state.readiness = Readiness()
    # The last one is the outermost.
    app.add_middleware(Raw)
    app.add_middleware(
        Edge,
        render=render,
        max_body_bytes=door.max_body_bytes,
        larger={PREFIX + _before_name(one.path): door.max_upload_bytes for one in OPERATIONS if one.sends},
        loopback_only=door.dev,
        once=_ONCE,
    )
    answer_problems(app, render)
    app.add_exception_handler(HTTPException, _not_offered)
    # What is spelt out comes first: /runs/events is no run.
    routers = (*OPEN, document.router, events.router, scrape.router, make_router())
    app.state.offered = tuple(route for router in routers for route in router.routes if isinstance(route, APIRoute))
    for router in (*routers, _last_router()):
        app.include_router(router)
    return app


def _before_name(path: str) -> str:
    return path.partition("{")[0]


def _not_offered(request: Request, _: Exception) -> Response:
    """Answer to methods that nothing here knows."""
    return render(request, _nothing_there(request))


def _nothing_there(request: Request) -> Refusal:
    """Return 404, or 405 for a path that is asked in other ways."""
    offered: tuple[APIRoute, ...] = request.app.state.offered
    known = {
        method
        for route in offered
        if route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods or ()
    }
    words = f"{request.method} {request.url.path[:200]} is not offered here"
    if known:
        return Refusal(405, Code.NOT_FOUND, words, {"allow": ", ".join(sorted(known))})
    return Refusal(404, Code.NOT_FOUND, words)


def _last_router() -> APIRouter:
    router = APIRouter()

    def nothing(request: Request) -> Response:
        """Refuse what is not offered."""
        raise _nothing_there(request)

    router.add_api_route("/{path:path}", nothing, methods=_METHODS, include_in_schema=False)
    return router
