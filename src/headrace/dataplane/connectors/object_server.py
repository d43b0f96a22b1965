"""Requests to an object store over HTTP: one server, no proxies, no redirects, bounded answers, connections that are used again.

The libraries that speak to object stores follow redirects and ask the environment for proxies, so a tenant's server could send us to an address
that ``Egress`` has refused. What is needed of HTTP here is little: bodies are sent with their length, and can be sent again.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.sockets import Sockets

MAX_DOCUMENT = 16 * 1024 * 1024
"""Longest listing or error that is read, in bytes."""
Body = Iterable[bytes]
"""What is sent: it can be gone through more than once."""
_MOST_IDLE = 8
_PORTS = {"http": 80, "https": 443}


class _Connection(http.client.HTTPConnection):
    """A connection that never connects by itself: that is for ``Sockets``."""

    auto_open = 0
    made: socket.socket | None = None
    """Its socket, which it lets go of itself when the server will close the connection."""


@dataclass(slots=True)
class Answer:
    """An answer of the server; close it."""

    server: "Server"
    connection: _Connection
    response: http.client.HTTPResponse

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.response.status

    def header(self, name: str) -> str:
        """Return a header; empty when there is none."""
        return self.response.headers.get(name) or ""

    def document(self) -> bytes:
        """Return the whole body.

        Raises:
            Problem: ``SOURCE_UNREADABLE``: it is too long for a listing; ``SOURCE_UNAVAILABLE``: it is not whole; as ``readinto``.
        """
        with self.server.translated():
            data = self.response.read(MAX_DOCUMENT + 1)
        if len(data) > MAX_DOCUMENT:
            message = f"{self.server.name} answers with over {MAX_DOCUMENT:,} bytes to a listing"
            raise Problem(Code.SOURCE_UNREADABLE, message)
        if self.response.length:
            # The library says nothing when a body is shorter than was announced.
            message = f"{self.server.name} broke off {self.response.length:,} bytes before the end of its answer"
            raise Problem(Code.SOURCE_UNAVAILABLE, message)
        return data

    @property
    def may_be_cut(self) -> bool:
        """Say whether it has no end of its own: then nobody can tell whether its headers are whole."""
        return not self.header("Content-Length") and not self.header("Transfer-Encoding")

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` from its start; return how many bytes came, 0 at the end.

        Raises:
            Problem: ``SOURCE_UNAVAILABLE``, ``SOURCE_TIMEOUT``.
        """
        with self.server.translated():
            return self.response.readinto(buffer)

    def close(self) -> None:
        """Give the connection back, or close it when something is left in it."""
        self.server.give_back(self)


class Server:
    """One server, ``http://…`` or ``https://…``. ``host``: its name, where the URL has its address. Several threads may use it."""

    def __init__(self, url: str, sockets: Sockets, host: str = "") -> None:
        self.sockets = sockets
        self._url = _checked(url)
        self._host = host or self._url.hostname or ""
        self._port = self._url.port or _PORTS[self._url.scheme]
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None

    @property
    def path(self) -> str:
        """Return the path of the URL, without a trailing ``/``."""
        return self._url.path.rstrip("/")

    @property
    def host(self) -> str:
        """Return what the header ``Host`` says."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return host if self._port == _PORTS[self._url.scheme] else f"{host}:{self._port}"

    @property
    def name(self) -> str:
        """Return how messages name the server."""
        return f"{self._url.scheme}://{self.host}"

    def again(self, sockets: Sockets) -> "Server":
        """Return the same server, with connections of its own."""
        return Server(self._url.geturl(), sockets, self._host)

    def send(self, method: str, target: str, headers: Mapping[str, str], body: Body = ()) -> Answer:
        """Send a request; return the answer, its body unread. ``headers`` have the length of ``body``.

        Raises:
            Problem: ``SOURCE_UNAVAILABLE``, ``SOURCE_TIMEOUT``; what giving the body raises.
        """
        idle = self._take_idle()
        if idle is not None:
            # The server may have closed it meanwhile; that is no attempt.
            try:
                return self._ask(idle, method, target, headers, body)
            except (OSError, http.client.HTTPException):
                self._drop(idle)
                self.sockets.check()
            except BaseException:
                self._drop(idle)
                raise
        fresh = self._connect()
        try:
            with self.translated():
                return self._ask(fresh, method, target, headers, body)
        except BaseException:
            self._drop(fresh)
            raise

    def _ask(
        self, connection: _Connection, method: str, target: str, headers: Mapping[str, str], body: Body
    ) -> Answer:  # fmt: skip
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": self.host, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        # A server that refuses a body may answer, and close the connection, before it has read all of it.
        with suppress(BrokenPipeError, ConnectionResetError):
            for data in body:
                connection.send(data)
        return Answer(self, connection, connection.getresponse())

    def _connect(self) -> _Connection:
        made = self.sockets.connect(self._url.hostname or "", self._port)
        connection = _Connection(self._host, self._port)
        connection.sock = connection.made = made
        if self._tls is None:
            return connection
        try:
            with self.translated():
                wrapped = self._tls.wrap_socket(made, server_hostname=self._host, do_handshake_on_connect=False)
                connection.sock = connection.made = wrapped
                self.sockets.replace(made, wrapped)
                wrapped.settimeout(self.sockets.limits.store_connect_seconds)
                wrapped.do_handshake()
                wrapped.settimeout(self.sockets.limits.store_read_seconds)
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _take_idle(self) -> _Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def give_back(self, answer: Answer) -> None:
        """Keep a connection whose answer was read to its end; close any other."""
        connection, response = answer.connection, answer.response
        at_end = response.isclosed() or response.length == 0
        keeps = at_end and not response.will_close and connection.sock is not None
        response.close()
        with self._lock:
            if keeps and len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        connection.close()
        if connection.made is not None:
            self.sockets.forget(connection.made)

    def translated(self) -> "_Translated":
        """Return a context that turns what the libraries raise into problems."""
        return _Translated(self.name, self.sockets.limits.store_read_seconds)

    def close(self) -> None:
        """Close what is idle; for the end of the store's use."""
        while (connection := self._take_idle()) is not None:
            self._drop(connection)


@dataclass(frozen=True, slots=True)
class _Translated:
    name: str
    seconds: float

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            message = f"the certificate of {self.name} is not trusted: {error.verify_message}"
            raise Problem(Code.SOURCE_UNAVAILABLE, message) from error
        if isinstance(error, TimeoutError):
            raise Problem(Code.SOURCE_TIMEOUT, f"{self.name} sent nothing for {self.seconds:g} s") from error
        if isinstance(error, OSError | http.client.HTTPException | ValueError):
            why = getattr(error, "strerror", None) or type(error).__name__
            raise Problem(Code.SOURCE_UNAVAILABLE, f"{self.name} broke off: {why}") from error


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise Problem(Code.INVALID, "the address of the store is no http:// or https:// URL of a host")
    return parts
