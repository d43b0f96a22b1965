"""Whom a command asks: the installation in the home, opened by this process, or a server; what is told is the same."""

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, Protocol, cast

import typer

from headrace import config
from headrace.bootstrap.application import Application
from headrace.cli.options import At, who
from headrace.cli.session import opened
from headrace.core.client import Identity, Role
from headrace.core.native.operation import Asked, Operation, Told
from headrace.service.native import looking

_LOOK_SECONDS = 0.25
_LIGHT = {
    **dict.fromkeys(
        ("runs.list", "runs.show", "runs.errors", "runs.activities", "runs.activity", "runs.diff", "runs.throughput"),
        "runs",
    ),
    "runs.logs": "logs",
    **dict.fromkeys(("quarantine.list", "quarantine.show"), "quarantine"),
}
"""Operations that need the ledger only, by the module that answers them: the rest of an installation takes a second to load."""


class Desk(Protocol):
    """Answers operations."""

    def ask(self, operation: Operation[Asked, Told], asked: Asked, body: BinaryIO | None = None) -> Told:
        """Return what the operation tells.

        Raises:
            Problem: as the operation says.
        """
        ...

    def watch(self, run: str) -> Iterator[str]:
        """Yield the run's revision, now and whenever it has changed, until nothing of it can change any more."""
        ...


@dataclass(slots=True)
class LocalDesk:
    """The installation in the home, asked by the person who runs the command: whoever can read the home is its administrator."""

    application: Application
    caller: Identity = field(default_factory=lambda: Identity(who(), Role.ADMIN))
    _whole: Any = None
    _pause: threading.Event = field(default_factory=threading.Event)

    def ask(self, operation: Operation[Asked, Told], asked: Asked, body: BinaryIO | None = None) -> Told:
        """Return what the operation tells."""
        noun = _LIGHT.get(operation.name)
        if noun is not None:
            # An administrator may ask for everything, so that nothing is left of the one way in but the function.
            module = importlib.import_module(f"headrace.service.native.{noun}")
            return cast("Told", module.FUNCTIONS[operation.name](self._ledger(), self.caller, asked))
        answering = importlib.import_module("headrace.service.native.answering")
        return cast("Told", answering.ask(self._desk(), self.caller, operation, asked, body))

    def watch(self, run: str) -> Iterator[str]:
        """Yield the run's revision, now and whenever it has changed."""
        known = None
        while (found := looking.run_revision(self._ledger(), self.caller, run)) is not None:
            if found != known:
                known = found
                yield found
            self._pause.wait(_LOOK_SECONDS)
        yield "ended"

    def close(self) -> None:
        """Let go of what was opened to look into sources."""
        if self._whole is not None:
            self._whole.explore.close()

    def _ledger(self) -> Any:
        one = self.application
        return SimpleNamespace(database=one.database, clock=one.clock, roots=one.roots, ids=one.ids)

    def _desk(self) -> Any:
        if self._whole is None:
            native = importlib.import_module("headrace.bootstrap.native")
            exploring = importlib.import_module("headrace.bootstrap.exploring")
            explorer = exploring.make_explorer(self.application.settings)
            self._whole = native.make_native_desk(self.application, explorer)
        return self._whole


@contextmanager
def asking(at: At) -> Iterator[Desk]:
    """Yield whom the command asks: the server that ``--url`` or ``HEADRACE_URL`` names, else the home.

    Raises:
        Problem: the settings are wrong, the home cannot be opened, or the server's address is none.
    """
    settings = config.load(home=at.home)
    url = url_of(at, settings)
    if url:
        remote = importlib.import_module("headrace.cli.remote")
        credentials = remote.Credentials(settings.token, settings.client_id, settings.client_secret)
        with remote.RemoteDesk(url, credentials) as desk:
            yield desk
        return
    with opened(at.home) as application:
        local = LocalDesk(application)
        try:
            yield local
        finally:
            local.close()


def url_of(at: At, settings: config.Settings | None = None) -> str:
    """Return the server's address; empty: the home is meant. A home that is named on the command line counts more than a setting."""
    if at.url is not None and at.home is not None:
        raise typer.BadParameter("--home and --url do not go together: a command asks one of them")
    if at.url is not None:
        return at.url
    return "" if at.home is not None else (settings or config.load()).url


def only_here(at: At, what: str, instead: str) -> Path | None:
    """Return the home of a command that works on the home itself.

    Raises:
        BadParameter: a server was named; the message says what to use instead.
    """
    if url_of(at):
        raise typer.BadParameter(f"{what} works on a home, not on a server ({url_of(at)}): {instead}")
    return at.home
