"""A server, asked from afar: what it says is told as if it had been done here, and a lost answer is no lost deed."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from api.native.conftest import ACME, Api, acme, application, house, nobody, runner, served  # noqa: F401 — fixtures
from cli.scripted import LOST, answer, scripted
from headrace.api.native.app import make_app
from headrace.cli.remote import Credentials, RemoteDesk
from headrace.core.client import Role
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.flows import AskFlow
from headrace.core.native.installation import AddClient, AskClient, Me
from headrace.core.native.operation import Nothing
from headrace.core.native.places import AskWebhook
from headrace.core.native.quarantine import AskRejectsFile, AskReplay
from headrace.core.native.runs import AskRetry, AskRun, ListRuns
from headrace.core.native.table import (
    ADD_CLIENT,
    LIST_CLIENTS,
    LIST_RUNS,
    REJECTS_FILE,
    REMOVE_WEBHOOK,
    REPLAY,
    RETRY_RUN,
    REVOKE_CLIENT,
    SHOW_FLOW,
    SHOW_ME,
    SHOW_RUN,
)
from headrace.core.run import RunStatus
from headrace.http.event_stream import Streams
from headrace.service.clients import ClientRequest, NewClient, create_client
from headrace.store import runs
from ledger_rows import NOW, a_run, finish, put_run
from native_house import NativeHouse
from servers import free_port
from waiting import until

TOKEN = Credentials(token="t" * 30)
ME = json.dumps({"client": "c", "name": "c", "role": "admin", "scopes": ["*"], "of_tomorrow": 1})
BUSY = answer(
    '{"error": {"code": "unavailable", "message": "m", "fields": [], "request_id": "r"}}', "503 x", retry_after="0"
)


@pytest.fixture(scope="module")
def url(nobody: Api) -> Iterator[str]:  # noqa: F811 — the fixture
    """Return the address of the door, served over HTTP."""
    with served(nobody) as address:
        yield address


@pytest.fixture(scope="module")
def made(nobody: Api) -> NewClient:  # noqa: F811 — the fixture
    """Return a client that may do everything."""
    desk = nobody.door.desk
    return create_client(desk.database, ClientRequest(name="ci", role=Role.ADMIN), desk.clock, desk.ids)


@pytest.fixture
def remote(url: str, made: NewClient) -> Iterator[RemoteDesk]:
    """Return the server, asked by that client."""
    with RemoteDesk(url, Credentials(client_id=made.client.id, client_secret=made.secret)) as desk:
        yield desk


def test_what_a_server_tells_is_told_in_its_own_types(remote: RemoteDesk, made: NewClient) -> None:
    """Read, made and changed; a token is had for the client's secret."""
    assert remote.ask(SHOW_ME, Nothing()) == Me(client=made.client.id, name="ci", role=Role.ADMIN, scopes=("*",))
    added = remote.ask(ADD_CLIENT, AddClient(name="added", role=Role.READER, scopes=("a/b", "c")))
    assert added.client in remote.ask(LIST_CLIENTS, Nothing()).items
    assert remote.ask(REVOKE_CLIENT, AskClient(client=added.client.id)).revoked_at is not None


@pytest.mark.parametrize("name", ["nix", "a/b", "..", ".", "ä ö?#%2F", "a&b=c"])
def test_what_the_server_refuses_is_the_same_problem_here(remote: RemoteDesk, name: str) -> None:
    """Whatever a thing is called, it is asked for by exactly that name."""
    with pytest.raises(Problem) as refused:
        remote.ask(SHOW_FLOW, AskFlow(flow=name))
    assert (refused.value.code, repr(name) in refused.value.message) == (Code.NOT_FOUND, True)
    assert refused.value.context["request_id"]


def test_all_fields_of_a_refusal_arrive(remote: RemoteDesk) -> None:
    """With place and hint."""
    with pytest.raises(Problem) as refused:
        remote.ask(ADD_CLIENT, AddClient(name="x", scopes=()))
    assert FieldError("scopes", "is empty", "at least one; * for every scope") in refused.value.fields


def test_an_empty_name_is_refused_before_it_becomes_another_path(remote: RemoteDesk) -> None:
    """A run without a name would be the list of runs."""
    with pytest.raises(Problem) as refused:
        remote.ask(SHOW_RUN, AskRun(run=""))
    assert refused.value.fields[0].path == "run"


def test_a_wrong_secret_is_said_as_such(url: str, made: NewClient) -> None:
    """In the server's words, once."""
    with (
        RemoteDesk(url, Credentials(client_id=made.client.id, client_secret="wrong")) as desk,
        pytest.raises(Problem) as refused,
    ):
        desk.ask(SHOW_ME, Nothing())
    assert refused.value.code is Code.UNAUTHENTICATED


