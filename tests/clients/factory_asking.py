"""schemathesis, which asks every operation of the Data Factory door's OpenAPI document; no answer may be a 5xx or undocumented."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
PLACE = {"subscriptionId": "asked", "resourceGroupName": "rg", "factoryName": "asked"}
FACTORY = "/subscriptions/asked/resourceGroups/rg/providers/Microsoft.DataFactory/factories/asked"
_VERSION = {"api-version": "2018-06-01"}
_CONFIGURATION = '[phases.coverage]\nunexpected-methods = ["GET", "PUT", "POST", "DELETE", "PATCH"]\n'
"""Without TRACE: that no server here knows it, it says with 501, as HTTP has it; and without OPTIONS, for the same reason."""


def ask_every_operation(base: str, folder: Path, *, examples: int, phases: str) -> int:
    """Ask with at most ``examples`` cases an operation and phase; return how many requests were made up."""
    report, configuration = folder / "schemathesis.json", folder / "asking.toml"
    configuration.write_text(_CONFIGURATION)
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(configuration)),
        *("run", f"{base}/datafactory/openapi.json"),
        *("--url", base, "--checks", CHECKS, "--phases", phases, "--max-examples", str(examples)),
        # One worker: a second thread changes Python's limit of recursion while the first one parses, which breaks it off.
        *("--workers", "1", "--seed", "7", "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all"),
        *("--request-timeout", "60", "--warnings", "off", "--no-color", "--report", "json"),
        *("--report-json-path", str(report)),
    ]
    environment = {
        **os.environ,
        "HEADRACE_TESTS_KNOWN": json.dumps(_things(base)),
        "SCHEMATHESIS_HOOKS": "factory_hooks",
        "PYTHONPATH": str(Path(__file__).parent),
        "NO_COLOR": "1",
    }
    asked = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=3000, check=False
    )
    assert asked.returncode == 0, asked.stdout[-12_000:] + asked.stderr[-2_000:]
    generated: int = json.loads(report.read_text())["test_cases"]["generated"]
    return generated


def _things(base: str) -> dict[str, str]:
    """Make a factory with one of each thing, and return what is asked for in paths."""
    linked = {"type": "HttpServer", "typeProperties": {"url": "http://x", "password": "p"}}
    reference = {"referenceName": "ls", "type": "LinkedServiceReference"}
    wait = {"name": "W", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 0}}
    keep = {"name": "S", "type": "SetVariable", "typeProperties": {"variableName": "v", "value": "x"}}
    with httpx.Client(base_url=base + FACTORY, params=_VERSION, trust_env=False, timeout=60) as http:
        for path, body in (
            ("", {"location": "x"}),
            ("/linkedservices/ls", {"properties": linked}),
            ("/datasets/ds", {"properties": {"type": "Json", "linkedServiceName": reference, "typeProperties": {}}}),
            ("/pipelines/p", {"properties": {"activities": [wait, keep], "variables": {"v": {"type": "String"}}}}),
            (
                "/triggers/t",
                {
                    "properties": {
                        "type": "ScheduleTrigger",
                        "typeProperties": {"recurrence": {"frequency": "Day", "startTime": "2026-01-01T00:00:00Z"}},
                    }
                },
            ),
        ):
            http.put(path, json=body).raise_for_status()
        run = http.post("/pipelines/p/createRun").raise_for_status().json()["runId"]
    names = {"pipeline": "p", "pipelines": "p", "datasets": "ds", "linkedservices": "ls", "triggers": "t"}
    return {**PLACE, **names, "base": base, "runId": run, "run": run, "globalParameters": "default"}
