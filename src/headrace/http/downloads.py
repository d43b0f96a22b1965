"""Answers that carry a file: streamed, never opened by a browser, in parts when a part is asked for."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
"""No file has bytes of more digits; a range with more of them is none that is understood."""


def stream(chunks: Iterator[bytes], *, media_type: str, name: str) -> Response:
    """Return ``chunks`` as a download called ``name``."""
    return StreamingResponse(chunks, media_type=media_type, headers=_headers(name))


def send_file(request: Request, path: Path, *, media_type: str, name: str | None = None) -> Response:
    """Return the file at ``path``, or the part that the ``Range`` header asks for (206), or 416 when there is no such part.

    ``name``: what it is called where it arrives (None: as on disk).
    The caller has checked that ``path`` may be read. ``HEAD`` gets the headers alone.
    """
    size = path.stat().st_size
    headers = {**_headers(path.name if name is None else name), "accept-ranges": "bytes"}
    part = _range(request.headers.get("range"), size)
    if part is None:
        start, end, status = 0, size, 200
    elif part[0] >= size:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
    else:
        (start, end), status = part, 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    headers["content-length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    return StreamingResponse(_chunks(path, start, end), status_code=status, headers=headers, media_type=media_type)


def _headers(name: str) -> dict[str, str]:
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the half-open part that ``header`` names; None: the whole (no header, or one that is not understood)."""
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start = int(match[1])
    end = int(match[2]) + 1 if match[2] else max(size, start + 1)
    return (start, min(end, size)) if end > start else None


def _chunks(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
