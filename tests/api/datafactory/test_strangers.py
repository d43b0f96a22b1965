"""What is one tenant's is nobody else's: every documented operation is walked by a stranger, and nothing is told or changed.

A stranger asks each operation twice: with the owner's names and ids, and with ones that nobody has. Both answers must be the same but for those, or
the stranger would learn what exists elsewhere. Then the owner looks: everything is as it was.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute

from api.datafactory.conftest import GROUP, Client, MakeDoor, client_of, error_of, fill, pipeline
from fakes import CountingIds, ManualClock
from headrace.api.datafactory.app import OPEN
from headrace.api.datafactory.document import METHODS, document
from headrace.core.client import Role, static_tokens
from headrace.service.clients import ClientRequest, create_client
from headrace.service.tokens import issue_token

ADMIN = "a" * 20
OTHERS = GROUP.replace("/Rg", "/Other") + "/providers/Microsoft.DataFactory/factories"
WINDOW = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
NOBODY = {
    "factoryName": "Nix-1",
    "pipeline": "nix-p",
    "pipelines": "nix-p",
    "linkedservices": "nix-l",
    "triggers": "nix-t",
    "runId": "00000000-0000-4000-8000-00000000dead",
    "run": "00000000-0000-4000-8000-00000000dead",
}


@dataclass(frozen=True)
class World:
    """An owner's factory ``Fac`` with one of each thing (``ids``), and a stranger, who is an admin of another group and of its factory ``Mine``."""

    owner: Client
    stranger: Client
    ids: Mapping[str, str]

    def seen(self) -> list[str]:
        """Return all that the owner sees."""
        paths = (
            "",
            "/pipelines",
            "/pipelines/own-p",
            "/linkedservices/own-l",
            "/triggers/own-t",
            f"/pipelineruns/{self.ids['runId']}",
        )
        return [
            *(json.dumps(self.owner.get(path)) for path in paths),
            self.owner("POST", "/queryPipelineRuns", WINDOW).text,
        ]


@pytest.fixture
def world(runner: asyncio.Runner, make_door: MakeDoor, clock: ManualClock) -> World:
    """Return a world on a door that asks for tokens."""
    door = make_door(anonymous=False, static_tokens=static_tokens([f"anna:admin:{ADMIN}"]))
    owner = client_of(runner, door, clock).holding(ADMIN)
    assert owner("PUT", "", {"location": "x"}).status_code == 200
    secret = {"type": "HttpServer", "typeProperties": {"url": "http://x", "password": "hush-hush"}}
    owner.put("/linkedservices/own-l", secret)
    owner.put("/pipelines/own-p", pipeline())
    owner.put(
        "/triggers/own-t",
        {
            "type": "ScheduleTrigger",
            "typeProperties": {"recurrence": {"frequency": "Day", "startTime": "2026-01-01T00:00:00Z"}},
        },
    )
    run = owner("POST", "/pipelines/own-p/createRun").json()["runId"]
    names = {
        "factoryName": "Fac",
        "pipeline": "own-p",
        "pipelines": "own-p",
        "linkedservices": "own-l",
        "triggers": "own-t",
    }
    request = ClientRequest(name="stranger", role=Role.ADMIN, scopes=("datafactory/sub-1/other",))
    made = create_client(door.database, request, clock, CountingIds())
    stranger = owner.holding(issue_token(door.tokens, made.client.id, "datafactory").text)
    assert stranger("PUT", f"{OTHERS}/Mine", {"location": "x"}).status_code == 200
    return World(owner, stranger, {**names, "runId": run, "run": run})


def test_every_route_of_the_application_asks_who_comes(world: World) -> None:
    """Walked from the application itself, so that no route is forgotten; open ones are route objects that were named."""
    opened = {route.path for router in OPEN for route in router.routes if isinstance(route, APIRoute)}
    app: Any = world.owner.app
    walked = [
        (method, route.path)
        for route in _routes(app.routes)
        if route.path not in opened
        for method in sorted(route.methods or ())
    ]
    assert len(walked) > 60
    nobody = Client(world.owner.runner, world.owner.app, world.owner.door, world.owner.clock)
    answers = {
        (method, path): nobody.raw(method, re.sub(r"[{}]|:path", "", path)).status_code for method, path in walked
    }
    assert {asked: status for asked, status in answers.items() if status != 401} == {}


def test_a_stranger_learns_nothing_and_changes_nothing(world: World) -> None:
    """Of a factory of somebody else's: whether it is there, what is in it, whose runs those are."""
    before, walked = world.seen(), 0
    for method, path in _operations():
        theirs, none = (_answer(world.stranger, method, _filled(path, ids), ids) for ids in (world.ids, NOBODY))
        assert theirs == none, f"{method} {path} tells what another tenant has"
        assert theirs[0] in {200, 403}, (method, path)
        walked += 1
    assert walked > 50
    assert world.seen() == before


