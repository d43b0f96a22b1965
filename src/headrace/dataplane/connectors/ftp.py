"""FTP servers as a file store, with TLS or without.

The server's own commands are used as far as it knows them: MLSD and MLST, else NLST, SIZE and MDTM. Data connections go to the host that the
control connection goes to, whatever the server answers to PASV. Names travel as the bytes that they are.
"""

import ftplib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from urllib.parse import unquote, urlsplit

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import Child, Entry, Listing, Selection, shown, similar
from headrace.dataplane.connectors.pool import Pool
from headrace.dataplane.connectors.resuming import Resumed, attempt
from headrace.dataplane.connectors.sftp import most_connections
from headrace.dataplane.connectors.sockets import Sockets
from headrace.dataplane.connectors.walking import Found, walk
from headrace.dataplane.limits import Limits

_TIME = re.compile(r"(\d{14})(?:\.(\d{1,6}))?\d*")
_FAILS = (ftplib.Error, OSError, EOFError, UnicodeError, ValueError)
_NOT_LOGGED_IN = "530"
_NO_FILE = "550"
_LINE = 8 * 1024
_MOST_HINTED = 10_000


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in where. ``host`` is the name that TLS verifies, ``address`` where the connection goes."""

    address: str
    port: int
    host: str
    user: str
    password: str = field(repr=False)
    tls: bool = False

    @property
    def name(self) -> str:
        """Return how messages name the server."""
        return f"{'ftps' if self.tls else 'ftp'}://{self.host}:{self.port}"


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
    pool = Pool(sockets, most_connections(info, limits), partial(_log_in, login, sockets), Session.end)
    return Ftp(login, pool, limits, f"/{folder}" if folder else "")


class _Client(ftplib.FTP_TLS):
    """A client whose connections all are made by ``Sockets``, and with TLS only where it is asked for."""

    def __init__(self, login: Login, sockets: Sockets) -> None:
        # Bytes as they are: names of other encodings than the one that we would like occur on old servers.
        super().__init__(encoding="latin-1", context=ssl.create_default_context())
        self._login = login
        self._sockets = sockets
        self.host = login.host
        self.timeout = sockets.limits.store_read_seconds
        self.maxline = _LINE
        self.sock = sockets.connect(login.address, login.port)
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()

    def begin_tls(self) -> None:
        """Speak TLS from here on, on this connection and all data connections."""
        self.voidcmd("AUTH TLS")
        self.sock = self._wrapped(self.control, None)
        self.file = self.sock.makefile("r", encoding=self.encoding)

    @property
    def control(self) -> socket.socket:
        """Return the control connection."""
        if self.sock is None:
            raise EOFError("the connection is closed")
        return self.sock

    def _wrapped(self, plain: socket.socket, session: ssl.SSLSession | None) -> ssl.SSLSocket:
        wrapped = self.context.wrap_socket(
            plain, server_hostname=self.host, session=session, do_handshake_on_connect=False
        )
        self._sockets.replace(plain, wrapped)
        wrapped.do_handshake()
        return wrapped

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """Open a data connection for a command; return it, and the size when the server says it."""
        # The host of the answer to PASV is not looked at: it could name any machine.
        _, port = self.makepasv()
        connection = self._sockets.connect(self._login.address, port)
        try:
            if rest is not None:
                self.sendcmd(f"REST {rest}")
            answer = self.sendcmd(cmd)
            if answer.startswith("2"):
                answer = self.getresp()
            self._check_begins(answer)
            if isinstance(self.sock, ssl.SSLSocket):
                # Some servers take a data connection only in the session of its control connection.
                connection = self._wrapped(connection, self.sock.session)
        except BaseException:
            self._sockets.forget(connection)
            raise
        return connection, None

    def _check_begins(self, answer: str) -> None:
        if not answer.startswith("1"):
            message = f"{self._login.name} answers {answer[:200]!r} where data should follow"
            raise Problem(Code.SOURCE_UNAVAILABLE, message)


@dataclass(slots=True)
class Session:
    """A control connection, logged in; ``features`` are the commands beyond the oldest that the server knows."""

    client: _Client
    sockets: Sockets
    features: frozenset[str]

    def end(self) -> None:
        """End the session without waiting for the server."""
        with suppress(Exception):  # whatever a broken session says at its end, it is over
            self.sockets.forget(self.client.control)
            self.client.close()

    def facts(self, path: str) -> "Facts":
        """Return what the server says of one path.

        Raises:
            ftplib.error_perm: there is none, or it may not be seen.
        """
        if "MLST" in self.features:
            lines = self.client.sendcmd(f"MLST {path}").splitlines()
            return _facts(next(line for line in lines if line.startswith(" ")).lstrip(" "))[1]
        try:
            size = self.client.size(path)
        except ftplib.error_perm:
            if not self._is_folder(path):
                raise
            return Facts("dir", 0, None)
        modified = self.client.sendcmd(f"MDTM {path}").partition(" ")[2] if "MDTM" in self.features else ""
        return Facts("file", size, _instant(modified))

    def _is_folder(self, path: str) -> bool:
        here = self.client.pwd()
        try:
            self.client.cwd(path)
        except ftplib.error_perm:
            return False
        self.client.cwd(here)
        return True

    def lines(self, command: str) -> Iterator[str]:
        """Yield the lines that a command sends over a data connection."""
        connection = self.client.transfercmd(command)
        try:
            with connection.makefile("r", encoding=self.client.encoding, newline="\n") as stream:
                while line := stream.readline(_LINE):
                    yield line.rstrip("\r\n")
        finally:
            self.sockets.forget(connection)
        self.client.voidresp()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of a path: ``kind`` is ``file``, ``dir`` or something else; size and date where it tells them."""

    kind: str
    size: int | None
    modified_at: Instant | None


