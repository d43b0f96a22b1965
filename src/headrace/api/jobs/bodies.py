"""Bodies of requests: packed or not, in chunks or not, or none at all (contract 1.3, 1.5).

- ``Raw``: the bytes, unpacked and bounded, for routes that read them with a reader of their own.
- ``Object``, ``Items``: JSON, read once and checked.
- ``unpacked``: a body without bound as it comes, for routes that stream.

Nothing at all, and ``null``, count as ``{}``.
"""

import gc
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from io import BytesIO
from typing import Annotated, Any, TypeAlias

import msgspec
from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from headrace.api.jobs.errors import bad_request, too_large
from headrace.api.jobs.gateway import Caller, Kind
from headrace.api.jobs.wire import Item

MAX_DEPTH = 100
"""Levels of nesting in a body."""
MAX_VALUES = 50_000_000
"""Values in a body."""
MAX_CONTAINERS = 8_000_000
"""Objects and arrays among them: each takes far more memory than the two letters that it may be written with."""

_SMALL = 64 << 10
"""Bytes of a body that are read at once; a larger one takes a while, and the loop has others to answer meanwhile."""
_PIECE = 1 << 20
"""Bytes that are unpacked in one go."""
_GZIP_OR_ZLIB = 47
_RAW_DEFLATE = -15
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})


