"""The envelopes of answers (2.1)."""

from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.queries import ListRequest, envelope, match, page
from headrace.api.flowservice.wire import Item

BASE = "/data/foundation/flowservice"
"""Where Flow Service is served."""


def one(item: Item) -> Response:
    """Return one entity with its etag."""
    headers = {"etag": str(item["etag"])} if "etag" in item else {}
    return JSONResponse({"items": [item]}, headers=headers)


def created(collection: str, subject: str, etag: str) -> Response:
    """Return 201 for a new entity."""
    headers = {"location": f"{BASE}/{collection}/{subject}", "etag": etag}
    return JSONResponse({"id": subject, "etag": etag}, status_code=201, headers=headers)


def changed(subject: str, etag: str) -> Response:
    """Return 200 for an update or an action."""
    return JSONResponse({"id": subject, "etag": etag}, headers={"etag": etag})


def gone() -> Response:
    """Return 204 for a deletion."""
    return Response(status_code=204)


def listed(collection: str, items: Sequence[Item], request: ListRequest) -> Response:
    """Return the page, or the count, that ``request`` asks for of all ``items``."""
    if request.count:
        return JSONResponse({"count": sum(1 for item in items if match(item, request.filters))})
    chosen, token = page(items, request)
    return JSONResponse(envelope(collection, chosen, token))
