"""``headrace keys``: tokens of the Jobs door, made by whoever has the home."""

import json
import subprocess
import sys
from pathlib import Path

from command_line import environment

SCRIPT = """
import contextlib, io, json
from headrace.cli.main import call

def say(*arguments):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = call(["keys", *arguments])
    return code, out.getvalue()

made = json.loads(say("create", "--name", "ci", "-o", "json")[1])
steps = [say("ls"), say("revoke", made["id"]), say("ls", "-o", "json"), say("create", "-e", "nowhere")]
print(json.dumps({"made": made, "steps": steps}))
"""


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    """The token is shown once, and never in a list; without a name of an environment it is good in the first one."""
    # One process for all five commands: starting is what takes long.
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = json.loads(ended.stdout)
    made, (listed, revoked, left, refused) = told["made"], told["steps"]
    assert made["token"].startswith("sk_")
    assert (made["environment"], made["kind"], made["name"]) == ("local", "secret", "ci")
    assert made["id"] in listed[1]
    assert made["token"] not in listed[1]
    assert "is revoked" in revoked[1]
    assert json.loads(left[1]) == {"items": []}
    assert (refused[0], ended.stderr.strip().splitlines()[-1]) == (1, "error: there is no environment 'nowhere'")
