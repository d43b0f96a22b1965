"""One route for each operation, made from the table: what is asked is read off the request, what is told becomes the answer."""

import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.native.door import PREFIX
from headrace.api.native.gateway import Caller, caller_of
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.operation import Download, Nothing, Operation
from headrace.core.native.table import OPERATIONS
from headrace.core.native.wire import from_query, from_wire, members_of, to_wire
from headrace.http.bodies import MISSING, read_json
from headrace.http.compression import squeeze
from headrace.http.downloads import stream
from headrace.service.native.answering import ask, require

IDEMPOTENCY_KEY = "idempotency-key"
"""The header that fills ``request_key`` where an operation has one."""
REQUEST_KEY = "request_key"
LONGEST_KEY = 200
"""Characters of a key."""
NDJSON = "application/x-ndjson"
IN_QUERY = frozenset({"GET", "DELETE"})
"""Methods whose requests have no body."""
_CHUNK = 64 << 10
"""Bytes of a body that are written at once."""

Handler = Callable[[Request], Awaitable[Response]]
AnyOperation = Operation[Any, Any]


def make_router() -> APIRouter:
    """Return the routes of all operations."""
    router = APIRouter()
    # What has no parameters comes first: /runs/retry is no run.
    for operation in sorted(OPERATIONS, key=lambda one: len(one.path_names)):
        router.add_api_route(
            PREFIX + operation.path,
            _handler(operation),
            methods=[operation.method],
            name=operation.name,
            response_model=None,
        )
    return router


def _handler(operation: AnyOperation) -> Handler:
    async def handle(request: Request) -> Response:
        if operation.sends:
            require(caller_of(request).identity, operation)
            asked = _from_query(operation, request)
            with await run_in_threadpool(_spool, caller_of(request)) as body:
                await _take_in(request, body)
                return await run_in_threadpool(_answered, operation, request, asked, body)
        if operation.method in IN_QUERY:
            return await run_in_threadpool(_answered, operation, request, _from_query(operation, request))
        return await run_in_threadpool(_answered, operation, request, await _from_body(operation, request))

    return handle


def _answered(operation: AnyOperation, request: Request, asked: Any, body: BinaryIO | None = None) -> Response:
    caller = caller_of(request)
    told = ask(caller.door.desk, caller.identity, operation, asked, body)
    if isinstance(told, Download):
        return stream(told.pieces, media_type=told.media_type, name=told.name)
    if isinstance(told, Nothing):
        return Response(status_code=204)
    return squeeze(request, answer(to_wire(told)))


def answer(value: Json) -> Response:
    """Return JSON as an answer."""
    # Halves of characters, which data may have, have no UTF-8.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(errors="replace"), media_type="application/json")


# Reading what is asked


def path_values(request: Request) -> dict[str, str]:
    """Return the names in the path: they come as they were sent (see ``paths.Raw``), so that one may hold a slash."""
    found = {name: unquote(value) for name, value in request.path_params.items()}
    for name, value in found.items():
        if "\0" in value:
            raise _refused(Code.INVALID, name, "has the character NUL", "no name has it")
    return found


def _from_query(operation: AnyOperation, request: Request) -> Any:
    pairs = [*path_values(request).items(), *_key_pairs(operation, request), *_query(operation, request)]
    return from_query(operation.asked, pairs, what="the request")


def _query(operation: AnyOperation, request: Request) -> Iterator[tuple[str, str]]:
    taken = operation.path_names
    for name, text in request.query_params.multi_items():
        if name in taken:
            raise _refused(Code.INVALID, name, "stands in the path", "it cannot come in the query, too")
        yield name, text


async def _from_body(operation: AnyOperation, request: Request) -> Any:
    given = await read_json(request)
    if given is MISSING or given is None:
        given = {}
    if not isinstance(given, dict):
        raise Problem(Code.INVALID, "the body is no object")
    document: dict[str, Any] = dict(given)
    for name in request.query_params:
        raise _refused(Code.UNKNOWN_FIELD, name, "is not looked at in the query", "it belongs into the body")
    for name, value in path_values(request).items():
        if name in document:
            raise _refused(Code.INVALID, name, "stands in the path", "it cannot come in the body, too")
        document[name] = value
    for name, key in _key_pairs(operation, request):
        if document.get(name) is not None and document[name] != key:
            raise _refused(Code.INVALID, name, f"differs from the header {IDEMPOTENCY_KEY}", "one of them is enough")
        document[name] = key
    asked = from_wire(operation.asked, document, what="the request", strict=True)
    _check_key(getattr(asked, REQUEST_KEY, None))
    return asked


def _key_pairs(operation: AnyOperation, request: Request) -> Iterator[tuple[str, str]]:
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key and REQUEST_KEY in members_of(operation.asked):
        _check_key(key)
        yield REQUEST_KEY, key


def _check_key(key: Any) -> None:
    if isinstance(key, str) and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise _refused(Code.INVALID, REQUEST_KEY, "does not fit", f"1 to {LONGEST_KEY} printable characters")


def _refused(code: Code, name: str, message: str, hint: str) -> Problem:
    return Problem.of_fields(code, "the request", (FieldError(name[:80], message, hint),))


# Bodies of bytes


def _spool(caller: Caller) -> BinaryIO:
    folder: Path = caller.door.desk.roots.work
    return tempfile.TemporaryFile(dir=folder)


async def _take_in(request: Request, body: BinaryIO) -> None:
    """Write the request's body into ``body``, and go to its beginning; the edge counts its bytes."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= _CHUNK:
            await run_in_threadpool(body.write, bytes(held))
            held.clear()
    await run_in_threadpool(body.write, bytes(held))
    await run_in_threadpool(body.seek, 0)
