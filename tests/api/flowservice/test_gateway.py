"""Nobody gets in unasked, and nobody sees what is another tenant's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from api.flowservice.conftest import HEADERS, HTTP, Client, flow_body, make_ends, run_body, serve
from fakes import CountingIds, ManualClock
from headrace.api.flowservice import ims
from headrace.api.flowservice.app import ROUTERS, make_app
from headrace.api.flowservice.door import FlowServiceDoor
from headrace.api.flowservice.gateway import sandbox_id
from headrace.core.client import Role, static_tokens
from headrace.core.clock import DAY
from headrace.http.rates import Rates
from headrace.service.clients import ClientRequest, create_client, list_clients, revoke_client
from headrace.store.database import Database

ROUTES = [
    (method, route.path)
    for router in ROUTERS
    if router is not ims.router
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


def test_every_route_is_behind_the_gateway(client: Client) -> None:
    """Without a token, every route but those that give one answers with the gateway's refusal, unknown ones too."""
    assert len(ROUTES) > 45
    paths = [*ROUTES, ("GET", "/data/foundation/flowservice/openapi.json"), ("GET", "/no/such"), ("POST", "/healthy")]
    answers = {
        (method, path): HTTP.request(method, client.base + path.replace("{", "").replace("}", "")).status_code
        for method, path in paths
    }
    assert {key: status for key, status in answers.items() if status != 403} == {}


def test_who_asks_too_often_is_told_to_come_again(make_door: Callable[..., FlowServiceDoor]) -> None:
    """Neighbours and Flow Service count together, each in its own words; clients know the status, and wait."""
    with contextmanager(serve)(make_app(make_door(rates=Rates(2)))) as base:
        paths = ("flowservice/flows", "catalog/batches", "flowservice/flows", "catalog/batches")
        answers = [HTTP.get(f"{base}/data/foundation/{path}", headers=HEADERS) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert {answer.headers["retry-after"] for answer in answers[2:]} == {"2"}
    assert [answer.json()["type"][-9:] for answer in answers[2:]] == ["-1000-429"] * 2


@pytest.mark.parametrize(
    ("missing", "status", "code"),
    [
        ("authorization", 403, "403010"),
        ("x-api-key", 403, "403000"),
        ("x-gw-ims-org-id", 400, "400003"),
    ],
)
def test_a_missing_header_has_its_own_refusal(client: Client, missing: str, status: int, code: str) -> None:
    """A client that is set up wrongly learns which header is missing."""
    headers = {name: value for name, value in HEADERS.items() if name != missing}
    answer = HTTP.get(client.base + "/data/foundation/flowservice/flows", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


@pytest.mark.parametrize(
    ("headers", "status", "number"),
    [
        ({"authorization": "Bearer"}, 400, "2114-400"),
        ({"x_gw_ims_org_id": ""}, 401, "2001-401"),
        ({"x_sandbox_name": ""}, 400, "2105-400"),
        ({"x_sandbox_name": "other"}, 404, "2100-404"),
        ({"x_sandbox_name": "*"}, 403, "2111-403"),
        ({"x_sandbox_id": "1"}, 400, "2110-400"),
    ],
)
def test_a_wrong_header_has_its_number(client: Client, headers: dict[str, str], status: int, number: str) -> None:
    """The service's own checks come after the gateway's, with their numbers."""
    answer = client("GET", "/flows", **headers)
    assert (answer.status_code, answer.json()["type"].rpartition("FLOW-")[2]) == (status, number)


def test_a_body_needs_a_json_content_type(client: Client) -> None:
    """The gateway refuses a form where JSON is expected, and bears +json types."""
    url = client.base + "/data/foundation/flowservice/flows"
    wrong = HTTP.post(url, headers={**HEADERS, "content-type": "text/plain"}, content="{}")
    plus = HTTP.post(url, headers={**HEADERS, "content-type": "application/json-patch+json"}, content="{}")
    assert wrong.json()["title"] == "BadRequestError"
    assert plus.json()["type"].endswith("FLOW-1304-400")


def test_another_tenant_sees_nothing(client: Client) -> None:
    """What one organisation has is 404 for another, whatever the route."""
    ends = make_ends(client)
    flow = client.make("/flows", flow_body(ends))
    run = client.make("/runs", run_body(flow))
    stranger = Client(client.base, client.files, client.clock, {**HEADERS, "x-gw-ims-org-id": "other@AdobeOrg"})
    paths = [
        f"/flows/{flow}",
        f"/runs/{run}",
        f"/connections/{ends['base']}",
        f"/sourceConnections/{ends['source']}",
        f"/targetConnections/{ends['target']}",
        f"/data/foundation/conversion/mappingSets/{ends['mapping']}",
        f"/data/foundation/catalog/dataSets/{ends['dataset']}",
        f"/data/foundation/schemaregistry/tenant/schemas/{ends['schema'].rpartition('/')[2]}",
    ]
    assert {path: stranger("GET", path).status_code for path in paths} == dict.fromkeys(paths, 404)
    assert stranger("POST", f"/runs/{run}/action?op=cancel").status_code == 404
    assert stranger("POST", f"/runs/{run}/action?op=re-trigger").status_code == 404
    assert stranger("POST", "/runs", run_body(flow)).json()["type"].endswith("FLOW-1430-400")
    assert stranger("DELETE", f"/flows/{flow}").status_code == 404
    assert [stranger("GET", f"/{name}").json()["items"] for name in ("flows", "runs", "connections")] == [[], [], []]


@pytest.fixture
def strict(
    make_door: Callable[..., FlowServiceDoor], sqlite_database: Database, tmp_path: Path, clock: ManualClock
) -> Iterator[tuple[Client, str, str]]:
    """Return a client of a door that checks tokens, and the id and secret of a reader of one organisation."""
    wanted = ClientRequest(name="reader", role=Role.READER, scopes=("flowservice/acme@AdobeOrg",))
    made = create_client(sqlite_database, wanted, clock, CountingIds())
    for base in serve(make_app(make_door(dev=False))):
        yield Client(base, tmp_path, clock), made.client.id, made.secret


@pytest.mark.parametrize("path", ["/ims/token", "/ims/token/v2", "/ims/token/v3"])
def test_a_token_is_given_for_a_secret(strict: tuple[Client, str, str], path: str) -> None:
    """The token works at once, for its own organisation, and not for another or for changes by a reader."""
    client, client_id, secret = strict
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": "openid"}
    token = HTTP.post(client.base + path, data=form).json()
    assert token["token_type"] == "bearer"
    assert isinstance(token["expires_in"], int)
    assert token["expires_in"] > 500
    client.headers = {**HEADERS, "authorization": f"Bearer {token['access_token']}", "x-api-key": client_id}
    assert client("GET", "/flows").status_code == 200
    assert client("GET", "/flows", x_gw_ims_org_id="other@AdobeOrg").json()["error_code"] == "403025"
    assert client("GET", "/flows", x_api_key="nobody").json()["error_code"] == "403003"
    assert client("DELETE", "/flows/1").json()["type"].endswith("FLOW-2118-403")


def test_a_token_of_a_revoked_client_is_worth_nothing(
    strict: tuple[Client, str, str], sqlite_database: Database, clock: ManualClock
) -> None:
    """Revoking works with the next request."""
    client, client_id, secret = strict
    query = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    token = HTTP.post(client.base + "/ims/token/v2", params=query).json()["access_token"]
    revoke_client(sqlite_database, client_id, "tester", clock)
    answer = client("GET", "/flows", authorization=f"Bearer {token}", x_api_key=client_id)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "401013")


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}, 401, "invalid_client"),
    ],
)
def test_a_wrong_token_request_is_refused(
    strict: tuple[Client, str, str], fields: dict[str, str], status: int, error: str
) -> None:
    """Errors of the token endpoint have the form that OAuth clients read."""
    answer = HTTP.post(strict[0].base + "/ims/token/v3", data=fields)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_service_may_name_its_sandbox_by_id(client: Client) -> None:
    """Users may not; and the id has to be that of the name."""
    right = sandbox_id("acme@AdobeOrg", "prod")
    assert client("GET", "/flows", authorization="Bearer service", x_sandbox_id=right).status_code == 200
    answer = client("GET", "/flows", authorization="Bearer service", x_sandbox_id="1")
    assert answer.json()["type"].endswith("FLOW-2103-404")