def test_a_server_that_is_not_there_is_said_so() -> None:
    """With its address and what to look at."""
    with RemoteDesk(f"http://127.0.0.1:{free_port()}", TOKEN) as desk, pytest.raises(Problem) as refused:
        desk.ask(SHOW_ME, Nothing())
    assert refused.value.code is Code.UNAVAILABLE
    assert "cannot be reached" in refused.value.message


def test_reading_is_repeated_when_the_answer_is_lost() -> None:
    """And what a newer server says besides is passed over."""
    with scripted([LOST, BUSY, answer(ME)]) as server, RemoteDesk(server.url, TOKEN) as desk:
        assert desk.ask(SHOW_ME, Nothing()).client == "c"
    assert server.lines == ["GET /native/v1/me"] * 3
    assert server.header(2, "authorization") == f"bearer {'t' * 30}"


def test_what_has_a_request_key_is_repeated_with_the_same_one() -> None:
    """One is made where the caller has none: a run is retried once, though its answer was lost."""
    refused = '{"error": {"code": "illegal_state", "message": "it runs", "fields": [], "request_id": "r"}}'
    with (
        scripted([LOST, answer(refused, "409 x")]) as server,
        RemoteDesk(server.url, TOKEN) as desk,
        pytest.raises(Problem) as caught,
    ):
        desk.ask(RETRY_RUN, AskRetry(run="r", as_it_was=True))
    bodies = [json.loads(one.partition("\r\n\r\n")[2]) for one in server.requests]
    assert bodies[0] == bodies[1] == {"as_it_was": True, "request_key": bodies[0]["request_key"]}
    assert (caught.value.code, caught.value.message) == (Code.ILLEGAL_STATE, "it runs")


def test_what_cannot_be_repeated_safely_is_not() -> None:
    """A client would be made twice."""
    with (
        scripted([LOST, answer("{}")]) as server,
        RemoteDesk(server.url, TOKEN) as desk,
        pytest.raises(Problem) as caught,
    ):
        desk.ask(ADD_CLIENT, AddClient(name="x"))
    assert (caught.value.code, len(server.requests)) == (Code.UNAVAILABLE, 1)


def test_a_token_that_is_no_longer_good_is_renewed_once() -> None:
    """Then the refusal is told."""
    no = answer('{"error": {"code": "unauthenticated", "message": "no", "fields": [], "request_id": "r"}}', "401 x")
    given = answer('{"access_token": "new", "token_type": "Bearer", "expires_in": 9}')
    client = Credentials(token="old", client_id="c", client_secret="s")
    with scripted([no, given, answer(ME), no, given, no]) as server, RemoteDesk(server.url, client) as desk:
        assert desk.ask(SHOW_ME, Nothing()).client == "c"
        with pytest.raises(Problem) as caught:
            desk.ask(SHOW_ME, Nothing())
    assert caught.value.code is Code.UNAUTHENTICATED
    assert [server.header(number, "authorization") for number in (0, 2, 3)] == [
        "bearer old",
        "bearer new",
        "bearer new",
    ]
    assert server.requests[1].endswith("grant_type=client_credentials&client_id=c&client_secret=s")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (answer("<html>", "502 Bad Gateway", content_type="text/html"), "not ours"),
        (answer("<html>", "200 OK", content_type="text/html"), "not ours"),
        (answer("", "302 Found", location="https://evil.example/"), "give that server's own address"),
        (answer('{"error": {"code": "x"}}', "500 x"), "not ours"),
    ],
)
def test_an_address_that_is_no_headrace_is_said_so(told: bytes, words: str) -> None:
    """And the token goes nowhere else."""
    with scripted([told]) as server, RemoteDesk(server.url, TOKEN) as desk, pytest.raises(Problem) as caught:
        desk.ask(SHOW_ME, Nothing())
    assert caught.value.code is Code.UNAVAILABLE
    assert words in caught.value.message


def test_a_code_of_a_newer_server_is_understood_by_its_status() -> None:
    """As far as that goes."""
    new = '{"error": {"code": "of_tomorrow", "message": "m", "fields": [], "request_id": "r"}}'
    with (
        scripted([answer(new, "404 x")]) as server,
        RemoteDesk(server.url, TOKEN) as desk,
        pytest.raises(Problem) as caught,
    ):
        desk.ask(SHOW_ME, Nothing())
    assert (caught.value.code, caught.value.message) == (Code.NOT_FOUND, "m")


def test_files_come_piece_by_piece_under_a_name_that_leads_nowhere() -> None:
    """What the server calls it is not where it goes."""
    header = "attachment; filename*=UTF-8''..%2F..%5C.rows%20x.csv"
    with scripted([answer("a,b\n1,2\n", content_disposition=header)]) as server, RemoteDesk(server.url, TOKEN) as desk:
        file = desk.ask(REJECTS_FILE, AskRejectsFile(batch="b", format="csv"))
        assert (file.name, b"".join(file.pieces)) == ("rows x.csv", b"a,b\n1,2\n")
    assert server.lines == ["GET /native/v1/quarantine/b/file?format=csv&raw=false"]


