"""SFTP servers as a file store.

Paths start at the server's root. Where the connection has a folder, links are followed as long as they stay in it: the server is asked where
they lead. A file is known by its size and its modification time (whole seconds), before, while and after it is read.
"""

import errno
import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import Child, Entry, Listing, Selection, shown, similar
from headrace.dataplane.connectors.pool import Pool
from headrace.dataplane.connectors.resuming import Resumed, attempt
from headrace.dataplane.connectors.sockets import Sockets
from headrace.dataplane.connectors.walking import Found, walk
from headrace.dataplane.limits import Limits

try:
    import paramiko  # type: ignore[import-untyped]  # it has none
except ImportError:  # an extra of this package: missing until somebody uses it
    paramiko = None

_PIECE = 32 * 1024
_AHEAD = 32
"""Pieces that are asked for at once: a long way to the server costs one answer for each such window."""
_MOST_HINTED = 10_000
_CHANNEL_CLOSED = "Socket is closed"
_SHUT_DOWN = "transport shut down"
"""What the library says when a server breaks off in the middle of a login, as a kind of refusal."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in where: a ``password``, or a private ``key`` in OpenSSH's own format. ``fingerprint``: what the server's key must be."""

    host: str
    port: int
    user: str
    name: str
    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    fingerprint: str = ""


def open_sftp(info: ConnectionInfo, folder: str, limits: Limits) -> "Sftp":
    """Return the store of a connection; nothing is connected yet.

    Raises:
        Problem: ``UNSUPPORTED``: paramiko is not installed; ``INVALID``: an option.
    """
    if paramiko is None:
        raise Problem(Code.UNSUPPORTED, "SFTP needs a package that is not installed: pip install 'headrace[sftp]'")
    parts, options = urlsplit(info.url), info.options
    key = options.get("private_key", "")
    passphrase = options.get("passphrase", "") or options.get("private_key_passphrase", "")
    port = parts.port or 22
    login = Login(
        parts.hostname or "",
        port,
        unquote(parts.username or ""),
        f"sftp://{info.host or parts.hostname}:{port}",
        options.get("password", "") or unquote(parts.password or ""),
        _openssh(key, passphrase) if key else "",
        options.get("host_key", "").removeprefix("SHA256:").rstrip("="),
    )
    sockets = Sockets(limits)
    pool = Pool(sockets, most_connections(info, limits), partial(log_in, login, sockets), Session.end)
    return Sftp(login, pool, limits, f"/{folder}" if folder else "")


def most_connections(info: ConnectionInfo, limits: Limits) -> int:
    """Return how many connections may be made at a time.

    Raises:
        Problem: ``INVALID``: the option is no number from 1 on.
    """
    text = info.options.get("max_connections", "")
    if not text:
        return limits.store_connections
    if not text.isdecimal() or int(text) < 1:
        raise Problem(Code.INVALID, f"max_connections is {text!r}; give a whole number, 1 or more")
    return int(text)


@dataclass(frozen=True, slots=True)
class Session:
    """One login, with the files that it gives."""

    transport: "paramiko.Transport"
    client: "paramiko.SFTPClient"
    sockets: Sockets
    socket: Any

    def end(self) -> None:
        """End the session without waiting for the server."""
        self.sockets.forget(self.socket)
        with suppress(Exception):  # whatever a broken session says at its end, it is over
            self.transport.close()


def log_in(login: Login, sockets: Sockets) -> Session:
    """Return a new session.

    Raises:
        Problem: ``SOURCE_UNAUTHENTICATED``, ``SOURCE_DENIED`` (another host key), ``SOURCE_UNAVAILABLE``, ``SOURCE_TIMEOUT``.
    """
    made = sockets.connect(login.host, login.port)
    transport = None
    try:
        with _Translated(login.name, "the login", sockets):
            transport = paramiko.Transport(made)
            transport.banner_timeout = transport.auth_timeout = sockets.limits.store_connect_seconds
            transport.start_client(timeout=sockets.limits.store_connect_seconds)
            _check_host_key(transport, login)
            if login.key:
                transport.auth_publickey(login.user, _key(login.key))
            else:
                transport.auth_password(login.user, login.password)
            client = _client(transport, login)
        client.get_channel().settimeout(sockets.limits.store_read_seconds)
        return Session(transport, client, sockets, made)
    except BaseException:
        sockets.forget(made)
        if transport is not None:
            transport.close()
        raise


