"""The stream of events, with a client that speaks as little of PubNub's protocol as the stock driver's does."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from api.jobs.conftest import SEALER, Client, MakeDoor, client_of, errors_of
from fakes import ManualClock
from headrace.core.client import Role
from headrace.core.clock import MINUTE, SECOND
from headrace.core.job_limits import JobLimits
from headrace.core.workspace import KeyKind
from headrace.service.clients import ClientRequest, create_client, revoke_client
from headrace.service.happenings import subscriptions
from headrace.service.happenings.desk import make_desk
from headrace.service.happenings.listening import Listening
from headrace.service.happenings.open_requests import OpenRequests
from headrace.service.workspace.keys import create_key, revoke_key
from headrace.store.happenings import ORIGIN
from telling import OTHER_SPACE, SPACE, hand_out_later, told

FORBIDDEN = {"status": 403, "error": True, "message": "Forbidden", "service": "Access Manager"}
KEY = "sub-c-headrace"


@pytest.fixture
def streaming(runner: asyncio.Runner, make_jobs_door: MakeDoor, clock: ManualClock) -> Client:
    """Return a client of a door whose long polls are short."""
    door = make_jobs_door()
    limits = JobLimits(subscribe_wait_seconds=0.05)
    desk = make_desk(door.database, clock, door.ids, limits, SEALER, OpenRequests(clock))
    return client_of(runner, replace(door, limits=limits, listening=Listening(desk)), clock)


def channel_of(client: Client) -> str:
    """Return the channel of the client's environment."""
    return f"environment.{client.actor.environment_id}"


def token_of(client: Client, scope: str | None = None) -> str:
    """Return a token for the client's environment, or a scope."""
    answer = client.get(f"/subscription?scope={scope or client.actor.environment_id}")
    assert {**answer, "token": ""} == {
        "accountId": client.actor.account_id,
        "subscribeKey": KEY,
        "ttl": 60,
        "token": "",
    }
    return str(answer["token"])


def space_token_of(client: Client, space_id: str) -> str:
    """Return a token for one space, as its members get it."""
    actor = replace(client.actor, space_id=space_id)
    return subscriptions.issue(client.door.happenings, actor, None)


def stream(client: Client, token: str, channels: str | None = None, tt: str | None = None) -> Any:
    """Return what a request for the stream is answered with, as the driver sends it."""
    path = f"/v2/subscribe/{KEY}/{channels or channel_of(client)}/0"
    time = "" if tt is None else f"&tt={tt}&tr=1"
    answer = client.raw("GET", f"{path}?heartbeat=300&uuid=us_acc_x&pnsdk=PubNub-JS&auth={token}{time}")
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()


def happen(client: Client, *topics: str, **given: Any) -> list[str]:
    """Let things happen, and return their ids when they have been handed out."""
    ids = told(client.door.happenings, *topics, actor=client.actor, **given)
    hand_out_later(client.door.happenings, client.clock)
    return ids


def ids_of(reply: Any) -> list[str]:
    """Return the ids of the events in a reply."""
    return [message["d"]["id"] for message in reply["m"]]


def test_a_driver_starts_at_once_and_hears_what_comes(streaming: Client) -> None:
    """The first answer says where the stream stands; the next ones have what came since, and where to go on."""
    happen(streaming, "space:created")
    token = token_of(streaming)
    begin = stream(streaming, token)
    assert begin == {"t": {"t": str(ORIGIN + 1), "r": 1}, "m": []}
    assert stream(streaming, token, tt="0") == begin, "so ask clients with another engine"
    ids = happen(streaming, "space:updated", "job:ready", space_id=SPACE)
    reply = stream(streaming, token, tt=begin["t"]["t"])
    assert reply["t"] == {"t": str(ORIGIN + 3), "r": 1}
    assert reply["m"][0] == {
        "a": "1",
        "f": 0,
        "p": {"t": str(ORIGIN + 2), "r": 1},
        "k": KEY,
        "c": channel_of(streaming),
        "d": streaming.get(f"/events/{ids[0]}"),
    }
    assert ids_of(reply) == ids
    assert stream(streaming, token, tt=reply["t"]["t"]) == {"t": reply["t"], "m": []}, "nothing came in time"


def test_time_tokens_have_17_digits(streaming: Client) -> None:
    """Clients fill up shorter ones in their own way, and begin anew at 0."""
    assert len(stream(streaming, token_of(streaming))["t"]["t"]) == 17
    (time,) = streaming.raw("GET", "/time/0").json()
    assert len(str(time)) == 17


def test_an_old_time_token_brings_what_was_missed(streaming: Client) -> None:
    """At most a hundred at a time, in order, none twice."""
    ids = happen(streaming, *["space:updated"] * 130)
    token = token_of(streaming)
    first = stream(streaming, token, tt=str(ORIGIN))
    second = stream(streaming, token, tt=first["t"]["t"])
    assert (len(first["m"]), len(second["m"])) == (100, 30)
    assert ids_of(first) + ids_of(second) == ids
    assert ids_of(stream(streaming, token, tt="1"))[:1] == ids[:1]


