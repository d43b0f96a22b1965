"""A MariaDB server of our own, for tests: started on loopback, stopped by its own process id."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql  # type: ignore[import-untyped]  # it ships no type information

from servers import free_port
from waiting import until

INSTALL = "MariaDB's programs are missing: install them (Debian: `apt-get install mariadb-server`), or run `make servers` as root"
_PROGRAMS = ("/usr/bin/mariadb-install-db", "/usr/sbin/mariadbd")


class MariadbServer:
    """A server with an empty cluster in a temporary directory, on a free port of 127.0.0.1, as the user who runs the tests.

    It is fast and forgets everything in a crash of the machine. Its superuser is ``root``, without a password.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="headrace-mariadb-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if not all(Path(program).exists() for program in _PROGRAMS):
            raise AssertionError(INSTALL)
        self._create()
        for _ in range(2):
            with suppress(AssertionError):
                self._start()
                return self
            # Somebody else took the port meanwhile.
            self.port = free_port()
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)  # nothing of it is kept
            self._process.wait(timeout=20)
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, name: str = "mysql", login: str = "root") -> str:
        """Return the URL of the database ``name``."""
        return f"mysql://{login}@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str) -> str:
        """Make the database ``name``; return its URL."""
        self.run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove the database ``name``."""
        self.run(f"DROP DATABASE IF EXISTS `{name}`")

    def run(self, statement: str) -> None:
        """Execute a statement as the superuser."""
        with self.connect() as connection:
            connection.query(statement)

    def connect(self, name: str | None = None) -> Any:
        """Return a connection of the superuser, every statement of which is committed."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=name, autocommit=True, charset="utf8mb4"
        )

    def sql(self, name: str, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement in the database ``name``; return its rows."""
        with self.connect(name) as connection, connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute(statement, tuple(parameters) or None)
            return list(cursor.fetchall())

    def _create(self) -> None:
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        command = [_PROGRAMS[0], "--no-defaults", f"--datadir={self.directory / 'data'}", *_user(), *options]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise AssertionError(f"mariadb-install-db failed:\n{made.stdout}{made.stderr}")

    def _start(self) -> None:
        options = [
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-flush-method=nosync",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            *_user(),
        ]
        log = self.directory / "server.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen([*_bound(), _PROGRAMS[1], *options], stdout=out, stderr=out)
        until(self._answers, seconds=30, what=f"MariaDB on port {self.port} (see {log})")

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            log = (self.directory / "server.log").read_text(errors="replace")
            raise AssertionError(f"MariaDB ended while it started:\n{log}")
        with suppress(pymysql.Error), self.connect():
            return True
        return False


def _user() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _bound() -> list[str]:
    # setpriv becomes the program, so the process id that we hold is the server's own. It ends when a killed test run leaves it behind.
    return ["setpriv", "--pdeathsig=KILL"] if shutil.which("setpriv") else []
