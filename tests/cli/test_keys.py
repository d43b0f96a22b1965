"""``headrace keys``: tokens of the Jobs door, made by whoever has the home."""

import json
from pathlib import Path

from command_line import headrace_in


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    """The token is shown once, and never in a list; without a name of an environment it is good in the first one."""
    headrace = headrace_in(tmp_path)
    made = json.loads(headrace("keys", "create", "--name", "ci", "-o", "json").stdout)
    assert made["token"].startswith("sk_")
    assert (made["environment"], made["kind"], made["name"]) == ("local", "secret", "ci")
    listed = headrace("keys", "ls").stdout
    assert made["id"] in listed
    assert made["token"] not in listed
    assert "is revoked" in headrace("keys", "revoke", made["id"]).stdout
    assert json.loads(headrace("keys", "ls", "-o", "json").stdout) == {"items": []}
    refused = headrace("keys", "create", "-e", "nowhere")
    assert (refused.returncode, refused.stderr.strip()) == (1, "error: there is no environment 'nowhere'")
