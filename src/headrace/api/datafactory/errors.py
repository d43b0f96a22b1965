"""Faults of the dialect (contract 5): code and status, and for every ``Code`` the fault that it becomes here."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.wire import answer
from headrace.core.errors import Code, Problem


class Fault(Enum):
    """A refusal of the dialect: its code as clients read it, and the HTTP status. Some codes have two statuses."""

    BAD_REQUEST = ("BadRequest", 400)
    NO_VERSION = ("MissingApiVersionParameter", 400)
    VERSION = ("InvalidApiVersionParameter", 400)
    RUN_REFERENCE_NOT_FOUND = ("ReferencedPipelineRunNotFound", 400)
    RUN_REFERENCE_NOT_VALID = ("ReferencedPipelineRunNotValid", 400)
    TRIGGER_STARTED_UPDATE = ("TriggerEnabledCannotUpdate", 400)
    TRIGGER_STARTED_DELETE = ("TriggerEnabledCannotDelete", 400)
    UNAUTHENTICATED = ("AuthenticationFailed", 401)
    TOKEN = ("InvalidAuthenticationToken", 401)
    FORBIDDEN = ("AuthorizationFailed", 403)
    NOT_FOUND = ("NotFound", 404)
    FACTORY_NOT_FOUND = ("ResourceNotFound", 404)
    RUN_NOT_FOUND = ("ReferencedPipelineRunNotFound", 404)
    CONFLICT = ("Conflict", 409)
    PRECONDITION = ("PreconditionFailed", 412)
    TOO_MANY = ("TooManyRequests", 429)
    UNEXPECTED = ("InternalServerError", 500)
    NOT_OFFERED = ("NotImplemented", 501)
    UNAVAILABLE = ("ServiceUnavailable", 503)

    @property
    def code(self) -> str:
        """Return the code as clients read it."""
        return self.value[0]

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.value[1]


FAULT_OF: Mapping[Code, Fault] = {
    Code.INVALID: Fault.BAD_REQUEST,
    Code.MALFORMED: Fault.BAD_REQUEST,
    Code.UNKNOWN_FIELD: Fault.BAD_REQUEST,
    Code.NOT_FOUND: Fault.NOT_FOUND,
    Code.CONFLICT: Fault.CONFLICT,
    Code.STALE: Fault.PRECONDITION,
    Code.ILLEGAL_STATE: Fault.BAD_REQUEST,
    Code.UNAUTHENTICATED: Fault.TOKEN,
    Code.FORBIDDEN: Fault.FORBIDDEN,
    Code.LIMIT_EXCEEDED: Fault.BAD_REQUEST,
    Code.UNSUPPORTED: Fault.NOT_OFFERED,
    Code.UNAVAILABLE: Fault.UNAVAILABLE,
    Code.EXPRESSION_SYNTAX: Fault.BAD_REQUEST,
    Code.UNKNOWN_FUNCTION: Fault.BAD_REQUEST,
    Code.UNKNOWN_COLUMN: Fault.BAD_REQUEST,
    Code.EXPRESSION_TYPE: Fault.BAD_REQUEST,
    Code.SOURCE_NOT_FOUND: Fault.BAD_REQUEST,
    Code.SOURCE_UNAUTHENTICATED: Fault.BAD_REQUEST,
    Code.SOURCE_DENIED: Fault.BAD_REQUEST,
    Code.SOURCE_UNAVAILABLE: Fault.BAD_REQUEST,
    Code.SOURCE_TIMEOUT: Fault.BAD_REQUEST,
    Code.SOURCE_UNREADABLE: Fault.BAD_REQUEST,
    Code.SOURCE_CHANGED: Fault.BAD_REQUEST,
    Code.SOURCE_EMPTY: Fault.BAD_REQUEST,
    Code.SOURCE_HEADERLESS: Fault.BAD_REQUEST,
    Code.TOO_MANY_REJECTS: Fault.BAD_REQUEST,
    Code.COUNTS_DIFFER: Fault.UNEXPECTED,
    Code.LANDING_GONE: Fault.BAD_REQUEST,
    Code.TARGET_UNAVAILABLE: Fault.UNAVAILABLE,
    Code.TARGET_MISMATCH: Fault.BAD_REQUEST,
    Code.TARGET_DENIED: Fault.BAD_REQUEST,
    Code.TIMED_OUT: Fault.UNAVAILABLE,
    Code.CANCELLED: Fault.BAD_REQUEST,
    Code.WORKER_LOST: Fault.UNEXPECTED,
    Code.FENCED: Fault.UNEXPECTED,
    Code.EXTERNAL_FAILED: Fault.BAD_REQUEST,
    Code.DISK_FULL: Fault.UNAVAILABLE,
    Code.INTERNAL: Fault.UNEXPECTED,
}
"""What a problem that has no fault of its own becomes here."""

_CODE_OF_STATUS: Mapping[int, Code] = {
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    409: Code.CONFLICT,
    412: Code.STALE,
    429: Code.LIMIT_EXCEEDED,
    500: Code.INTERNAL,
    501: Code.UNSUPPORTED,
    503: Code.UNAVAILABLE,
}
_CHALLENGED = {401: {"WWW-Authenticate": "Bearer"}}

MISSING_DOCUMENT = "The document could not be retrieved because it does not exist."
STALE = "The etag does not match the current version of the document."
DUPLICATE_KEYS = "The document creation or update failed because there were duplicate properties in the json payload."


class Refusal(Problem):
    """A problem that has a fault of the dialect. ``target`` is what it is about; ``headers`` go with the answer."""

    def __init__(
        self,
        fault: Fault,
        message: str,
        target: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(_CODE_OF_STATUS.get(fault.status, Code.INVALID), message)
        self.fault = fault
        self.target = target
        self.headers = headers


def bad_request(message: str, target: str | None = None) -> Refusal:
    """Return 400 ``BadRequest``."""
    return Refusal(Fault.BAD_REQUEST, message, target)


def missing_document(target: str) -> Refusal:
    """Return 404 ``NotFound``: there is no document with the resource id (or ``pipeline/{name}``) ``target``."""
    return Refusal(Fault.NOT_FOUND, MISSING_DOCUMENT, target)


def missing_factory(name: str, group: str) -> Refusal:
    """Return 404 ``ResourceNotFound``: there is no such factory in the resource group."""
    return Refusal(
        Fault.FACTORY_NOT_FOUND,
        f"The Resource 'Microsoft.DataFactory/factories/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def stale(target: str) -> Refusal:
    """Return 412 ``PreconditionFailed``: the caller's etag is not that of ``target``."""
    return Refusal(Fault.PRECONDITION, STALE, target)


