"""The guides to pipelines, their data and triggers are true: what their blocks hold and enter works, one after the other, and says what is shown."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from clients.factory_served import ServedFactories
from servers import free_port

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*?(?:\n    .*)*)$", re.MULTILINE)


@pytest.mark.e2e
@pytest.mark.parametrize("guide", ["data-factory.md", "moving-data.md", "triggers.md"])
def test_the_guide_to_pipelines_is_true(guide: str, server: ServedFactories, tmp_path: Path) -> None:
    """A newcomer who pastes its blocks has a pipeline, recovers a run without a call or a row too many, and lets it run by the clock."""
    text = (GUIDES / guide).read_text()
    for written, real in (
        ("http://127.0.0.1:8080", server.base),
        ("8000", str(free_port())),
        ("$ python ", f"$ {sys.executable} -W ignore "),
    ):
        text = text.replace(written, real)
    (tmp_path / "files").symlink_to(server.files)
    # The web server of the reader ends with the reader.
    script, shown = "trap '[ -z \"$!\" ] || kill $!' EXIT\n", []
    for kind, file, block in _BLOCK.findall(text):
        if file:
            (tmp_path / file).write_text(block)
        elif kind == "console" and "headrace serve" not in block:
            script += "".join(f"{command}\n" for command in _COMMAND.findall(block))
            shown += [line for line in _COMMAND.sub("", block).split("\n") if line]
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert len(told) == len(shown), done.stdout
    for line, wanted in zip(told, shown, strict=True):
        assert line.startswith(wanted.removesuffix("…"))
