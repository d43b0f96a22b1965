"""The real servers that tests need, started on loopback and stopped by their own process ids."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from waiting import until

INSTALL = "PostgreSQL's programs are missing: install them (Debian: `apt-get install postgresql`), or run `make servers` as root"
USER = "postgres"
_EMPTY = """
DO $$ DECLARE place record; BEGIN
    FOR place IN SELECT schemaname, tablename FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename NOT IN ('dbos_migrations', 'headrace_version')
            AND pg_relation_size(format('%I.%I', schemaname, tablename)) > 0
    LOOP EXECUTE format('DELETE FROM %I.%I', place.schemaname, place.tablename); END LOOP;
END $$
"""
_END_OTHERS = """
SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_ALL_GONE = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = ANY(%s))"


class PostgresServer:
    """A PostgreSQL server of our own: a fresh cluster in a temporary directory, on a free port of 127.0.0.1.

    It runs as the user ``postgres`` when we are root, since it refuses to run as root. It is fast and forgets everything in a crash of
    the machine (``fsync=off``), not in one of its own.
    """

    def __init__(self, *, settings: dict[str, str] | None = None) -> None:
        self.programs = _programs()
        self.directory = Path(tempfile.mkdtemp(prefix="headrace-pg-"))
        self.port = free_port()
        self._settings = {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "autovacuum": "off",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.directory),
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._emptying: dict[str, psycopg.Connection[tuple[object, ...]]] = {}

    def __enter__(self) -> Self:
        self.create()
        for _ in range(2):
            with suppress(AssertionError):
                self.start()
                return self
            # Somebody else took the port meanwhile.
            self.port = free_port()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def data(self) -> Path:
        """Return the directory of the cluster."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """Return the file of what the server said."""
        return self.directory / "server.log"

    def url(self, name: str = "postgres") -> str:
        """Return the URL of the database ``name``, for its superuser."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def create(self) -> None:
        """Make the cluster."""
        if os.geteuid() == 0:
            owner = pwd.getpwnam(USER)
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
        self.directory.chmod(0o700)
        command: list[str | Path] = [
            self.programs / "initdb",
            "-D",
            self.data,
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        ]
        made = subprocess.run(_as_postgres(command), capture_output=True, text=True, check=False, cwd="/")
        if made.returncode != 0:
            raise AssertionError(f"initdb failed:\n{made.stdout}{made.stderr}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"--{name}={value}" for name, value in (self._settings | {"port": str(self.port)}).items()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                _as_postgres([self.programs / "postgres", "-D", self.data, *options]), stdout=log, stderr=log, cwd="/"
            )
        until(self._answers, seconds=30, what=f"PostgreSQL on port {self.port} (see {self.log})")

    def stop(self) -> None:
        """Stop the server at once, without waiting for its clients; started again, it goes on where it was."""
        if self._process is None:
            return
        while self._emptying:
            self._emptying.popitem()[1].close()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=20)
        self._process = None

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Make the database ``name``, a copy of ``template``; return its URL."""
        with self._admin() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove the database ``name``, whoever is connected to it."""
        with self._admin() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def empty_database(self, name: str) -> None:
        """Remove every row of the database ``name`` but the versions of its schemas, and cut off whoever is connected to it."""
        connection = self._emptying.pop(name, None) or psycopg.connect(self.url(name), autocommit=True)
        try:
            _empty(connection)
        except psycopg.OperationalError:
            # Whoever ended all connections to the database ended this one too.
            connection.close()
            connection = psycopg.connect(self.url(name), autocommit=True)
            _empty(connection)
        # It is kept: a new connection has to read the whole catalog first, which takes longer than emptying.
        self._emptying[name] = connection

    def _admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(), autocommit=True)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"PostgreSQL ended while it started:\n{self.log.read_text(errors='replace')}")
        with suppress(psycopg.OperationalError), self._admin() as connection:
            connection.execute("SELECT 1")
            return True
        return False


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _empty(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    ended = [row[0] for row in connection.execute(_END_OTHERS)]
    until(
        lambda: connection.execute(_ALL_GONE, [ended]).fetchone() == (True,),
        seconds=20,
        what="the end of others",
        every=0.002,
    )
    # Without triggers, so that the order of tables does not matter.
    connection.execute("SET session_replication_role = replica")
    connection.execute(_EMPTY)


def _programs() -> Path:
    """Return the directory of the newest PostgreSQL's programs; the test fails where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    candidates = [*reversed(found), *(Path(name) for name in [shutil.which("postgres")] if name)]
    for candidate in candidates:
        if (candidate.parent / "initdb").exists():
            return candidate.parent
    raise AssertionError(INSTALL)


def _as_postgres(command: list[str | Path]) -> list[str]:
    words = [str(word) for word in command]
    if os.geteuid() != 0:
        return words
    # setpriv becomes the program, so the process id that we hold is the server's own. It ends when a killed test run leaves it behind.
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--pdeathsig=INT", *words]
