"""What is asked is read off requests, every operation is reached, and nothing that is sent breaks the server."""

import json
from dataclasses import fields

import httpx
import pytest

from api.native.conftest import Api, error_of
from headrace.api.native.errors import STATUS_OF
from headrace.api.native.paths import serves
from headrace.core.client import Role
from headrace.core.errors import Code
from headrace.core.native.operation import Operation
from headrace.core.native.table import OPERATIONS
from headrace.service.native.answering import FUNCTIONS

_KNOWN = {"scope": "flowservice/nobody/prod", "path": "Load", "name": "x", "url": "http://127.0.0.1:1/", "runs": ["x"]}


def _body(operation: Operation[object, object]) -> dict[str, object]:
    return {
        one.name: _KNOWN[one.name]
        for one in fields(operation.asked)  # type: ignore[arg-type]  # asked are dataclasses
        if one.name in _KNOWN and one.name not in operation.path_names
    }


def _ask(api: Api, operation: Operation[object, object], value: str = "nix") -> httpx.Response:
    path = operation.path
    for name in operation.path_names:
        path = path.replace(f"{{{name}}}", value)
    body = _body(operation)
    if operation.sends:
        return api(operation.method, path, b"{}")
    if operation.method in {"GET", "DELETE"}:
        return api(operation.method, path + "?" + "&".join(f"{name}={text}" for name, text in body.items()))
    return api(operation.method, path, body)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_every_operation_is_reached_and_refuses_what_is_not_there(
    admin: Api, operation: Operation[object, object]
) -> None:
    """No answer is a failure of ours, and every refusal has the one form."""
    answer = _ask(admin, operation)
    assert answer.status_code < 500, answer.text
    if operation.path_names:
        assert answer.status_code == 404, answer.text
    if answer.status_code >= 400:
        assert "is not offered" not in error_of(answer)["message"]


@pytest.mark.parametrize(
    "value", ["%00", "%ff", "%2F%2e%2e%2F", "%ed%a0%80", "x" * 3000, "'%3B--", "@latest", "%F0%9F%92%A9"]
)
def test_names_in_paths_may_be_anything(admin: Api, value: str) -> None:
    """What nobody is called is not found, or is refused."""
    answers = {one.name: _ask(admin, one, value).status_code for one in OPERATIONS if one.path_names}
    assert {name: status for name, status in answers.items() if status not in {404, 422}} == {}


def test_every_operation_has_a_function_and_no_function_is_left_over() -> None:
    """The table is what there is."""
    assert set(FUNCTIONS) == {one.name for one in OPERATIONS}


def test_every_code_has_a_status() -> None:
    """And only failures of ours and of others are 5xx."""
    assert set(STATUS_OF) == set(Code)
    assert all(400 <= status < 600 for status in STATUS_OF.values())


def test_all_errors_of_a_query_are_told_at_once(admin: Api) -> None:
    """With the place of each, and what would be right."""
    error = error_of(admin("GET", "/runs?status=faild&limt=3&limit=x&since=yesterday&scope=a&scope=b&rejects=maybe"))
    told = {field["path"]: field["hint"] for field in error["fields"]}
    assert set(told) == {"status", "limt", "limit", "since", "scope", "rejects"}
    assert (told["status"], told["limt"]) == ("did you mean 'failed'?", "did you mean 'limit'?")
    assert error["code"] == "invalid"


def test_unknown_members_of_a_body_are_refused_by_name(admin: Api) -> None:
    """A misspelt member would be passed over in silence otherwise."""
    answer = admin("POST", "/runs/x/retry", {"modus": "all", "parameter": {}})
    assert (answer.status_code, error_of(answer)["code"]) == (422, "unknown_field")
    assert [field["path"] for field in error_of(answer)["fields"]] == ["modus", "parameter"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b'"x"', 422),
        (b'{"mode": "x"}', 422),
        (b'{"parameters": {"a": NaN}}', 400),
        (b'{"parameters": "x"}', 422),
        (b'{"activity": "a\\u0000"}', 400),
        (b'{"activity": "\\ud800"}', 400),
        (b'{"as_it_was": 1}', 422),
        (b"[" * 99_000, 422),
        (b'{"parameters": ' + b"[" * 1000 + b"]" * 1000 + b"}", 422),
        (b'{"run": "other"}', 422),
        (b'{"request_key": ""}', 422),
        (b'{"request_key": "' + b"x" * 201 + b'"}', 422),
        (b"x" * 100_001, 413),
    ],
)
def test_spoiled_bodies_are_refused(admin: Api, body: bytes, status: int) -> None:
    """Each in words, none as a failure of the server."""
    answer = admin("POST", "/runs/x/retry", body)
    assert answer.status_code == status, answer.text
    assert error_of(answer)["message"]


