"""Answers that are sent smaller, where the client takes it: long lists and pages are mostly repetition."""

import gzip
import re

from starlette.requests import Request
from starlette.responses import Response

LEAST_BYTES = 4096
"""A shorter answer is sent as it is."""
_LEVEL = 1
"""Most of what there is to gain, at a tenth of the time."""
_TAKEN = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?P<weight>[0-9.]+)\s*)?(?=,|$)", re.IGNORECASE)


def squeeze(request: Request, response: Response) -> Response:
    """Return ``response``, whose body is there as a whole, as gzip if that is worth it. It takes a moment: call it in a thread."""
    if len(response.body) < LEAST_BYTES or "content-encoding" in response.headers:
        return response
    response.headers.add_vary_header("Accept-Encoding")
    if not takes_gzip(request.headers.get("accept-encoding", "")):
        return response
    response.body = gzip.compress(bytes(response.body), _LEVEL, mtime=0)
    response.headers["content-encoding"] = "gzip"
    response.headers["content-length"] = str(len(response.body))
    return response


def takes_gzip(header: str) -> bool:
    """Say whether a header ``Accept-Encoding`` allows gzip."""
    found = _TAKEN.search(header)
    return found is not None and not re.fullmatch(r"0(?:\.0*)?", found["weight"] or "1")
