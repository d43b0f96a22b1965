"""Workers: alive or not, and what they do."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.native.operation import Nothing
from headrace.core.native.table import LIST_WORKERS
from headrace.web.console import AtConsole

router = APIRouter()


@router.get("/workers")
def workers(request: Request, console: AtConsole) -> Response:
    """Show workers, the living ones first."""
    told = console.ask(request, LIST_WORKERS, Nothing())
    if request.headers.get("hx-request"):
        return console.part(request, "workers.html", "live", {"told": told})
    return console.page(request, "workers.html", {"told": told})
