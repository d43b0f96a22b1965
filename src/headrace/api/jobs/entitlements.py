"""Entitlements (contract 12.9): clients ask which paid features there are; there are none to pay for."""

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.gateway import ByActor
from headrace.api.jobs.wire import data

router = APIRouter()


@router.get("/entitlements")
def list_entitlements(actor: ByActor) -> Response:
    """List no entitlements."""
    del actor
    return data([])
