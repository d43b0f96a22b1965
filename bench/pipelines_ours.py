"""Figures of the Data Factory door, over HTTP against ``headrace serve`` with one worker, on SQLite. Prints one JSON object."""

import datetime as dt
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FACTORY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory/factories/bench"
FINAL = {"Succeeded", "Failed", "Cancelled"}


class Door:
    """A served installation and its factory."""

    def __init__(self, base: str, pid: int) -> None:
        self.base = base
        self.pid = pid

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return the answer's JSON."""
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.base}{FACTORY}{path}?api-version=2018-06-01"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 — our own server
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 — our own server
            text = response.read()
        return json.loads(text) if text else None

    def put(self, name: str, activities: Sequence[Mapping[str, object]], **properties: object) -> None:
        """Store a pipeline."""
        self.ask("PUT", f"/pipelines/{name}", {"properties": {"activities": activities, **properties}})

    def run(self, name: str) -> str:
        """Create a run and return its id."""
        return str(self.ask("POST", f"/pipelines/{name}/createRun", {})["runId"])

    def ended(self, run_id: str) -> Mapping[str, Any]:
        """Return the run when it has ended."""
        while (found := self.ask("GET", f"/pipelineruns/{run_id}"))["status"] not in FINAL:
            time.sleep(0.02)
        assert found["status"] == "Succeeded", found
        return dict(found)

    def count(self, status: str) -> int:
        """Return how many runs have the status (of the first pages)."""
        window = {"lastUpdatedAfter": "2020-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
        body: dict[str, object] = {
            **window,
            "filters": [{"operand": "Status", "operator": "Equals", "values": [status]}],
        }
        total = 0
        while True:
            page = self.ask("POST", "/queryPipelineRuns", body)
            total += len(page["value"])
            if "continuationToken" not in page:
                return total
            body["continuationToken"] = page["continuationToken"]

    def worker_mb(self) -> float:
        """Return the resident memory of the worker."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return max(_resident_mb(int(child)) for child in children)


def chain(count: int) -> list[dict[str, object]]:
    """Return ``count`` activities that set a variable, one after the other."""
    return [
        {
            "name": f"a{number}",
            "type": "SetVariable",
            "dependsOn": [{"activity": f"a{number - 1}", "dependencyConditions": ["Succeeded"]}] if number else [],
            "typeProperties": {"variableName": "v", "value": f"@concat('{number}', pipeline().RunId)"},
        }
        for number in range(count)
    ]


def each(count: int, inner: Mapping[str, object]) -> list[dict[str, object]]:
    """Return a ForEach over ``count`` items, 50 at a time."""
    return [
        {
            "name": "Each",
            "type": "ForEach",
            "typeProperties": {
                "items": {"value": f"@range(0, {count})", "type": "Expression"},
                "batchCount": 50,
                "activities": [inner],
            },
        }
    ]


VARIABLES = {"variables": {"v": {"type": "String"}}}
APPENDED = {"variables": {"v": {"type": "Array"}}}
APPEND = {
    "name": "Append",
    "type": "AppendVariable",
    "typeProperties": {"variableName": "v", "value": "@string(item())"},
}


def latency(door: Door) -> dict[str, float]:
    """How long ``createRun`` takes to answer, and until the first activity has started, on an idle server."""
    door.put("two", chain(2), **VARIABLES)
    answered, started = [], []
    for _ in range(200):
        before = time.perf_counter()
        run_id = door.run("two")
        answered.append((time.perf_counter() - before) * 1000)
        run = door.ended(run_id)
        window = {"lastUpdatedAfter": "2020-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
        rows = door.ask("POST", f"/pipelineruns/{run_id}/queryActivityruns", window)["value"]
        started.append((_at(rows[0]["activityRunStart"]) - _at(run["runStart"])) * 1000)
    return {
        "create_p50_ms": statistics.median(answered),
        "create_p99_ms": sorted(answered)[-3],
        "first_p50_ms": statistics.median(started),
        "first_p99_ms": sorted(started)[-3],
    }


def throughput(door: Door) -> dict[str, float]:
    """How many two-activity runs end in a second."""
    door.put("two", chain(2), **VARIABLES)
    door.ended(door.run("two"))
    start, count = time.perf_counter(), 90
    for _ in range(4):
        ids = [door.run("two") for _ in range(count)]
        for run_id in ids:
            door.ended(run_id)
    return {"runs_per_second": 4 * count / (time.perf_counter() - start)}


def overhead(door: Door) -> dict[str, float]:
    """Compare runs of 51 activities with runs of one; and what an iteration of a parallel ForEach costs."""
    took = {}
    for count in (1, 51):
        door.put(f"chain{count}", chain(count), **VARIABLES)
        took[count] = statistics.median(_seconds(door.ended(door.run(f"chain{count}"))) for _ in range(5))
    for count in (10, 1010):
        door.put(f"each{count}", each(count, APPEND), **APPENDED)
        took[count] = statistics.median(_seconds(door.ended(door.run(f"each{count}"))) for _ in range(3))
    return {"activity_ms": (took[51] - took[1]) * 20, "iteration_ms": took[1010] - took[10]}


def waiting(door: Door) -> dict[str, float]:
    """1,000 runs that wait at once: until all of them do, and what the worker's memory grows by."""
    wait = {"name": "Wait", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 600}}
    for number in range(10):
        door.put(f"wait{number}", [wait])
    before = door.worker_mb()
    start = time.perf_counter()
    ids = [door.run(f"wait{number % 10}") for number in range(1000)]
    while door.count("InProgress") < len(ids):
        time.sleep(0.25)
    seconds = time.perf_counter() - start
    time.sleep(3)
    return {"seconds": seconds, "memory_mb": door.worker_mb() - before}


def _seconds(run: Mapping[str, Any]) -> float:
    return _at(run["runEnd"]) - _at(run["runStart"])


def _at(text: str) -> float:
    return dt.datetime.fromisoformat(text[:26] + "+00:00").timestamp()


def _resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found
    return int(found[1]) / 1024


@contextmanager
def served(**settings: str) -> Iterator[Door]:
    """Serve a fresh home with these settings until the end of the block, with a factory in it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    command = [str(Path(sys.executable).with_name("headrace")), "serve", "--dev", "--port", str(port)]
    environment = {**os.environ, "HEADRACE_HOME": tempfile.mkdtemp(), **settings}
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        door = Door(f"http://127.0.0.1:{port}", server.pid)
        while True:
            try:
                door.ask("PUT", "", {"location": "local"})
            except urllib.error.HTTPError as error:
                raise RuntimeError(error.read().decode()) from error
            except OSError:
                time.sleep(0.05)
            else:
                break
        yield door
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Serve a fresh home, make a factory, and measure what the argument names."""
    with served(HEADRACE_DATAFACTORY_WAITING_RUNS="100000") as door:
        door.put("first", chain(1), **VARIABLES)
        door.ended(door.run("first"))
        measures: dict[str, Callable[[Door], dict[str, float]]] = {
            "latency": latency,
            "throughput": throughput,
            "overhead": overhead,
            "waiting": waiting,
        }
        print(json.dumps(measures[sys.argv[1]](door)))


if __name__ == "__main__":
    main()
