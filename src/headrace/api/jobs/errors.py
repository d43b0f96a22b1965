"""Refusals of the dialect (contract 1.4): one entry for each fault, and for every ``Code`` the HTTP status that it has here.

A status of 5xx makes clients send a request again, so it is only for faults of ours; 409 and 304 are never sent.
"""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.wire import Item, answer
from headrace.core.errors import Code, FieldError, Problem
from headrace.http.edge import BodyTooLarge

STATUS_OF: Mapping[Code, int] = {
    **dict.fromkeys(Code, 400),
    Code.NOT_FOUND: 404,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.UNAVAILABLE: 503,
    Code.DISK_FULL: 503,
    Code.TARGET_UNAVAILABLE: 503,
    Code.COUNTS_DIFFER: 500,
    Code.WORKER_LOST: 500,
    Code.INTERNAL: 500,
}
"""The status of a problem that has none of its own."""

TOO_LARGE = 413
TOO_MANY = 429
_CODE_OF_STATUS: Mapping[int, Code] = {
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    TOO_LARGE: Code.LIMIT_EXCEEDED,
    TOO_MANY: Code.LIMIT_EXCEEDED,
}


class Refusal(Problem):
    """A problem with a status of its own. ``key``: the field path or parameter that it is about."""

    def __init__(
        self, status: int, message: str, key: str | None = None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        fields = () if key is None else (FieldError(key, message),)
        super().__init__(_CODE_OF_STATUS.get(status, Code.INVALID), message, fields)
        self.status = status
        self.headers = headers


def bad_request(message: str, key: str | None = None) -> Refusal:
    """Return 400."""
    return Refusal(400, message, key)


def missing(what: str, key: str | None = None) -> Refusal:
    """Return 404: there is no such thing for this caller. ``missing("Job", "jobId")`` says ``Job not found``."""
    return Refusal(404, f"{what} not found", key)


def forbidden(message: str) -> Refusal:
    """Return 403."""
    return Refusal(403, message)


def unauthenticated(message: str) -> Refusal:
    """Return 401."""
    return Refusal(401, message)


def too_large(message: str) -> Refusal:
    """Return 413."""
    return Refusal(TOO_LARGE, message)


def status_of(problem: Problem) -> int:
    """Return the HTTP status of ``problem``."""
    if isinstance(problem, Refusal):
        return problem.status
    return TOO_LARGE if isinstance(problem, BodyTooLarge) else STATUS_OF[problem.code]


def render(request: Request, problem: Problem) -> Response:
    """Return the answer for ``problem``: ``{"errors": [{key?, message}]}``."""
    status = status_of(problem)
    own = problem.headers if isinstance(problem, Refusal) else {}
    challenge = {"WWW-Authenticate": "Bearer"} if status == STATUS_OF[Code.UNAUTHENTICATED] else {}
    return answer({"errors": entries_of(request, problem)}, status, {**challenge, **own})


def entries_of(request: Request, problem: Problem) -> list[Item]:
    """Return one entry for each fault; at least one."""
    if problem.code is Code.INTERNAL:
        request_id = str(getattr(request.state, "request_id", ""))
        return [{"message": f"An unexpected failure; the log has it under the request id {request_id}."}]
    return [_entry(error) for error in problem.fields] or [{"message": problem.message}]


def _entry(error: FieldError) -> Item:
    message = error.message
    if error.hint:
        # Behind a sentence comes another one.
        message += f" {error.hint[0].upper()}{error.hint[1:]}." if message.endswith(".") else f" ({error.hint})"
    return {"key": error.path, "message": message} if error.path else {"message": message}
