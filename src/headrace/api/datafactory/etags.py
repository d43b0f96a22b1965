"""Etags (contract 1): made from what changed and when, so that nothing has to be stored beside it."""

import hashlib

from starlette.requests import Request

from headrace.api.datafactory.errors import stale
from headrace.core.clock import SECOND
from headrace.service.documents import Document

_ANY = "*"


def etag_of(document: Document) -> str:
    """Return the etag of a document: ``8 hex-4 hex-0100-0000-8 hex of the Unix time, 0000``, lower case, without quotes.

    A new revision has another one, and so has a document that was removed and made again.
    """
    facts = (document.scope, document.kind, document.id, str(document.revision), str(document.updated_at))
    digest = hashlib.sha256("\x1f".join(facts).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-0100-0000-{(document.updated_at // SECOND) & 0xFFFFFFFF:08x}0000"


def check_match(request: Request, current: Document | None, target: str) -> None:
    """Compare what a request that changes something says of the current version with it.

    Raises:
        Refusal: 412: ``If-Match`` is another etag, or nothing is there; ``If-None-Match`` is its etag, or ``*`` and something is there.
    """
    wanted = _given(request, "if-match")
    unwanted = _given(request, "if-none-match")
    etags = set() if current is None else {_ANY, etag_of(current)}
    if (wanted and not wanted & etags) or unwanted & etags:
        raise stale(target)


def is_known(request: Request, current: Document) -> bool:
    """Say whether the caller has this version already (``If-None-Match`` of a GET)."""
    return bool(_given(request, "if-none-match") & {_ANY, etag_of(current)})


def _given(request: Request, header: str) -> frozenset[str]:
    parts = request.headers.get(header, "").split(",")
    return frozenset(filter(None, (part.strip().removeprefix("W/").strip('"').lower() for part in parts)))