def test_rows_are_sent_again_from_their_beginning() -> None:
    """When the answer is lost; under the same key."""
    told = answer('{"run": "r", "created_at": "2026-01-01T00:00:00.000000Z", "rows": 2}')
    with scripted([LOST, told]) as server, RemoteDesk(server.url, TOKEN) as desk:
        assert desk.ask(REPLAY, AskReplay(batch="b"), io.BytesIO(b'{"a":1}\n{"a":2}\n')).rows == 2
    assert server.requests[0].split("\r\n\r\n")[1] == server.requests[1].split("\r\n\r\n")[1]
    assert '{"a":2}' in server.requests[1]
    assert server.lines[0] == server.lines[1]
    assert "request_key=cli-" in server.lines[0]


def test_what_tells_nothing_tells_nothing() -> None:
    """204 without a body."""
    with scripted([answer("", "204 No Content")]) as server, RemoteDesk(server.url, TOKEN) as desk:
        assert desk.ask(REMOVE_WEBHOOK, AskWebhook(webhook="w")) == Nothing()
    assert server.lines == ["DELETE /native/v1/webhooks/w"]


def test_a_token_in_the_open_is_warned_of() -> None:
    """Not on this machine, not without a token, not over https."""
    said: list[str] = []
    for url, credentials in (
        ("http://headrace.example/", TOKEN),
        ("http://headrace.example", Credentials()),
        ("https://headrace.example", TOKEN),
        ("http://127.0.0.1:1", TOKEN),
    ):
        RemoteDesk(url, credentials, warn=said.append).close()
    assert [text.partition(" is not encrypted")[0] for text in said] == ["warning: http://headrace.example"]
    assert "t" * 30 not in repr(TOKEN)


@pytest.mark.parametrize("url", ["headrace.example", "ftp://x", "http://", "", "https://u:p4ss@x", "https://x?a=b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """Before anything is asked."""
    with pytest.raises(Problem) as refused:
        RemoteDesk(url, TOKEN)
    assert refused.value.code is Code.INVALID
    assert "p4ss" not in str(refused.value)


def test_lists_are_asked_for_with_all_that_narrows_them_down(remote: RemoteDesk) -> None:
    """As the local home is."""
    asked = ListRuns(text="a b&c", limit=3, rejects=False)
    assert remote.ask(LIST_RUNS, asked).items == ()


@pytest.fixture(scope="module")
def ledger(acme: Api) -> Iterator[str]:  # noqa: F811 — the fixture
    """Return the address of a door with runs in its ledger."""
    with served(acme) as address:
        yield address


def test_a_run_is_watched_until_it_has_ended(ledger: str, house: NativeHouse) -> None:  # noqa: F811 — the fixture
    """Each change is told as it happens, and the last one, too."""
    run = put_run(house.database, a_run("watched"))
    with RemoteDesk(ledger, Credentials(token=ACME)) as desk:
        revisions = desk.watch(run.id, every_seconds=0.05)
        first = next(revisions)
        with house.database.transaction() as tx:
            runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
        second = next(revisions)
        with house.database.transaction() as tx:
            runs.move(tx, run.id, {RunStatus.RUNNING}, RunStatus.SUCCEEDED, NOW)
        rest = list(revisions)
        assert desk.ask(SHOW_RUN, AskRun(run=run.id)).revision == rest[-1]
    assert len({first, second, *rest}) == 2 + len(rest)


def test_a_server_without_room_for_another_stream_is_asked_again_and_again(
    acme: Api,  # noqa: F811 — the fixture
    house: NativeHouse,  # noqa: F811 — the fixture
) -> None:
    """Watching goes on, only less promptly."""
    door = replace(acme.door, streams=Streams(0))
    run = put_run(house.database, a_run("polled"))
    with (
        served(replace(acme, app=make_app(door), door=door)) as address,
        RemoteDesk(address, Credentials(token=ACME)) as desk,
    ):
        revisions = desk.watch(run.id, every_seconds=0.02)
        first = next(revisions)
        with house.database.transaction() as tx:
            finish(tx, run.id)
        rest = list(revisions)
    assert first not in rest
    assert rest


def test_who_stops_watching_leaves_nothing_behind(ledger: str, acme: Api, house: NativeHouse) -> None:  # noqa: F811 — the fixtures
    """The place of the stream is free again."""
    run = put_run(house.database, a_run("left"))
    with RemoteDesk(ledger, Credentials(token=ACME)) as desk:
        revisions = desk.watch(run.id)
        assert next(revisions)
        assert acme.door.streams.count == 1
    until(lambda: acme.door.streams.count == 0, seconds=20, what="the end of the stream")


def test_what_is_watched_and_not_there_is_refused(ledger: str) -> None:
    """At once, not after many tries."""
    with RemoteDesk(ledger, Credentials(token=ACME)) as desk, pytest.raises(Problem) as refused:
        next(desk.watch("nix"))
    assert refused.value.code is Code.NOT_FOUND
