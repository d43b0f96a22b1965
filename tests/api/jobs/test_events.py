"""Events over REST."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from flatfile.core.pydantic_utilities import parse_obj_as
from flatfile.events.types import ListAllEventsResponse

from api.jobs.conftest import Client, errors_of
from headrace.api.jobs.translate.events import TOPICS
from headrace.api.jobs.wire import date
from headrace.core.clock import SECOND
from headrace.core.job import Actor, scope_of
from headrace.service.jobs import making
from headrace.service.jobs.making import JobRequest
from headrace.store import jobs
from telling import OTHER_SPACE, SPACE, hand_out_later, told

DRAFT: dict[str, Any] = {
    "topic": "workbook:updated",
    "domain": "workbook",
    "payload": {"n": 100},
    "context": {"workbookId": "us_wb_1"},
}


def happen(client: Client, *topics: str, **given: Any) -> list[str]:
    """Let things happen in the client's environment, and return their ids when they have been handed out."""
    ids = told(client.door.happenings, *topics, actor=client.actor, **given)
    hand_out_later(client.door.happenings, client.clock)
    return ids


def listed(client: Client, **query: Any) -> list[str]:
    """Return the ids that a list has."""
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return [event["id"] for event in client.get(f"/events?{asked}")]


def test_events_are_listed_oldest_first(client: Client) -> None:
    """Ten a page unless the caller says otherwise; a page beyond the end is empty."""
    ids = happen(client, *["space:updated"] * 12)
    assert listed(client) == ids[:10]
    assert listed(client, pageNumber=2) == ids[10:]
    assert listed(client, pageSize=5, pageNumber=2) == ids[5:10]
    assert listed(client, pageNumber=3) == []


def test_an_event_comes_no_earlier_than_its_answer(client: Client) -> None:
    """A poll that is quicker than the answer to the call sees nothing yet."""
    told(client.door.happenings, "space:created", actor=client.actor)
    assert listed(client) == []
    client.clock.advance(SECOND)
    assert len(listed(client)) == 1, "the first who asks need not wait for the next look"


def test_lists_are_narrowed(client: Client) -> None:
    """By topic, domain, space and time, each inclusive; an environment that is not the caller's has nothing."""
    first = happen(client, "space:created", "job:created", space_id=SPACE)
    since = date(client.clock.now())
    client.clock.advance(SECOND)
    second = happen(client, "job:created", "job:ready", space_id=OTHER_SPACE)
    assert listed(client, topic="job:created") == [first[1], second[0]]
    assert listed(client, domain="job") == [first[1], *second]
    assert listed(client, spaceId=SPACE) == first
    assert listed(client, since=since) == second
    assert listed(client, since="2999-01-01T00:00:00Z") == []
    assert listed(client, environmentId=client.actor.environment_id) == first + second
    assert listed(client, environmentId="us_env_Other000") == []


def test_who_asks_since_a_moment_gets_all_of_it(sqlite_client: Client) -> None:
    """Such a poller asks again soon, and means everything."""
    since = date(sqlite_client.clock.now())
    assert len(happen(sqlite_client, *["space:updated"] * 15)) == len(listed(sqlite_client, since=since))


def test_what_was_acknowledged_is_left_out(client: Client) -> None:
    """Unless it is asked for; the first who acknowledges is kept."""
    one, two = happen(client, "space:created", "space:updated")
    assert client.post(f"/events/{one}/ack") == {"success": True}
    assert client.post(f"/events/{one}/ack") == {"success": True}
    assert listed(client) == [two]
    assert listed(client, includeAcknowledged="true") == [one, two]
    event = client.get(f"/events/{one}")
    assert event["acknowledgedAt"] == date(client.clock.now())
    assert event["acknowledgedBy"].startswith("us_key_")


