"""A pipeline with everything nested, and the world outside that it calls: every call is counted."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from e2e.house import House
from headrace.api.datafactory.app import make_app
from headrace.bootstrap.doors import make_data_factory_door
from headrace.core.run import BODY, ActivityRun, ActivityStatus
from headrace.store import activity_runs
from listeners import Heard, Listener

FACTORY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory/factories/house"
ITEMS = 5

Json = Any


@dataclass
class Factory:
    """The house's factory, spoken to as its clients do."""

    house: House
    _app: Any = field(init=False)

    def __post_init__(self) -> None:
        self._app = make_app(make_data_factory_door(self.house.application, anonymous=True))
        self.ask("PUT", "", {"location": "here"})

    def ask(self, method: str, path: str, body: Json = None, **query: str) -> Json:
        """Return the answer's JSON; anything but success is a failed test."""
        answer = asyncio.run(self._send(method, path, {} if body is None else body, query))
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def _send(self, method: str, path: str, body: Json, query: Mapping[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=("127.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            parameters = {"api-version": "2018-06-01", **query}
            return await client.request(method, FACTORY + path, params=parameters, json=body)

    def put(self, name: str, activities: Sequence[Mapping[str, Json]], **properties: Json) -> None:
        """Store a pipeline."""
        self.ask("PUT", f"/pipelines/{name}", {"properties": {"activities": activities, **properties}})

    def run(self, name: str, parameters: Json = None, **query: str) -> str:
        """Create a run."""
        return str(self.ask("POST", f"/pipelines/{name}/createRun", parameters, **query)["runId"])

    def get(self, run_id: str) -> Json:
        """Return the run."""
        return self.ask("GET", f"/pipelineruns/{run_id}")

    def rows(self, run_id: str) -> list[ActivityRun]:
        """Return the ledger's rows of the run, bodies left out."""
        with self.house.application.database.reading() as tx:
            return [row for row in activity_runs.of_run(tx, run_id) if row.kind != BODY]

    def variable(self, run_id: str, activity: str = "Tell") -> Json:
        """Return what the run's last activity made of its variable."""
        return next(row for row in self.rows(run_id) if row.path == activity).output["value"]


def activity(name: str, kind: str, after: str | None = None, **settings: Json) -> dict[str, Json]:
    """Return an activity that follows ``after``."""
    depends = [] if after is None else [{"activity": after, "dependencyConditions": ["Succeeded"]}]
    return {"name": name, "type": kind, "dependsOn": depends, "typeProperties": settings}


def call(name: str, url: str, what: str, after: str | None = None) -> dict[str, Json]:
    """Return an activity that calls the outside; ``what`` is the end of the path, an expression may stand in it."""
    return activity(name, "WebActivity", after, url=f"{url}/{what}", method="POST", body={"from": "@pipeline().RunId"})


def expression(text: str) -> dict[str, str]:
    """Return an expression as an object."""
    return {"value": text, "type": "Expression"}


def put_nested(factory: Factory, url: str) -> None:
    """Store the pipelines: a loop that leaves nothing behind, one with branches and a variable, one that counts, a pause, a child."""
    factory.put("child", [call("Inner", url, "child")])
    odd = expression("@equals(mod(item(), 2), 1)")
    check = activity(
        "Check",
        "IfCondition",
        expression=odd,
        ifTrueActivities=[call("Odd", url, "odd/@{item()}")],
        ifFalseActivities=[call("Even", url, "even/@{item()}")],
    )
    append = activity("Append", "AppendVariable", "Check", variableName="seen", value="@string(item())")
    passes = [
        call("Poll", url, "poll"),
        activity("Count", "AppendVariable", "Poll", variableName="passes", value="x"),
    ]
    factory.put(
        "nested",
        [
            call("First", url, "first"),
            activity(
                "Plain",
                "ForEach",
                "First",
                items=expression("@createArray('a', 'b')"),
                isSequential=True,
                activities=[call("Call", url, "plain/@{item()}")],
            ),
            activity(
                "Each",
                "ForEach",
                "Plain",
                items=expression(f"@range(0, {ITEMS})"),
                batchCount=2,
                activities=[check, append],
            ),
            activity(
                "Loop",
                "Until",
                "Each",
                expression=expression("@greaterOrEquals(length(variables('passes')), 2)"),
                activities=passes,
            ),
            activity("Pause", "Wait", "Loop", waitTimeInSeconds=1),
            activity(
                "Child",
                "ExecutePipeline",
                "Pause",
                pipeline={"referenceName": "child", "type": "PipelineReference"},
                waitOnCompletion=True,
            ),
            activity("Tell", "SetVariable", "Child", variableName="told", value="@join(variables('seen'), ',')"),
        ],
        variables={"seen": {"type": "Array"}, "passes": {"type": "Array"}, "told": {"type": "String"}},
    )


def expected_calls() -> Counter[str]:
    """Return how often each place is to be called in a run."""
    items = [f"/{'odd' if number % 2 else 'even'}/{number}" for number in range(ITEMS)]
    return Counter(["/first", "/plain/a", "/plain/b", *items, "/poll", "/poll", "/child"])


def calls(outside: Listener) -> Counter[str]:
    """Return how often each place was called with another key: a call that is repeated after a crash has the key of the first one."""
    keys = {(heard.path, heard.headers.get("idempotency-key")) for heard in outside.heard}
    return Counter(path.removeprefix("/hook") for path, _ in keys)


def repeated(outside: Listener) -> int:
    """Return how many calls were made again."""
    keys = Counter((heard.path, heard.headers.get("idempotency-key")) for heard in outside.heard)
    return sum(count - 1 for count in keys.values())


def answer_ok(_heard: Heard) -> tuple[int, Mapping[str, str], bytes]:
    """Answer as a service that did what it was asked for."""
    return 200, {"content-type": "application/json"}, json.dumps({"done": True}).encode()


def succeeded(rows: Sequence[ActivityRun]) -> Counter[str]:
    """Return how often each path succeeded."""
    return Counter(row.path for row in rows if row.status is ActivityStatus.SUCCEEDED)
