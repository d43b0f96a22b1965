"""Requests that wait: nobody waits for a client that has gone, and nothing is read for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


async def while_there(request: Request, waiting: Coroutine[Any, Any, T]) -> T:
    """Return what ``waiting`` returns. The request's body has been read, or it has none.

    Raises:
        ClientDisconnect: the client has gone; ``waiting`` was cancelled.
    """
    work, gone = asyncio.ensure_future(waiting), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
