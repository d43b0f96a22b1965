"""An installation that real clients talk to: ``headrace serve`` with its gates closed, a folder of files, a database, and who may call."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from headrace import config
from headrace.bootstrap.application import open_application
from headrace.core.client import Role
from headrace.service.clients import ClientRequest, create_client
from servers import PostgresServer, free_port
from waiting import until

HEADRACE = str(Path(sys.executable).with_name("headrace"))
ORG = "acme@AdobeOrg"
_CUSTOMERS = "id,first,points\n1,Ann,7\n2,Bob,12\n3,Cid,many\n"
_ORDERS = """
CREATE TABLE orders (id bigint, amount integer, updated_at timestamptz);
INSERT INTO orders SELECT n, n * 10, timestamptz '2026-01-01 00:00:00+00' + n * interval '1 day' FROM generate_series(1, 4) AS n
"""


@dataclass(frozen=True)
class Caller:
    """A client of the server: what it may do is known by its id and secret."""

    id: str
    secret: str


@dataclass(frozen=True)
class Served:
    """A server that runs. ``admin``, ``reader`` and ``service`` may call it; ``files`` may be read by it, ``postgres`` too."""

    base: str
    folder: Path
    files: Path
    postgres: str
    admin: Caller
    reader: Caller
    service: Caller

    @property
    def log(self) -> str:
        """Return what the server wrote."""
        return (self.folder / "server.log").read_text()


@contextmanager
def served(folder: Path, server: PostgresServer, ledger_url: str = "", **settings: str) -> Iterator[Served]:
    """Serve from ``folder`` until the end of the block; the ledger is its home's own unless a URL is given."""
    files = folder / "files"
    (files / "more").mkdir(parents=True)
    (files / "customers.csv").write_text(_CUSTOMERS)
    (files / "more" / "customers.csv").write_text(_CUSTOMERS)
    name = f"orders_{free_port()}"
    orders = server.create_database(name)
    with psycopg.connect(orders, autocommit=True) as connection:
        connection.execute(_ORDERS)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HEADRACE_")},
        "HEADRACE_HOME": str(folder / "home"),
        "HEADRACE_DATABASE_URL": ledger_url,
        "HEADRACE_FILE_ROOTS": str(files),
        "HEADRACE_EGRESS_ALLOW": "127.0.0.1",
        "HEADRACE_FLOWSERVICE_SANDBOXES": "prod,dev",
        **settings,
    }
    callers = _callers(environment, folder)
    port = free_port()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [HEADRACE, "serve", "--port", str(port), "--workers", "1"],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(base), seconds=60, what="the server's first answer", every=0.1)
        yield Served(base, folder, files, _connection_string(orders), *callers)
    finally:
        process.terminate()
        process.wait(60)
        server.drop_database(name)


def _callers(environment: Mapping[str, str], folder: Path) -> list[Caller]:
    """Return an administrator, a reader and a service, made as ``headrace clients create`` makes them."""
    asked = (
        ClientRequest(name="admin", role=Role.ADMIN),
        ClientRequest(name="reader", role=Role.READER),
        ClientRequest(name="service", role=Role.ADMIN, service=True),
    )
    with open_application(config.load(environment, directory=folder)) as app:
        made = [create_client(app.database, request, app.clock, app.ids) for request in asked]
    return [Caller(one.client.id, one.secret) for one in made]


def _answers(base: str) -> bool:
    try:
        return httpx.get(base + "/data/foundation/flowservice/flows", timeout=5).status_code == 403
    except httpx.TransportError:
        return False


def _connection_string(url: str) -> str:
    """Return a database's URL as the dialect writes it (7.2)."""
    parts = httpx.URL(url)
    user, _, password = parts.userinfo.decode().partition(":")
    login = f"UID={user};Password={password or 'none'}"
    return f"Server={parts.host};Port={parts.port};Database={parts.path.strip('/')};{login}"
