"""schemathesis, which asks every operation of the door's OpenAPI document; no answer may be a 5xx or undocumented."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from clients.served import ORG, Served

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
DOCUMENT = "/data/foundation/flowservice/openapi.json"
PLACES = {
    "connections": "files",
    "sourceConnections": "source",
    "targetConnections": "target",
    "flows": "flow",
    "runs": "run",
    "mappingSets": "mapping",
    "mappings": "mapping_first",
    "dataSets": "dataset",
    "datasets": "dataset",
    "batches": "batch",
    "schemas": "schema_alt",
    "fieldgroups": "group_alt",
    "files": "file",
    "sandboxes": "SANDBOX_NAME",
}


def ask_everything(server: Served, values: Mapping[str, str], folder: Path, *, examples: int, phases: str) -> int:
    """Ask with at most ``examples`` cases an operation and phase; return how many requests were made up."""
    report = folder / "schemathesis.json"
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", server.base + DOCUMENT),
        *("--url", server.base, "--checks", CHECKS, "--phases", phases, "--max-examples", str(examples)),
        # One worker: a second thread changes Python's limit of recursion while the first one parses, which breaks it off ("AST constructor").
        *("--workers", "1", "--seed", "7", "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all"),
        *("--request-timeout", "60", "--warnings", "off", "--no-color", "--report", "json"),
        *("--report-json-path", str(report)),
        *(word for name, value in _headers(server, values["token"]).items() for word in ("-H", f"{name}: {value}")),
    ]
    known = {place: values[name] for place, name in PLACES.items()}
    environment = {
        **os.environ,
        "HEADRACE_TESTS_KNOWN": json.dumps(known),
        "HEADRACE_TESTS_VALUES": json.dumps({**values, "headers": _headers(server, values["token"])}),
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "PYTHONPATH": str(Path(__file__).parent),
        "NO_COLOR": "1",
    }
    asked = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=3000, check=False
    )
    assert asked.returncode == 0, asked.stdout[-12_000:] + asked.stderr[-2_000:]
    generated: int = json.loads(report.read_text())["test_cases"]["generated"]
    return generated


def _headers(server: Served, token: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {token}",
        "x-api-key": server.admin.id,
        "x-gw-ims-org-id": ORG,
        "x-sandbox-name": "prod",
    }