def test_the_owners_ids_open_nothing_in_a_factory_of_the_strangers(world: World) -> None:
    """Runs, pipelines and references of runs are looked for in the factory that is asked, and nowhere else."""
    before = world.seen()
    for method, path in _operations():
        if "{factoryName}" not in path or path.endswith("{factoryName}"):
            continue
        mine = [{**ids, "factoryName": "Mine"} for ids in (world.ids, NOBODY)]
        theirs, none = (_answer(world.stranger, method, _filled(path, ids), ids) for ids in mine)
        assert theirs == none, f"{method} {path} tells what another tenant has"
    put = world.stranger("PUT", f"{OTHERS}/Mine/pipelines/own-p", {"properties": pipeline()})
    assert put.status_code == 200
    for query in ("", "&isRecovery=true&startFromFailure=true"):
        path = f"{OTHERS}/Mine/pipelines/own-p/createRun?api-version=2018-06-01{query}"
        refused = [
            error_of(world.stranger("POST", f"{path}&referencePipelineRunId={ids['runId']}"))
            for ids in (world.ids, NOBODY)
        ]
        assert refused[0][:2] == refused[1][:2] == (400, refused[0][1])
        assert refused[0][2].replace(world.ids["runId"], "") == refused[1][2].replace(NOBODY["runId"], "")
    assert world.seen() == before


def test_what_a_door_gave_one_tenant_is_worth_nothing_to_another(world: World) -> None:
    """Its sealed secrets, its etags, and its tokens for further pages."""
    shown = world.owner.get("/linkedservices/own-l")
    stolen = {"properties": shown["properties"]}
    answer = world.stranger("PUT", f"{OTHERS}/Mine/linkedservices/own-l", stolen)
    assert (answer.status_code, "hush" in answer.text) == (400, False)
    stale = world.stranger("DELETE", f"{OTHERS}/Mine/linkedservices/own-l", if_match=shown["etag"])
    assert stale.status_code in {204, 412}
    fill(world.owner, "trigger", [f"t{number:03}" for number in range(101)])
    following = world.owner.get("/triggers")["nextLink"]
    token = following.partition("skiptoken=")[2]
    page = world.stranger("GET", f"{OTHERS}/Mine/triggers?api-version=2018-06-01&$skiptoken={token}")
    assert page.status_code == 400 or page.json()["value"] == []


def _routes(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        # What was included keeps its own list.
        yield from _routes(getattr(getattr(route, "original_router", route), "routes", None) or ())


def _operations() -> Iterator[tuple[str, str]]:
    for path, methods in document()["paths"].items():
        if path.startswith("/subscriptions"):
            # Removals at the end: what a call before them made in a factory of the stranger's would be missing.
            for method in sorted(METHODS & set(methods), key=lambda one: (one == "delete", one)):
                if (method, path.rpartition("/")[0][-16:]) != ("delete", "globalParameters"):
                    yield method.upper(), path


def _filled(path: str, ids: Mapping[str, str]) -> str:
    group = "Other" if ids["factoryName"] == "Mine" else "Rg"
    path = path.replace("{subscriptionId}", "Sub-1").replace("{resourceGroupName}", group)
    parts = path.split("/")
    for at, part in enumerate(parts):
        if part == "{name}":
            parts[at] = ids.get(
                parts[at - 1], "default" if parts[at - 1] == "globalParameters" else f"some {ids['pipeline']}"
            )
        elif part.startswith("{"):
            parts[at] = quote(ids[part.strip("{}")])
    return "/".join(parts)


def _answer(stranger: Client, method: str, path: str, ids: Mapping[str, str]) -> tuple[int, str]:
    """Return status and text of an answer, without what differs from call to call."""
    lowered = path.lower()
    body: Any = None
    if method in {"PUT", "PATCH"}:
        body = {
            "properties": {
                "type": "ScheduleTrigger",
                "typeProperties": {"recurrence": {"frequency": "Day", "startTime": "2026-01-01T00:00:00Z"}},
            },
            "tags": {"by": "stranger"},
        }
    elif method == "POST":
        body = WINDOW if "runs" in lowered.rpartition("/")[2] else {}
    answer = stranger(method, path, body)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>", answer.text)
    for name in sorted(ids.values(), key=len, reverse=True):
        # Names of factories are parts of other words.
        text = re.sub(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", "<id>", text)
    return answer.status_code, re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "<time>", text)