def _client(transport: "paramiko.Transport", login: Login) -> "paramiko.SFTPClient":
    client = paramiko.SFTPClient.from_transport(transport)
    if client is None:
        raise Problem(Code.SOURCE_UNAVAILABLE, f"{login.name} speaks no SFTP")
    return client


def _check_host_key(transport: "paramiko.Transport", login: Login) -> None:
    found = transport.get_remote_server_key().fingerprint.removeprefix("SHA256:").rstrip("=")
    if login.fingerprint and found != login.fingerprint:
        message = f"{login.name} has the host key SHA256:{found}, and the connection expects SHA256:{login.fingerprint}"
        raise Problem(Code.SOURCE_DENIED, message)


@dataclass(frozen=True, slots=True)
class Sftp:
    """The files of a server below ``root`` (empty: all of them)."""

    login: Login
    pool: Pool[Session]
    limits: Limits
    root: str = ""

    def list(self, selection: Selection, cancellation: Cancellation) -> Listing:
        """Return the files that ``selection`` names; see ``FileStore.list``."""
        found = Found(self.limits, cancellation)
        if selection.single:
            found.take(self._named("/".join((*selection.folders, selection.name or ""))))
            if found.refused:
                raise found.refused[0].problem
        else:
            walk(self, selection, found, self.pool.sockets)
        return found.listing()

    def children(self, folder: str, cancellation: Cancellation) -> Iterator[Child]:
        """Yield what lies in ``folder``; see ``FileStore.children``."""
        path = self.path_of(folder)
        with self.session(f"the folder {folder.rstrip('/') or '/'!r}") as session:
            real, links = self.real(session, path), []
            try:
                for found in session.client.listdir_iter(path):
                    cancellation.check()
                    if stat.S_ISLNK(found.st_mode or 0):
                        links.append(found.filename)
                    else:
                        yield self.child_of(folder, found.filename, found, f"{real.rstrip('/')}/{found.filename}")
            except FileNotFoundError:
                raise self._missing(session, folder.rstrip("/"), "folder") from None
            for name in links:
                cancellation.check()
                yield self._link(session, folder, name)

    def _link(self, session: Session, folder: str, name: str) -> Child:
        path = self.path_of(f"{folder}{name}")
        try:
            real = self.real(session, path)
            return self.child_of(folder, name, session.client.stat(path), real)
        except Problem as denied:
            problem = denied
        except FileNotFoundError:
            problem = Problem(Code.SOURCE_CHANGED, f"{folder + name!r} is a link to nowhere")
        return Child(name, f"{folder}{name}", False, problem=problem)

    def _named(self, place: str) -> Child:
        """Return the file that ``place`` names.

        Raises:
            Problem: ``SOURCE_NOT_FOUND``, and what keeps it from being taken.
        """

        def once() -> Child:
            with self.session(repr(place)) as session:
                try:
                    self.real(session, self.path_of(place))
                    found = session.client.stat(self.path_of(place))
                except FileNotFoundError:
                    raise self._missing(session, place, "file") from None
                if stat.S_ISDIR(found.st_mode or 0):
                    message = f"{place!r} is a folder, not a file; write '{place}/' for the files in it"
                    raise Problem(Code.SOURCE_NOT_FOUND, message)
                folder, slash, name = place.rpartition("/")
                return self.child_of(folder + slash, name, found)

        return attempt(self.pool.sockets, once)

    @staticmethod
    def child_of(folder: str, name: str, found: "paramiko.SFTPAttributes", real: str = "") -> Child:
        """Return what the server says of ``name`` in ``folder`` (with a trailing ``/``, or empty)."""
        place, mode = f"{folder}{name}", found.st_mode
        if mode is not None and stat.S_ISDIR(mode):
            return Child(name, f"{place}/", True, real=real)
        problem = None
        if (mode is not None and not stat.S_ISREG(mode)) or found.st_size is None or found.st_mtime is None:
            problem = Problem(Code.SOURCE_UNREADABLE, f"{shown(place)!r} is no regular file with a size and a date")
        modified = int(found.st_mtime or 0)
        return Child(name, place, False, found.st_size or 0, Instant(modified * SECOND), modified, problem=problem)

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
                self.real(session, self.path_of(entry.place))
                return _Stream(
                    self, session, _quiet(session.client.open(self.path_of(entry.place), "rb")), entry, offset
                ).checked()
        except BaseException as error:
            self.pool.drop(session)
            if isinstance(error, Problem) and error.code is Code.SOURCE_NOT_FOUND:
                raise Problem(Code.SOURCE_CHANGED, f"{entry.name!r} was listed and is gone") from error
            raise

    def real(self, session: Session, path: str) -> str:
        """Return where ``path`` leads.

        Raises:
            Problem: ``SOURCE_DENIED``: out of the connection's folder.
        """
        real: str = session.client.normalize(path)
        if self.root:
            jail = session.client.normalize(self.root).rstrip("/")
            if real != jail and not real.startswith(f"{jail}/"):
                message = f"{path!r} is, or leads through, a link out of the folder of the connection ({self.root!r})"
                raise Problem(Code.SOURCE_DENIED, message)
        return real

    def _missing(self, session: Session, place: str, what: str) -> Problem:
        above, slash, name = place.rpartition("/")
        hint = ""
        with suppress(OSError, UnicodeError):
            names = session.client.listdir(self.path_of(above + slash))
            hint = similar(name, names[:_MOST_HINTED])
        return Problem(Code.SOURCE_NOT_FOUND, f"there is no {what} {shown(place)!r}{hint}")

    def path_of(self, place: str) -> str:
        """Return what the server calls ``place``."""
        return f"{self.root}/{place}".rstrip("/") or "/"

    @contextmanager
    def session(self, what: str) -> Iterator[Session]:
        """Lend a session; ``what`` is being asked for. What the libraries raise becomes problems.

        Raises:
            Problem: as ``list``.
        """
        session = self.pool.take()
        healthy = False
        try:
            with self.translated(what):
                try:
                    yield session
                    healthy = True
                except (Problem, FileNotFoundError, PermissionError):
                    healthy = True
                    raise
        finally:
            (self.pool.give if healthy else self.pool.drop)(session)

    def translated(self, what: str) -> "_Translated":
        """Return a context that turns what the libraries raise into problems; ``what`` is being asked for."""
        return _Translated(self.login.name, what, self.pool.sockets)

    def horizon(self, now: Instant) -> Instant:
        """Return the whole second that ``now`` lies in: the server does not tell its clock; see ``FileStore.horizon``."""
        return Instant(now - now % SECOND)

    def close(self) -> None:
        """Cut all connections; see ``FileStore.close``."""
        self.pool.sockets.close()
        self.pool.close()


