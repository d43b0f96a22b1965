"""Groups of the contract that Headrace does not have (12.9): their lists are empty, so that tools which ask for them go on."""

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.errors import bad_request, missing
from headrace.api.jobs.gateway import ByActor
from headrace.api.jobs.wire import data

router = APIRouter()

GROUPS = {"/data-clips": "Data clip", "/views": "View", "/agents": "Agent", "/apps": "App"}
"""Paths, and what is there elsewhere."""


def _offer(path: str, what: str) -> None:
    def nothing(actor: ByActor) -> Response:
        """List nothing."""
        del actor
        return data([])

    def not_there(thing_id: str, actor: ByActor) -> Response:
        """Say that there is none."""
        del thing_id, actor
        raise missing(what, "id")

    def not_made(actor: ByActor) -> Response:
        """Say that none can be made."""
        del actor
        raise bad_request(f"{what}s are not supported.")

    router.add_api_route(path, nothing, methods=["GET"])
    router.add_api_route(path, not_made, methods=["POST"])
    router.add_api_route(path + "/{thing_id}", not_there, methods=["GET"])


for _path, _what in GROUPS.items():
    _offer(_path, _what)
