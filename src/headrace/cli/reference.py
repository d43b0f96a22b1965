"""The commands' part of ``docs/reference/cli.md``, made from the tree: a test keeps the page in step."""

import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer

from headrace.cli.tree import app

BEGIN = "<!-- made by headrace.cli.reference.reference(); tests/cli/test_reference.py keeps it in step -->"
END = "<!-- end of what is made -->"
_EVERYWHERE = {"--home", "--url", "--output", "--help"}
"""Options that the page explains once."""


def reference() -> str:
    """Return the text: a section for each noun, a table of options for each command."""
    return "\n".join([BEGIN, "", *_sections(), END, ""])


def _sections() -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        if getattr(command, "hidden", False):
            continue
        yield f"## headrace {name}"
        yield ""
        below = getattr(command, "commands", None)
        if below is None:
            yield from _command(name, command)
            continue
        yield command.help
        yield ""
        for verb, leaf in below.items():
            yield f"### headrace {name} {verb}"
            yield ""
            yield from _command(f"{name} {verb}", leaf)


def _command(path: str, command: Any) -> Iterator[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    own = [one for one in options if not _EVERYWHERE.intersection(one.opts)]
    words = [path, *(_metavar(one) for one in arguments), *(["[OPTIONS]"] if own else [])]
    yield f"`headrace {' '.join(words)}`"
    yield ""
    yield _text(command.help)
    yield ""
    shared = [name for name in ("--home", "--url", "--output") if any(name in one.opts for one in options)]
    if arguments or own:
        yield "| argument or option | meaning |"
        yield "|---|---|"
        for one in [*arguments, *own]:
            yield f"| {_name(one)} | {_text(one.help or '')}{_choices(one)}{_default(one)} |"
        yield ""
    if shared:
        yield f"Takes {', '.join(f'`{name}`' for name in shared)}."
        yield ""


def _metavar(one: Any) -> str:
    text = (one.metavar or one.name.upper()).strip("[]")
    return text if one.required else f"[{text}]"


def _name(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{_metavar(one)}`"
    names = sorted([*one.opts, *one.secondary_opts], key=lambda name: not name.startswith("--"))
    value = "" if one.is_flag else f" {_value(one)}"
    first, *others = names
    return ", ".join([f"`{first}{value}`", *(f"`{name}`" for name in others)])


def _value(one: Any) -> str:
    if one.metavar:
        return str(one.metavar)
    return "NUMBER" if one.type_descriptor.annotation in {int, float} else "TEXT"


def _choices(one: Any) -> str:
    annotation = one.type_descriptor.annotation
    inner = next(iter(typing.get_args(annotation)), annotation)
    if not isinstance(inner, type) or not issubclass(inner, Enum):
        return ""
    return " One of " + ", ".join(f"`{member.value}`" for member in inner) + "."


def _default(one: Any) -> str:
    value = getattr(one.default, "value", one.default)
    if one.required or value is None or value is False or value == "" or callable(value):
        return ""
    shown = "on" if value is True else value
    return f" Default: `{shown}`."


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
