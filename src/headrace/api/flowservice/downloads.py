"""Files as answers of the door: the transport's downloads, refused in the dialect's words."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from headrace.api.flowservice.errors import Fault, Refusal, render
from headrace.http.downloads import send_file

_UNSATISFIABLE = 416


def send(request: Request, path: Path, gone: Refusal) -> Response:
    """Return the file at ``path``, or the part of it that ``Range`` names; one that ends before it begins is 416.

    Raises:
        Refusal: ``gone``: the file was removed meanwhile.
    """
    try:
        answer = send_file(request, path, media_type="application/octet-stream")
    except FileNotFoundError as error:
        raise gone from error
    if answer.status_code != _UNSATISFIABLE:
        return answer
    what = f"the file has no bytes {request.headers.get('range', '')[:100]!r}"
    refused = render(request, Refusal(Fault.RANGE, what))
    refused.headers["content-range"] = answer.headers["content-range"]
    return refused
