"""The stream of events as the stock driver reads it: the part of PubNub's HTTP protocol that it uses (contract 9.3).

The client sees a time token as a text of 17 digits; it is the number of an event. It stops listening for good when it gets an answer that it does not
expect (400, 5xx), and asks for a new token on 403; so what may pass by itself is waited for here.
"""

import asyncio
from urllib.parse import unquote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.gateway import AtDoor
from headrace.api.jobs.long_polls import while_there
from headrace.api.jobs.subscription import SUBSCRIBE_KEY
from headrace.api.jobs.translate.events import event_of
from headrace.api.jobs.wire import Item, answer
from headrace.core.errors import Code, Problem
from headrace.core.happening import Happening
from headrace.service.happenings import reading, subscriptions
from headrace.service.happenings.reading import Delivery
from headrace.service.happenings.subscriptions import Subscription
from headrace.store.happenings import BEYOND

open_router = APIRouter()

MESSAGES = 100
"""Messages that one answer has at most."""

_REGION = 1
_DIGITS = 18
_AGAIN_SECONDS = 1.0
"""How long one who listens waits when the ledger is away, before it is asked again."""
_ENVIRONMENT = "environment."
_SPACE = "space."
_OF_PRESENCE = "-pnpres"
_TENTHS = 10
"""Time tokens count tenths of a microsecond."""
_FORBIDDEN: Item = {"status": 403, "error": True, "message": "Forbidden", "service": "Access Manager"}
_BAD_TOKEN: Item = {"status": 400, "error": True, "message": "Invalid timetoken", "service": "Pub/Sub"}


@open_router.get("/v2/subscribe/{subscribe_key}/{channels}/0")
async def subscribe(request: Request, door: AtDoor, subscribe_key: str, channels: str) -> Response:
    """Return what has come behind a time token, or where the stream stands."""
    given = request.query_params
    number = _number_of(given.get("tt", ""))
    if number is None:
        return answer(_BAD_TOKEN, 400)
    asked = [unquote(channel) for channel in channels.split(",") if not channel.endswith(_OF_PRESENCE)]
    try:
        subscription = await asyncio.to_thread(subscriptions.read, door.happenings, given.get("auth", ""))
    except Problem as problem:
        if problem.code is Code.UNAVAILABLE:
            raise
        return answer(_FORBIDDEN, 403)
    if not all(_may_hear(subscription, channel) for channel in asked):
        return answer(_FORBIDDEN, 403)
    if not number:
        begin = await asyncio.to_thread(reading.newest, door.happenings, subscription.scope)
        return answer(_reply(begin, []))
    delivery = await _next(request, door, subscription, asked, number)
    messages = [
        _message(happening, channel, subscribe_key)
        for happening in delivery.happenings
        for channel in asked
        if _belongs(happening, channel)
    ]
    return answer(_reply(delivery.number, messages))


@open_router.get("/v2/presence/{rest:path}")
def presence(rest: str) -> Response:
    """Take note of who is there, of which nothing is made."""
    del rest
    return answer({"status": 200, "message": "OK", "service": "Presence"})


@open_router.get("/time/0")
def time(door: AtDoor) -> Response:
    """Return the time; the driver asks for it until the server is back."""
    return answer([door.clock.now() * _TENTHS])


async def _next(
    request: Request, door: AtDoor, subscription: Subscription, channels: list[str], number: int
) -> Delivery:  # fmt: skip
    everything = subscription.space_id is None and any(channel.startswith(_ENVIRONMENT) for channel in channels)
    spaces = frozenset(channel.removeprefix(_SPACE) for channel in channels if channel.startswith(_SPACE))
    # An event is in the channel of its environment and in that of its space.
    limit = MESSAGES // 2 if everything and spaces else MESSAGES
    waiting = door.listening.after(
        subscription.scope, number, None if everything else spaces, limit, door.limits.subscribe_wait_seconds
    )
    try:
        return await while_there(request, waiting)
    except Problem as problem:
        if problem.code is not Code.UNAVAILABLE:
            raise
        await asyncio.sleep(_AGAIN_SECONDS)
        return Delivery((), number)


def _may_hear(subscription: Subscription, channel: str) -> bool:
    if subscription.space_id is not None:
        return channel == _SPACE + subscription.space_id
    return channel == _ENVIRONMENT + subscription.environment_id or channel.startswith(_SPACE)


def _belongs(happening: Happening, channel: str) -> bool:
    return channel.startswith(_ENVIRONMENT) or channel == f"{_SPACE}{happening.space_id}"


def _number_of(text: str) -> int | None:
    """Return the number of a time token; 0: it is the first request. What is larger than any number counts as the newest."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        return None
    return int(text) if len(text) <= _DIGITS else BEYOND


def _token(number: int) -> Item:
    return {"t": str(number), "r": _REGION}


def _reply(number: int, messages: list[Item]) -> Item:
    return {"t": _token(number), "m": messages}


def _message(happening: Happening, channel: str, subscribe_key: str) -> Item:
    return {
        "a": "1",
        "f": 0,
        "p": _token(happening.number or 0),
        "k": subscribe_key or SUBSCRIBE_KEY,
        "c": channel,
        "d": event_of(happening),
    }
