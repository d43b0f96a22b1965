"""The page that Prometheus reads: for readers, as everything else that one may look at."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.native.gateway import caller_of
from headrace.api.native.metrics import metrics
from headrace.api.native.paths import METRICS

router = APIRouter()


@router.get(METRICS)
def scrape(request: Request) -> Response:
    """Answer with the figures of the installation and of this process."""
    caller = caller_of(request)
    body, content_type = metrics(caller.door.desk, caller.identity)
    return Response(body, headers={"content-type": content_type})
