"""The account (contract 12.1)."""

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.gateway import AtDoor
from headrace.api.jobs.wire import data, date

router = APIRouter()

NAME = "Headrace"


@router.get("/accounts/current")
def current_account(door: AtDoor) -> Response:
    """Show the account of the caller."""
    made = date(door.account.created_at)
    return data({"id": door.account.id, "name": NAME, "metadata": {}, "createdAt": made, "updatedAt": made})
