"""Nobody gets in unasked, nobody does more than its role allows, and nobody sees what is another tenant's."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.requests import Request

from api.datafactory.conftest import (
    FACTORY,
    GROUP,
    SUB,
    VERSION,
    Client,
    MakeDoor,
    client_of,
    error_of,
    pipeline,
)
from fakes import CountingIds, ManualClock
from headrace.api.datafactory.app import OPEN, ROUTERS
from headrace.api.datafactory.errors import FAULT_OF, render
from headrace.core.client import Role, static_tokens
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.query import Cursor
from headrace.service.clients import ClientRequest, create_client, revoke_client
from headrace.service.documents import DocumentDraft, write_document
from headrace.store.database import Database

READER, OPERATOR, ADMIN = ("r" * 20, "o" * 20, "a" * 20)
TOKENS = static_tokens([f"rita:reader:{READER}", f"olga:operator:{OPERATOR}", f"anna:admin:{ADMIN}"])
ROUTES = [
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


@pytest.fixture
def strict(runner: asyncio.Runner, make_door: MakeDoor, clock: ManualClock) -> Client:
    """Return a client of a door with tokens, which shows none."""
    client = client_of(runner, make_door(anonymous=False, static_tokens=TOKENS), clock)
    admin = client.holding(ADMIN)
    assert admin("PUT", "", {}).status_code == 200
    admin.put("/pipelines/p", pipeline())
    return client


def test_every_route_is_behind_the_gateway(strict: Client) -> None:
    """Without a token every route but those that give one is refused, unknown ones and calls without a version too."""
    assert len(ROUTES) > 45
    paths = [*ROUTES, ("GET", "/subscriptions/x"), ("POST", f"{FACTORY}/what"), ("GET", "/"), ("PUT", "/datafactory/x")]
    answers = {
        (method, path): strict.raw(method, path.replace("{", "").replace("}", "")).status_code for method, path in paths
    }
    assert {key: status for key, status in answers.items() if status != 401} == {}


@pytest.mark.parametrize(
    ("header", "code", "message"),
    [
        (None, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
        ("Bearer", "InvalidAuthenticationToken", None),
        (f"Bearer {'x' * 20}", "InvalidAuthenticationToken", None),
        (f"Basic {ADMIN}", "InvalidAuthenticationToken", None),
        (f"Bearer {ADMIN[:-1]}", "InvalidAuthenticationToken", None),
    ],
)
def test_a_missing_or_wrong_token_is_challenged(
    strict: Client, header: str | None, code: str, message: str | None
) -> None:
    """SDKs read the challenge."""
    answer = strict("GET", "", **({} if header is None else {"authorization": header}))
    assert (answer.status_code, error_of(answer)[1], answer.headers["www-authenticate"]) == (401, code, "Bearer")
    assert message is None or error_of(answer)[2] == message


def test_the_version_is_asked_for_after_the_token(strict: Client) -> None:
    """Who is not known learns nothing else."""
    assert strict.raw("GET", FACTORY).status_code == 401
    assert strict.holding(READER).raw("GET", FACTORY).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "needed"),
    [
        ("GET", "", None, Role.READER),
        ("GET", "/pipelines", None, Role.READER),
        ("GET", "/pipelines/p", None, Role.READER),
        ("POST", "/querytriggers", {}, Role.READER),
        ("POST", "/getDataPlaneAccess", {}, Role.READER),
        ("POST", "/triggers/t/getEventSubscriptionStatus", None, Role.READER),
        ("POST", "/triggers/t/stop", None, Role.OPERATOR),
        ("POST", "/triggers/t/start", None, Role.OPERATOR),
        ("POST", "/triggers/t/triggerRuns/1/rerun", None, Role.OPERATOR),
        ("PUT", "/pipelines/q", {"properties": {}}, Role.ADMIN),
        ("PATCH", "", {}, Role.ADMIN),
        ("DELETE", "/pipelines/p", None, Role.ADMIN),
        ("DELETE", "", None, Role.ADMIN),
    ],
)
def test_each_role_does_what_it_may(strict: Client, method: str, path: str, body: Any, needed: Role) -> None:
    """A reader looks, an operator runs, an admin defines."""
    for token, role in ((READER, Role.READER), (OPERATOR, Role.OPERATOR), (ADMIN, Role.ADMIN)):
        answer = strict.holding(token)(method, path, body)
        assert (answer.status_code == 403) is not role.includes(needed), (role, answer.text)


def test_a_missing_right_is_named(strict: Client) -> None:
    """The text tells who, what and where, as clients print it."""
    path = f"{FACTORY}/triggers/p"
    text = (
        "The client 'rita' does not have authorization to perform action 'Microsoft.DataFactory/factories/triggers/Start/action' "
        f"over scope '{path}'."
    )
    assert error_of(strict.holding(READER)("POST", f"{path}/Start")) == (403, "AuthorizationFailed", text, None)
    assert "factories/pipelines/write'" in error_of(strict.holding(READER)("PUT", "/pipelines/p", {}))[2]


@pytest.fixture
def tenant(
    runner: asyncio.Runner, make_door: MakeDoor, clock: ManualClock, sqlite_database: Database
) -> Callable[[str], Client]:
    """Return what makes clients whose only scope is the one given, with a token of the token endpoint."""
    client = client_of(runner, make_door(anonymous=False, static_tokens=TOKENS), clock)
    assert client.holding(ADMIN)("PUT", "", {}).status_code == 200
    ids = CountingIds()

    def make(scope: str) -> Client:
        wanted = ClientRequest(name="tenant", role=Role.ADMIN, scopes=(scope,))
        made = create_client(sqlite_database, wanted, clock, ids)
        return client.holding(token_of(client, made.client.id, made.secret).json()["access_token"])

    return make


def token_of(
    client: Client, client_id: str, secret: str, path: str = "/t/oauth2/v2.0/token", **form: str
) -> httpx.Response:
    """Return the answer of the token endpoint."""
    fields = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
        "scope": "x/.default",
    }
    content = str(httpx.QueryParams({**fields, **form})).encode()
    return client.raw("POST", path, content, content_type="application/x-www-form-urlencoded")


def test_another_tenants_factory_cannot_be_told_from_a_missing_one(tenant: Callable[[str], Client]) -> None:
    """Neither by reading, nor by making it, nor by what is listed."""
    stranger = tenant("datafactory/sub-1/other")
    factories = f"{GROUP}/providers/Microsoft.DataFactory/factories"
    for method, body in (("GET", None), ("PUT", {}), ("DELETE", None), ("PATCH", {})):
        there, missing = (stranger(method, f"{factories}/{name}", body) for name in ("Fac", "Nix"))
        assert there.status_code == missing.status_code == 403
        assert there.text.replace("/Fac", "/Nix") == missing.text
    assert stranger("GET", factories).status_code == 403
    assert stranger.get(f"{SUB}/providers/Microsoft.DataFactory/factories") == {"value": []}


def test_a_tenant_reaches_all_of_its_own(tenant: Callable[[str], Client]) -> None:
    """A scope may be a subscription, a group or a factory, in lower case."""
    for scope in ("datafactory", "datafactory/sub-1", "datafactory/sub-1/rg", "datafactory/sub-1/rg/fac"):
        one = tenant(scope)
        assert one("GET", "").status_code == 200, scope
        found = one.get(f"{SUB}/providers/Microsoft.DataFactory/factories")["value"]
        assert [item["name"] for item in found] == ["Fac"], scope
    assert tenant("datafactory/sub")("GET", "").status_code == 403


@pytest.mark.parametrize("path", ["/t/oauth2/v2.0/token", "/common/OAuth2/V2.0/Token", "/t/oauth2/token"])
def test_a_token_is_given_for_a_secret(strict: Client, sqlite_database: Database, path: str) -> None:
    """It works at once, and no longer than its client."""
    made = create_client(sqlite_database, ClientRequest(name="c", role=Role.READER), strict.clock, CountingIds())
    answer = token_of(strict, made.client.id, made.secret, path)
    told = answer.json()
    assert (told["token_type"], answer.headers["cache-control"]) == ("Bearer", "no-store")
    assert 3000 < told["expires_in"] <= 3600
    holder = strict.holding(told["access_token"])
    assert (holder("GET", "").status_code, holder("DELETE", "").status_code) == (200, 403)
    revoke_client(sqlite_database, made.client.id, "test", strict.clock)
    assert error_of(holder("GET", ""))[:2] == (401, "InvalidAuthenticationToken")


def test_the_older_endpoint_answers_in_texts(strict: Client, sqlite_database: Database) -> None:
    """Clients of v1 name a resource, and read numbers from texts."""
    made = create_client(sqlite_database, ClientRequest(name="c", role=Role.READER), strict.clock, CountingIds())
    told = token_of(strict, made.client.id, made.secret, "/t/oauth2/token", resource="https://r").json()
    assert told["resource"] == "https://r"
    assert int(told["expires_on"]) - int(told["not_before"]) == int(told["expires_in"])


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "\0"}, 401, "invalid_client"),
    ],
)
def test_a_wrong_token_request_is_refused(strict: Client, form: dict[str, str], status: int, error: str) -> None:
    """In the form that OAuth clients read."""
    fields = {"client_id": "x", "client_secret": "y", **form}
    answer = token_of(strict, fields.pop("client_id"), fields.pop("client_secret"), **fields)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_clients_find_the_token_endpoint(strict: Client) -> None:
    """Those with an authority of their own read its metadata first."""
    told = strict.raw("GET", "/Tenant/v2.0/.well-known/openid-configuration").json()
    assert told["token_endpoint"] == f"{strict.base}/Tenant/oauth2/v2.0/token"


def test_without_tokens_everybody_here_is_an_admin(client: Client) -> None:
    """Whatever token a client makes up is as good as none."""
    assert client.holding("made up").put("/pipelines/p", pipeline())["name"] == "p"
    told = token_of(client, "any", "thing").json()
    assert client.holding(told["access_token"])("GET", "").status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://localhost:3000", 200), ("http://[", 403)],
)
def test_without_tokens_pages_of_other_sites_are_refused(client: Client, origin: str, status: int) -> None:
    """A browser of this machine would carry their requests here."""
    assert client("GET", "", origin=origin).status_code == status


def test_without_tokens_only_this_machine_is_answered(client: Client) -> None:
    """A name that was rebound to 127.0.0.1 is another site."""
    assert client("GET", "", host="evil.example").status_code == 403


@pytest.mark.parametrize("said", ["x_forwarded_for", "x_real_ip", "forwarded", "via"])
def test_without_tokens_nobody_comes_by_a_proxy(client: Client, said: str) -> None:
    """A proxy on this machine hands on requests of the whole world, often under the name of this machine."""
    assert client("GET", "", **{said: "203.0.113.9"}).status_code == 401


def test_every_code_has_a_fault() -> None:
    """A problem that no fault is written for would be a 500."""
    assert set(FAULT_OF) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_every_code_is_rendered_in_the_dialect(code: Code) -> None:
    """Status, code and the wrapped form; what is inside stays inside."""
    scope = {"type": "http", "path": "/", "headers": [], "state": {"request_id": "r-1"}}
    answer = render(Request(scope), Problem(code, "what is inside"))
    error = json.loads(bytes(answer.body))["error"]
    assert (answer.status_code, error["code"]) == (FAULT_OF[code].status, FAULT_OF[code].code)
    assert set(error) == {"code", "message", "target", "details"}
    assert error["details"] is None
    if code is Code.INTERNAL:
        assert "inside" not in error["message"]
        assert "r-1" in error["message"]


def test_open_routes_are_those_of_tokens() -> None:
    """An open route is a decision."""
    paths = {route.path for router in OPEN for route in router.routes if isinstance(route, APIRoute)}
    assert {path for path in paths if not path.startswith(("/{tenant}/", "/datafactory/"))} == set()


def test_a_header_that_comes_twice_is_refused(strict: Client) -> None:
    """A proxy before this server may have read the other one."""
    pairs = [("authorization", f"Bearer {READER}"), ("authorization", f"Bearer {ADMIN}")]

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=strict.app), trust_env=False) as http:
            return await http.get(strict.base + FACTORY + VERSION, headers=pairs)

    assert error_of(strict.runner.run(asked()))[:2] == (400, "BadRequest")


def test_lists_pass_over_what_is_another_tenants(tenant: Callable[[str], Client], sqlite_database: Database) -> None:
    """However many there are in between, and without a word of them in links."""
    with sqlite_database.transaction() as tx:
        for number in range(240):
            group = "mine" if number < 105 else "theirs"
            name = f"{'a' if number % 2 else 'b'}{number:03}"
            body: dict[str, Any] = {"subscription": "Sub-1", "group": group, "resource": {}}
            draft = DocumentDraft(
                scope="datafactory/sub-1", kind="factory", id=f"{group}/{name}", name=name, body=body, who="test"
            )
            write_document(tx, draft, Instant(0))
    client = tenant("datafactory/sub-1/mine")
    sizes, url = [], f"{SUB}/providers/Microsoft.DataFactory/factories"
    while url:
        page = client.get(url)
        assert {item["id"].split("/")[4] for item in page["value"]} == {"mine"}
        sizes.append(len(page["value"]))
        url = page.get("nextLink", "").removeprefix(client.base)
        assert (
            not url or Cursor.parse(url.partition("skiptoken=")[2]).position[1] == f"mine/{page['value'][-1]['name']}"
        )
    assert sizes == [100, 5]
