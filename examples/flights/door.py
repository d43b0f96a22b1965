"""Part three of the demo: the Flow Service door, with the calls of Adobe's tutorials, printed as the curl that they are."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

ORG = "DEMO@AdobeOrg"
HEADERS = {
    "Authorization": "Bearer demo",
    "x-api-key": "demo",
    "x-gw-ims-org-id": ORG,
    "x-sandbox-name": "prod",
}
CLOUD_STORAGE_TO_AEP = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
LOCAL_FILES = "6f0b0c1e-2f5c-4b7e-9d55-0a1a5f3c7e01"
DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"

NUMBER_OR_NONE = 'iif({0} == "NA", null, to_integer({0}))'
COLUMNS = {
    "carrier": ("carrier", {"type": "string"}),
    "flight": ("to_integer(flight)", {"type": "integer", "minimum": 1}),
    "origin": ("origin", {"type": "string", "enum": ["EWR", "JFK", "LGA"]}),
    "destination": ("dest", {"type": "string"}),
    "delay_minutes": (NUMBER_OR_NONE.format("dep_delay"), {"type": "integer"}),
}
"""Target column: the mapping's expression, and what the schema says."""


class Door:
    """Calls the server and prints each call as the curl that it is."""

    def __init__(self, base: str) -> None:
        self.base = base

    def call(self, method: str, path: str, body: Any = None, *, quiet: bool = False, **headers: str) -> Any:
        """Return the answer's JSON (or text), and stop the demo where the server refuses."""
        if not quiet:
            self._show(method, path, body)
        content = {"Content-Type": "application/json"} if body is not None else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 — the address is the demo's own server
            self.base + path, data=data, method=method, headers={**HEADERS, **content, **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 — as above
                text, kind = answer.read().decode(), answer.headers.get_content_type()
        except urllib.error.HTTPError as refusal:
            sys.exit(f"{method} {path} was refused with {refusal.code}: {refusal.read().decode()}")
        return json.loads(text) if kind == "application/json" else text

    def _show(self, method: str, path: str, body: Any) -> None:
        text = "" if body is None else " -d '" + json.dumps(body) + "'"
        print(f"\n$ curl -X {method} '{self.base}{path}' …{text if len(text) < 300 else text[:297] + '…'}", flush=True)


def through_the_door(workspace: Path, home: Path) -> None:
    """Start a server, define a flow, let it fail, correct it, re-trigger the run, and show it as the monitoring tutorial does."""
    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    command = [
        str(Path(sys.executable).with_name("headrace")),
        "serve",
        "--dev",
        "--port",
        str(port),
        "--home",
        str(home),
    ]
    print("\n$ headrace serve --dev", flush=True)
    environment = {**os.environ, "HEADRACE_FILE_ROOTS": str(workspace / "data")}
    with (workspace / "server.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            _wait_for(base, server, workspace / "server.log")
            _tutorial(Door(base), workspace / "data")
        finally:
            server.terminate()
            server.wait(timeout=60)


def _tutorial(door: Door, data: Path) -> None:
    flow_id = _define(door, data)
    now = int(time.time())
    params = {"startTime": str(now), "windowStartTime": "0", "windowEndTime": str(now + 3600)}
    body = {"flowId": flow_id, "params": params}
    created = door.call("POST", "/data/foundation/flowservice/runs", body)
    print(json.dumps(created))
    run = _ended(door, created["id"])
    _explain(door, run)
    etag = door.call("GET", f"/data/foundation/flowservice/flows/{flow_id}", quiet=True)["items"][0]["etag"]
    patch = [{"op": "replace", "path": "/options/partialIngestionPercent", "value": 5}]
    door.call("PATCH", f"/data/foundation/flowservice/flows/{flow_id}", patch, **{"If-Match": etag})
    created = door.call("POST", f"/data/foundation/flowservice/runs/{created['id']}/action?op=re-trigger")
    print(json.dumps(created))
    _ended(door, created["id"])
    query = urllib.parse.quote(f"flowId=={flow_id}", safe="=")
    items = door.call("GET", f"/data/foundation/flowservice/runs?property={query}")["items"]
    print(json.dumps(next(item for item in items if item["id"] == created["id"]), indent=2))


def _define(door: Door, data: Path) -> str:
    foundation = "/data/foundation"
    properties = {name: schema for name, (_, schema) in COLUMNS.items()}
    schema = door.call(
        "POST",
        f"{foundation}/schemaregistry/tenant/schemas",
        {"type": "object", "title": "Departures", "allOf": [{"$ref": "https://ns.adobe.com/xdm/data/record"}],
         "properties": properties, "required": list(COLUMNS)},
    )  # fmt: skip
    reference = {"id": schema["$id"], "contentType": "application/vnd.adobe.xed-full+json;version=1"}
    dataset = door.call(
        "POST", f"{foundation}/catalog/dataSets", {"name": "Departures by door", "schemaRef": reference}
    )
    dataset_id = dataset[0].rpartition("/")[2]
    mappings = [
        {"sourceType": "EXPRESSION", "source": source, "destination": name} for name, (source, _) in COLUMNS.items()
    ]
    mapping_set = {"name": "Departures", "outputSchema": {"schemaRef": reference}, "mappings": mappings}
    mapping = door.call("POST", f"{foundation}/conversion/mappingSets", mapping_set)
    service = f"{foundation}/flowservice"
    directory = {"specName": "Directory", "params": {"rootPath": str(data)}}
    connection = door.call(
        "POST", f"{service}/connections", {"name": "Flights", "auth": directory, "connectionSpec": _spec(LOCAL_FILES)}
    )
    source = door.call(
        "POST",
        f"{service}/sourceConnections",
        {"name": "Flights", "baseConnectionId": connection["id"], "connectionSpec": _spec(LOCAL_FILES),
         "data": {"format": "delimited", "properties": {"columnDelimiter": ",", "compressionType": "zipDeflate"}},
         "params": {"path": "flights.csv.zip", "type": "file"}},
    )  # fmt: skip
    target = door.call(
        "POST",
        f"{service}/targetConnections",
        {
            "name": "Departures",
            "connectionSpec": _spec(DATA_LAKE),
            "data": {"schema": reference},
            "params": {"dataSetId": dataset_id},
        },
    )
    flow = door.call(
        "POST",
        f"{service}/flows",
        {"name": "Departures", "flowSpec": _spec(CLOUD_STORAGE_TO_AEP), "sourceConnectionIds": [source["id"]],
         "targetConnectionIds": [target["id"]], "scheduleParams": {"startTime": str(int(time.time()) + 86400), "frequency": "once"},
         "transformations": [{"name": "Mapping", "params": {"mappingId": mapping["id"], "mappingVersion": 0}}],
         "options": {"errorDiagnosticsEnabled": True, "partialIngestionPercent": 1}},
    )  # fmt: skip
    return str(flow["id"])


def _explain(door: Door, run: dict[str, Any]) -> None:
    summary = run["metrics"]["statusSummary"]
    print(f"\nthe run {summary['status']}: {json.dumps(run['metrics']['recordSummary'])}")
    promotion = run["activities"][-1]["statusSummary"]["extensions"]
    for error in promotion["errors"]:
        print("  ", json.dumps(error))
    link = promotion["manifest"]["failedRecords"]
    listing = door.call("GET", link.removeprefix(door.base))
    file = listing["data"][0]["_links"]["self"]["href"]
    rows = door.call("GET", file.removeprefix(door.base)).splitlines()
    print(f"{len(rows):,} rows; the first:\n{rows[0]}")


def _ended(door: Door, run_id: str) -> dict[str, Any]:
    path = f"/data/foundation/flowservice/runs/{run_id}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run: dict[str, Any] = door.call("GET", path, quiet=True)["items"][0]
        if run["metrics"]["statusSummary"]["status"] in {"success", "failed", "cancelled"}:
            return run
        time.sleep(0.2)
    sys.exit(f"run {run_id} did not end within a minute")


def _spec(spec_id: str) -> dict[str, str]:
    return {"id": spec_id, "version": "1.0"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(base: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(base, timeout=1):  # noqa: S310 — the demo's own server
                return
        except urllib.error.HTTPError:
            return  # it answers: that this is no address of a door does not matter
        except OSError:
            if server.poll() is not None:
                sys.exit("the server did not start:\n" + log.read_text(encoding="utf-8"))
            time.sleep(0.05)
    sys.exit("the server did not answer within 30 s:\n" + log.read_text(encoding="utf-8"))
