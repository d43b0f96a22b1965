"""Servers as processes: one that is killed outright, and the one that comes after it."""

import re
import signal
import subprocess
from pathlib import Path

import httpx

from command_line import COMMAND, environment
from waiting import until

_PATH = "/data/foundation/flowservice/flows"


def start(home: Path) -> tuple["subprocess.Popen[str]", list[str]]:
    """Return a server of ``home`` with one worker that has begun, and what it has said."""
    command = [*COMMAND, "serve", "--port", "0", "--home", str(home)]
    server = subprocess.Popen(
        command, cwd=home.parent, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert server.stderr is not None
    lines = []
    for line in server.stderr:
        lines.append(line)
        if "takes runs" in line:
            break
    return server, lines


def children(process: int) -> list[int]:
    """Return the processes that ``process`` has started and that live."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    return [int(child) for child in text.split()]


def test_a_server_that_is_killed_leaves_no_worker_behind_and_its_tokens_live_on(tmp_path: Path) -> None:
    """A worker ends when its server is gone; a token is as good at the next server of the home as at the one that gave it."""
    server, said = start(tmp_path / "home")
    url = said[0].split()[-1]
    words = dict(re.findall(r"client (id|secret) +(\S+)", "".join(said)))
    form = {"grant_type": "client_credentials", "client_id": words["id"], "client_secret": words["secret"]}
    token = httpx.post(f"{url}/ims/token/v3", data=form, trust_env=False, timeout=30).json()
    workers = children(server.pid)
    server.kill()
    server.communicate(timeout=30)
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), seconds=60, what="the worker's end")
    following, said = start(tmp_path / "home")
    try:
        headers = {
            "authorization": f"Bearer {token['access_token']}",
            "x-api-key": words["id"],
            "x-gw-ims-org-id": "acme@AdobeOrg",
            "x-sandbox-name": "prod",
        }
        answer = httpx.get(said[0].split()[-1] + _PATH, headers=headers, trust_env=False, timeout=30)
        assert (token["expires_in"], len(workers), answer.status_code) == (86399, 1, 200)
    finally:
        following.send_signal(signal.SIGTERM)
        following.communicate(timeout=90)
    assert following.returncode == 0
