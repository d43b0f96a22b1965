"""The server as a process."""

import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from command_line import COMMAND, Headrace, environment


def test_a_server_says_where_it_is_answers_and_ends_when_told(tmp_path: Path) -> None:
    """The first start shows the admin's secret once; SIGTERM ends it with 0, its workers too."""
    server = subprocess.Popen(
        [*COMMAND, "serve", "--dev", "--port", "0"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert server.stderr is not None
    try:
        lines = [server.stderr.readline() for _ in range(5)]
        url = lines[0].split()[-1]
        assert "client secret" in "".join(lines)
        request = urllib.request.Request(  # noqa: S310 — the test's own server
            f"{url}/data/foundation/flowservice/flows",
            headers={
                "Authorization": "Bearer x",
                "x-api-key": "k",
                "x-gw-ims-org-id": "o@AdobeOrg",
                "x-sandbox-name": "prod",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 — the test's own server
            assert answer.status == 200
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=90)
    assert server.returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "example.invalid"])  # noqa: S104 — refused, that is the point
def test_dev_is_refused_where_others_could_reach_it(headrace: Headrace, host: str) -> None:
    """Any token is taken on loopback addresses only."""
    ended = headrace("serve", "--dev", "--host", host)
    assert ended.returncode == 1
    assert "--dev takes any token" in ended.stderr
