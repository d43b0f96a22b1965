"""Request bodies: strict JSON, with limits on depth and without the characters that databases and files choke on."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from headrace.core.errors import Code, Problem

MAX_DEPTH = 64
"""Levels of nesting in a body."""
MAX_JSON_BYTES = 16 << 20
"""Bytes of a body that is read as JSON, whatever a door takes in files."""
MAX_VALUES = 500_000
"""Values in a body, counted by what may separate them: ``,``, ``[`` and ``{``, those in texts too."""
MAX_NUMBER_DIGITS = 400
"""Digits of a number in a body."""


_SMALL = 64 << 10
"""Bytes of a body that are read at once."""


class Missing:
    """Stands for a body that was not sent, which is not the same as ``null``."""


MISSING = Missing()

Body: TypeAlias = Missing | bool | int | float | str | list[Any] | dict[str, Any] | None
"""What a request brought: JSON, or nothing."""

Pairs: TypeAlias = Callable[[list[tuple[str, Any]]], dict[str, Any]]
"""Makes an object of the pairs that stand in it, in their order; it may refuse them."""


async def json_body(request: Request) -> Body:
    """Return the request's body as JSON, or ``MISSING``; a dependency for handlers.

    Raises:
        Problem: as ``read_json``.
    """
    return await read_json(request)


async def read_json(request: Request, pairs: Pairs | None = None) -> Body:
    """Return the request's body as JSON, or ``MISSING``. ``pairs``, where a door has its own rules for objects, makes each of its pairs.

    Raises:
        Problem: as ``parse``; ``LIMIT_EXCEEDED``: more than ``MAX_JSON_BYTES``, or as the edge says while it is read.
    """
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_JSON_BYTES:
            raise Problem(Code.LIMIT_EXCEEDED, f"the body has more than {MAX_JSON_BYTES} bytes, the limit for JSON")
    if not raw.strip():
        return MISSING
    # A large one takes a while; the loop has others to answer meanwhile.
    return parse(bytes(raw), pairs) if len(raw) <= _SMALL else await run_in_threadpool(parse, bytes(raw), pairs)


def parse(raw: bytes, pairs: Pairs | None = None) -> Body:
    """Return ``raw`` as JSON; ``pairs`` as for ``read_json``.

    Raises:
        Problem: ``MALFORMED``: no UTF-8, no JSON, NaN or infinite numbers, NUL or half characters (lone surrogates) in a text;
            ``LIMIT_EXCEEDED``: nested too deeply, or too many values.
    """
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise Problem(Code.LIMIT_EXCEEDED, f"the body has more than {MAX_VALUES} values")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(Code.MALFORMED, f"the body is not UTF-8 at byte {error.start}") from error
    try:
        value: Body = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_float, parse_int=_int, object_pairs_hook=pairs
        )
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        raise Problem(
            Code.MALFORMED, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    _check(value)
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise Problem(Code.MALFORMED, f"the body is not JSON: {text} is no JSON number")


def _int(text: str) -> int:
    if len(text) > MAX_NUMBER_DIGITS:
        raise Problem(Code.LIMIT_EXCEEDED, f"a number in the body has more than {MAX_NUMBER_DIGITS} digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise Problem(Code.MALFORMED, f"the number {text[:40]} in the body is too large")
    return value


def _too_deep() -> Problem:
    return Problem(Code.LIMIT_EXCEEDED, f"the body is nested more than {MAX_DEPTH} levels deep")


def _check(value: Body) -> None:
    pending: list[tuple[Any, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            _check_text(item)
            continue
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(item, Mapping):
            for key in item:
                _check_text(key)
            pending.extend((member, depth + 1) for member in item.values())
        elif isinstance(item, list):
            pending.extend((member, depth + 1) for member in item)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise Problem(Code.MALFORMED, "a text in the body contains the character NUL")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Problem(Code.MALFORMED, "a text in the body contains half a character (a lone surrogate)")
