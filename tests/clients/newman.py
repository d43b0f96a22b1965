"""newman, which runs the collection that we write ourselves against a server."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.postman import read_collection
from clients.served import ORG, Served

HERE = Path(__file__).parent
NEWMAN = HERE.parent / "npm" / "node_modules" / ".bin" / "newman"
INSTALL = "newman is missing: run `make servers` (it needs node and npm)"


@dataclass(frozen=True)
class Done:
    """What became of a run of the collection: ``values`` are the variables that its calls kept."""

    requests: int
    assertions: int
    failures: tuple[str, ...]
    values: dict[str, str]


def run_collection(server: Served, folder: Path) -> Done:
    """Run the whole collection; files are written to ``folder``."""
    assert NEWMAN.exists(), INSTALL
    collection, report, values = folder / "collection.json", folder / "report.json", folder / "values.json"
    collection.write_text(json.dumps(read_collection("Headrace: Flow Service", HERE / "calls")))
    given = [word for name, value in _values(server).items() for word in ("--env-var", f"{name}={value}")]
    command = [
        *(str(NEWMAN), "run", str(collection), "--reporters", "json", "--reporter-json-export", str(report)),
        *("--export-environment", str(values), *given),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert report.exists(), done.stdout + done.stderr
    run = json.loads(report.read_text())["run"]
    return Done(
        run["stats"]["requests"]["total"],
        run["stats"]["assertions"]["total"],
        tuple(_failure(one) for one in run["failures"]),
        {one["key"]: one.get("value", "") for one in json.loads(values.read_text())["values"]},
    )


def _failure(one: dict[str, Any]) -> str:
    """Return a failure in one line: of an assertion, of a script of ours, or of the connection."""
    error = one["error"]
    return f"{one.get('source', {}).get('name')}: {error.get('test', error.get('name'))}: {error.get('message', '')[:1500]}"


def _values(server: Served) -> dict[str, str]:
    return {
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
