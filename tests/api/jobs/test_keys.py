"""Keys, personal tokens, environments and the account, as the Jobs door tells of them."""

from dataclasses import replace
from typing import Any

import pytest

from api.jobs.conftest import Client, errors_of
from headrace.api.jobs.app import make_app
from headrace.core.client import Role, static_tokens
from headrace.core.clock import DAY, HOUR
from headrace.core.job import scope_of
from headrace.core.workspace import KeyKind, Resource, ResourceKind
from headrace.http.rates import Rates
from headrace.service.clients import ClientRequest, create_client, revoke_client
from headrace.service.workspace.keys import create_key, space_token
from headrace.store import resources

STATIC = "ann:reader:a-reader-of-everything"


def personal(client: Client) -> Client:
    """Return the client with a personal access token."""
    made = create_key(client.door.keys, client.door.account.scope, KeyKind.PERSONAL, "us_usr_test0001", "laptop")
    return client.holding(made.token)


def of_client(client: Client, role: Role, scopes: tuple[str, ...] = ("*",)) -> Client:
    """Return the client with the token that a client of that role gets at ``POST /auth``."""
    door = client.door
    made = create_client(door.database, ClientRequest(name="c", role=role, scopes=scopes), door.clock, door.ids)
    answer = client("POST", "/auth", {"clientId": made.client.id, "secret": made.secret})
    assert answer.status_code == 200, answer.text
    return client.holding(answer.json()["accessToken"])


def space_in(client: Client, scope: str) -> str:
    """Return the id of a new space in the scope."""
    identity, now = client.door.ids.uuid()[:8], client.clock.now()
    space = Resource(
        scope=scope,
        kind=ResourceKind.SPACE,
        id=f"us_sp_{identity}",
        name="S",
        body={},
        created_by="test",
        created_at=now,
        updated_at=now,
        space_id=f"us_sp_{identity}",
    )
    with client.door.database.transaction() as tx:
        resources.insert(tx, space)
    return space.id


def test_a_key_shows_its_token_once_and_works_until_it_is_deleted(client: Client) -> None:
    """The list never has it; the key opens its own environment, and nothing once it was deleted."""
    made = client.post("/auth/api-key?type=SECRET")
    token = made[0]["rawKey"]
    assert token.startswith("sk_")
    assert [set(key) & {"rawKey"} for key in made[1:]] == [set()]
    listed = client.get("/auth/api-keys")
    assert [key["id"] for key in listed].count(made[0]["id"]) == 1
    assert token not in str(listed)
    assert client.holding(token).get("/environments")[0]["id"] == client.door.account.environment_id
    assert client("DELETE", f"/auth/api-key?key={made[0]['id']}").json() == {"data": {"success": True}}
    assert client.holding(token)("GET", "/environments").status_code == 401
    assert errors_of(client("DELETE", f"/auth/api-key?key={made[0]['id']}"))[0] == 404


def test_a_publishable_key_makes_spaces_and_nothing_else(sqlite_client: Client) -> None:
    """It stands in pages that everybody can read."""
    assert errors_of(sqlite_client("GET", "/auth/publishable-key"))[0] == 404
    made = sqlite_client.post("/auth/api-key?type=PUBLISHABLE")[0]
    assert made["operations"] == [{"path": "/v1/spaces", "method": "POST"}]
    assert sqlite_client.get("/auth/publishable-key")["id"] == made["id"]
    guest = sqlite_client.holding(made["rawKey"])
    for method, path in (
        ("GET", "/spaces"),
        ("GET", "/jobs"),
        ("POST", "/jobs"),
        ("POST", "/auth/api-key"),
        ("GET", "/secrets"),
    ):
        assert errors_of(guest(method, path))[0] == 403, path
    assert guest("POST", "/spaces").status_code != 403
    assert guest.raw("POST", "/api/v1/spaces").status_code != 403


