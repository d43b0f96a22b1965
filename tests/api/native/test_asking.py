"""schemathesis, which asks every operation of the document; no answer may be a failure of ours, or another than is written down."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from api.native.conftest import ACME, PREFIX, Api, served
from headrace.api.native.app import make_app
from headrace.core.client import Identity, Role, digest_of

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
_CONFIGURATION = '[phases.coverage]\nunexpected-methods = ["GET", "PUT", "POST", "DELETE", "PATCH"]\n'
"""Without TRACE and OPTIONS: that no server here knows them is said with 501."""


@pytest.mark.soak
def test_whatever_is_asked_the_document_knows_the_answer(acme: Api, tmp_path: Path) -> None:
    """Thousands of requests that fit the document, and that do not quite."""
    # Clients and keys are of nobody's scope, so who reaches everything is the one to ask.
    door = replace(acme.door, static_tokens={digest_of(ACME): Identity("asking", Role.ADMIN)})
    api = replace(acme, app=make_app(door), door=door)
    report, configuration = tmp_path / "schemathesis.json", tmp_path / "asking.toml"
    configuration.write_text(_CONFIGURATION)
    with served(api) as base:
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(configuration)),
            *("run", f"{base}{PREFIX}/openapi.json", "--url", base, "-H", f"Authorization: Bearer {ACME}"),
            *("--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "25"),
            # What is followed has no end of its own.
            *("--exclude-operation-id-regex", r"runs\.(events|follow)"),
            *(
                "--workers",
                "1",
                "--seed",
                "7",
                "--no-shrink",
                "--continue-on-failure",
                "--suppress-health-check",
                "all",
            ),
            *("--request-timeout", "60", "--warnings", "off", "--no-color", "--report", "json"),
            *("--report-json-path", str(report)),
        ]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "asking_hooks", "PYTHONPATH": str(Path(__file__).parent)}
        asked = subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=3000,
            check=False,
        )
    assert asked.returncode == 0, asked.stdout[-12_000:] + asked.stderr[-2_000:]
    assert json.loads(report.read_text())["test_cases"]["generated"] > 500
