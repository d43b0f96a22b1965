"""Faults of the dialect (contract 15): number, status and title, and for every ``Code`` the fault that it becomes here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.core.clock import to_iso
from headrace.core.errors import Code, Problem

_A, _B = "Invalid request", "Bad Request"


class Fault(Enum):
    """A row of table A (service) or B (provider): number, HTTP status, title. Some numbers stand in both tables; the title tells them apart."""

    # table A
    UNAVAILABLE = (1103, 503, "Service Unavailable")
    UNEXPECTED = (1400, 500, "Internal Error")
    LIMIT_AND_COUNT = (1401, 400, _A)
    FINALIZE_BY_USER = (1402, 400, _A)
    NO_IF_MATCH = (1403, 400, "Header is missing")
    STALE_ETAG = (1404, 412, "Version not matching")
    NO_BODY = (1405, 400, _A)
    SUB_OP_ALONE = (1406, 400, _A)
    PROGRESS_FAILED = (1407, 400, _A)
    PERCENT = (1408, 400, _A)
    FINALIZE_STATE = (1409, 400, _A)
    STATE_IN_CREATE = (1410, 400, _A)
    MAPPING_VERSION = (1412, 400, _A)
    SPEC = (1413, 400, _A)
    SPEC_CHANGED = (1414, 400, _A)
    AUTH_SPEC = (1415, 400, _A)
    CONNECTION_USED = (1418, 400, _A)
    MAPPING_INVALID = (1419, 400, _A)
    ACTION_STATE = (1422, 400, _A)
    SPEC_FILTER_FIELD = (1423, 400, _A)
    MAPPING_SCHEMA = (1425, 400, _A)
    SPEC_SERVICE = (1426, 400, _A)
    RUN_SERVICE = (1427, 400, _A)
    PREDECESSOR_RUN = (1428, 400, _A)
    PREDECESSOR_FLOW = (1429, 400, _A)
    RUN_FLOW_UNKNOWN = (1430, 400, _A)
    POLICY_FIELDS = (1431, 400, _A)
    ORDER_SIGN = (1432, 400, _A)
    ORDER_FIELD = (1433, 400, _A)
    PATCH_OPERATION = (1434, 400, _A)
    SUB_OP = (1435, 400, _A)
    SUB_OP_STATE = (1436, 400, _A)
    STATUS_VALUE = (1437, 400, _A)
    NOT_FOUND = (1439, 404, "Resource not found")
    FILTER_TILDE = (1440, 400, _A)
    GROUPING = (1441, 400, _A)
    FILTER_LIST = (1443, 400, _A)
    RUN_FLOW_EMPTY = (1446, 400, _A)
    END_USED = (1447, 400, _A)
    FILTER_ID_ORDER = (1448, 400, _A)
    FILTER_FIELD = (1449, 400, _A)
    FILTER_OPERATOR = (1450, 400, _A)
    QUERY_PARAMETER = (1451, 400, _A)
    NUMBER = (1452, 400, _A)
    FILTER_VALUE_EMPTY = (1453, 400, _A)
    QUERY_STRING = (1454, 400, _A)
    PATCH_PATH = (1455, 400, _A)
    STATE_VALUE = (1456, 400, _A)
    CANCEL_FINAL = (1457, 400, _A)
    ORG_EMPTY = (2001, 401, "Header is missing or empty")
    SANDBOX_UNKNOWN = (2100, 404, "Sandbox not found")
    SANDBOX_ID_OTHER = (2103, 404, "Sandbox not found")
    NO_SANDBOX = (2105, 400, "Header is missing")
    SANDBOX_ID_HEADER = (2110, 400, "Headers not allowed")
    SANDBOX_STAR = (2111, 403, "Forbidden")
    TOKEN_EMPTY = (2114, 400, "Empty token")
    NO_WRITE = (2118, 403, "Missing permission")
    NO_READ = (2120, 403, "Forbidden")
    # the neighbours' own (Schema Registry 10, Batch Ingestion 12)
    ACCEPT_TYPE = (1006, 400, "Accept header not usable")
    ACCEPT_VERSION = (1007, 400, "Accept header without version")
    MEDIA_TYPE = (1004, 415, "Unsupported Media Type")
    TOO_LARGE = (1000, 413, "Payload Too Large")
    RANGE = (1000, 416, "Range Not Satisfiable")
    TOO_MANY = (1000, 429, "Too Many Requests")
    # table B
    BODY = (1000, 400, _B)
    NO_ROUTE = (1003, 404, "Resource not found")
    MISSING = (1304, 400, _B)
    TARGET_SPEC = (1307, 400, _B)
    SOURCE_ERROR = (1308, 400, _B)
    VALUE = (1312, 400, _B)
    NO_SCHEDULE = (1317, 400, _B)
    IDS_EMPTY = (1320, 400, _B)
    NOT_ONE_ID = (1321, 400, _B)
    NO_SOURCE_PATH = (1323, 400, _B)
    NO_DATASET = (1325, 400, _B)
    FORMAT = (1327, 400, _B)
    PARAMETER_EMPTY = (1329, 400, _B)
    NO_COLUMNS = (1330, 400, _B)
    DELIMITER = (1331, 400, _B)
    BASE_ID_NOT_ALLOWED = (1332, 400, _B)
    QUERY_EMPTY = (1334, 400, _B)
    EXPLORE_SPEC = (1336, 400, _B)
    EXPLORE_OBJECT = (1337, 400, _B)
    ID_NULL = (1338, 400, _B)
    TIME = (1340, 400, _B)
    FILTER_INVALID = (1349, 400, _B)
    FILTER_NO_FUNCTION = (1350, 400, _B)
    FILTER_FUNCTION = (1351, 400, _B)
    FILTER_ON_FILES = (1353, 400, _B)
    FILTER_TYPE = (1355, 400, _B)
    FILTER_FORMAT = (1356, 400, _B)
    FILTER_NO_VALUE = (1357, 400, _B)
    EXPLORE_TYPE = (1358, 400, _B)
    QUERY_MISSING = (1359, 400, _B)
    START_PAST = (1360, 400, _B)
    ONCE_INTERVAL = (1361, 400, _B)
    INTERVAL_SMALL = (1362, 400, _B)
    ONCE_BACKFILL = (1364, 400, _B)
    PATCH_READ_ONLY = (1365, 400, _B)
    START_PASSED = (1366, 400, _B)
    NO_DELTA = (1367, 400, _B)
    COPY_MODE = (1368, 400, _B)
    ONCE_DELTA = (1369, 400, _B)
    NO_MAPPING = (1370, 400, _B)
    EXPLORE_BY_SPEC = (1372, 400, _B)
    EXPLORE_BOTH = (1374, 400, _B)
    NOT_DETECTED = (1375, 400, _B)
    FILTER_NULL = (1377, 400, _B)
    FILTER_COLUMN = (1378, 400, _B)
    FILTER_LITERAL = (1379, 400, _B)
    RUN_REFUSED = (1380, 400, _B)
    RUN_WINDOW = (1381, 400, _B)
    RUN_DELTA_OTHER = (1382, 400, _B)
    RUN_NO_DELTA = (1383, 400, _B)
    RUN_PARAMS = (1384, 400, _B)
    RUN_NOT_BATCH = (1385, 400, _B)
    RUN_NOT_ONCE = (1386, 400, _B)
    RETRY_STATE = (1387, 400, _B)
    RETRY_FLOW_STATE = (1388, 400, _B)
    FILTER_ENCODING = (1389, 400, _B)
    FILTER_NEGATION = (1390, 400, _B)
    TRANSFORMATIONS = (1392, 400, _B)
    AUTH_EMPTY = (1393, 400, _B)
    BELOW_ONE = (1394, 400, _B)
    FREQUENCY = (1397, 400, _B)
    ACTION = (1398, 400, _B)
    RUN_ACTION = (1401, 400, _B)
    FREQUENCY_TO_ONCE = (1403, 400, _B)
    BACKFILL_LATE = (1404, 400, _B)
    ZONE_TYPE = (1710, 400, _B)
    ZONE_ACTION = (1712, 400, _B)

    @property
    def number(self) -> int:
        """Return the number in its table."""
        return self.value[0]

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.value[1]

    @property
    def title(self) -> str:
        """Return the title."""
        return self.value[2]


FAULT_OF: Mapping[Code, Fault] = {
    Code.INVALID: Fault.VALUE,
    Code.MALFORMED: Fault.BODY,
    Code.UNKNOWN_FIELD: Fault.VALUE,
    Code.NOT_FOUND: Fault.NOT_FOUND,
    Code.CONFLICT: Fault.VALUE,
    Code.STALE: Fault.STALE_ETAG,
    Code.ILLEGAL_STATE: Fault.ACTION_STATE,
    Code.UNAUTHENTICATED: Fault.ORG_EMPTY,
    Code.FORBIDDEN: Fault.NO_WRITE,
    Code.LIMIT_EXCEEDED: Fault.BODY,
    Code.UNSUPPORTED: Fault.VALUE,
    Code.UNAVAILABLE: Fault.UNAVAILABLE,
    Code.EXPRESSION_SYNTAX: Fault.MAPPING_INVALID,
    Code.UNKNOWN_FUNCTION: Fault.MAPPING_INVALID,
    Code.UNKNOWN_COLUMN: Fault.MAPPING_INVALID,
    Code.EXPRESSION_TYPE: Fault.MAPPING_INVALID,
    Code.SOURCE_NOT_FOUND: Fault.VALUE,
    Code.SOURCE_UNAUTHENTICATED: Fault.VALUE,
    Code.SOURCE_DENIED: Fault.VALUE,
    Code.SOURCE_UNAVAILABLE: Fault.VALUE,
    Code.SOURCE_TIMEOUT: Fault.VALUE,
    Code.SOURCE_UNREADABLE: Fault.VALUE,
    Code.SOURCE_CHANGED: Fault.VALUE,
    Code.SOURCE_EMPTY: Fault.VALUE,
    Code.SOURCE_HEADERLESS: Fault.VALUE,
    Code.TOO_MANY_REJECTS: Fault.VALUE,
    Code.COUNTS_DIFFER: Fault.UNEXPECTED,
    Code.LANDING_GONE: Fault.RETRY_STATE,
    Code.TARGET_UNAVAILABLE: Fault.UNAVAILABLE,
    Code.TARGET_MISMATCH: Fault.VALUE,
    Code.TARGET_DENIED: Fault.VALUE,
    Code.TIMED_OUT: Fault.UNAVAILABLE,
    Code.CANCELLED: Fault.ACTION_STATE,
    Code.WORKER_LOST: Fault.UNEXPECTED,
    Code.FENCED: Fault.UNEXPECTED,
    Code.EXTERNAL_FAILED: Fault.VALUE,
    Code.DISK_FULL: Fault.UNAVAILABLE,
    Code.INTERNAL: Fault.UNEXPECTED,
}
"""What a problem that has no number of its own becomes here."""

_CODE_OF_STATUS: Mapping[int, Code] = {
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    412: Code.STALE,
    500: Code.INTERNAL,
    503: Code.UNAVAILABLE,
}


class Refusal(Problem):
    """A problem that has a number in the dialect. ``kind`` and ``subject`` (entity collection and id) stand on not-found errors only."""

    def __init__(self, fault: Fault, message: str, *, kind: str | None = None, subject: str | None = None) -> None:
        super().__init__(_CODE_OF_STATUS.get(fault.status, Code.INVALID), message)
        self.fault = fault
        self.kind = kind
        self.subject = subject


def unknown(kind: str, subject: str) -> Refusal:
    """Return 1439-404: there is no ``subject`` in the collection ``kind``."""
    message = f"The {kind} resource {subject} does not exist."
    return Refusal(Fault.NOT_FOUND, message, kind=kind, subject=subject)


class GatewayRefusal(Problem):
    """A refusal of the gateway (1.4), which has a body of its own."""

    def __init__(self, status: int, body: Mapping[str, str | int]) -> None:
        super().__init__(_CODE_OF_STATUS.get(status, Code.INVALID), str(body.get("message") or body.get("detail")))
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a neighbour service words its errors: ``name`` in the type, or the shape of the sandbox service."""

    prefix: str
    name: str


