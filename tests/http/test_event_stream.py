"""Streams of events: what is told, when they end, and how many there may be."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from starlette.responses import Response, StreamingResponse
from starlette.types import Message

from headrace.core.errors import Code, Problem
from headrace.http.event_stream import Streams

QUICK = 0.001


async def told(response: Response, most: int = 1000) -> list[str]:
    """Return what a stream says until it ends, or until ``most`` pieces have come."""
    found: list[str] = []
    async for piece in cast("StreamingResponse", response).body_iterator:
        found.append(str(piece))
        if len(found) == most:
            break
    return found


def looks(*texts: str | None) -> Callable[[], str | None]:
    """Return a look that finds these texts, one after the other."""
    left = iter(texts)
    return lambda: next(left)


def test_changes_are_told_and_nothing_twice() -> None:
    """The first text, each other one, and the end; an id lets browsers go on where they were."""
    said = asyncio.run(told(Streams(1).open(looks("a", "a", "b", None), QUICK)))
    assert said == [
        "retry: 2000\n\n",
        "event: changed\nid: a\ndata: a\n\n",
        "event: changed\nid: b\ndata: b\n\n",
        "event: ended\ndata: \n\n",
    ]


def test_what_is_known_already_is_not_told() -> None:
    """A page has what it was made of."""
    said = asyncio.run(told(Streams(1).open(looks("a", "b", None), QUICK, since="a")))
    assert said[1:] == ["event: changed\nid: b\ndata: b\n\n", "event: ended\ndata: \n\n"]


def test_a_text_of_several_lines_stays_one_event() -> None:
    """Whatever is in it, nobody can write an event of their own into the stream."""
    said = asyncio.run(told(Streams(1).open(looks("a\n\nevent: forged\rx", None), QUICK)))
    assert said[1] == "event: changed\ndata: a\ndata: \ndata: event: forged\ndata: x\n\n"


def test_a_refusal_ends_the_stream_and_an_outage_is_only_waited_for() -> None:
    """Who has lost the right to look need not come again; who meets an outage hears of what comes after it."""

    def refused() -> str:
        raise Problem(Code.UNAUTHENTICATED, "revoked")

    answers = iter(("away", "a", "away", "a", "b", "away"))

    def out() -> str | None:
        match next(answers, None):
            case "away":
                raise Problem(Code.UNAVAILABLE, "the ledger is gone")
            case seen:
                return seen

    assert asyncio.run(told(Streams(1).open(refused, QUICK)))[1:] == ["event: ended\ndata: \n\n"]
    events = [said.split("\n")[0] for said in asyncio.run(told(Streams(1).open(out, QUICK)))[1:]]
    assert events == ["event: changed", "event: changed", "event: ended"]


def test_silence_is_filled_with_comments() -> None:
    """So that no proxy takes the connection for dead."""
    said = asyncio.run(told(Streams(1, quiet_seconds=0).open(lambda: "a", QUICK), 4))
    assert said[2:] == [": still here\n\n"] * 2


def test_a_process_that_stops_ends_its_streams_at_once() -> None:
    """However long they would pause; and takes no more."""
    streams, looked = Streams(2), threading.Event()

    def look() -> str:
        looked.set()
        return "a"

    async def follow() -> list[str]:
        following = asyncio.ensure_future(told(streams.open(look, 3600)))
        assert await asyncio.to_thread(looked.wait, 10)
        streams.stop()
        return await asyncio.wait_for(following, 10)

    assert len(asyncio.run(follow())) == 2
    with pytest.raises(Problem) as refused:
        streams.open(look)
    assert refused.value.code is Code.UNAVAILABLE


def test_there_are_only_so_many_and_places_become_free() -> None:
    """When a listener goes away in the middle, too."""
    streams = Streams(1)
    response = streams.open(lambda: "a", 3600)
    with pytest.raises(Problem) as refused:
        streams.open(lambda: "a")
    assert "1 event streams" in refused.value.message

    async def listen() -> None:
        messages: Iterator[Message] = iter([{"type": "http.disconnect"}])

        async def receive() -> Message:
            return next(messages)

        async def send(message: Message) -> None:
            assert message["type"].startswith("http.response")

        scope = {"type": "http", "asgi": {"spec_version": "2.0"}, "method": "GET", "headers": []}
        await asyncio.wait_for(response(scope, receive, send), 10)

    asyncio.run(listen())
    assert streams.count == 0
    assert streams.open(lambda: "a").headers["x-accel-buffering"] == "no"


def test_nobody_takes_the_places_of_all_others() -> None:
    """Half of them are the most that one caller has."""
    streams = Streams(4)
    for _ in range(2):
        streams.open(lambda: "a", whose="greedy")
    with pytest.raises(Problem) as refused:
        streams.open(lambda: "a", whose="greedy")
    assert "greedy has 2 event streams open" in refused.value.message
    streams.open(lambda: "a", whose="modest")
