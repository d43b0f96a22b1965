"""``headrace keys``: tokens of the Jobs door, made by whoever has the home."""

import json

from command_line import Headrace


def test_keys_are_made_listed_and_revoked(headrace: Headrace) -> None:
    """The token is shown once, and never in a list; without a name of an environment it is good in the first one."""
    told = json.loads(headrace("keys", "create", "--name", "ci", "-o", "json").stdout)
    made, token = told["key"], told["token"]
    assert token.startswith("sk_")
    assert (made["kind"], made["name"]) == ("secret", "ci")
    listed = headrace("keys", "ls")
    assert made["id"] in listed.stdout
    assert made["environment"] in listed.stdout
    assert token not in listed.stdout
    assert "is revoked" in headrace("keys", "revoke", made["id"]).stdout
    assert json.loads(headrace("keys", "ls", "-o", "json").stdout) == {"items": []}
    refused = headrace("keys", "create", "-e", "nowhere")
    assert (refused.returncode, refused.stderr) == (1, "error: there is no environment 'nowhere'\n")
