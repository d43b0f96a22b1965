"""FTP: TLS, and a server whose passive answers would lead elsewhere."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import select
from headrace.dataplane.connectors.stores import open_store
from headrace.dataplane.limits import Limits
from stores import certified

DATA = b"0123456789" * 100_000
FAST = Limits(store_pause_seconds=0.01, store_read_seconds=10)
FACTS = f"type=file;size={len(DATA)};modify=20260101000000;"


class Dishonest:
    """One session of a server with TLS and one file, whose answers to PASV name another host: 10.9.8.7."""

    def __init__(self, connection: socket.socket, tls: ssl.SSLContext) -> None:
        self.control = connection
        self.tls = tls
        self.rest = 0
        self.passive: socket.socket | None = None
        self.fixed = {
            "USER": "331 password?",
            "FEAT": "211-F\r\n MLST type*;size*;modify*;\r\n211 End",
            "EPSV": "500 no",
            "MLST": f"250-it\r\n {FACTS} /a.csv\r\n250 End",
        }

    def serve(self) -> None:
        """Answer until the client has gone."""
        self._say("220 hello")
        while line := self._line():
            command, _, argument = line.decode().strip().partition(" ")
            if command == "AUTH":
                self._say("234 go on")
                self.control = self.tls.wrap_socket(self.control, server_side=True)
            elif command == "PASV":
                self.passive = socket.create_server(("127.0.0.1", 0))
                port = self.passive.getsockname()[1]
                self._say(f"227 Entering Passive Mode (10,9,8,7,{port >> 8},{port & 255})")
            elif command == "REST":
                self.rest = int(argument)
                self._say("350 from there")
            elif command in {"MLSD", "RETR"}:
                self._send(f"{FACTS} a.csv\r\n".encode() if command == "MLSD" else DATA[self.rest :])
            else:
                self._say(self.fixed.get(command, "200 fine"))

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n") and (letter := self.control.recv(1)):
            line += letter
        return line

    def _say(self, text: str) -> None:
        self.control.sendall(f"{text}\r\n".encode())

    def _send(self, data: bytes) -> None:
        self._say("150 here it comes")
        assert self.passive is not None
        with (
            self.passive,
            self.passive.accept()[0] as plain,
            self.tls.wrap_socket(plain, server_side=True) as protected,
            suppress(OSError),
        ):
            protected.sendall(data)
            protected.unwrap()
        self.rest = 0
        self._say("226 that was all")


@contextmanager
def dishonest(tls: ssl.SSLContext) -> Iterator[str]:
    """Run the server; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError, ssl.SSLError):
                while True:
                    connection, _ = listener.accept()
                    session = Dishonest(connection, tls)
                    with suppress(OSError):
                        session.serve()
                    session.control.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"ftp://user@127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_tls_is_spoken_and_data_come_from_the_host_that_was_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate is verified for the name; what PASV says of hosts is not looked at."""
    tls, authority = certified("ftp.example", tmp_path)
    options = {"password": "secret", "tls": "true", "max_connections": "1"}
    with dishonest(tls) as url:
        unknown = open_store("", ConnectionInfo("ftp", url, options, "ftp.example"), None, FAST)
        with closing(unknown), pytest.raises(Problem, match="is not trusted") as caught:
            unknown.list(select(""), Cancellation())
        assert caught.value.code is Code.SOURCE_UNAVAILABLE
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        store = open_store("", ConnectionInfo("ftp", url, options, "ftp.example"), None, FAST)
        with closing(store):
            (entry,) = store.list(select(""), Cancellation()).entries
            buffer = memoryview(bytearray(100_000))
            with store.open(entry, len(DATA) - 7) as file:
                assert bytes(buffer[: file.readinto(buffer)]) == b"3456789"
                assert file.readinto(buffer) == 0
                file.finish()