def test_a_static_token_is_good_for_ever(
    make_door: Callable[..., FlowServiceDoor], tmp_path: Path, clock: ManualClock
) -> None:
    """It has its role, and its name is an API key; a token that is near to it is none."""
    known = static_tokens([f"ci:reader:{'a' * 20}", f"mesh:service:{'b' * 20}"])
    for base in serve(make_app(make_door(dev=False, static_tokens=known))):
        reader = Client(base, tmp_path, clock, {**HEADERS, "authorization": f"Bearer {'a' * 20}", "x-api-key": "ci"})
        clock.advance(400 * DAY)
        assert reader("GET", "/flows").status_code == 200
        assert reader("DELETE", "/flows/1").json()["type"].endswith("FLOW-2118-403")
        assert reader("GET", "/flows", authorization=f"Bearer {'a' * 19}").json()["error_code"] == "401013"
        assert reader("GET", "/flows", x_api_key="nobody").json()["error_code"] == "403003"
        service = {"authorization": f"Bearer {'b' * 20}", "x_api_key": "ci"}
        answer = reader("PUT", "/runs/1", {"recordTypes": []}, **service)
        assert answer.json()["type"].endswith("FLOW-1439-404")


def test_a_client_that_is_a_service_is_known_as_one(
    strict: tuple[Client, str, str], sqlite_database: Database, clock: ManualClock
) -> None:
    """The flag is the client's; a token of it carries nothing that could be forged."""
    client = strict[0]
    wanted = ClientRequest(name="mesh", role=Role.OPERATOR, service=True)
    ids = CountingIds()
    ids.uuid()
    made = create_client(sqlite_database, wanted, clock, ids)
    form = {"grant_type": "client_credentials", "client_id": made.client.id, "client_secret": made.secret}
    token = HTTP.post(client.base + "/ims/token/v3", data=form).json()["access_token"]
    headers = {"authorization": f"Bearer {token}", "x_api_key": made.client.id}
    answer = client("POST", "/flows/1/action?op=finalize", **headers)
    assert answer.json()["type"].endswith("FLOW-1439-404")
    assert client("PUT", "/runs/1", {"recordTypes": []}, **headers).json()["type"].endswith("FLOW-1439-404")
    assert list_clients(sqlite_database)[-1].service