def test_a_personal_token_reaches_every_environment(sqlite_client: Client) -> None:
    """It belongs to the account; a key of one environment neither makes such tokens nor sees them."""
    assert errors_of(sqlite_client("POST", "/auth/personal-access-tokens", {"name": "x"}))[0] == 403
    mine = personal(sqlite_client)
    made = mine.post("/auth/personal-access-tokens", {"name": "ci"})
    other = mine.holding(made["token"])
    sqlite_client.clock.advance(HOUR)
    second = other.post("/environments", {"name": "second", "isProd": True})
    assert [item["name"] for item in other.get("/environments")] == ["local", "second"]
    assert [item["id"] for item in sqlite_client.get("/environments")] == [sqlite_client.door.account.environment_id]
    key = other.post(f"/auth/api-key?environmentId={second['id']}")[0]
    assert key["environmentId"] == second["id"]
    assert sorted(item["name"] for item in mine.get("/auth/personal-access-tokens")) == ["ci", "laptop"]
    mine.done("DELETE", f"/auth/personal-access-tokens/{made['personalAccessToken']['id']}")
    assert other("GET", "/environments").status_code == 401


def test_the_use_of_a_personal_token_is_noted_now_and_then(sqlite_client: Client) -> None:
    """Not with every request: a read must not become a write."""
    mine = personal(sqlite_client)
    assert "lastUsedAt" not in mine.get("/auth/personal-access-tokens")[0]
    sqlite_client.clock.advance(HOUR)
    mine.get("/environments")
    assert mine.get("/auth/personal-access-tokens")[0]["lastUsedAt"] == "2023-11-14T23:13:20.000Z"


def test_environments_are_made_changed_and_removed(client: Client) -> None:
    """PATCH answers the bare environment; one with spaces stays, and so does the first."""
    mine = personal(client)
    sent = {"name": "dev", "isProd": False, "guestAuthentication": ["magic_link"], "namespaces": ["a"], "unknown": 1}
    made = mine.post("/environments", sent)
    assert made == {
        "id": made["id"],
        "accountId": client.door.account.id,
        "name": "dev",
        "isProd": False,
        "guestAuthentication": ["magic_link"],
        "features": {},
        "metadata": {},
        "namespaces": ["a"],
    }
    assert made["id"].startswith("us_env_")
    changed = mine("PATCH", f"/environments/{made['id']}", {"metadata": {"a": 1}, "name": None}).json()
    assert changed == {**made, "metadata": {"a": 1}}
    space_in(client, scope_of(client.door.account.id, made["id"]))
    assert errors_of(mine("DELETE", f"/environments/{made['id']}"))[0] == 400
    empty = mine.post("/environments", {"name": "empty"})
    mine.done("DELETE", f"/environments/{empty['id']}")
    assert errors_of(mine("GET", f"/environments/{empty['id']}"))[0] == 404
    assert errors_of(mine("DELETE", f"/environments/{client.door.account.environment_id}"))[0] == 400
    assert errors_of(client("GET", f"/environments/{made['id']}"))[0] == 404
    assert errors_of(client("POST", "/environments", {"name": "x"}))[0] == 403


def test_all_that_is_wrong_with_an_environment_is_said_at_once(sqlite_client: Client) -> None:
    """One entry for each fault, with its key."""
    body = {"isProd": "no", "guestAuthentication": ["telepathy"], "namespaces": "a", "metadata": []}
    status, errors = errors_of(personal(sqlite_client)("POST", "/environments", body))
    assert status == 400
    assert {key for key, _ in errors} == {"name", "isProd", "guestAuthentication", "namespaces", "metadata"}


def test_the_account_is_shown(client: Client) -> None:
    """There is one."""
    account = client.get("/accounts/current")
    assert account["id"].startswith("us_acc_")
    assert set(account) == {"id", "name", "metadata", "createdAt", "updatedAt"}


