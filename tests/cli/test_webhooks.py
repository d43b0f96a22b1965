"""The commands about webhooks and about errors over many runs."""

import json
from pathlib import Path

import pytest
import typer

from command_line import Headrace, headrace_in
from headrace.cli.main import USAGE, call
from headrace.cli.webhooks import statuses_of
from listeners import listening

SCOPE = "flowservice/acme@AdobeOrg/prod"


def test_a_webhook_is_added_listed_and_removed(headrace: Headrace, tmp_path: Path) -> None:
    """The secret comes from a file, and is never shown; a private address needs the operator's word."""
    (tmp_path / "secret").write_text("canary\n")
    with listening() as listener:
        add = ("webhooks", "add", listener.url, "--scope", SCOPE, "--event", "sources_flow_run_failure")
        refused = headrace(*add)
        assert (refused.returncode, "HEADRACE_EGRESS_ALLOW" in refused.stderr) == (1, True)
        added = headrace(*add, "--secret-file", "secret", "-o", "json", HEADRACE_EGRESS_ALLOW="127.0.0.1")
    webhook = json.loads(added.stdout)
    assert webhook["events"] == ["failed"]
    listed = headrace("webhooks", "ls")
    assert webhook["id"] in listed.stdout
    assert "canary" not in added.stdout + added.stderr + listed.stdout
    assert headrace("webhooks", "rm", webhook["id"]).returncode == 0
    gone = headrace("webhooks", "deliveries", webhook["id"])
    assert (gone.returncode, gone.stderr) == (1, f"error: there is no webhook '{webhook['id']}'\n")


def test_errors_over_the_runs_of_a_flow_are_shown(used: Path) -> None:
    """By code, message and column, with an example run."""
    headrace = headrace_in(used)
    report = json.loads(headrace("runs", "errors", "--flow", "small", "--since", "7d", "-o", "json").stdout)
    (group,) = report["items"]
    assert (group["kind"], group["code"], group["place"], group["rows"]) == ("reject", "required", "name", 1)
    assert "required" in headrace("runs", "errors", "--flow", "small").stdout


def test_errors_are_those_of_a_run_or_of_a_flow() -> None:
    """Not of both, nor of neither."""
    assert call(["runs", "errors"]) == USAGE
    assert call(["runs", "errors", "@latest", "--flow", "small"]) == USAGE


def test_statuses_are_read_by_their_names() -> None:
    """Of a wrong one the right ones are told."""
    assert statuses_of(["pending"]) == ("pending",)
    with pytest.raises(typer.BadParameter, match="given_up"):
        statuses_of(["lost"])