_NEIGHBOURS = (
    _Dialect("/data/foundation/conversion", "CONVERSION"),
    _Dialect("/data/foundation/catalog", "CATALOG"),
    _Dialect("/data/foundation/export", "EXPORT"),
    _Dialect("/data/foundation/import", "IMPORT"),
    _Dialect("/data/foundation/schemaregistry", "XDM"),
    _Dialect("/data/foundation/sandbox-management", "SANDBOX"),
)


def fault_of(problem: Problem) -> Fault:
    """Return the fault that ``problem`` is here."""
    return problem.fault if isinstance(problem, Refusal) else FAULT_OF[problem.code]


def text_of(problem: Problem) -> str:
    """Return what the caller reads: nothing of what is inside, all field errors in one text."""
    if problem.code is Code.INTERNAL:
        return "An unexpected failure; the request id finds it in the log."
    return "; ".join([problem.message, *map(str, problem.fields)])


def render(request: Request, problem: Problem) -> Response:
    """Return the answer for ``problem`` in the words of the service that ``request`` asked."""
    request_id = str(getattr(request.state, "request_id", ""))
    if isinstance(problem, GatewayRefusal):
        return JSONResponse(dict(problem.body), status_code=problem.status)
    fault, text = fault_of(problem), text_of(problem)
    path = request.scope["path"]
    for neighbour in _NEIGHBOURS:
        if path == neighbour.prefix or path.startswith(neighbour.prefix + "/"):
            return JSONResponse(_neighbour_body(request, neighbour.name, fault, text), status_code=fault.status)
    return JSONResponse(_flow_body(problem, fault, text, request_id), status_code=fault.status)


