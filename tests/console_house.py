"""The console on a real ledger, behind a real server on loopback: what tests of its pages are made of."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from fakes import CountingIds, ManualClock
from headrace import config
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.doors import Unasked
from headrace.bootstrap.native import make_native_desk
from headrace.core.client import Role
from headrace.core.clock import MINUTE, SECOND, Instant
from headrace.core.errors import Code
from headrace.core.outcome import Failure, Figures
from headrace.core.run import Run, RunKind, RunStatus
from headrace.http.event_stream import Streams
from headrace.service.clients import ClientRequest, NewClient, create_client, revoke_client
from headrace.store import activity_runs, flows, runs, workers
from headrace.web.app import make_app
from ledger_rows import a_flow, a_run, activities
from waiting import until

SCOPES = ("flowservice/acme/prod", "flowservice/acme/dev", "datafactory/s1/group/factory", "local")
FAILURES = (
    Failure(Code.SOURCE_UNAVAILABLE, "the source broke off after 31 MB: connection reset by peer"),
    Failure(Code.TOO_MANY_REJECTS, "1 204 of 90 000 rows were rejected; the flow allows 1 %"),
    Failure(Code.WORKER_LOST, "the worker died three times while it ran this"),
    Failure(Code.INVALID, "the mapping names the column 'fare', which the source does not have"),
)
_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]+)"')


@dataclass
class Page:
    """What a page answered."""

    response: httpx.Response

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return self.response.status_code

    @property
    def html(self) -> str:
        """Return the page."""
        return self.response.text

    @property
    def csrf(self) -> str:
        """Return the token that its forms bring."""
        found = _TOKEN.search(self.html)
        assert found is not None, "the page has no form"
        return found[1]

    @property
    def text(self) -> str:
        """Return what one reads, without tags."""
        return text_of(self.html)

    @property
    def location(self) -> str:
        """Return where it leads."""
        return str(self.response.headers.get("location", ""))


@dataclass
class Visitor:
    """A browser without scripts: it keeps cookies, and says where its forms come from."""

    base: str
    client: httpx.Client

    def get(self, path: str, **headers: str) -> Page:
        """Return a page; redirects are not followed."""
        return Page(self.client.get(self.base + path, headers=_named(headers)))

    def post(self, path: str, fields: Mapping[str, Any], *, csrf: str | None = None, **headers: str) -> Page:
        """Send a form. ``csrf`` None: the token of the page that this visitor would be on."""
        token = self.get("/login" if not self.client.cookies else "/runs").csrf if csrf is None else csrf
        given = {"origin": self.base, "sec-fetch-site": "same-origin", **_named(headers)}
        return Page(self.client.post(self.base + path, data={"csrf": token, **fields}, headers=given))


@dataclass
class House:
    """An installation with its console. ``clients``: one of each role, by role."""

    application: Application
    clock: ManualClock
    base: str = ""
    clients: dict[Role, NewClient] = field(default_factory=dict)
    _visitors: list[Visitor] = field(default_factory=list)

    def visitor(self, role: Role | None = Role.OPERATOR) -> Visitor:
        """Return somebody who is logged in as a client of this role (None: who is not)."""
        # Each comes from an address of its own, as a proxy would say: tries to log in are counted.
        address = {"x-forwarded-for": f"10.0.0.{len(self._visitors) % 256}"}
        visitor = Visitor(self.base, httpx.Client(trust_env=False, timeout=20, headers=address))
        self._visitors.append(visitor)
        if role is not None:
            made = self.clients[role]
            answer = visitor.post("/login", {"client": made.client.id, "secret": made.secret})
            assert answer.status == 303, answer.text
        return visitor

    def close(self) -> None:
        """End the connections of all visitors."""
        for visitor in self._visitors:
            visitor.client.close()

    def add(self, role: Role, *scopes: str, name: str = "") -> NewClient:
        """Make a client."""
        request = ClientRequest(name=name or role.value, role=role, scopes=scopes or ("*",))
        return create_client(self.application.database, request, self.clock, self.application.ids)

    def revoke(self, client: NewClient) -> None:
        """Take all rights of a client."""
        revoke_client(self.application.database, client.client.id, "test", self.clock)


@contextmanager
def house(folder: Path, ledger_url: str, *, dev: bool = False, **settings: str) -> Iterator[House]:
    """Serve the console of an installation at ``folder`` on a prepared ledger until the end of the block."""
    environment = {"HEADRACE_HOME": str(folder / "home"), "HEADRACE_DATABASE_URL": ledger_url, **settings}
    clock = ManualClock()
    with open_application(config.load(environment, directory=folder)) as opened:
        application = replace(opened, clock=clock, ids=CountingIds())
        made = House(application, clock)
        for role in Role:
            made.clients[role] = made.add(role)
        streams = Streams(20)
        desk = make_native_desk(application, Unasked())
        app = make_app(desk=desk, tokens=application.token_desk(12 * 60), streams=streams, dev=dev)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=0,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=2,
            )
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            until(lambda: server.started, seconds=20, what="the server's start")
            made.base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            yield made
        finally:
            streams.stop()
            server.should_exit = True
            thread.join(20)
            made.close()


def fill(made: House, count: int = 12, *, scopes: tuple[str, ...] = SCOPES) -> list[Run]:
    """Write ``count`` runs of four flows in all statuses, the newest first, and a worker; return the runs."""
    now = made.clock.now()
    with made.application.database.transaction() as tx:
        workers.register(tx, "worker-1", "host-1", 4711, now)
        for number, scope in enumerate(scopes):
            flows.put(tx, a_flow(id=f"flow-{number}", scope=scope, name=f"flights {number}"), now)
        return [_put(tx, number, scopes, now) for number in range(count)]


def _put(tx: Any, number: int, scopes: tuple[str, ...], now: Instant) -> Run:
    at = Instant(now - number * 7 * MINUTE - 3 * SECOND)
    run_id = f"{0xA1B2C3D4 + number * 0x01010101 & 0xFFFFFFFF:08x}-0000-4000-8000-{number:012d}"
    kind = tuple(RunKind)[number % 3]
    run = a_run(
        run_id,
        scope=scopes[number % len(scopes)],
        flow_id=f"flow-{number % len(scopes)}",
        flow_name=f"flights {number % len(scopes)}",
        kind=kind,
        created_at=at,
        created_by="dev",
        parameters={"day": f"2026-01-{1 + number % 28:02d}"},
    )
    runs.insert(tx, run)
    activity_runs.insert_all(tx, activities(run_id))
    to = (None, RunStatus.RUNNING, RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.CANCELLED)[
        number % 6
    ]
    if to is None:
        return run
    runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, Instant(at + SECOND))
    if to is RunStatus.RUNNING:
        return run
    rejected = 3 * number if number % 4 == 0 else 0
    read = 1_000 * (number + 1)
    runs.set_figures(
        tx, run_id, Figures(rows_read=read, rows_accepted=read - rejected, rows_rejected=rejected, rows_skipped=0)
    )
    if to is RunStatus.CANCELLED:
        runs.move(tx, run_id, {RunStatus.RUNNING}, RunStatus.CANCELLING, Instant(at + 2 * SECOND))
        runs.move(tx, run_id, {RunStatus.CANCELLING}, to, Instant(at + 3 * SECOND))
        return run
    reason = FAILURES[number // 6 % len(FAILURES)] if to is RunStatus.FAILED else None
    runs.move(tx, run_id, {RunStatus.RUNNING}, to, Instant(at + (number % 5 + 1) * 9 * SECOND), reason)
    return run


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def text_of(html: str) -> str:
    """Return what one reads of a page, without tags, in one line."""
    parser = _Text()
    parser.feed(html)
    return " ".join(" ".join(parser.pieces).split())


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
