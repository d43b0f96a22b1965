"""Cold start of ``headrace serve`` to its first answer, and the memory of the idle API and worker. Prints one JSON object."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(base: str) -> bool:
    try:
        urllib.request.urlopen(base, timeout=1)  # noqa: S310 — the address is our own server
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1]) / 1024


def main() -> None:
    """Start a server on a fresh home, wait for its first answer, let it idle, and look at it."""
    port = _free_port()
    source = str(Path(__file__).resolve().parents[1] / "src")
    headrace = [sys.executable, "-c", "from headrace.cli.main import main; main()"]
    environment = {**os.environ, "HEADRACE_HOME": tempfile.mkdtemp(), "PYTHONPATH": source}
    start = time.perf_counter()
    server = subprocess.Popen(
        [*headrace, "serve", "--dev", "--port", str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not _answers(f"http://127.0.0.1:{port}"):
            time.sleep(0.01)
        seconds = time.perf_counter() - start
        time.sleep(8)
        workers = _children(server.pid)
        print(
            json.dumps(
                {"seconds": seconds, "api_mb": _resident_mb(server.pid), "worker_mb": max(map(_resident_mb, workers))}
            )
        )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
