"""FTP servers as a file store, with TLS or without.

A file is known by its size and its modification time, before and after it is read. Names travel as the bytes that they are.
"""

import ftplib
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote, urlsplit

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import Child, Entry, Listing, Selection, shown, similar
from headrace.dataplane.connectors.ftp_session import (
    Facts,
    Login,
    Session,
    Translated,
    log_in,
    parse_facts,
    problem_of_reply,
)
from headrace.dataplane.connectors.pool import Pool
from headrace.dataplane.connectors.resuming import Resumed, attempt
from headrace.dataplane.connectors.sftp import most_connections
from headrace.dataplane.connectors.sockets import Sockets
from headrace.dataplane.connectors.walking import Found, walk
from headrace.dataplane.limits import Limits

_FAILS = (ftplib.Error, OSError, EOFError, UnicodeError, ValueError)
_NO_FILE = "550"
_MOST_HINTED = 10_000


def open_ftp(info: ConnectionInfo, folder: str, limits: Limits) -> "Ftp":
    """Return the store of a connection; nothing is connected yet.

    Raises:
        Problem: ``INVALID``: an option.
    """
    parts, options = urlsplit(info.url), info.options
    login = Login(
        parts.hostname or "",
        parts.port or ftplib.FTP_PORT,
        info.host or parts.hostname or "",
        unquote(parts.username or "") or "anonymous",
        options.get("password", "") or unquote(parts.password or ""),
        options.get("tls", "").lower() == "true",
    )
    sockets = Sockets(limits)
    pool = Pool(sockets, most_connections(info, limits), partial(log_in, login, sockets), Session.end)
    return Ftp(login, pool, limits, f"/{folder}" if folder else "")


@dataclass(frozen=True, slots=True)
class Ftp:
    """The files of a server below ``root`` (empty: all of them)."""

    login: Login
    pool: Pool[Session]
    limits: Limits
    root: str = ""

    def list(self, selection: Selection, cancellation: Cancellation) -> Listing:
        """Return the files that ``selection`` names; see ``FileStore.list``."""
        found = Found(self.limits, cancellation)
        if selection.single:
            place = "/".join((*selection.folders, selection.name or ""))
            found.take(attempt(self.pool.sockets, partial(self._named, place)))
            if found.refused:
                raise found.refused[0].problem
        else:
            walk(self, selection, found, self.pool.sockets)
        return found.listing()

    def children(self, folder: str, cancellation: Cancellation) -> Iterator[Child]:
        """Yield what lies in ``folder``; see ``FileStore.children``."""
        path = self._path(folder)
        with self._session(f"the folder {shown(folder).rstrip('/') or '/'!r}") as session:
            try:
                # Servers answer to a folder that is missing with an empty list, or with an error, as they like.
                session.client.cwd(_sent(path))
            except ftplib.error_perm as error:
                raise self._missing(session, folder.rstrip("/"), "folder", error) from None
            if "MLST" in session.features:
                for line in session.lines("MLSD"):
                    cancellation.check()
                    facts = parse_facts(line)
                    name = _received(facts[0])
                    if name and facts[1].kind not in {"cdir", "pdir"}:
                        yield _child(folder, name, facts[1])
            else:
                # One after the other: a control connection serves one command at a time.
                for sent in self._names(session, cancellation):
                    cancellation.check()
                    yield self._asked(session, folder, _received(sent))

    def _asked(self, session: Session, folder: str, name: str) -> Child:
        place = f"{folder}{name}"
        try:
            return _child(folder, name, session.facts(_sent(self._path(place))))
        except ftplib.error_perm as error:
            problem = problem_of_reply(self.login.name, repr(shown(place)), error)
            return Child(name, place, False, problem=problem)

    def _names(self, session: Session, cancellation: Cancellation) -> Sequence[str]:
        names = []
        try:
            for line in session.lines("NLST"):
                cancellation.check()
                names.append(line.rstrip("/").rpartition("/")[2])
                if len(names) > self.limits.max_listed_files:
                    message = f"a folder has more than {self.limits.max_listed_files} files (max_listed_files)"
                    raise Problem(Code.LIMIT_EXCEEDED, message)
        except ftplib.error_perm as error:
            if not str(error).startswith(_NO_FILE):
                raise
            # "No files found": an empty folder, for many servers.
        return [name for name in names if name not in {"", ".", ".."}]

    def _named(self, place: str) -> Child:
        """Return the file that ``place`` names.

        Raises:
            Problem: ``SOURCE_NOT_FOUND``, and what keeps it from being taken.
        """
        with self._session(repr(shown(place))) as session:
            try:
                facts = session.facts(_sent(self._path(place)))
            except ftplib.error_perm as error:
                raise self._missing(session, place, "file", error) from None
        if facts.kind == "dir":
            message = f"{place!r} is a folder, not a file; write '{place}/' for the files in it"
            raise Problem(Code.SOURCE_NOT_FOUND, message)
        folder, slash, name = place.rpartition("/")
        return _child(folder + slash, name, facts)

    @contextmanager
    def open(self, entry: Entry, at: int = 0) -> Iterator[Resumed]:
        """Open the file that ``entry`` is; see ``FileStore.open``."""
        file = Resumed(self.pool.sockets, partial(self._begin, entry), at)
        try:
            yield file
        finally:
            file.close()

    def _begin(self, entry: Entry, offset: int) -> "_Stream":
        session = self.pool.take()
        try:
            with self.translated(repr(entry.name)):
                self.check(session, entry)
                path = _sent(self._path(entry.place))
                # A server without REST fails here: the file is no longer readable from the middle, and no other attempt would help.
                data = session.client.transfercmd(f"RETR {path}", offset or None)
        except BaseException:
            self.pool.drop(session)
            raise
        return _Stream(self, session, data, entry, offset)

    def check(self, session: Session, entry: Entry) -> None:
        """Raise ``SOURCE_CHANGED`` when the file is not the one that was listed."""
        try:
            facts = session.facts(_sent(self._path(entry.place)))
        except ftplib.error_perm as error:
            if str(error).startswith(_NO_FILE):
                raise Problem(Code.SOURCE_CHANGED, f"{entry.name!r} was listed and is gone") from error
            raise
        if (facts.size, facts.modified_at) != (entry.size, entry.modified_at):
            message = (
                f"{entry.name!r} changed while it was read (it had {entry.size} bytes, and has {facts.size}); "
                "try again when nobody writes to it"
            )
            raise Problem(Code.SOURCE_CHANGED, message)

    def _missing(self, session: Session, place: str, what: str, error: ftplib.error_perm) -> Problem:
        if not str(error).startswith(_NO_FILE):
            return problem_of_reply(self.login.name, f"the {what} {place!r}", error)
        above, slash, name = place.rpartition("/")
        hint = ""
        with suppress(*_FAILS):
            session.client.cwd(_sent(self._path(above + slash)))
            names = [_received(line.rpartition("/")[2]) for line in session.lines("NLST")]
            hint = similar(name, names[:_MOST_HINTED])
        # FTP has one answer for what is missing and what may not be seen.
        return Problem(
            Code.SOURCE_NOT_FOUND, f"there is no {what} {shown(place)!r}, or none that this user may see{hint}"
        )

    def _path(self, place: str) -> str:
        if "\r" in place or "\n" in place:
            raise Problem(Code.SOURCE_DENIED, f"the name {shown(place)!r} has a line break, which FTP cannot carry")
        return f"{self.root}/{place}".rstrip("/") or "/"

    @contextmanager
    def _session(self, what: str) -> Iterator[Session]:
        session = self.pool.take()
        healthy = False
        try:
            with self.translated(what):
                try:
                    yield session
                    healthy = True
                except ftplib.error_perm:
                    healthy = True
                    raise
        finally:
            # After anything else an answer may be under way that nobody has read.
            (self.pool.give if healthy else self.pool.drop)(session)

    def translated(self, what: str) -> Translated:
        """Return a context that turns what the libraries raise into problems; ``what`` is being asked for."""
        return Translated(self.login.name, what, self.pool.sockets)

    def horizon(self, now: Instant) -> Instant:
        """Return the whole second that ``now`` lies in: the server does not tell its clock; see ``FileStore.horizon``."""
        return Instant(now - now % SECOND)

    def close(self) -> None:
        """Cut all connections; see ``FileStore.close``."""
        self.pool.sockets.close()
        self.pool.close()