def _log_in(login: Login, sockets: Sockets) -> Session:
    with _translated(login.name, "the login", sockets):
        client = _Client(login, sockets)
        try:
            if login.tls:
                client.begin_tls()
            client.login(login.user, login.password, secure=False)
            if login.tls:
                client.prot_p()
            features = _features(client)
            if "UTF8" in features:
                with suppress(ftplib.Error):
                    client.sendcmd("OPTS UTF8 ON")
            client.voidcmd("TYPE I")
        except BaseException:
            sockets.forget(client.control)
            raise
        return Session(client, sockets, features)


def _features(client: ftplib.FTP) -> frozenset[str]:
    try:
        answer = client.sendcmd("FEAT")
    except ftplib.error_perm:
        return frozenset({"MDTM"})  # old servers know it, and no FEAT
    return frozenset(line.split()[0].upper() for line in answer.splitlines()[1:-1] if line.strip())


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
            walk(self, selection, found)
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
                    facts = _facts(line)
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
            problem = _of_reply(self.login.name, repr(shown(place)), error)
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
    def open(self, entry: Entry) -> Iterator[Resumed]:
        """Open the file that ``entry`` is; see ``FileStore.open``."""
        file = Resumed(self.pool.sockets, partial(self._begin, entry))
        try:
            yield file
        finally:
            file.close()

    def _begin(self, entry: Entry, offset: int) -> "_Stream":
        session = self.pool.take()
        try:
            with self._translated(repr(entry.name)):
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
            return _of_reply(self.login.name, f"the {what} {place!r}", error)
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
        return f"{self.root}/{place}".rstrip("/") or "/"

    @contextmanager
    def _session(self, what: str) -> Iterator[Session]:
        session = attempt(self.pool.sockets, self.pool.take)
        healthy = False
        try:
            with self._translated(what):
                try:
                    yield session
                    healthy = True
                except ftplib.error_perm:
                    healthy = True
                    raise
        finally:
            # After anything else an answer may be under way that nobody has read.
            (self.pool.give if healthy else self.pool.drop)(session)

    def _translated(self, what: str) -> "_Translated":
        return _translated(self.login.name, what, self.pool.sockets)

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
        with self.store._translated(repr(self.entry.name)):  # noqa: SLF001 — the store's own stream
            count = self.data.recv_into(buffer)
            self.at += count
            if count:
                return count
            self.session.sockets.forget(self.data)
            self.session.client.voidresp()
            self.ended = True
        if self.at < self.entry.size:
            with self.store._translated(repr(self.entry.name)):  # noqa: SLF001 — the store's own stream
                self.store.check(self.session, self.entry)
            message = (
                f"{self.store.login.name} broke off {self.entry.name!r} after {self.at:,} of {self.entry.size:,} bytes"
            )
            raise Problem(Code.SOURCE_UNAVAILABLE, message)
        return 0

    def finish(self) -> None:
        """Check that the file is still the one that was listed."""
        if self.ended:
            with self.store._translated(repr(self.entry.name)):  # noqa: SLF001 — the store's own stream
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


def _facts(line: str) -> tuple[str, Facts]:
    """Return the name and the facts of a line of MLSD or MLST."""
    told, _, name = line.partition(" ")
    facts = {key.lower(): value for key, _, value in (fact.partition("=") for fact in told.split(";"))}
    size = facts.get("size", "")
    kind = facts.get("type", "").lower()
    return name, Facts(kind, int(size) if size.isdecimal() else None, _instant(facts.get("modify", "")))


def _instant(text: str) -> Instant | None:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    moment = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return Instant(int(moment.timestamp()) * SECOND + int((match[2] or "0").ljust(6, "0")))


def _sent(name: str) -> str:
    """Return a name as the client has to be given it, so that its bytes are sent."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def _received(name: str) -> str:
    """Return the name whose bytes the client has handed over."""
    return name.encode("latin-1").decode("utf-8", "surrogateescape")


def _of_reply(name: str, what: str, error: Exception) -> Problem:
    reply = str(error)[:200]
    if reply.startswith(_NOT_LOGGED_IN):
        return Problem(Code.SOURCE_UNAUTHENTICATED, f"{name} does not accept the user or the password")
    if isinstance(error, ftplib.error_perm):
        return Problem(Code.SOURCE_DENIED, f"{name} refuses {what}: {reply}")
    return Problem(Code.SOURCE_UNAVAILABLE, f"{name} cannot give {what} now: {reply}")


@dataclass(frozen=True, slots=True)
class _Translated:
    name: str
    what: str
    sockets: Sockets

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Problem):
            return
        if isinstance(error, ssl.SSLCertVerificationError):
            message = f"the certificate of {self.name} is not trusted: {error.verify_message}"
            raise Problem(Code.SOURCE_UNAVAILABLE, message) from error
        if isinstance(error, ftplib.Error):
            raise _of_reply(self.name, self.what, error) from error
        if isinstance(error, TimeoutError):
            seconds = self.sockets.limits.store_read_seconds
            raise Problem(Code.SOURCE_TIMEOUT, f"{self.name} sent nothing for {seconds:g} s ({self.what})") from error
        if isinstance(error, OSError | EOFError | ValueError):
            why = getattr(error, "strerror", None) or "it closed the connection"
            raise Problem(Code.SOURCE_UNAVAILABLE, f"{self.name} broke off ({self.what}): {why}") from error


def _translated(name: str, what: str, sockets: Sockets) -> _Translated:
    return _Translated(name, what, sockets)
