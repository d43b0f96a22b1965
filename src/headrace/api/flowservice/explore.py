"""Exploring and previewing sources (7.7), of base connections and of specs that have none."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.landing_folder import landing_folder
from headrace.api.flowservice.specs import LANDING_ZONE, SOURCES, SourceKind, Spec
from headrace.api.flowservice.specs_custom import connector_of
from headrace.api.flowservice.translate.explored import array_of_columns, config_items, flat, place_items
from headrace.api.flowservice.translate.filters import decode_filters
from headrace.api.flowservice.translate.source import CONTAINER, check_path, read_format, without_container
from headrace.api.flowservice.wire import flag
from headrace.core.errors import Code, Problem
from headrace.core.explore import MAX_ROWS, Connected, Folder, ListPlaces, Peek, PeekFile, PeekTable, Where
from headrace.core.source import FileFormat

MAX_PATH = 2000
_FILE_TYPES = ("delimited", "json", "parquet", "parquet_xdm")
_PARAMETERS: Mapping[str, str] = {
    name.lower(): name
    for name in (
        *("objectType", "object", "fileType", "compressionType", "columnDelimiter", "encoding", "preview"),
        *("determineProperties", "filters", "limit", "start", "if-match"),
    )
}
_PASSED_ON = frozenset({Code.UNAVAILABLE, Code.INTERNAL, Code.UNAUTHENTICATED, Code.FORBIDDEN})
_UNDETECTED = frozenset(
    {Code.SOURCE_UNREADABLE, Code.SOURCE_EMPTY, Code.SOURCE_HEADERLESS, Code.UNSUPPORTED, Code.INVALID}
)


@dataclass(frozen=True, slots=True)
class _Source:
    """What is looked into: where it is, of what spec; ``container`` stands before the paths of the Data Landing Zone."""

    where: Where
    spec: Spec
    container: str = ""


def explore_connection(request: Request, tenant: Tenant, entity: Entity) -> Response:
    """Answer ``GET /connections/{id}/explore``.

    Raises:
        Refusal: the codes of 7.7.
    """
    spec = SOURCES[entity.item["connectionSpec"]["id"]]
    return _explore(request, tenant, _Source(Connected(tenant.scope, entity.id), spec))


def explore_spec(request: Request, tenant: Tenant, subject: str) -> Response:
    """Answer ``GET /connectionSpecs/{id}/explore``, for the Data Landing Zone.

    Raises:
        Refusal: 1372-400: the spec has base connections; the codes of 7.7.
    """
    spec = connector_of(tenant, subject)
    if spec is None or spec.id != LANDING_ZONE:
        raise Refusal(Fault.EXPLORE_BY_SPEC, f"the spec {subject} is explored through a connection of it")
    root = landing_folder(tenant).as_uri()
    return _explore(request, tenant, _Source(Folder(tenant.scope, root), spec, CONTAINER + "/"))


def connection_columns(request: Request, tenant: Tenant, entity: Entity) -> Response:
    """Answer ``GET /connections/{id}/configs``: the columns of the table that ``object`` names; none without it."""
    given = _parameters(request)
    spec = SOURCES[entity.item["connectionSpec"]["id"]]
    if not given.get("object") or spec.kind is not SourceKind.TABLES:
        return JSONResponse({"items": []})
    source = _Source(Connected(tenant.scope, entity.id), spec)
    return JSONResponse({"items": config_items(_table(tenant, source, given, rows=0))})


def _explore(request: Request, tenant: Tenant, source: _Source) -> Response:
    given = _parameters(request)
    kind = _object_type(given)
    files = source.spec.kind is SourceKind.FILES
    if kind == "root" or (kind == "folder" and given.get("object", "").strip().lower() == "root"):
        return _places(tenant, source, "")
    if not given.get("object", "").strip():
        raise Refusal(Fault.EXPLORE_OBJECT, f"the query parameter object is missing; name the {kind}")
    if files is (kind == "table"):
        raise Refusal(Fault.EXPLORE_SPEC, f"sources of {source.spec.name} have no {kind}s to explore")
    if kind == "folder":
        return _places(tenant, source, given["object"])
    rows = _rows(given)
    if kind == "table":
        return JSONResponse(flat(_table(tenant, source, given, rows), with_data=rows > 0))
    return _file(tenant, source, given, rows)


def _places(tenant: Tenant, source: _Source, folder: str) -> Response:
    try:
        found = tenant.door.explore(ListPlaces(source.where, _path(folder, source)))
    except Problem as problem:
        raise _refusal_of(problem) from problem
    return JSONResponse(place_items(found, source.container))


def _file(tenant: Tenant, source: _Source, given: Mapping[str, str], rows: int) -> Response:
    if given.get("filters"):
        raise Refusal(Fault.FILTER_ON_FILES, "the query parameter filters does not go with files")
    determine = _flag(given, "determineProperties")
    format_ = _format(given, determine=determine)
    question = PeekFile(source.where, _path(given["object"], source), format_, rows)
    try:
        peek = tenant.door.explore(question)
    except Problem as problem:
        if format_ is None and problem.code in _UNDETECTED:
            message = f"the properties of {given['object'][:200]!r} cannot be determined: {problem.message}"
            raise Refusal(Fault.NOT_DETECTED, message) from problem
        raise _refusal_of(problem) from problem
    if rows == 0 and not determine:
        return JSONResponse(array_of_columns(peek))
    return JSONResponse(flat(peek, with_data=rows > 0, with_properties=determine))


def _table(tenant: Tenant, source: _Source, given: Mapping[str, str], rows: int) -> Peek:
    condition = decode_filters(given["filters"]) if given.get("filters", "").strip() else None
    try:
        return tenant.door.explore(PeekTable(source.where, given["object"].strip(), rows, condition))
    except Problem as problem:
        if problem.code in {Code.SOURCE_NOT_FOUND, Code.NOT_FOUND}:
            raise Refusal(Fault.NO_COLUMNS, problem.message) from problem
        if condition is not None and problem.code is Code.UNKNOWN_COLUMN:
            raise Refusal(Fault.FILTER_COLUMN, problem.message) from problem
        if condition is not None and problem.code is Code.INVALID:
            raise Refusal(Fault.FILTER_LITERAL, problem.message) from problem
        raise _refusal_of(problem) from problem


def _parameters(request: Request) -> dict[str, str]:
    """Return the query parameters under their names of 7.7; case and underscores do not count."""
    given: dict[str, str] = {}
    for name, value in request.query_params.items():
        known = _PARAMETERS.get(name.lower().replace("_", ""))
        if known is None:
            raise Refusal(Fault.QUERY_PARAMETER, f"the query parameter {name[:80]!r} is unknown here")
        given[known] = value
    if "\0" in given.get("object", "") or len(given.get("object", "")) > MAX_PATH:
        raise Refusal(Fault.VALUE, f"the query parameter object is no path of at most {MAX_PATH} characters")
    return given


def _object_type(given: Mapping[str, str]) -> str:
    if "objectType" not in given:
        raise Refusal(Fault.QUERY_MISSING, "the query parameter objectType is missing; use root, folder, file or table")
    kind = given["objectType"].strip().lower()
    if not kind:
        raise Refusal(Fault.QUERY_EMPTY, "the query parameter objectType is empty; use root, folder, file or table")
    if kind == "rest":
        raise Refusal(Fault.EXPLORE_SPEC, "there is nothing to explore by REST here; use root, folder, file or table")
    if kind not in {"root", "folder", "file", "table"}:
        raise Refusal(Fault.EXPLORE_TYPE, f"objectType is {kind[:40]!r}; root, folder, file or table is expected")
    return kind


def _format(given: Mapping[str, str], *, determine: bool) -> FileFormat | None:
    """Return how a file is to be read; None: find it out."""
    name = given.get("fileType", "").strip().lower()
    if determine:
        if name:
            raise Refusal(Fault.EXPLORE_BOTH, "fileType and determineProperties=true exclude each other")
        return None
    if not name:
        raise Refusal(Fault.QUERY_MISSING, "give either fileType or determineProperties=true with a file")
    if name not in _FILE_TYPES:
        raise Refusal(Fault.VALUE, f"fileType is {name[:40]!r}; delimited, json or parquet is expected")
    properties = {key: given[key] for key in ("columnDelimiter", "encoding", "compressionType") if given.get(key)}
    return read_format({"data": {"format": name, "properties": properties}})


def _path(text: str, source: _Source) -> str:
    check_path(text, "object")
    path = text.strip()
    path = without_container(path) if source.container else path.lstrip("/")
    return "" if path in {"", "/"} else path


def _rows(given: Mapping[str, str]) -> int:
    return MAX_ROWS if _flag(given, "preview") else 0


def _flag(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "").strip()
    value = flag(text) if text else False
    if value is None:
        raise Refusal(Fault.VALUE, f"{name} is {text[:40]!r}; true or false is expected")
    return value


def _refusal_of(problem: Problem) -> Problem:
    """Return what the caller is told: the source's own message, unless the source was not even asked."""
    if isinstance(problem, Refusal) or problem.code in _PASSED_ON:
        return problem
    return Refusal(Fault.SOURCE_ERROR, problem.message)
