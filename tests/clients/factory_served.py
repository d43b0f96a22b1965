"""An installation that clients of Data Factory talk to, and their programs, run as processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from servers import free_port
from waiting import until

ROOT = Path(__file__).parents[2]
HEADRACE = str(Path(sys.executable).with_name("headrace"))
NINE = ROOT / ".venv" / "datafactory9"
"""Where the older of Microsoft's two clients stands (``make setup``)."""
_FACTORIES = "/subscriptions/s/providers/Microsoft.DataFactory/factories?api-version=2018-06-01"


@dataclass(frozen=True)
class ServedFactories:
    """A server that runs: its address, and a folder that it may read."""

    base: str
    folder: Path
    files: Path

    @property
    def log(self) -> str:
        """Return what the server wrote."""
        return (self.folder / "server.log").read_text()


@contextmanager
def served_factories(folder: Path, ledger_url: str = "", tokens: str = "") -> Iterator[ServedFactories]:
    """Serve from ``folder`` until the end of the block; the ledger is its home's own unless a URL is given, and nobody is asked for ``tokens``."""
    files = folder / "files"
    files.mkdir()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HEADRACE_")},
        "HEADRACE_HOME": str(folder / "home"),
        "HEADRACE_DATABASE_URL": ledger_url,
        "HEADRACE_FILE_ROOTS": str(files),
        "HEADRACE_EGRESS_ALLOW": "127.0.0.1",
        "HEADRACE_DATAFACTORY_DATABASES": json.dumps({"warehouse": f"sqlite:///{files}/{{database}}/warehouse.db"}),
        "HEADRACE_DATAFACTORY_WATCH_SECONDS": "0.5",
        **({"HEADRACE_DATAFACTORY_TOKENS": tokens} if tokens else {}),
    }
    base = f"http://127.0.0.1:{free_port()}"
    with (folder / "server.log").open("wb") as log:
        command = [HEADRACE, "serve", "--dev", "--port", base.rpartition(":")[2]]
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        until(lambda: _answers(base), seconds=60, what="the server's first answer", every=0.1)
        yield ServedFactories(base, folder, files)
    finally:
        process.terminate()
        process.wait(60)


def session(program: str, asked: Any, *, nine: bool = False, seconds: float = 120) -> Any:
    """Return what a program of this folder prints as JSON; it is given ``asked``, and ``nine`` means the older client."""
    path = Path(__file__).with_name(program)
    python = [str(place) for place in ([NINE] if nine else []) + [path.parents[1]]]
    command = ["node"] if path.suffix == ".mjs" else [sys.executable, "-W", "ignore"]
    done = subprocess.run(
        [*command, str(path), json.dumps(asked)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(python)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout)


def _answers(base: str) -> bool:
    try:
        return httpx.get(base + _FACTORIES, timeout=5).status_code in {200, 401}
    except httpx.TransportError:
        return False
