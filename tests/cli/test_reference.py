"""The reference page of the command line."""

from pathlib import Path
from typing import Any

import pytest
import typer

from headrace.cli.tree import app

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def commands() -> list[tuple[str, Any]]:
    """Return every command with its path."""

    def below(path: str, command: Any) -> list[tuple[str, Any]]:
        found = getattr(command, "commands", None)
        if found is None:
            return [(path, command)]
        return [leaf for name, child in found.items() for leaf in below(f"{path} {name}".strip(), child)]

    return below("", typer.main.get_command(app))


@pytest.mark.parametrize(("path", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_and_option_stands_on_the_page(path: str, command: Any) -> None:
    """Nobody has to read the code to find an option, and every command says what it does."""
    assert path in PAGE
    assert command.help
    options = [
        name for parameter in command.params if not getattr(parameter, "hidden", False) for name in parameter.opts
    ]
    assert [name for name in options if name.startswith("--") and name != "--help" and name not in PAGE] == []
