"""The door as an application: every route behind the gateway, everything else refused in the dialect's words.

It serves whole paths (see ``mounts.serves``), so it is asked with the path as the client sent it, never mounted under a prefix that is cut off.
"""

from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.door import JobsDoor
from headrace.api.jobs.errors import Refusal, render
from headrace.api.jobs.idempotency import Once, Repeated, admit, repeat
from headrace.api.jobs.mounts import API, JSONL, Mounts, serves
from headrace.api.jobs.routes import OPEN, ROOT_ROUTERS, ROUTERS
from headrace.http.authentication import default_deny
from headrace.http.edge import Edge
from headrace.http.problems import answer_problems

__all__ = ["JobsDoor", "make_app", "serves"]

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_ONCE = frozenset({"authorization", "content-encoding", "idempotency-key"})
"""Headers that say who asks for what."""
_MULTIPART_BYTES = 1 << 20
"""What a form has around its file."""
_UNBOUNDED = 1 << 62


def make_app(door: JobsDoor) -> FastAPI:
    """Return the door, complete with its edge."""
    guard = default_deny(admit, open_routes=[route for router in OPEN for route in router.routes])
    app = FastAPI(
        title="Headrace: Jobs",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(guard)],
    )
    app.state.door = door
    # The last one is the outermost.
    app.add_middleware(Once, door=door)
    app.add_middleware(
        Edge,
        render=render,
        max_body_bytes=door.limits.max_json_bytes,
        larger={API + "/files": door.limits.max_file_bytes + _MULTIPART_BYTES, JSONL: _UNBOUNDED},
        loopback_only=door.dev,
        once=_ONCE,
    )
    app.add_middleware(Mounts, open_requests=door.open_requests)
    answer_problems(app, render)
    app.add_exception_handler(HTTPException, _not_offered)
    app.add_exception_handler(Repeated, repeat)
    for router in (*OPEN, *ROOT_ROUTERS):
        app.include_router(router)
    for router in ROUTERS:
        app.include_router(router, prefix=API)
    app.include_router(_last_router())
    return app


def _not_offered(request: Request, _: Exception) -> Response:
    """Answer to methods that nothing here knows."""
    return render(request, _nothing_there(request))


def _nothing_there(request: Request) -> Refusal:
    return Refusal(404, f"{request.method} {request.url.path} is not offered here.")


def _last_router() -> APIRouter:
    router = APIRouter()

    def nothing(request: Request) -> Response:
        """Refuse what is not offered."""
        raise _nothing_there(request)

    router.add_api_route("/{path:path}", nothing, methods=_METHODS, include_in_schema=False)
    return router