def test_a_client_gets_a_token_for_its_secret(sqlite_client: Client) -> None:
    """Bare, with texts for times; a wrong secret and a password are refused; a revoked client is nobody."""
    door = sqlite_client.door
    made = create_client(door.database, ClientRequest(name="c", role=Role.OPERATOR), door.clock, door.ids)
    sent = {"type": "apiCredentials", "clientId": made.client.id, "secret": made.secret}
    answer = sqlite_client.raw("POST", "/api/v1/auth", str(sent).replace("'", '"').encode(), authorization="").json()
    assert set(answer) == {"accessToken", "expiresIn", "expires", "userId", "accountId"}
    assert (answer["expiresIn"], answer["accountId"]) == (str(60 * 60), door.account.id)
    holder = sqlite_client.holding(answer["accessToken"])
    assert holder("GET", "/environments").status_code == 200
    assert errors_of(sqlite_client("POST", "/auth", {**sent, "secret": "wrong"}))[0] == 401
    assert (
        errors_of(sqlite_client("POST", "/auth", {"type": "userCredentials", "email": "a", "password": "b"}))[0] == 401
    )
    assert errors_of(sqlite_client("POST", "/auth", {"type": "what"}))[0] == 400
    revoke_client(door.database, made.client.id, "test", door.clock)
    assert errors_of(holder("GET", "/environments"))[0] == 401


def test_a_reader_reads_and_changes_nothing(sqlite_client: Client) -> None:
    """Nor does it see secrets; an operator does all but keys and environments."""
    reader, operator = of_client(sqlite_client, Role.READER), of_client(sqlite_client, Role.OPERATOR)
    assert reader("GET", "/environments").status_code == 200
    for method, path in (
        ("POST", "/jobs"),
        ("PATCH", "/jobs/us_jb_1"),
        ("DELETE", "/sheets/us_sh_1"),
        ("GET", "/secrets"),
    ):
        assert errors_of(reader(method, path))[0] == 403, path
        assert operator(method, path).status_code != 403, path
    for path in ("/auth/api-key", "/environments", "/auth/personal-access-tokens"):
        assert errors_of(operator("POST", path))[0] == 403, path


def test_a_client_of_other_scopes_reaches_nothing(sqlite_client: Client) -> None:
    """Its scopes say where it may be: another door's client gets no token here, one of an environment only that."""
    door = sqlite_client.door
    made = create_client(
        door.database, ClientRequest(name="f", role=Role.ADMIN, scopes=("flowservice/acme",)), door.clock, door.ids
    )
    assert errors_of(sqlite_client("POST", "/auth", {"clientId": made.client.id, "secret": made.secret}))[0] == 401
    second = personal(sqlite_client).post("/environments", {"name": "second"})
    holder = of_client(sqlite_client, Role.ADMIN, (scope_of(door.account.id, second["id"]),))
    assert [item["id"] for item in holder.get("/environments")] == [second["id"]]
    assert errors_of(holder("GET", "/auth/api-keys"))[0] == 403
    assert holder.get(f"/auth/api-keys?environmentId={second['id']}") == []


def test_the_token_of_a_space_reaches_that_space_and_ends(client: Client) -> None:
    """No keys, secrets, environments; it ends after a day, and with its space."""
    door = client.door
    space = space_in(client, door.account.environment_scope)
    guest = client.holding(space_token(door.sealer, door.clock, door.account.environment_scope, space))
    for method, path in (
        ("GET", "/auth/api-keys"),
        ("GET", "/secrets"),
        ("GET", "/environments"),
        ("GET", "/accounts/current"),
        ("POST", "/spaces"),
        ("DELETE", "/spaces?spaceIds=us_sp_1"),
        ("DELETE", f"/spaces/{space}"),
    ):
        assert errors_of(guest(method, path))[0] == 403, path
    assert errors_of(guest("GET", "/nothing"))[0] == 404
    client.clock.advance(DAY + HOUR)
    assert errors_of(guest("GET", "/nothing"))[0] == 401
    fresh = client.holding(space_token(door.sealer, door.clock, door.account.environment_scope, space))
    assert errors_of(fresh("GET", "/nothing"))[0] == 404
    with door.database.transaction() as tx:
        resources.remove(tx, space)
    assert errors_of(fresh("GET", "/nothing"))[0] == 401