@dataclass(slots=True)
class _Stream:
    """A file that is being read."""

    store: Ftp
    session: Session
    data: socket.socket
    entry: Entry
    at: int
    ended: bool = False

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer``; see ``Stream.readinto``."""
        if self.ended:
            return 0
        with self.store.translated(repr(self.entry.name)):
            count = self.data.recv_into(buffer)
            self.at += count
            if count:
                return count
            self.session.sockets.forget(self.data)
            self.session.client.voidresp()
            self.ended = True
        if self.at < self.entry.size:
            with self.store.translated(repr(self.entry.name)):
                self.store.check(self.session, self.entry)
            message = (
                f"{self.store.login.name} broke off {self.entry.name!r} after {self.at:,} of {self.entry.size:,} bytes"
            )
            raise Problem(Code.SOURCE_UNAVAILABLE, message)
        return 0

    def finish(self) -> None:
        """Check that the file is still the one that was listed."""
        if self.ended:
            with self.store.translated(repr(self.entry.name)):
                self.store.check(self.session, self.entry)

    def close(self) -> None:
        """Give the session back, when everything was read from it."""
        self.session.sockets.forget(self.data)
        (self.store.pool.give if self.ended else self.store.pool.drop)(self.session)


def _child(folder: str, name: str, facts: Facts) -> Child:
    place = f"{folder}{name}"
    if facts.kind == "dir":
        return Child(name, f"{place}/", True)
    problem = None
    if "\r" in name or "\n" in name:
        problem = Problem(Code.SOURCE_UNREADABLE, f"the name {shown(place)!r} has a line break, which FTP cannot carry")
    elif facts.kind != "file" or facts.size is None or facts.modified_at is None:
        problem = Problem(Code.SOURCE_UNREADABLE, f"{shown(place)!r} is no file whose size and date the server tells")
    modified = facts.modified_at or Instant(0)
    return Child(name, place, False, facts.size or 0, modified, int(modified), problem=problem)


def _sent(name: str) -> str:
    """Return a name as the client has to be given it, so that its bytes are sent."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def _received(name: str) -> str:
    """Return the name whose bytes the client has handed over."""
    return name.encode("latin-1").decode("utf-8", "surrogateescape")
