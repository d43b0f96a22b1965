"""``headrace doctor``: what is wrong with an installation or a server, and what to do. Faults come first, each with its remedy."""

import importlib
import shlex
import sys
import textwrap
from collections.abc import Iterator, Sequence

import typer

from headrace import __version__, config
from headrace.bootstrap.application import SystemClock
from headrace.bootstrap.checks.examining import OF_HOMES, OF_SERVERS, examine
from headrace.bootstrap.checks.finding import Finding, State
from headrace.bootstrap.checks.ground import Ground
from headrace.bootstrap.checks.remote import Server
from headrace.cli.options import At
from headrace.cli.output import Cell, Output, count, one_line
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.native.operation import Nothing
from headrace.core.native.table import SHOW_ABOUT, SHOW_ME

_WIDTH = 80
_SIGNS = {State.FAIL: "✗ FAIL", State.WARN: "! WARN", State.OK: "✓ ok", State.SKIPPED: "– skipped"}
_TONES = {State.FAIL: "bad", State.WARN: "warn", State.OK: "good", State.SKIPPED: "faint"}
_PLAIN = str.maketrans({"✗": "x", "✓": "+", "–": "-", "→": ">", "…": "~"})
_INDENT = 24


def look(at: At, output: Output, *, every: bool = False) -> int:
    """Print what the checks tell of a home or a server; ``every``: what is good too, one by one. Return 1 if one of them fails."""
    settings, faults = config.diagnose(home=at.home)
    if at.url is not None and at.home is not None:
        raise typer.BadParameter("--home and --url do not go together: a command asks one of them")
    url = at.url or ("" if at.home is not None else settings.url)
    if url:
        found, place = _of_server(url, settings), url
    else:
        found, place = _of_home(at, settings, faults), str(settings.home)
    failed, warned = (sum(one.state is state for one in found) for state in (State.FAIL, State.WARN))
    if output.is_json:
        output.document(
            {
                "good": not failed,
                "version": __version__,
                "place": place,
                "failed": failed,
                "warned": warned,
                "checks": [_document(one) for one in found],
            }
        )
    else:
        _Page(output).show(f"headrace {__version__} at {place}", found, every=every)
    return 1 if failed else 0


def _of_home(at: At, settings: config.Settings, faults: Sequence[Problem]) -> list[Finding]:
    option = "" if at.home is None else f" --home {shlex.quote(str(at.home))}"
    return list(examine(OF_HOMES, Ground(settings, SystemClock(), tuple(faults), option)))


def _of_server(url: str, settings: config.Settings) -> list[Finding]:
    # httpx is loaded for servers only.
    remote = importlib.import_module("headrace.cli.remote")
    credentials = remote.Credentials(settings.token, settings.client_id, settings.client_secret)
    with remote.RemoteDesk(url, credentials) as desk:
        server = Server(
            desk.url, lambda: desk.ask(SHOW_ME, Nothing()), lambda: desk.ask(SHOW_ABOUT, Nothing()), SystemClock()
        )
        return list(examine(OF_SERVERS, server))


def _document(one: Finding) -> Json:
    return {
        "name": one.name,
        "state": one.state.value,
        "seen": one.seen,
        "where": one.where,
        "remedy": one.remedy,
        "command": one.command,
    }


class _Page:
    """What a person reads, at most 80 columns wide; only what is to be copied (places, commands) is never broken."""

    def __init__(self, output: Output) -> None:
        self._output = output
        encoding = sys.stdout.encoding or "ascii"
        try:
            "".join(_SIGNS.values()).encode(encoding)
            self._is_plain = False
        except UnicodeEncodeError:
            self._is_plain = True

    def show(self, title: str, found: Sequence[Finding], *, every: bool) -> None:
        """Print faults, warnings, and what is left in few lines."""
        self._say(title)
        self._say("")
        for state in (State.FAIL, State.WARN):
            for one in found:
                if one.state is state:
                    self._one(one)
        good = [one for one in found if one.state is State.OK]
        rest = [one for one in found if one.state is State.SKIPPED]
        if every:
            for one in (*good, *rest):
                self._one(one)
        else:
            self._brief(good, rest)
        self._say("")
        self._say(_summary(found))

    def _one(self, one: Finding) -> None:
        sign = self._output.paint(Cell(self._text(f"{_SIGNS[one.state]:<11}"), _TONES[one.state]))
        lines = [line for text in one.seen.splitlines() for line in _wrapped(one_line(text), _WIDTH - _INDENT)]
        name = f"{one.name:<{_INDENT - 12}} " if len(one.name) < _INDENT - 11 else f"{one.name} "
        self._say(f"{sign}{name}{lines[0]}")
        for line in _rest(one, lines[1:]):
            self._say(line)
        if one.state in {State.FAIL, State.WARN}:
            self._say("")

    def _brief(self, good: Sequence[Finding], rest: Sequence[Finding]) -> None:
        if good:
            self._list(State.OK, ", ".join(one.name for one in good))
        for why in dict.fromkeys(one.seen for one in rest):
            names = ", ".join(one.name for one in rest if one.seen == why)
            self._list(State.SKIPPED, f"{names}: {one_line(why)}")

    def _list(self, state: State, text: str) -> None:
        sign = self._output.paint(Cell(self._text(f"{_SIGNS[state]:<11}"), _TONES[state]))
        first, *others = _wrapped(text, _WIDTH - 11)
        self._say(f"{sign}{first}")
        for line in others:
            self._say(" " * 11 + line)

    def _say(self, line: str) -> None:
        self._output.say(self._text(line.rstrip()))

    def _text(self, text: str) -> str:
        return text.translate(_PLAIN) if self._is_plain else text


def _rest(one: Finding, lines: Sequence[str]) -> Iterator[str]:
    margin = " " * _INDENT
    yield from (margin + line for line in lines)
    if one.where and one.where not in one.seen:
        yield f"{margin}at {one_line(one.where)}"
    if one.remedy:
        first, *others = _wrapped(
            one.remedy + ":" * (bool(one.command) and not one.remedy.endswith(":")), _WIDTH - _INDENT - 2
        )
        yield f"{margin}→ {first}"
        yield from (f"{margin}  {line}" for line in others)
    if one.command:
        yield f"{margin}    {one.command}"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _summary(found: Sequence[Finding]) -> str:
    failed, warned, good = (sum(one.state is state for one in found) for state in (State.FAIL, State.WARN, State.OK))
    if not failed and not warned:
        return f"All is well: {count(good, 'check')} passed."
    parts = [f"{count(failed, 'check')} failed"] * bool(failed) + [count(warned, "warning")] * bool(warned)
    first = " Mend the first first: others may follow." if failed > 1 else ""
    return f"{', '.join(parts)}; {good} passed.{first}"
