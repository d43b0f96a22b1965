"""The reference page of the command line."""

from pathlib import Path
from typing import Any

import pytest
import typer

from headrace.cli.reference import BEGIN, reference
from headrace.cli.tree import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"


def commands() -> list[tuple[str, Any]]:
    """Return every command with its path."""

    def below(path: str, command: Any) -> list[tuple[str, Any]]:
        found = getattr(command, "commands", None)
        if found is None:
            return [(path, command)]
        return [leaf for name, child in found.items() for leaf in below(f"{path} {name}".strip(), child)]

    return below("", typer.main.get_command(app))


def test_the_page_has_every_command_option_and_default() -> None:
    """What is made from the tree stands on the page as it is made now, by ``headrace.cli.reference``."""
    page = PAGE.read_text(encoding="utf-8")
    assert page[page.index(BEGIN) :] == reference()


@pytest.mark.parametrize(("path", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_and_option_says_what_it_does(path: str, command: Any) -> None:
    """Nobody has to read the code."""
    assert path
    assert command.help
    silent = [one.name for one in command.params if not getattr(one, "hidden", False) and not one.help]
    assert silent == []
