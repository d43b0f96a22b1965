"""Style sheets, scripts and signs: read once, under addresses that name their content, so that browsers keep them for good."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.errors import Code, Problem
from headrace.http.compression import takes_gzip

router = APIRouter()
_FOLDER = Path(__file__).parent / "static"
_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _Asset:
    plain: bytes
    packed: bytes
    digest: str
    media_type: str


@cache
def _assets() -> Mapping[str, _Asset]:
    found = {}
    for path in sorted(_FOLDER.rglob("*")):
        if path.suffix in _TYPES:
            plain = path.read_bytes()
            digest = hashlib.sha256(plain).hexdigest()[:12]
            packed = gzip.compress(plain, mtime=0)
            found[path.relative_to(_FOLDER).as_posix()] = _Asset(plain, packed, digest, _TYPES[path.suffix])
    return found


def address_of(name: str) -> str:
    """Return the path of a static file (``runs.css``, ``vendor/…``); ``KeyError`` where there is none: a template is wrong."""
    return f"/static/{_assets()[name].digest}/{name}"


@router.get("/static/{digest}/{name:path}")
def asset(digest: str, name: str, request: Request) -> Response:
    """Answer with a static file. One whose digest is another's (a page of an older version asks) is not kept."""
    found = _assets().get(name)
    if found is None:
        raise Problem(Code.NOT_FOUND, f"there is no static file {name!r}")
    headers = {"vary": "accept-encoding", "cache-control": _FOR_GOOD if digest == found.digest else "no-cache"}
    if takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(found.packed, headers={**headers, "content-encoding": "gzip"}, media_type=found.media_type)
    return Response(found.plain, headers=headers, media_type=found.media_type)


@router.get("/favicon.ico")
def favicon() -> Response:
    """Answer with the sign of the console."""
    found = _assets()["sign.svg"]
    return Response(found.plain, headers={"cache-control": "public, max-age=86400"}, media_type=found.media_type)