def test_a_space_hears_of_itself_only(streaming: Client) -> None:
    """Its token opens its own channel; the environment's token opens all."""
    mine, theirs = (happen(streaming, "space:updated", space_id=space) for space in (SPACE, OTHER_SPACE))
    token, own = token_of(streaming), space_token_of(streaming, SPACE)
    tt = str(ORIGIN)
    assert ids_of(stream(streaming, own, f"space.{SPACE}", tt)) == mine
    assert stream(streaming, own, f"space.{OTHER_SPACE}", tt) == FORBIDDEN
    assert stream(streaming, own, tt=tt) == FORBIDDEN
    assert ids_of(stream(streaming, token, f"space.{OTHER_SPACE}", tt)) == theirs
    both = stream(streaming, token, f"{channel_of(streaming)},space.{SPACE},space.{SPACE}-pnpres", tt)
    assert [(message["d"]["id"], message["c"]) for message in both["m"]] == [
        (mine[0], channel_of(streaming)),
        (mine[0], f"space.{SPACE}"),
        (theirs[0], channel_of(streaming)),
    ]
    encoded = stream(streaming, token, f"space.{SPACE}%2Cspace.{OTHER_SPACE}", tt)
    assert ids_of(encoded) == mine + theirs


def test_a_bad_token_is_refused_in_the_streams_words(streaming: Client, clock: ManualClock) -> None:
    """The driver then asks for a new one."""
    token = token_of(streaming)
    for bad in ("", "x", token[:-3] + "abc", "x" * 5000):
        assert stream(streaming, bad) == FORBIDDEN
    assert stream(streaming, token, "environment.us_env_Other000") == FORBIDDEN
    assert stream(streaming, token, "other.channel") == FORBIDDEN
    clock.advance(60 * MINUTE)
    assert stream(streaming, token) == FORBIDDEN
    answer = streaming.raw("GET", f"/v2/subscribe/{KEY}/{channel_of(streaming)}/0?auth={token}")
    assert answer.status_code == 403


def test_the_rest_of_the_protocol_is_answered(streaming: Client) -> None:
    """Presence says nothing, and a time token that is none is refused."""
    for path in ("heartbeat", "leave"):
        answer = streaming.raw("GET", f"/v2/presence/sub-key/{KEY}/channel/{channel_of(streaming)}/{path}?uuid=x")
        assert answer.json() == {"status": 200, "message": "OK", "service": "Presence"}
    token = token_of(streaming)
    assert stream(streaming, token, tt="abc")["status"] == 400
    assert stream(streaming, token, tt="9" * 30) == stream(streaming, token), "what is beyond the newest counts as it"


def test_tokens_are_for_what_their_holder_reaches(streaming: Client) -> None:
    """Both ways of asking for one; what is not there is not found."""
    assert streaming.get("/subscription")["token"]
    environment = streaming.actor.environment_id
    for query in ("", f"?environmentId={environment}"):
        assert streaming.get(f"/environments/subscription-token{query}")["ttl"] == 60
    for path in ("/subscription?scope=us_sp_None0000", "/subscription?spaceId=us_sp_None0000", "/subscription?scope=x"):
        assert errors_of(streaming("GET", path)) == (404, [("scope", "Environment or space not found")])
    assert streaming("GET", "/environments/subscription-token?environmentId=us_env_Other000").status_code == 404


def test_who_waits_hears_at_once(client: Client) -> None:
    """A poll of 25 seconds is answered when something is handed out; when the server stops, empty."""
    desk, actor, token = client.door.happenings, client.actor, token_of(client)
    begin = stream(client, token)["t"]["t"]

    def poll(tt: str) -> "asyncio.Task[Any]":
        path = f"/v2/subscribe/{KEY}/{channel_of(client)}/0?auth={token}&tt={tt}"
        return asyncio.create_task(client._asked("GET", path, None, {}))

    async def listen() -> tuple[Any, Any]:
        first = poll(begin)
        await asyncio.to_thread(told, desk, "job:ready", actor=actor)
        await asyncio.to_thread(hand_out_later, desk, client.clock, SECOND)
        reply = (await first).json()
        second = poll(reply["t"]["t"])
        await asyncio.sleep(0)
        desk.dispatcher.stop()
        return reply, (await second).json()

    reply, last = client.runner.run(listen())
    assert [message["d"]["topic"] for message in reply["m"]] == ["job:ready"]
    assert last == {"t": reply["t"], "m": []}


def test_a_revoked_key_hears_no_more(streaming: Client) -> None:
    """Its token for the stream ends with it, though it would be good for an hour; so does that of a client."""
    door, path = streaming.door, f"/subscription?scope={streaming.actor.environment_id}"
    key = create_key(door.keys, streaming.actor.scope, KeyKind.SECRET, "us_usr_test0001")
    made = create_client(door.database, ClientRequest(name="c", role=Role.READER), door.clock, door.ids)
    access = streaming("POST", "/auth", {"clientId": made.client.id, "secret": made.secret}).json()["accessToken"]
    tokens = [str(streaming.holding(shown).get(path)["token"]) for shown in (key.token, access)]
    assert all(stream(streaming, token)["m"] == [] for token in tokens)
    revoke_key(door.keys, (streaming.actor.scope,), key.key.id, "us_usr_test0001")
    revoke_client(door.database, made.client.id, "test", door.clock)
    assert [stream(streaming, token) for token in tokens] == [FORBIDDEN, FORBIDDEN]