def test_a_reader_gets_no_token_that_may_more(sqlite_client: Client) -> None:
    """The token of a space may write, so it is for those who may; a guest gets its own back, which ends when it was to end."""
    space = personal(sqlite_client).post("/spaces", {"name": "S"})
    assert {"accessToken", "guestLink"} <= set(space)
    seen = of_client(sqlite_client, Role.READER).get(f"/spaces/{space['id']}")
    assert {"accessToken", "guestLink"} & set(seen) == set()
    assert of_client(sqlite_client, Role.OPERATOR).get(f"/spaces/{space['id']}")["accessToken"]
    sqlite_client.clock.advance(HOUR)
    assert (
        sqlite_client.holding(space["accessToken"]).get(f"/spaces/{space['id']}")["accessToken"] == space["accessToken"]
    )


def test_a_client_of_one_environment_makes_nothing_that_reaches_others(sqlite_client: Client) -> None:
    """A personal token reaches the whole account: who does not can neither make nor see nor end one, nor make environments."""
    door = sqlite_client.door
    mine = create_key(door.keys, door.account.scope, KeyKind.PERSONAL, "us_usr_test0001", "laptop")
    holder = of_client(sqlite_client, Role.ADMIN, (door.account.environment_scope,))
    assert holder.get("/auth/api-keys")
    for method, path in (
        ("GET", "/auth/personal-access-tokens"),
        ("POST", "/auth/personal-access-tokens"),
        ("DELETE", f"/auth/personal-access-tokens/{mine.key.id}"),
        ("POST", "/environments"),
    ):
        assert errors_of(holder(method, path, {"name": "n"}))[0] == 403, path


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "sk_", "pat_" + "x" * 40, "ey" + "J" * 5_000, "é"])
def test_a_token_that_nobody_has_is_refused(token: str, shared_client: Client) -> None:
    """401, whatever it looks like."""
    headers: Any = {"authorization": f"Bearer {token}".encode()}
    assert errors_of(shared_client.raw("GET", "/v1/jobs", None, **headers))[0] == 401


def test_static_tokens_are_tokens_of_the_account(sqlite_client: Client) -> None:
    """With the role that the settings give them."""
    door = replace(sqlite_client.door, static_tokens=static_tokens([STATIC]))
    holder = Client(sqlite_client.runner, make_app(door), door, sqlite_client.clock).holding(STATIC.split(":")[2])
    assert len(holder.get("/environments")) == 1
    assert errors_of(holder("POST", "/jobs"))[0] == 403


def test_for_development_any_token_is_an_administrators(sqlite_client: Client) -> None:
    """But one is needed, known ones stay what they are, and only this machine is answered."""
    door = replace(sqlite_client.door, dev=True)
    anybody = Client(sqlite_client.runner, make_app(door), door, sqlite_client.clock).holding("anything")
    assert anybody.post("/environments", {"name": "mine"})["name"] == "mine"
    assert errors_of(anybody.raw("GET", "/v1/environments", authorization=""))[0] == 401
    assert errors_of(anybody.raw("GET", "/v1/environments", host="evil.example"))[0] == 403
    known = anybody.holding(sqlite_client.headers["authorization"].removeprefix("Bearer "))
    assert errors_of(known("POST", "/environments", {"name": "x"}))[0] == 403


def test_who_asks_too_often_is_told_when_to_come_again(sqlite_client: Client) -> None:
    """429 with Retry-After in seconds: clients send it again then."""
    door = replace(sqlite_client.door, rates=Rates(1))
    asking = Client(sqlite_client.runner, make_app(door), door, sqlite_client.clock, sqlite_client.headers)
    assert asking("GET", "/environments").status_code == 200
    refused = asking("GET", "/environments")
    assert (errors_of(refused)[0], refused.headers["retry-after"]) == (429, "1")
