"""A session with an FTP server: the control connection, its data connections, and what the server says of files.

The server's own commands are used as far as it knows them: MLSD and MLST, else NLST, SIZE and MDTM. Data connections go to the host that the
control connection goes to, whatever the server answers to PASV.
"""

import ftplib
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.sockets import Sockets

_TIME = re.compile(r"(\d{14})(?:\.(\d{1,6}))?\d*")
_NOT_LOGGED_IN = "530"
_LINE = 8 * 1024


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

    def greet(self) -> None:
        """Connect, and wait for the server's greeting."""
        self.sock = self._sockets.connect(self._login.address, self._login.port)
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()

    def hang_up(self) -> None:
        """Close the connection without waiting for the server."""
        if self.file is not None:
            self.file.close()
        if self.sock is not None:
            self._sockets.forget(self.sock)

    def begin_tls(self) -> None:
        """Speak TLS from here on, on this connection and all data connections."""
        self.voidcmd("AUTH TLS")
        self.sock = self._wrapped(self.control, None)
        if self.file is not None:
            self.file.close()
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
        try:
            wrapped.do_handshake()
        except BaseException:
            self._sockets.forget(wrapped)
            raise
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
            self.client.hang_up()

    def facts(self, path: str) -> "Facts":
        """Return what the server says of one path.

        Raises:
            ftplib.error_perm: there is none, or it may not be seen.
        """
        if "MLST" in self.features:
            lines = self.client.sendcmd(f"MLST {path}").splitlines()
            return parse_facts(next(line for line in lines if line.startswith(" ")).lstrip(" "))[1]
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


def log_in(login: Login, sockets: Sockets) -> Session:
    """Return a new session.

    Raises:
        Problem: ``SOURCE_UNAUTHENTICATED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_TIMEOUT``.
    """
    with Translated(login.name, "the login", sockets):
        client = _Client(login, sockets)
        try:
            client.greet()
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
            client.hang_up()
            raise
        return Session(client, sockets, features)


def _features(client: ftplib.FTP) -> frozenset[str]:
    try:
        answer = client.sendcmd("FEAT")
    except ftplib.error_perm:
        return frozenset({"MDTM"})  # old servers know it, and no FEAT
    return frozenset(line.split()[0].upper() for line in answer.splitlines()[1:-1] if line.strip())


def parse_facts(line: str) -> tuple[str, Facts]:
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
    try:
        moment = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return Instant(int(moment.timestamp()) * SECOND + int((match[2] or "0").ljust(6, "0")))


def problem_of_reply(name: str, what: str, error: Exception) -> Problem:
    """Return what a refusing reply of the server ``name`` means for ``what``."""
    reply = str(error)[:200]
    if reply.startswith(_NOT_LOGGED_IN):
        return Problem(Code.SOURCE_UNAUTHENTICATED, f"{name} does not accept the user or the password")
    if isinstance(error, ftplib.error_perm):
        return Problem(Code.SOURCE_DENIED, f"{name} refuses {what}: {reply}")
    return Problem(Code.SOURCE_UNAVAILABLE, f"{name} cannot give {what} now: {reply}")


@dataclass(frozen=True, slots=True)
class Translated:
    """Turns what the libraries raise, while the server ``name`` is asked for ``what``, into problems."""

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
            raise problem_of_reply(self.name, self.what, error) from error
        if isinstance(error, TimeoutError):
            seconds = self.sockets.limits.store_read_seconds
            raise Problem(Code.SOURCE_TIMEOUT, f"{self.name} sent nothing for {seconds:g} s ({self.what})") from error
        if isinstance(error, OSError | EOFError | ValueError):
            why = getattr(error, "strerror", None) or "it closed the connection"
            raise Problem(Code.SOURCE_UNAVAILABLE, f"{self.name} broke off ({self.what}): {why}") from error