@dataclass(slots=True)
class _Stream:
    """A file that is being read, a window of pieces at a time."""

    store: Sftp
    session: Session
    file: "paramiko.SFTPFile"
    entry: Entry
    at: int
    window: memoryview = field(default_factory=lambda: memoryview(b""))
    healthy: bool = True

    def checked(self) -> "_Stream":
        """Return itself, being the file that was listed."""
        self.finish()
        return self

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer``; see ``Stream.readinto``."""
        if not self.window:
            self.healthy = False
            with self.store.translated(repr(self.entry.name)):
                self.window = memoryview(self._pieces())
            self.healthy = True
        count = min(len(buffer), len(self.window))
        buffer[:count] = self.window[:count]
        self.window = self.window[count:]
        self.at += count
        return count

    def _pieces(self) -> bytes:
        left = self.entry.size - self.at
        if left <= 0:
            self.file.seek(self.at)
            return bytes(self.file.read(1))  # a file that has grown says so here
        ends = range(self.at, self.at + min(left, _PIECE * _AHEAD), _PIECE)
        data = b"".join(self.file.readv([(start, min(_PIECE, self.entry.size - start)) for start in ends]))
        if not data:
            self.finish()
            raise Problem(
                Code.SOURCE_UNAVAILABLE,
                f"{self.store.login.name} broke off {self.entry.name!r} after {self.at:,} bytes",
            )
        return data

    def finish(self) -> None:
        """Check that the open file has the size and the date that were listed."""
        with self.store.translated(repr(self.entry.name)):
            found = self.file.stat()
        if (found.st_size, found.st_mtime) != (self.entry.size, self.entry.stamp):
            message = (
                f"{self.entry.name!r} changed while it was read (it had {self.entry.size} bytes, and has {found.st_size}); "
                "try again when nobody writes to it"
            )
            raise Problem(Code.SOURCE_CHANGED, message)

    def close(self) -> None:
        """Give the session back, or end it when it broke."""
        try:
            if self.healthy:
                self.file.close()
        except Exception:  # noqa: BLE001 — a session that cannot close a file is over, whatever it says
            self.healthy = False
        (self.store.pool.give if self.healthy else self.store.pool.drop)(self.session)


def _quiet(file: "paramiko.SFTPFile") -> "paramiko.SFTPFile":
    """Return ``file``, whose thread that asks for pieces ahead says nothing when the connection breaks: whoever reads is told."""
    ask = file._prefetch_thread  # noqa: SLF001 — the library has no other place for it

    def ask_quietly(*pieces: object) -> None:
        with suppress(EOFError, OSError, paramiko.SSHException):
            ask(*pieces)

    file._prefetch_thread = ask_quietly  # noqa: SLF001 — as above
    return file


@dataclass(frozen=True, slots=True)
class _Translated:
    name: str
    what: str
    sockets: Sockets

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, Problem) or not isinstance(error, Exception):
            return
        problem = self._problem(error)
        if problem is not None:
            raise problem from error

    def _problem(self, error: Exception) -> Problem | None:
        name, what, limits = self.name, self.what, self.sockets.limits
        if isinstance(error, paramiko.AuthenticationException) and _SHUT_DOWN not in str(error):
            return Problem(Code.SOURCE_UNAUTHENTICATED, f"{name} does not accept the user, the password or the key")
        if isinstance(error, TimeoutError):
            return Problem(Code.SOURCE_TIMEOUT, f"{name} sent nothing for {limits.store_read_seconds:g} s ({what})")
        if isinstance(error, UnicodeError):
            return Problem(Code.SOURCE_UNREADABLE, f"{name} has a name that is no UTF-8 in {what}")
        if isinstance(error, paramiko.SSHException | EOFError):
            return Problem(Code.SOURCE_UNAVAILABLE, f"{name} broke off ({what}): {str(error)[:200] or 'it closed'}")
        if isinstance(error, OSError):
            return self._of_os(error)
        return None

    def _of_os(self, error: OSError) -> Problem:
        if error.errno == errno.ENOENT:
            return Problem(Code.SOURCE_NOT_FOUND, f"there is no such thing as {self.what} on {self.name}")
        if error.errno == errno.EACCES:
            return Problem(Code.SOURCE_DENIED, f"{self.what} may not be read or written by this user of {self.name}")
        if error.errno is None and _CHANNEL_CLOSED not in str(error):
            return Problem(Code.SOURCE_UNREADABLE, f"{self.name} cannot give {self.what}: {str(error)[:200]}")
        return Problem(Code.SOURCE_UNAVAILABLE, f"{self.name} broke off ({self.what}): {error.strerror or error}")


def _openssh(text: str, passphrase: str) -> str:
    """Return a private key in OpenSSH's format, whatever the format of ``text`` is.

    Raises:
        Problem: ``INVALID``.
    """
    data, secret = text.strip().encode() + b"\n", passphrase.encode() or None
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, secret)
        return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii")
    except Exception as error:  # the library has a dozen kinds for a key that it cannot read
        what = "an RSA, ECDSA or Ed25519 key, in PEM or OpenSSH format, with its passphrase if it has one"
        raise Problem(Code.INVALID, f"the private key cannot be read; give {what}") from error


def _key(text: str) -> "paramiko.PKey":
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text))
    raise Problem(Code.INVALID, "the private key is no RSA, ECDSA or Ed25519 key")