def fault_of(problem: Problem) -> Fault:
    """Return the fault that ``problem`` is here."""
    return problem.fault if isinstance(problem, Refusal) else FAULT_OF[problem.code]


def render(request: Request, problem: Problem) -> Response:
    """Return the answer for ``problem``: ``{"error": {code, message, target, details}}``."""
    fault = fault_of(problem)
    target = problem.target if isinstance(problem, Refusal) else None
    own = problem.headers if isinstance(problem, Refusal) else {}
    body = {"code": fault.code, "message": _text_of(request, problem), "target": target, "details": None}
    return answer({"error": body}, fault.status, {**_CHALLENGED.get(fault.status, {}), **own})


def _text_of(request: Request, problem: Problem) -> str:
    """Return what the caller reads: nothing of what is inside, all field errors in one text."""
    if problem.code is Code.INTERNAL:
        request_id = str(getattr(request.state, "request_id", ""))
        return f"An unexpected failure; the log has it under the request id {request_id}."
    text = "; ".join([problem.message, *map(str, problem.fields)])
    if problem.code is Code.LIMIT_EXCEEDED and not isinstance(problem, Refusal) and _makes_a_run(request):
        return f"ErrorCode=FlowRunSizeLimitExceeded, ErrorMessage={text}"
    return text


def _makes_a_run(request: Request) -> bool:
    return request.url.path.lower().endswith("/createrun")