def test_an_unknown_event_is_not_found(client: Client) -> None:
    """In the dialect's words."""
    happen(client, "space:created")
    for method, path in (("GET", "/events/us_evt_none"), ("POST", "/events/us_evt_none/ack")):
        assert errors_of(client(method, path)) == (404, [("eventId", "Event not found")])


def test_a_caller_may_tell_of_something(client: Client) -> None:
    """What it says of itself is overruled by its token."""
    context = {**DRAFT["context"], "accountId": "us_acc_x", "actorId": "me", "extra": 1, "namespaces": ["space:a"]}
    made = client.post("/events", {**DRAFT, "context": context, "attributes": {"progress": {"current": 1}}})
    account, environment = client.actor.account_id, client.actor.environment_id
    assert made["context"] == {
        **context,
        "accountId": account,
        "environmentId": environment,
        "actorId": made["origin"]["id"],
    }
    assert made["namespaces"] == ["space:a"]
    assert made["callbackUrl"] == f"v1/events/{made['id']}/ack"
    assert client.get(f"/events/{made['id']}") == made
    assert listed(client) == []
    hand_out_later(client.door.happenings, client.clock)
    assert client.get("/events") == [made]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"topic": None}, "topic"),
        ({"topic": "space:unarchived"}, "topic"),
        ({"topic": "cron:daily"}, "topic"),
        ({"domain": "planet"}, "domain"),
        ({"payload": None}, "payload"),
        ({"payload": []}, "payload"),
        ({"payload": {"x": "x" * (1 << 20)}}, "payload"),
        ({"context": None}, "context"),
        ({"context": {"spaceId": 5}}, "context.spaceId"),
        ({"context": {"namespaces": [1]}}, "context.namespaces"),
        ({"context": {"slugs": {"sheet": 1}}}, "context.slugs.sheet"),
        ({"origin": {"id": 1}}, "origin.id"),
        ({"attributes": {"progress": {"total": "x"}}}, "attributes.progress.total"),
        ({"attributes": {"targetUpdatedAt": "x"}}, "attributes.targetUpdatedAt"),
        ({"namespaces": "space:a"}, "namespaces"),
        ({"dataUrl": 1}, "dataUrl"),
    ],
)
def test_what_clients_could_not_read_is_refused(sqlite_client: Client, change: dict[str, Any], key: str) -> None:
    """One event that a client cannot read would take whole lists from it."""
    status, errors = errors_of(sqlite_client("POST", "/events", {**DRAFT, **change}))
    assert (status, [where for where, _ in errors]) == (400, [key])


@pytest.mark.parametrize(
    "query", ["since=yesterday", "pageSize=0", "pageNumber=x", "includeAcknowledged=maybe", "wait=-1"]
)
def test_wrong_parameters_are_refused(sqlite_client: Client, query: str) -> None:
    """With their name."""
    status, errors = errors_of(sqlite_client("GET", f"/events?{query}"))
    assert (status, [where for where, _ in errors]) == (400, [query.partition("=")[0]])


def test_the_python_client_reads_every_topic(sqlite_client: Client) -> None:
    """It refuses a whole list for the sake of one event that it does not know."""
    posted = {"space:created", "job:ready", "data-clip:resolutions-refreshed"}
    told(sqlite_client.door.happenings, *(TOPICS - posted), actor=sqlite_client.actor, domain="sheet")
    for topic in posted:
        sqlite_client.post(
            "/events", {**DRAFT, "topic": topic, "attributes": {"targetUpdatedAt": "2025-01-15T09:30:00Z"}}
        )
    hand_out_later(sqlite_client.door.happenings, sqlite_client.clock)
    answer = sqlite_client("GET", "/events?pageSize=1000").json()
    read = parse_obj_as(type_=ListAllEventsResponse, object_=answer)
    assert {event.topic for event in read.data or ()} == TOPICS


