"""Etags (2.4): made from what changed and when, so that nothing has to be stored beside it."""

import hashlib
import re

from starlette.requests import Request

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.core.clock import SECOND, Instant

_BARE = re.compile(r'(?:W/)?"*([^"]*)"*')


def etag_of(subject: str, revision: int, updated_at: Instant) -> str:
    """Return the etag, with its quotes, of a thing's ``revision``: 8 hex, ``-0000-0200-0000-``, 8 hex of the update time in s, ``0000``.

    A new revision has another first part, also within the same second.
    """
    first = hashlib.sha256(f"{subject}\x1f{revision}".encode()).hexdigest()[:8]
    return f'"{first}-0000-0200-0000-{(updated_at // SECOND) & 0xFFFFFFFF:08x}0000"'


def given_etag(request: Request) -> str | None:
    """Return the ``If-Match`` of a request: the header, else the query parameter of that name."""
    for value in (
        request.headers.get("if-match"),
        request.query_params.get("if-match"),
        request.query_params.get("If-Match"),
    ):
        if value is not None and value.strip():
            return value.strip()
    return None


def check_etag(request: Request, current: str, *, required: bool) -> None:
    """Compare the request's ``If-Match`` with ``current``; missing or doubled quotes, ``W/`` and ``*`` are borne.

    Raises:
        Refusal: A 1403-400: it is required and missing; A 1404-412: it is another.
    """
    given = given_etag(request)
    if given is None:
        if required:
            raise Refusal(Fault.NO_IF_MATCH, "the header If-Match is missing; send the etag of the newest version")
        return
    if given != "*" and _bare(given) != _bare(current):
        raise Refusal(Fault.STALE_ETAG, f"If-Match {given} is not the newest version, which is {current}")


def _bare(etag: str) -> str:
    match = _BARE.fullmatch(etag.strip())
    return match[1] if match else etag
