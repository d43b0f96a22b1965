"""Options that several commands have, and how their texts are read."""

import getpass
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.output import Format
from headrace.core.clock import Instant, from_datetime
from headrace.core.errors import Problem
from headrace.core.window import Window

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Where Headrace keeps everything (default: HEADRACE_HOME, else ./.headrace)."),
]
As = Annotated[Format, typer.Option("--output", "-o", help="table for people, json for scripts (one document).")]
Params = Annotated[
    list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter of the flow.")
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or @latest.")]
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="A batch's id, the beginning of one, or @latest.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Most rows to show.")]
CursorText = Annotated[str | None, typer.Option("--cursor", help="Where the next page begins, as a page said.")]
Detach = Annotated[
    bool, typer.Option("--detach/--wait", help="Only queue the run; a server or worker of this home does it.")
]


def parameters_of(texts: Sequence[str] | None) -> Mapping[str, str]:
    """Return ``NAME=VALUE`` texts as a mapping.

    Raises:
        BadParameter: one has another form, or a name occurs twice.
    """
    result: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is no parameter; write --param name=value")
        if name in result:
            raise typer.BadParameter(f"the parameter {name!r} is given twice")
        result[name] = value
    return result


def window_of(texts: tuple[str, str] | None) -> Window | None:
    """Return the window between two instants; ``-`` is open on that side.

    Raises:
        BadParameter: not ISO 8601, without a zone, or the end lies before the start.
    """
    if texts is None:
        return None
    start, end = (_instant_of(text) for text in texts)
    try:
        return Window(start, end)
    except Problem as problem:
        raise typer.BadParameter(problem.message) from None


def _instant_of(text: str) -> Instant | None:
    if text == "-":
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no instant; write 2024-01-01T00:00:00Z, or - for open") from None
    if found.tzinfo is None:
        # Guessing a zone would shift the window's edge, and rows at it would be lost or doubled.
        example = text + ("Z" if "T" in text or " " in text else "T00:00:00Z")
        raise typer.BadParameter(f"{text!r} has no time zone; write {example} for UTC, or an offset such as +02:00")
    return from_datetime(found)


def who() -> str:
    """Return the name under which the audit knows this person."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError, ImportError):
        return "cli"
