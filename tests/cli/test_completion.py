"""Shells complete commands, and the version is told at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from command_line import COMMAND, environment
from headrace import __version__
from headrace.cli.completing import script_of
from headrace.cli.options import Shell


def test_bash_completes_nouns_verbs_and_options(tmp_path: Path) -> None:
    """With the script as it is printed, and nothing else installed."""
    program = tmp_path / "headrace"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{COMMAND[2]}" "$@"\n')
    program.chmod(0o755)
    lines = [script_of(Shell.BASH)]
    for number, words in enumerate(("ru", "runs ls --stat")):
        lines.append(f"COMP_WORDS=(headrace {words}); COMP_CWORD={len(words.split())}")
        lines.append(f'_headrace_completion headrace; echo "{number}: ${{COMPREPLY[*]}}"')
    path = {**environment(), "PATH": f"{tmp_path}:{environment()['PATH']}"}
    ended = subprocess.run(["bash", "-c", "\n".join(lines)], env=path, capture_output=True, text=True, check=True)
    assert ended.stdout.replace("\n", " ").split() == ["0:", "run", "runs", "1:", "--status"]


@pytest.mark.parametrize(
    ("shell", "words"), [(Shell.ZSH, "compdef _headrace_completion"), (Shell.FISH, "complete --command headrace")]
)
def test_other_shells_are_told_in_their_own_words(shell: Shell, words: str) -> None:
    """Each script registers itself for the program's name, and says where it goes."""
    script = script_of(shell)
    assert words in script
    assert f"headrace completion {shell}" in script.splitlines()[-1]
    assert script.startswith("#compdef headrace\n") is (shell is Shell.ZSH)


def test_the_version_is_told_without_loading_what_runs_need() -> None:
    """No database, no engine, no web server: a script asks often."""
    code = f"""
import sys
sys.argv = ["headrace", "--version"]
try:
    {COMMAND[2]}
except SystemExit:
    print(*sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    first, _, modules = ended.stdout.partition("\n")
    assert first == f"headrace {__version__}"
    assert {"sqlalchemy", "dbos", "duckdb", "httpx", "fastapi", "structlog"} & set(modules.split()) == set()