def _flow_body(problem: Problem, fault: Fault, text: str, request_id: str) -> dict[str, object]:
    report: dict[str, object] = {"detailed-message": text}
    if isinstance(problem, Refusal) and problem.subject is not None:
        report |= {"id": problem.subject, "type": problem.kind}
    return {
        "type": f"https://ns.adobe.com/aep/errors/FLOW-{fault.number}-{fault.status}",
        "title": fault.title,
        "status": fault.status,
        "report": {**report, "request-id": request_id},
        "errorMessage": text,
        "errorDetails": text,
    }


def _neighbour_body(request: Request, name: str, fault: Fault, text: str) -> dict[str, object]:
    request_id = str(getattr(request.state, "request_id", ""))
    if name == "SANDBOX":
        return {"status": fault.status, "title": fault.title, "message": text}
    if name == "XDM":
        own = {Fault.ACCEPT_TYPE, Fault.ACCEPT_VERSION}
        number = str(fault.number) if fault in own else {404: "1012"}.get(fault.status, "1000")
        title = "Resource Not Found" if fault.status == 404 else fault.title
        now = {"timestamp": to_iso(request.app.state.door.clock.now())}
        report = {"registryRequestId": request_id, **now, "detailed-message": text, "sub-errors": list[object]()}
        kind = f"http://ns.adobe.com/aep/errors/XDM-{number}-{fault.status}"
        return {"type": kind, "title": title, "status": fault.status, "report": report, "detail": text}
    kind = f"https://ns.adobe.com/aep/errors/{name}-1000-{fault.status}"
    return {"type": kind, "title": fault.title, "status": fault.status, "detail": text}