def test_environments_do_not_hear_of_each_other(client: Client) -> None:
    """Neither in lists nor by id."""
    elsewhere = scope_of(client.actor.account_id, "us_env_Other000")
    (other,) = told(client.door.happenings, "space:created", actor=replace(client.actor, scope=elsewhere))
    hand_out_later(client.door.happenings, client.clock)
    assert listed(client) == []
    assert client("GET", f"/events/{other}").status_code == 404


def test_members_of_a_space_hear_of_it_alone(sqlite_client: Client) -> None:
    """Its token lists, gets, acknowledges and tells of what is in the space; the rest is not there."""
    client, environment = sqlite_client, sqlite_client.actor.environment_id
    mine, theirs = (client.post("/spaces", {"name": name, "environmentId": environment}) for name in "ab")
    hand_out_later(client.door.happenings, client.clock)
    (created,) = (event["id"] for event in client.get(f"/events?spaceId={theirs['id']}"))
    member = client.holding(mine["accessToken"])
    assert {event["context"]["spaceId"] for event in member.get("/events")} == {mine["id"]}
    assert listed(member, spaceId=theirs["id"], includeAcknowledged="true") == []
    for method, path in (("GET", f"/events/{created}"), ("POST", f"/events/{created}/ack")):
        assert member(method, path).status_code == 404
    posted = member.post("/events", {**DRAFT, "context": {}})
    assert (posted["context"]["spaceId"], posted["context"]["environmentId"]) == (mine["id"], environment)
    refused = member("POST", "/events", {**DRAFT, "context": {"spaceId": theirs["id"]}})
    assert errors_of(refused) == (404, [("context.spaceId", "Space not found")])
    assert member("GET", f"/subscription?scope={environment}").status_code == 403
    assert member("GET", f"/subscription?scope={theirs['id']}").status_code == 404
    assert member.get("/subscription")["token"]


def test_members_of_a_space_lead_listeners_nowhere_else(sqlite_client: Client) -> None:
    """A listener asks with a key of the environment: neither context nor addresses of a member's event lead it out of the space."""
    client = sqlite_client
    mine, theirs = (client.post("/spaces", {"name": name}) for name in "ab")
    book = {"name": "w", "sheets": [{"name": "s", "fields": [{"key": "a", "type": "string"}]}]}
    own, other = (client.post("/workbooks", {**book, "spaceId": space["id"]}) for space in (mine, theirs))
    sheet, far = own["sheets"][0]["id"], other["sheets"][0]["id"]
    job = client.post("/jobs", {"type": "workbook", "operation": "x", "source": other["id"]})["id"]
    member = client.holding(mine["accessToken"])
    context = {"workbookId": own["id"], "sheetId": sheet}
    told = {"topic": "sheet:updated", "domain": "sheet", "payload": {}, "context": context}
    assert member.post("/events", {**told, "dataUrl": f"v1/sheets/{sheet}/records?x=1"})["context"]["sheetId"] == sheet
    for change, key in (
        ({"context": {**context, "sheetId": far}}, "context.sheetId"),
        ({"context": {"workbookId": other["id"]}}, "context.workbookId"),
        ({"context": {"fileId": "us_fl_None0000"}}, "context.fileId"),
        ({"context": {"jobId": job}}, "context.jobId"),
        ({"dataUrl": f"v1/sheets/{far}/records?x=1"}, "dataUrl"),
        ({"dataUrl": f"v1/sheets/{sheet}/../../secrets?x=1"}, "dataUrl"),
        ({"dataUrl": "v1/secrets?x=1"}, "dataUrl"),
        ({"callbackUrl": "v1/secrets?x=1"}, "callbackUrl"),
    ):
        status, errors = errors_of(member("POST", "/events", {**told, **change}))
        assert (status in {400, 404}, errors[0][0]) == (True, key), change


