"""Callbacks of WebHook activities (8.1): the callee says how it ended, at the address that it was given."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of
from headrace.api.datafactory.door import DataFactoryDoor
from headrace.api.datafactory.wire import empty
from headrace.service.callbacks import PATH, hear, read_callback

router = APIRouter(prefix=PATH)
"""Nobody who calls back has a token; the address is the credential."""


@router.post("/{token}")
def call_back(token: str, request: Request, body: DocumentBody) -> Response:
    """Hand the body to the activity that waits for it; said again, it changes nothing."""
    door: DataFactoryDoor = request.app.state.door
    hear(door.database, read_callback(token, door.sealer), object_of(body, optional=True), door.clock)
    return empty()
