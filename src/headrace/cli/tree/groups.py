"""What every part of the tree is made of."""

from typing import Any

import typer
from typer.core import TyperGroup

SETTINGS = {"help_option_names": ["-h", "--help"]}
_ALIASES = {"list": "ls", "log": "logs"}


class Group(TyperGroup):
    """A group in which the singular of a noun, and ``list`` for ``ls``, will do; of what is no command the nearest one is suggested."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of this name; None: there is none."""
        for name in (cmd_name, f"{cmd_name}s", _ALIASES.get(cmd_name, "")):
            found = super().get_command(ctx, name)
            if found is not None:
                return found
        return None


def group(name: str, text: str) -> typer.Typer:
    """Return a group of commands."""
    return typer.Typer(
        name=name, help=text, no_args_is_help=True, rich_markup_mode=None, context_settings=SETTINGS, cls=Group
    )
