"""What the command line does with commands that it does not understand."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from command_line import Headrace
from headrace import __version__
from headrace.cli.main import call


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("runs",), "Usage: headrace runs"),
        (("rnu",), "No such command 'rnu'. Did you mean 'run'"),
        (("run",), "Missing argument 'FILE'"),
        (("run", "f.yaml", "--nope"), "No such option: --nope"),
        (("run", "f.yaml", "--param", "x"), "'x' is no parameter; write --param name=value"),
        (("run", "f.yaml", "-p", "x=1", "-p", "x=2"), "the parameter 'x' is given twice"),
        (("run", "f.yaml", "-o", "xml"), "'xml' is not one of"),
        (("run", "f.yaml", "--window", "today", "-"), "'today' is no instant"),
        (("run", "f.yaml", "--window", "2024-01-01", "-"), "has no time zone; write 2024-01-01T00:00:00Z for UTC"),
        (("run", "f.yaml", "--window", "2024-01-02T00:00Z", "2024-01-01T00:00Z"), "before it starts"),
        (("runs", "ls", "--limit", "0"), "greater than or equal to 1"),
        (("runs", "retry", "x", "--all", "--from", "copy"), "--from and --all do not go together"),
        (("clients", "create", "x", "--role", "king"), "'king' is not one of"),
    ],
)  # fmt: skip
def test_a_command_that_is_not_understood_ends_with_64(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """Scripts can tell a mistyped command from a failed run; nothing goes to standard output."""
    assert call(arguments) == 64
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.out == ""


def test_the_process_ends_with_that_code(headrace: Headrace) -> None:
    """The same from outside."""
    assert headrace("run").returncode == 64


def test_the_version_is_printed(headrace: Headrace) -> None:
    """As text, or as one JSON document."""
    assert headrace("version").stdout == f"headrace {__version__}\n"
    assert json.loads(headrace("version", "-o", "json").stdout) == {"version": __version__}


def test_the_schema_of_flow_files_is_printed(headrace: Headrace) -> None:
    """Editors are given the file."""
    Draft202012Validator.check_schema(json.loads(headrace("schema", "flowfile").stdout))


def test_nothing_is_made_by_asking_for_help(headrace: Headrace, tmp_path: Path) -> None:
    """Looking is free."""
    assert headrace("run", "--help").returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_nothing_reads_is_refused(headrace: Headrace) -> None:
    """A mistyped variable does not silently do nothing."""
    ended = headrace("runs", "ls", HEADRACE_HOEM="x")
    assert ended.returncode == 1
    assert "HEADRACE_HOEM: is no setting (did you mean HEADRACE_HOME?)" in ended.stderr