def test_an_event_says_nothing_of_a_job_elsewhere(sqlite_client: Client) -> None:
    """Who names a job of another environment in an event selects nothing with it: else its queries could be read out."""
    client, door = sqlite_client, sqlite_client.door
    elsewhere = Actor("us_key_other", scope_of(client.actor.account_id, "us_env_Other000"))
    asked = JobRequest(type="space", operation="x", source="us_sp_x", subject={"query": {"q": "no-such-field eq 1"}})
    job = making.create(door.jobs, elsewhere, asked)
    space = client.post("/spaces", {"name": "a"})
    book = {"name": "w", "spaceId": space["id"], "sheets": [{"name": "s", "fields": [{"key": "a", "type": "string"}]}]}
    sheet = client.post("/workbooks", book)["sheets"][0]["id"]
    event = client.post("/events", {**DRAFT, "context": {"jobId": job.id}})["id"]
    assert client.get(f"/sheets/{sheet}/records?for={event}")["records"] == []


def test_a_list_can_wait(client: Client) -> None:
    """It is answered as soon as an event matches, and is empty when none comes."""
    desk, actor = client.door.happenings, client.actor

    async def poll() -> Any:
        path = "/v1/events?wait=20&topic=job:ready"
        waiting = asyncio.create_task(client._asked("GET", path, None, client.headers))
        await asyncio.to_thread(told, desk, "job:created", "job:ready", actor=actor)
        await asyncio.to_thread(hand_out_later, desk, client.clock)
        return (await waiting).json()

    found = client.runner.run(poll())
    assert [event["topic"] for event in found["data"]] == ["job:ready"]
    assert listed(client, topic="job:failed", wait=0) == []


def test_the_clock_of_an_attempt_starts_with_its_first_delivery(client: Client) -> None:
    """Whoever fetched the word that a job is ready has to acknowledge it from then on; looks before it, and events that somebody posts, are none."""
    job = {"type": "space", "operation": "tidy", "source": SPACE, "trigger": "immediate"}
    one, other = (client.post("/jobs", job)["id"] for _ in range(2))
    client.post("/events", {**DRAFT, "topic": "job:ready", "context": {"jobId": one}})
    client.clock.advance(SECOND)
    assert listed(client, topic="job:created") != []
    assert (delivered_at(client, one), delivered_at(client, other)) == (None, None)
    first = client.clock.now()
    (ready,) = client.get("/events?topic=job:ready&pageSize=1")
    assert ready["context"]["jobId"] == one
    client.clock.advance(SECOND)
    assert len(listed(client, topic="job:ready")) == 3
    assert (delivered_at(client, one), delivered_at(client, other)) == (first, client.clock.now())


def delivered_at(client: Client, job_id: str) -> int | None:
    """Return when somebody first got word that the job is ready."""
    with client.door.database.reading() as tx:
        return jobs.get(tx, client.actor.scope, job_id).delivered_at


def test_a_job_leads_listeners_to_sheets_of_its_space(sqlite_client: Client) -> None:
    """A guest of a space may call any sheet the one of its job: where listeners get the records is then no other space, and no other route."""
    client = sqlite_client
    mine, theirs = (client.post("/spaces", {"name": name}) for name in "ab")
    book = {"name": "w", "sheets": [{"name": "s", "fields": [{"key": "a", "type": "string"}]}]}
    near, far = (
        client.post("/workbooks", {**book, "spaceId": space["id"]})["sheets"][0]["id"] for space in (mine, theirs)
    )
    member = client.holding(mine["accessToken"])
    for sheet in (near, far, "../secrets?x=y", "x?filter=all&y="):
        asked = {
            "type": "space",
            "operation": "x",
            "source": mine["id"],
            "trigger": "immediate",
            "config": {"sheet": sheet},
        }
        member.post("/jobs", asked)
    member.post("/jobs", {"type": "sheet", "operation": "x", "source": "../secrets?x=y", "trigger": "immediate"})
    hand_out_later(client.door.happenings, client.clock)
    told = [event.get("dataUrl", "").partition("?")[0] for event in client.get("/events?topic=job:ready")]
    assert told == [f"v1/sheets/{near}/records", "", "", "", ""]