def test_a_query_where_a_body_is_expected_is_refused(admin: Api) -> None:
    """It would be passed over in silence otherwise."""
    assert error_of(admin("POST", "/runs/x/retry?mode=all", {}))["fields"][0]["path"] == "mode"
    assert error_of(admin("GET", "/runs/x?run=y"))["fields"][0]["path"] == "run"


def test_two_different_request_keys_are_one_too_many(admin: Api) -> None:
    """The header fills the member; both are fine when they say the same."""
    refused = admin("POST", "/runs/x/retry", {"request_key": "a"}, idempotency_key="b")
    assert (refused.status_code, error_of(refused)["fields"][0]["path"]) == (422, "request_key")
    assert admin("POST", "/runs/x/retry", {"request_key": "a"}, idempotency_key="a").status_code == 404
    assert admin("POST", "/runs/x/retry", {}, idempotency_key="x" * 300).status_code == 422
    assert admin("POST", "/runs/x/retry", {"request_key": ["a"]}, idempotency_key="a").status_code == 422


def test_other_methods_are_refused_with_those_that_are_offered(admin: Api) -> None:
    """405 and Allow for a path that is there, 404 for one that is not."""
    answer = admin("DELETE", "/runs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert admin("GET", "/nix").status_code == 404
    assert admin("GET", "//native").status_code == 404


def test_requests_have_an_id_that_is_repeated(admin: Api) -> None:
    """In the header of every answer, and in every refusal."""
    answer = admin("GET", "/runs/nix", x_request_id="mine")
    assert (answer.headers["x-request-id"], error_of(answer)["request_id"]) == ("mine", "mine")


def test_answers_are_never_read_as_something_else(admin: Api) -> None:
    """By no browser, and kept by no cache."""
    headers = admin("GET", "/me").headers
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_long_answers_come_packed_to_those_who_take_it(admin: Api) -> None:
    """And are the same when they are unpacked, as every client does by itself."""
    many = [admin("POST", "/clients", {"name": f"client-{number}", "role": "reader"}) for number in range(25)]
    assert many[-1].status_code == 200
    packed, plain = admin("GET", "/clients", accept_encoding="gzip"), admin("GET", "/clients", accept_encoding="br")
    assert (packed.headers["content-encoding"], packed.json()) == ("gzip", plain.json())
    assert "content-encoding" not in plain.headers


def test_files_of_rows_may_be_longer_than_other_bodies_and_are_bounded_too(admin: Api) -> None:
    """By a setting of their own."""
    assert admin("POST", "/quarantine/nix/replay", b"x" * 150_000).status_code == 404
    assert admin("POST", "/quarantine/nix/replay", b"x" * 200_001).status_code == 413


def test_who_may_not_send_rows_is_refused_before_they_are_taken_in(reader: Api) -> None:
    """However many they are: nothing of them is written down."""
    assert reader("POST", "/quarantine/nix/replay", b"x" * 200_001).status_code == 403


def test_a_secret_is_shown_once_and_then_to_nobody(admin: Api) -> None:
    """Not in lists, not in the audit."""
    made = admin("POST", "/clients", {"name": "ci", "role": "reader"}).json()
    assert made["secret"]
    told = "".join(admin("GET", path).text for path in ("/clients", "/audit", "/about", "/me"))
    assert made["client"]["id"] in told
    assert made["secret"] not in told


def test_what_lies_in_a_strangers_scope_is_not_there(nobody: Api) -> None:
    """Neither in lists of other scopes, nor by guessing."""
    stranger = nobody.of(Role.ADMIN, "flowservice/other")
    assert stranger("GET", "/runs?scope=flowservice/acme").status_code == 404
    assert stranger("GET", "/runs").json()["items"] == []


def test_the_doors_paths_are_exactly_these() -> None:
    """No path of another door looks like one of them."""
    ours = ["/native", "/native/v1/runs", "/healthz", "/readyz", "/metrics", "/healthz/", "/native/"]
    others = ["/", "", "/natives", "/v1/native", "/healthzz", "/metrics/x", "/data/foundation/native", "native"]
    assert [serves(path) for path in ours] == [True] * len(ours)
    assert [serves(path) for path in others] == [False] * len(others)


def test_numbers_beyond_any_database_are_refused(admin: Api) -> None:
    """Instead of breaking in it."""
    assert admin("GET", f"/runs?limit={10**30}").status_code == 422
    assert admin("GET", f"/runs/x/activity?path=a&attempt={10**18}").status_code == 422
    assert json.loads(admin("GET", "/runs?limit=1").text)["items"] == []
