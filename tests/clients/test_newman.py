"""The collection that we write ourselves, run by newman: every documented operation of the Flow Service door, and its refusals."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from clients.postman import read_collection
from clients.served import ORG, Served, served
from servers import PostgresServer

HERE = Path(__file__).parent
NEWMAN = HERE.parent / "npm" / "node_modules" / ".bin" / "newman"
INSTALL = "newman is missing: run `make servers` (it needs node and npm)"


@pytest.mark.e2e
def test_the_collection_passes(ledger_url: str, postgres_server: PostgresServer, tmp_path: Path) -> None:
    """What the contract says of each operation and refusal holds for a client that knows nothing of us."""
    assert NEWMAN.exists(), INSTALL
    with served(tmp_path, ledger_url, postgres_server) as server:
        report = _run(server, tmp_path)
        failures = [
            f"{one['source']['name']}: {one['error']['test']}: {one['error']['message'][:1500]}"
            for one in report["failures"]
        ]
        assert not failures, "\n".join(failures)
        assert report["stats"]["requests"]["total"] >= 300
        assert report["stats"]["assertions"]["total"] >= 800


def _run(server: Served, folder: Path) -> dict[str, Any]:
    collection, report = folder / "collection.json", folder / "report.json"
    collection.write_text(json.dumps(read_collection("Headrace: Flow Service", HERE / "calls")))
    values = {
        "GW": server.base,
        "IMS_ORG": ORG,
        "SANDBOX_NAME": "prod",
        "CLIENT_ID": server.admin.id,
        "CLIENT_SECRET": server.admin.secret,
        "READER_ID": server.reader.id,
        "READER_SECRET": server.reader.secret,
        "SERVICE_ID": server.service.id,
        "SERVICE_SECRET": server.service.secret,
        "ROOT": str(server.files),
        "POSTGRES": server.postgres,
    }
    words = [word for name, value in values.items() for word in ("--env-var", f"{name}={value}")]
    command = [
        str(NEWMAN),
        "run",
        str(collection),
        "--reporters",
        "json",
        "--reporter-json-export",
        str(report),
        *words,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert report.exists(), done.stdout + done.stderr
    run: dict[str, Any] = json.loads(report.read_text())["run"]
    return run
