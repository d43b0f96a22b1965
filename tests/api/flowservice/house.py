"""A real installation behind the door: ``headrace serve --dev`` with a worker, and the tutorials' calls made with ``curl``."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from api.flowservice.conftest import Client
from fakes import ManualClock
from servers import free_port
from waiting import until

HEADRACE = str(Path(sys.executable).with_name("headrace"))
VALUES = {
    "ACCESS_TOKEN": "t",
    "API_KEY": "key",
    "ORG_ID": "acme@AdobeOrg",
    "IMS_ORG": "acme@AdobeOrg",
    "SANDBOX_NAME": "prod",
}


@dataclass
class Installation:
    """A server that runs, a client of it, and ``curl``."""

    client: Client
    home: Path

    def curl(self, printed: str) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and JSON of a call as the tutorial prints it; only the host is ours."""
        for name, value in VALUES.items():
            printed = printed.replace("{" + name + "}", value)
        printed = printed.replace("https://platform.adobe.io", self.client.base)
        assert shutil.which("curl"), "curl is missing: install it (Debian: `apt-get install curl`)"
        command = printed.replace("curl ", "curl -sS -i ", 1)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
        head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
        status, *lines = head.splitlines()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(status.split()[1]), headers, json.loads(body) if body else None

    def ended(self, run: str) -> dict[str, Any]:
        """Return the run once it has ended."""

        def final() -> dict[str, Any] | None:
            shown = self.client.one(f"/runs/{run}")
            return shown if shown["metrics"]["statusSummary"]["status"] in {"success", "failed", "cancelled"} else None

        return until(final, seconds=60, what=f"the end of run {run}", every=0.1)


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """Serve from ``folder`` until the end of the block."""
    port = free_port()
    settings = {
        "HEADRACE_HOME": str(folder / "home"),
        "HEADRACE_FILE_ROOTS": str(folder / "files"),
        "HEADRACE_EGRESS_ALLOW": "127.0.0.1",
    }
    (folder / "files").mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_")} | settings
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [HEADRACE, "serve", "--dev", "--port", str(port), "--workers", "1"],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    client = Client(f"http://127.0.0.1:{port}", folder / "files", ManualClock())
    try:
        until(lambda: _answers(client), seconds=60, what="the server's first answer", every=0.1)
        yield Installation(client, folder / "home")
    finally:
        process.terminate()
        process.wait(60)


def _answers(client: Client) -> bool:
    try:
        return client("GET", "/flows").status_code == 200
    except httpx.TransportError:
        return False
