"""What a problem becomes here: for every ``Code`` a status, and one body for all: ``{"error": {code, message, fields, request_id}}``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.core.errors import Code, Problem
from headrace.http.edge import BodyTooLarge

STATUS_OF: Mapping[Code, int] = {
    Code.INVALID: 422,
    Code.MALFORMED: 400,
    Code.UNKNOWN_FIELD: 422,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.STALE: 412,
    Code.ILLEGAL_STATE: 409,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.LIMIT_EXCEEDED: 422,
    Code.UNSUPPORTED: 422,
    Code.UNAVAILABLE: 503,
    Code.EXPRESSION_SYNTAX: 422,
    Code.UNKNOWN_FUNCTION: 422,
    Code.UNKNOWN_COLUMN: 422,
    Code.EXPRESSION_TYPE: 422,
    Code.SOURCE_NOT_FOUND: 422,
    Code.SOURCE_UNAUTHENTICATED: 422,
    Code.SOURCE_DENIED: 422,
    Code.SOURCE_UNAVAILABLE: 502,
    Code.SOURCE_TIMEOUT: 504,
    Code.SOURCE_UNREADABLE: 422,
    Code.SOURCE_CHANGED: 409,
    Code.SOURCE_EMPTY: 422,
    Code.SOURCE_HEADERLESS: 422,
    Code.TOO_MANY_REJECTS: 422,
    Code.COUNTS_DIFFER: 500,
    Code.LANDING_GONE: 409,
    Code.TARGET_UNAVAILABLE: 502,
    Code.TARGET_MISMATCH: 422,
    Code.TARGET_DENIED: 422,
    Code.TIMED_OUT: 504,
    Code.CANCELLED: 409,
    Code.WORKER_LOST: 500,
    Code.FENCED: 409,
    Code.EXTERNAL_FAILED: 502,
    Code.DISK_FULL: 507,
    Code.INTERNAL: 500,
}
"""Statuses of problems. Some refusals of requests have others, see ``Refusal`` and ``BodyTooLarge`` (413)."""

_CHALLENGE = {"www-authenticate": 'Bearer realm="headrace"'}


class Refusal(Problem):
    """A refusal of a request that has a status of its own; ``headers`` go with the answer."""

    def __init__(
        self, status: int, code: Code, message: str, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(code, message)
        self.status = status
        self.headers = headers


def status_of(problem: Problem) -> int:
    """Return the HTTP status that ``problem`` has here."""
    if isinstance(problem, Refusal):
        return problem.status
    return 413 if isinstance(problem, BodyTooLarge) else STATUS_OF[problem.code]


def render(request: Request, problem: Problem) -> Response:
    """Return the answer for ``problem``: all of its fields, nothing of what is inside."""
    status = status_of(problem)
    own = problem.headers if isinstance(problem, Refusal) else {}
    headers = {**(_CHALLENGE if status == STATUS_OF[Code.UNAUTHENTICATED] else {}), **own}
    return JSONResponse({"error": error_of(request, problem)}, status, headers)


def error_of(request: Request, problem: Problem) -> dict[str, Any]:
    """Return the body's error."""
    request_id = str(getattr(request.state, "request_id", ""))
    hidden = problem.code is Code.INTERNAL
    message = f"an unexpected failure; the log has it under the request id {request_id}" if hidden else problem.message
    fields = [] if hidden else [{"path": e.path, "message": e.message, "hint": e.hint} for e in problem.fields]
    return {"code": str(problem.code), "message": message, "fields": fields, "request_id": request_id}
