"""Options that several commands have, and how their texts are read."""

import getpass
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.output import Format
from headrace.core.clock import DAY, HOUR, MINUTE, Instant, from_datetime
from headrace.core.errors import Problem
from headrace.core.window import Window

Home = Annotated[
    Path | None,
    typer.Option(
        "--home", readable=False, help="Where Headrace keeps everything (default: HEADRACE_HOME, else ./.headrace)."
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", help="Ask this server instead of a home (default: HEADRACE_URL); HEADRACE_TOKEN is its token."
    ),
]
As = Annotated[Format, typer.Option("--output", "-o", help="table for people, json for scripts (one document).")]
Params = Annotated[
    list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter of the flow.")
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or @latest.")]
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="A batch's id, the beginning of one, or @latest.")]
RunIds = Annotated[list[str], typer.Argument(metavar="RUN…", help="Runs: ids, beginnings of ids, or @latest.")]
Scope = Annotated[str | None, typer.Option("--scope", help="Only this scope and what lies below it.")]
AllPages = Annotated[bool, typer.Option("--all-pages", help="All of them, page after page.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="30m, 24h, 7d, or an instant such as 2024-05-20T00:00:00Z."),
]
Until = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="As --since; what lies before it.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Most rows to show.")]
CursorText = Annotated[str | None, typer.Option("--cursor", help="Where the next page begins, as a page said.")]
Detach = Annotated[
    bool, typer.Option("--detach/--wait", help="Only queue the run; a server or worker of this home does it.")
]

_PERIOD = re.compile(r"([1-9]\d{0,5})([mhdw])")
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


class Shell(StrEnum):
    """A shell whose commands can be completed."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True, slots=True)
class At:
    """Where a command looks: in a home (None: as the settings say), or at a server."""

    home: Path | None = None
    url: str | None = None


def when_of(text: str | None) -> Instant | None:
    """Return the instant that ``30m``, ``24h``, ``7d``, ``2w`` (ago) or an ISO 8601 instant is.

    Raises:
        BadParameter: it is none of these, or has no zone.
    """
    if text is None:
        return None
    found = _PERIOD.fullmatch(text)
    if found is not None:
        return Instant(time.time_ns() // 1000 - int(found[1]) * _UNITS[found[2]])
    return _instant_of(text)


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
    start, end = (None if text == "-" else _instant_of(text) for text in texts)
    try:
        return Window(start, end)
    except Problem as problem:
        raise typer.BadParameter(problem.message) from None


def _instant_of(text: str) -> Instant:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no instant; write 2024-01-01T00:00:00Z") from None
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
