"""Every route of the door, asked with what nobody should send: never a fault of ours, and every refusal in the envelope."""

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from api.jobs.conftest import Client, errors_of
from api.jobs.samples import calls
from api.jobs.test_strangers import OPERATIONS, Operation, furnish
from headrace.api.jobs.document import document

NASTY: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "x" * 300,
    "'; DROP TABLE jobs; --",
    "\u202e\U0001f4a9",
    [],
    [None],
    [[]],
    [{}],
    {},
    {"type": 1},
    {"a": {"b": [None]}},
)
TEXTS = (
    "",
    "0",
    "-1",
    "x",
    "true",
    "999999999999999999",
    "a,b",
    "\u00e9",
    "%00",
    "{}",
    "us_sh_none0000",
    "2020-01-01",
    "(",
)


def bodies_of(operation: Operation) -> list[Any]:
    """Return bodies whose members have the wrong kinds, one kind after the other, beginning with another one for each operation."""
    described = document()["paths"][operation.path][operation.method.lower()]
    content = described.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return [None]
    schema = _resolved(content["schema"])
    names = list(_resolved(schema.get("items", schema)).get("properties", {})) or ["a"]
    shift = itertools.count(len(operation.path))
    made: list[Any] = [*NASTY[::5], [{}], [1]]
    made += [{name: NASTY[next(shift) % len(NASTY)] for name in names} for _ in range(len(NASTY) // 2)]
    if "items" in schema:
        made += [[body] for body in made if isinstance(body, dict)]
    return made


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return schema if reference is None else dict(document()["components"]["schemas"][reference.rpartition("/")[2]])


def check(client: Client, operation: Operation, query: str, body: Any, ids: dict[str, str]) -> None:
    """Ask, and look at the answer."""
    at = operation.at(ids).removeprefix("/v1")
    answer = (
        client(operation.method, at + query, body)
        if operation.path.startswith("/v1")
        else client.raw(operation.method, at + query)
    )
    told = (operation.method, at + query, str(body)[:300], answer.text[:300])
    assert answer.status_code < 500, told
    if answer.status_code >= 400:
        assert errors_of(answer)[0] in {400, 401, 403, 404, 413}, told


@pytest.mark.soak
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_nothing_that_is_sent_is_a_fault_of_ours(client: Client, method: str) -> None:
    """Bodies and parameters of every wrong kind, about things that are there."""
    ids = furnish(client)
    for operation in OPERATIONS:
        if operation.method != method or operation.path.startswith(("/v2/", "/time")):
            continue
        for body in bodies_of(operation):
            check(client, operation, "", body, ids)
        for number, name in enumerate(operation.parameters):
            for text in TEXTS[number % 3 :: 3]:
                check(client, operation, f"?{name}={text}", None, ids)


@pytest.mark.soak
def test_no_place_of_a_good_body_can_hold_what_breaks_the_door(sqlite_client: Client) -> None:
    """Every member and element of a good body is put in the place of something else, one after the other."""
    ids = furnish(sqlite_client)
    for method, path, body in calls(sqlite_client, ids):
        for place in places(body):
            for value in NASTY:
                answer = sqlite_client(method, path, spoiled(body, place, value))
                told = (method, path, place, value, answer.text[:300])
                assert answer.status_code < 500, told
                assert answer.status_code == 200 or errors_of(answer)[0] in {400, 404}, told


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of everything in ``value``, itself first."""
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inside:
        yield from places(member, (*at, key))


def spoiled(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return ``body`` with ``value`` at ``place``."""
    if not place:
        return value
    made = copy.deepcopy(body)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return made
