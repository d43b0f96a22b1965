"""Whether the process answers, and whether the installation can take work. Open to all, so neither tells more than that."""

import threading
import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.native.door import NativeDoor
from headrace.api.native.gateway import door_of
from headrace.api.native.paths import HEALTH, READY
from headrace.core.errors import Code, Problem
from headrace.store import schema_version, workers

router = APIRouter()
_KEPT_SECONDS = 1.0
"""For so long an answer is given again: anybody may ask, and each look reads the ledger."""


class Readiness:
    """What was found last, and when."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: tuple[float, tuple[str, ...]] | None = None

    def problems(self, door: NativeDoor) -> tuple[str, ...]:
        """Return what keeps the installation from taking work, a sentence each; empty: nothing."""
        with self._lock:
            now = time.monotonic()
            if self._found is None or now - self._found[0] >= _KEPT_SECONDS:
                self._found = (now, _looked(door))
            return self._found[1]


@router.api_route(HEALTH, methods=["GET", "HEAD"])
async def health() -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


@router.api_route(READY, methods=["GET", "HEAD"])
def ready(request: Request) -> Response:
    """Say whether the ledger can be reached and is at this version, and whether a worker is alive where one is expected; 503 says what is not."""
    readiness: Readiness = request.app.state.readiness
    problems = readiness.problems(door_of(request))
    return JSONResponse(
        {"status": "not ready" if problems else "ready", "problems": list(problems)}, 503 if problems else 200
    )


def _looked(door: NativeDoor) -> tuple[str, ...]:
    try:
        with door.desk.database.reading() as tx:
            if schema_version.is_behind(tx):
                return ("the ledger is not at this version: run `headrace db upgrade`",)
            is_alive = not door.workers_expected or bool(workers.living(tx))
    except Problem as problem:
        if problem.code is not Code.UNAVAILABLE:
            raise
        return ("the ledger cannot be reached",)
    return () if is_alive else ("no worker is alive",)
