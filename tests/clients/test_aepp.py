"""Adobe's own Python client, unchanged but for its addresses, against the server; a proxy between them loses answers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.losing import losing
from clients.served import ORG, Served, served
from servers import PostgresServer

PROGRAM = Path(__file__).with_name("aepp_session.py")
RUNS = "POST /data/foundation/flowservice/runs"


@pytest.mark.e2e
def test_adobes_client_goes_from_nothing_to_a_retried_run(
    ledger_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """Connections, flow, run, monitoring, re-trigger and diagnostics with its own methods, though an answer is lost on the way."""
    with served(tmp_path, postgres_server, ledger_url) as server, losing(server.base) as proxy:
        proxy.lose.append(RUNS)
        found = _session(server, proxy.base)
        assert proxy.lose == [], "the proxy lost the answer to POST /runs"
        assert proxy.calls.count(RUNS) == 2, "the client asked again"
    _check_definitions(found)
    _check_runs(found)


def _check_definitions(found: dict[str, Any]) -> None:
    assert {"datalake", "landing-zone", "local-files"} <= set(found["specs"])
    assert found["test"] == {"result": True}
    assert found["flows"]["listed"] == found["flows"]["made"], "every flow once, over several pages"
    assert found["stale"]["type"].endswith("FLOW-1404-412")
    assert found["updated"]["etag"]
    assert found["manager"]["targetConnection"]["params"]["datasetName"] == "Customers"
    assert found["manager"]["targetConnection"]["data"]["schema"]["name"] == "Customers"
    # The client reads the source's spec twice, and unwraps it only when it looks for the target's name.
    assert found["manager"]["targetConnection"]["connectionSpec"]["name"] == "local-files"
    assert found["deleted"] == 204


def _check_runs(found: dict[str, Any]) -> None:
    failed, retried = found["failed"], found["retried"]
    assert failed["metrics"]["statusSummary"]["status"] == "failed"
    assert failed["metrics"]["recordSummary"]["failedRecordCount"] == 1
    assert [row["_line"] for row in found["meta"]] == [4]
    assert found["failed_batches"] == 1
    assert found["failed_runs"] == [failed["id"]]
    assert retried["metrics"]["statusSummary"]["status"] == "success"
    assert retried["metrics"]["recordSummary"]["outputRecordCount"] == 2
    assert retried["parentFlowRunId"] == failed["id"]
    assert retried["activities"][0]["statusSummary"]["extensions"]["reusedFromFlowRunId"] == failed["id"]
    assert found["runs"] == sorted([failed["id"], retried["id"]]), "the repeated request made no third run"


def _session(server: Served, base: str) -> dict[str, Any]:
    asked = {
        "base": base,
        "folder": str(server.files),
        "org": ORG,
        "id": server.admin.id,
        "secret": server.admin.secret,
    }
    command = [sys.executable, str(PROGRAM), json.dumps(asked)]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[1])}
    done = subprocess.run(
        command, cwd=server.folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found
