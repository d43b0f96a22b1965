"""Connecting without keeping a cancellation waiting, and what all kinds of addresses have in common."""

import re
import threading
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo

C = TypeVar("C")

_HOST = re.compile(r"[A-Za-z0-9._:%-]+")


def in_thread(
    open_connection: Callable[[], C],
    close: Callable[[C], None],
    cancellation: Cancellation,
    patience: float | None = None,
) -> C:
    """Connect in a thread of its own: a host that does not answer must not keep a cancellation waiting.

    A connection that comes too late is closed. What ``open_connection`` raises is raised here.

    Raises:
        Problem: ``CANCELLED``, ``TIMED_OUT``; ``SOURCE_UNAVAILABLE``: nothing came within ``patience`` seconds (None: as long as it takes).
    """
    done, lock = threading.Event(), threading.Lock()
    connections: list[C] = []
    errors: list[BaseException] = []
    abandoned = False

    def work() -> None:
        try:
            connection = open_connection()
        except BaseException as error:  # noqa: BLE001 — it is raised by the thread that waits
            errors.append(error)
        else:
            with lock:
                if not abandoned:
                    connections.append(connection)
            if not connections:
                close(connection)
        done.set()

    forget = cancellation.on_stop(done.set)
    threading.Thread(target=work, name="database-connect", daemon=True).start()
    done.wait(patience)
    forget()
    with lock:
        abandoned = cancellation.problem is not None or not (connections or errors)
    if abandoned:
        for connection in connections:
            close(connection)
        cancellation.check()
        message = f"cannot connect to the database: it did not answer within {patience:g} s"
        raise Problem(Code.SOURCE_UNAVAILABLE, message)
    if errors:
        raise errors[0]
    return connections[0]


class Address:
    """The parts of a connection's URL, checked, with all that is wrong in ``errors``; nothing of it is told but the names of fields."""

    def __init__(self, info: ConnectionInfo, schemes: tuple[str, ...], port: int, form: str) -> None:
        parts = urlsplit(info.url)
        self.errors: list[FieldError] = []
        self._form = form
        if parts.scheme not in schemes:
            self.refuse("url", f"the scheme {parts.scheme!r} is not {' or '.join(schemes)}")
        self.host = parts.hostname or ""
        if not _HOST.fullmatch(self.host) or "%2F" in self.host.upper():
            self.refuse("url", "there is no host, or not exactly one")
        try:
            self.port = parts.port or port
        except ValueError:
            self.errors.append(FieldError("url", "the port is no number", "1 to 65535"))
        self.user, self.password = unquote(parts.username or ""), unquote(parts.password or "")
        self.database = unquote(parts.path.removeprefix("/"))
        if "\0" in self.user + self.password + self.database:
            self.refuse("url", "no part of it may have the character NUL")

    def refuse(self, path: str, message: str) -> None:
        """Note that something is wrong; the hint is the form that would be right."""
        self.errors.append(FieldError(path, message, self._form))

    def demand(self, **parts: str) -> None:
        """Note which of ``parts`` (``user``, ``database``) are empty."""
        for name, value in parts.items():
            if not value:
                self.refuse("url", f"there is no {name}")

    def options(self, info: ConnectionInfo, allowed: frozenset[str]) -> dict[str, str]:
        """Return the connection's options that are not empty; note those that are not allowed."""
        hint = "one of " + ", ".join(sorted(allowed)) if allowed else "no options"
        for name in sorted(info.options.keys() - allowed):
            self.errors.append(FieldError(f"options.{name}", f"the option {name!r} is not allowed", hint))
        return {name: value for name, value in info.options.items() if value}

    def check(self) -> None:
        """Raise what was noted.

        Raises:
            Problem: ``INVALID``, with every error.
        """
        if self.errors:
            raise Problem.of_fields(Code.INVALID, "the connection", tuple(self.errors))


_SECRET_OPTIONS = (
    "password",
    "private_key",
    "private_key_passphrase",
    "client_secret",
    "refresh_token",
    "key_file_content",
)


def without_secrets(text: str, info: ConnectionInfo) -> str:
    """Return a driver's words without the connection's secrets, however they are written."""
    said = urlsplit(info.url).password or ""
    plain = unquote(said)
    secrets = {said, plain, quote(plain, safe=""), *(info.options.get(name, "") for name in _SECRET_OPTIONS)}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def coded(text: str, phrases: tuple[tuple[str, Code], ...], where: str, info: ConnectionInfo) -> Problem:
    """Return what a driver's words mean: the code of the first phrase that is found in them, else that the source is away."""
    code = next((code for phrase, code in phrases if re.search(phrase, text, re.DOTALL)), Code.SOURCE_UNAVAILABLE)
    return Problem(code, f"{where}: {' '.join(without_secrets(text, info).split())[:300]}")
