"""The examples of pipelines are true: each is played by their own runner against a server, with all that it says must come."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from clients.factory_client import GROUP, client
from clients.factory_served import ROOT, ServedFactories, served_factories

EXAMPLES = ROOT / "examples" / "datafactory"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/run.json"))
EXECUTED = {
    *("AppendVariable", "AzureFunctionActivity", "ExecutePipeline", "Fail", "Filter", "ForEach", "IfCondition"),
    *("SetVariable", "Switch", "Until", "Validation", "Wait", "WebActivity", "WebHook"),
    *("Copy", "Delete", "GetMetadata", "Lookup", "Script"),
}
"""The types of activities that are executed, all but procedures, which SQLite does not have."""
FIRING = {"BlobEventsTrigger", "ScheduleTrigger", "TumblingWindowTrigger"}


@pytest.mark.e2e
def test_every_example_does_what_it_says(server: ServedFactories) -> None:
    """Runs, activity runs, children, recoveries, calls, trigger runs, files and rows are as they stand in the examples."""
    played = play(server, [])
    assert len(FOLDERS) >= 50
    assert f"{len(FOLDERS)} played, 0 differ" in played


@pytest.mark.e2e
@pytest.mark.postgres
def test_examples_do_the_same_on_postgresql_for_who_shows_a_token(tmp_path: Path, postgres_ledger_url: str) -> None:
    """Children, parallel items and recoveries hang on no property of the other database; Microsoft's client tells who may not ask."""
    names = ["chain-of-children", "many-items", "conditions-again"]
    player, looker = "token-of-the-one-who-plays", "token-of-the-one-who-looks"
    tokens = f"plays:admin:{player},looks:reader:{looker}"
    with served_factories(tmp_path, postgres_ledger_url, tokens) as server:
        assert "3 played, 0 differ" in play(server, [*names, "--token", player])
        with client(server.base, looker) as reader:
            assert [one.name for one in reader.factories.list_by_resource_group("examples")] == []
            with pytest.raises(HttpResponseError) as refused:
                reader.factories.delete(GROUP, "some-factory")
            assert "(AuthorizationFailed)" in str(refused.value)
        with client(server.base, "wrong") as stranger, pytest.raises(ClientAuthenticationError) as unknown:
            stranger.factories.get(GROUP, "some-factory")
        assert "(InvalidAuthenticationToken)" in str(unknown.value)


def test_the_examples_have_every_activity_that_is_executed() -> None:
    """Nobody looks for an example of an activity or a trigger in vain."""
    kinds = {
        kind for folder in FOLDERS for path in folder.glob("*.json") for kind in types(json.loads(path.read_text()))
    }
    assert kinds >= EXECUTED | FIRING


def test_the_list_of_examples_is_complete() -> None:
    """README names each example with what it shows, and no other."""
    shows = (EXAMPLES / "README.md").read_text().partition("## What they show")[2]
    listed = [line for line in shows.splitlines() if line.startswith("| `")]
    shown = [f"| `{folder.name}` | {json.loads((folder / 'run.json').read_text())['shows']} |" for folder in FOLDERS]
    assert sorted(shown) == sorted(listed)


def play(server: ServedFactories, names: Sequence[str]) -> str:
    """Return what the runner said; it must have found nothing that differs."""
    command = [sys.executable, str(EXAMPLES / "run.py"), "--server", server.base, "--files", str(server.files), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + server.log[-3000:]
    return done.stdout


def types(value: Any) -> Iterator[str]:
    """Yield what stands as ``type`` beside a name, anywhere in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value["type"]
        for one in value.values():
            yield from types(one)
    elif isinstance(value, list):
        for one in value:
            yield from types(one)