class Unpacking:
    """Unpacks gzip (of one or more members), zlib or bare deflate, piece by piece."""

    def __init__(self) -> None:
        self._begun = False
        self._ended = False
        self._bits = _GZIP_OR_ZLIB
        self._inflating = zlib.decompressobj(self._bits)

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Return what ``packed`` holds, in pieces of at most a mebibyte.

        Raises:
            Refusal: 400: it is not packed so.
        """
        while packed:
            if self._ended:
                # Members of a gzip file may follow one another; zeros may pad the last.
                packed = packed.lstrip(b"\0")
                if not packed:
                    return
                self._inflating, self._ended = zlib.decompressobj(self._bits), False
            piece = self._inflate(packed)
            if piece:
                yield piece
            packed = self._inflating.unused_data if self._inflating.eof else self._inflating.unconsumed_tail
            self._ended = self._inflating.eof
            if not piece and not packed:
                return

    def end(self) -> None:
        """Say that nothing more comes.

        Raises:
            Refusal: 400: it ended early.
        """
        if self._begun and not self._ended:
            raise bad_request("The packed body ends early.")

    def _inflate(self, packed: bytes) -> bytes:
        try:
            piece = self._inflating.decompress(packed, _PIECE)
        except zlib.error as error:
            if self._begun:
                raise bad_request("The body cannot be unpacked as its Content-Encoding says.") from error
            # Some clients say "deflate" and mean it: without zlib's frame.
            self._begun, self._bits = True, _RAW_DEFLATE
            self._inflating = zlib.decompressobj(self._bits)
            return self._inflate(packed)
        self._begun = True
        return piece


async def unpacked(request: Request) -> AsyncIterator[bytes]:
    """Return the body as it comes, unpacked, in pieces; the edge bounds only what comes over the wire.

    Raises:
        Refusal: 400: a Content-Encoding that is not known, or another one than it says.
    """
    if not _is_packed(request):
        async for chunk in request.stream():
            if chunk:
                yield chunk
        return
    unpacking = Unpacking()
    async for chunk in request.stream():
        for piece in unpacking.feed(chunk):
            yield piece
    unpacking.end()


async def raw_body(request: Request) -> bytes:
    """Return the whole body, unpacked; ``b""``: there is none. A dependency of handlers.

    Raises:
        Refusal: 413: more than ``limits.max_json_bytes`` on the wire, or ``limits.max_unpacked_bytes`` unpacked (of those whom anybody may be,
            without a token or with a publishable key: more than ``limits.max_document_bytes``); 400: as ``unpacked``.
    """
    most, most_unpacked = _limits_of(request)
    packed = _is_packed(request)
    # What it holds is handed over without a copy.
    raw = BytesIO()
    async for chunk in request.stream():
        if raw.tell() + len(chunk) > most:
            raise too_large(f"The body has more than {most} bytes, the limit for JSON.")
        raw.write(chunk)
    if packed and raw.tell():
        return await run_in_threadpool(unpack, raw.getvalue(), most_unpacked)
    check_count(raw.getbuffer())
    return raw.getvalue()


def unpack(packed: bytes, limit: int) -> bytes:
    """Return what ``packed`` holds, at most ``limit`` bytes.

    Raises:
        Refusal: 413, 400 as ``raw_body``.
    """
    unpacking, raw = Unpacking(), BytesIO()
    for piece in unpacking.feed(packed):
        if raw.tell() + len(piece) > limit:
            raise too_large(f"The unpacked body has more than {limit} bytes, the limit of this server.")
        raw.write(piece)
    unpacking.end()
    check_count(raw.getbuffer())
    return raw.getvalue()


def check_count(raw: memoryview) -> None:
    """Look whether a body has more values than can be held: by its letters, those in texts included, so that nothing is made of it before.

    Raises:
        Refusal: 413.
    """
    if len(raw) <= MAX_CONTAINERS:
        return
    containers = values = 0
    for start in range(0, len(raw), _PIECE):
        piece = bytes(raw[start : start + _PIECE])
        containers += piece.count(b"[") + piece.count(b"{")
        values += piece.count(b",")
    if containers > MAX_CONTAINERS or values > MAX_VALUES:
        raise too_large(
            f"The body has more than {MAX_CONTAINERS:,} objects and arrays, or {MAX_VALUES:,} values; send it in parts."
        )


async def json_body(request: Request) -> Any:
    """Return the body as JSON; nothing and ``null`` are ``{}``. A dependency of handlers.

    Raises:
        Refusal: as ``raw_body`` and ``parse``.
    """
    raw = await raw_body(request)
    return parse(raw) if len(raw) <= _SMALL else await run_in_threadpool(parse, raw)


async def object_body(request: Request) -> Item:
    """Return the body, which has to be a JSON object.

    Raises:
        Refusal: as ``json_body``; 400: it is something else.
    """
    body = await json_body(request)
    if not isinstance(body, dict):
        raise bad_request(f"The body is {kind_of(body)}; a JSON object is expected.")
    return body


async def items_body(request: Request) -> list[Any]:
    """Return the body, which has to be a JSON array; nothing is an empty one.

    Raises:
        Refusal: as ``json_body``; 400: it is something else.
    """
    body = await json_body(request)
    if body == {}:
        return []
    if not isinstance(body, list):
        raise bad_request(f"The body is {kind_of(body)}; a JSON array is expected.")
    return body


Raw: TypeAlias = Annotated[bytes, Depends(raw_body)]
Object: TypeAlias = Annotated[Item, Depends(object_body)]
Items: TypeAlias = Annotated[list[Any], Depends(items_body)]


def parse(raw: bytes) -> Any:
    """Return ``raw`` as JSON; nothing and ``null`` are ``{}``. Of keys that come twice the last counts, as everywhere on the web.

    Raises:
        Refusal: 400: no UTF-8, no JSON, a number that is too large, half characters or NUL, or nested too deeply.
    """
    text = raw.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        return {}
    try:
        value = _decoded(text)
    except UnicodeDecodeError as error:
        raise bad_request(f"The body is not UTF-8 at byte {error.start}.") from error
    except RecursionError as error:
        raise _too_deep() from error
    except msgspec.MsgspecError as error:
        raise bad_request(f"The body is not JSON: {error}.") from error
    _check(value, nul=b"\\u0000" in text)
    return {} if value is None else value


def _decoded(text: bytes) -> Any:
    if len(text) <= _SMALL:
        return msgspec.json.decode(text)
    # Looking for garbage again and again while millions of values are made takes ten times as long as making them, and nobody is served then.
    gc.disable()
    try:
        return msgspec.json.decode(text)
    finally:
        gc.enable()


def kind_of(value: object) -> str:
    """Return what kind of JSON ``value`` is, with its article: ``an array``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "an object" if isinstance(value, Mapping) else "an array"


def _limits_of(request: Request) -> tuple[int, int]:
    """Return how many bytes a body may have on the wire, and unpacked."""
    limits = request.app.state.door.limits
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None or caller.kind is Kind.OPERATIONS:
        return limits.max_document_bytes, limits.max_document_bytes
    return limits.max_json_bytes, limits.max_unpacked_bytes


def _is_packed(request: Request) -> bool:
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding in {"", "identity"}:
        return False
    if coding not in _PACKED:
        raise bad_request(f"The Content-Encoding {coding[:40]!r} is not known; gzip, deflate and none are.")
    return True


def _too_deep() -> Exception:
    return bad_request(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _check(value: Any, *, nul: bool) -> None:
    """Refuse what is nested too deeply, and NUL in texts (``nul``: there may be one), which not every database keeps."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()
        if nul:
            _refuse_nul(level)
        level = [
            member
            for item in level
            if isinstance(item, dict | list)
            for member in (item.values() if isinstance(item, dict) else item)
            if nul or isinstance(member, dict | list)
        ]


def _refuse_nul(level: list[Any]) -> None:
    for item in level:
        texts = item if isinstance(item, dict) else (item,)
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise bad_request("A text in the body contains the character NUL.")
