"""An installation that listeners of jobs talk to, and listeners, run as processes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from servers import free_port
from waiting import until

HEADRACE = str(Path(sys.executable).with_name("headrace"))
TOKEN = "tok-of-the-tests-000000000000000000"
_HEADERS = {"authorization": f"Bearer {TOKEN}"}


@dataclass
class ServedJobs:
    """A server that runs, and may be killed and started anew on the same port. ``environment_id``: the one that everything happens in."""

    folder: Path
    settings: Mapping[str, str]
    port: int = field(default_factory=free_port)
    environment_id: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """Return the address of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Return what the server wrote."""
        return (self.folder / "server.log").read_text()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HEADRACE_")},
            "HEADRACE_HOME": str(self.folder / "home"),
            "HEADRACE_JOBS_TOKENS": f"tests:admin:{TOKEN}",
            **self.settings,
        }
        command = [HEADRACE, "serve", "--port", str(self.port), "--workers", "1"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)
        found = until(self._environments, seconds=60, what="the server's first answer", every=0.1)
        self.environment_id = found[0]["id"]

    def stop(self, *, hard: bool = False) -> None:
        """Stop it; ``hard``: as a loss of power does."""
        assert self.process is not None
        if hard:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(60)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the ``data`` of a request that is answered."""
        answer = httpx.request(
            method, self.base + "/v1" + path, json=body, headers=_HEADERS, trust_env=False, timeout=60
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def job(self, operation: str, **given: Any) -> str:
        """Make a job that is to be done at once; return its id."""
        wanted = {"type": "space", "source": "us_sp_00000001", "trigger": "immediate", "operation": operation}
        return str(self.ask("POST", "/jobs", {**wanted, **given})["id"])

    def ended(self, job_id: str, status: str, seconds: float = 30) -> Any:
        """Return the job when it has come to ``status``."""

        def look() -> Any:
            job = self.ask("GET", f"/jobs/{job_id}")
            return job if job["status"] == status else None

        return until(look, seconds=seconds, what=f"{job_id} {status}", every=0.1)

    def _environments(self) -> Any:
        try:
            return self.ask("GET", "/environments")
        except httpx.TransportError:
            return None


@contextmanager
def served_jobs(folder: Path, **settings: str) -> Iterator[ServedJobs]:
    """Serve from ``folder`` until the end of the block."""
    server = ServedJobs(folder, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Listener:
    """A listener that runs. Its diary has a line for each thing that it did, of all of its lives."""

    process: subprocess.Popen[bytes]
    diary: Path

    def did(self, *words: str) -> list[str]:
        """Return the lines that begin with these words, in order."""
        start = " ".join((*words, ""))
        return [line for line in self.diary.read_text().splitlines() if (line + " ").startswith(start)]

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self.process.kill()
        self.process.wait(60)


@contextmanager
def listening(server: ServedJobs, program: str = "jobs_listener.cjs", **given: str) -> Iterator[Listener]:
    """Run a listener of this folder until the end of the block; it has started to listen when the block begins."""
    diary = server.folder / "diary"
    diary.touch()
    before = diary.read_text().count("- listening")
    environment = {
        **os.environ,
        "FLATFILE_API_URL": server.base,
        "AGENT_INTERNAL_URL": server.base,
        "FLATFILE_API_KEY": TOKEN,
        "FLATFILE_BEARER_TOKEN": TOKEN,
        "FLATFILE_ENVIRONMENT_ID": server.environment_id,
        "DIARY": str(diary),
        **given,
    }
    with (server.folder / "listener.log").open("ab") as log:
        command = ["node", str(Path(__file__).with_name(program))]
        process = subprocess.Popen(command, env=environment, cwd=server.folder, stdout=log, stderr=log)
    listener = Listener(process, diary)
    try:
        until(lambda: len(listener.did("-")) > before, seconds=60, what="the listener's start", every=0.05)
        yield listener
    finally:
        listener.kill()
