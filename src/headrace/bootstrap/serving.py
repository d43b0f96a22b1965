"""The process that answers over HTTP, with the workers that it supervises. It does no runs itself, so it loads no data plane."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module

import uvicorn
from starlette.types import ASGIApp

from headrace.api.datafactory import app as datafactory
from headrace.api.flowservice import app as flowservice
from headrace.api.jobs import app as jobs
from headrace.api.jobs.door import JobsDoor
from headrace.api.native import app as native
from headrace.api.native.door import NativeDoor
from headrace.bootstrap.addresses import keep_address
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.doors import make_data_factory_door, make_door, make_jobs_door, make_native_door
from headrace.bootstrap.exploring import make_explorer
from headrace.bootstrap.lightness import aside, give_back
from headrace.bootstrap.listening import Listening, listen
from headrace.bootstrap.mounting import Doors, Later
from headrace.bootstrap.native import make_native_desk
from headrace.config import Settings
from headrace.core.errors import Code, Problem
from headrace.core.explore import Explorer
from headrace.dataplane.connectors.egress import EVERYTHING
from headrace.engine.supervise import Supervisor
from headrace.http.event_stream import Streams
from headrace.http.links import is_loopback
from headrace.http.measuring import Measured
from headrace.http.rates import Rates
from headrace.service.clients import ensure_admin
from headrace.store.database import Database, file_of
from headrace.web import paths as console

_KEEP_ALIVE_SECONDS = 75
"""Longer than clients' pools keep an idle connection: who ends it first should not be the one that is about to be written to."""
_COMMAND = "from headrace.cli.main import main; main()"
_CONSOLE = "headrace.web.app"
_PATHS: Mapping[str, Callable[[str], bool]] = {
    "native": native.serves,
    "console": console.serves,
    "datafactory": datafactory.serves,
    "jobs": jobs.serves,
}
CONSOLE_TOKEN_MINUTES = 12 * 60
"""How long somebody stays logged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Doors with parts of their own that who serves has to start and to stop: the jobs' dispatcher, the streams of events."""

    jobs: JobsDoor
    native: NativeDoor


def keep_doors(
    application: Application, explore: Explorer, *, dev: bool = False, workers_expected: bool = False
) -> Kept:
    """Return those doors. ``workers_expected``: without a living worker, the server says that it is not ready."""
    desk, streams = make_native_desk(application, explore), Streams(application.settings.max_event_streams)
    return Kept(
        jobs=make_jobs_door(application, dev=dev),
        native=make_native_door(application, desk, streams, dev=dev, workers_expected=workers_expected),
    )


def make_api(
    application: Application, explore: Explorer, *, kept: Kept | None = None, dev: bool = False, local: bool = False
) -> ASGIApp:
    """Return everything that the installation answers over HTTP: the console, and each door at its published paths.

    ``explore`` answers questions about sources; it is the caller's to close. ``kept``: doors whose parts the caller runs (None: nobody does).
    ``dev``: the doors take any token, which is for loopback addresses only; ``serve`` sees to that. ``local``: only this machine can ask.
    """
    kept = kept or keep_doors(application, explore, dev=dev)
    pipelines = datafactory.make_app(make_data_factory_door(application, anonymous=dev or local))
    doors = Doors(
        [
            (native.serves, native.make_app(kept.native)),
            (console.serves, Later(lambda: _make_console(application, kept.native))),
            (datafactory.serves, pipelines),
            (jobs.serves, jobs.make_app(kept.jobs)),
        ],
        flowservice.make_app(make_door(application, explore, dev=dev)),
    )
    return Measured(doors, kept.native.desk.traffic, _door_of, log=application.settings.access_log)


def _door_of(path: str) -> str:
    """Return the name that metrics have of the door to which a path belongs."""
    return next((name for name, serves in _PATHS.items() if serves(path)), "flowservice")


def _make_console(application: Application, door: NativeDoor) -> ASGIApp:
    # Its templates and all that reads them are loaded with the first page that somebody opens.
    app: ASGIApp = import_module(_CONSOLE).make_app(
        desk=door.desk,
        tokens=application.token_desk(CONSOLE_TOKEN_MINUTES),
        streams=door.streams,
        dev=door.dev,
        public_url=application.settings.public_url or None,
        rates=Rates(application.settings.requests_per_minute),
        max_body_bytes=door.max_upload_bytes,
    )
    return app


def serve(settings: Settings, host: str, port: int, workers: int | None = None, *, dev: bool = False) -> int:
    """Serve until SIGTERM or SIGINT, with supervised workers; return the exit status. For the main thread.

    The first start makes an admin client and writes its secret to standard error, once.

    Raises:
        Problem: ``FORBIDDEN``: ``dev`` on an address that others can reach; ``CONFLICT``: the port is taken; and as ``open_application``.
    """
    if dev and not is_loopback(host):
        raise Problem(Code.FORBIDDEN, f"--dev takes any token, so it works on 127.0.0.1 or ::1 only, not on {host}")
    settings = replace(settings, egress_allow=(EVERYTHING,)) if dev else settings
    ledger = file_of(Database(settings.database_url))
    if ledger is not None and not ledger.exists():
        # What makes a ledger takes memory that nobody needs afterwards.
        aside(lambda: open_application(settings).close())
    with open_application(settings) as application, listen(host, port) as listener:
        port = listener.getsockname()[1]
        keep_address(application, host, port)
        _welcome(application, host, port, dev=dev)
        explorer = make_explorer(settings)
        count = settings.workers if workers is None else workers
        kept = keep_doors(application, explorer, dev=dev, workers_expected=count > 0)
        dispatcher = kept.jobs.happenings.dispatcher
        options = uvicorn.Config(
            make_api(application, explorer, kept=kept, dev=dev, local=is_loopback(host)),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            http=Listening,
        )
        server = _Server(options, [dispatcher.stop, kept.native.streams.stop, explorer.close])
        # uvicorn takes the signals while it serves, and raises what it was told to end with once more when it has ended: the workers are still
        # to be stopped then. What comes before it serves ends it too.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: setattr(server, "should_exit", True))
        supervisor = make_supervisor(application, count, dev=dev)
        supervisor.start()
        dispatcher.start()
        give_back()
        try:
            server.run(sockets=[listener])
        finally:
            dispatcher.stop()
            kept.jobs.scripts.close()
            explorer.close()
            supervisor.stop()
    return 0


class _Server(uvicorn.Server):
    """A server that waits for no source when it is told to stop: what is being looked into ends first, then the requests that wait for it.

    So it is with those who listen, and those who follow runs: they hear that nothing has come.
    """

    def __init__(self, options: uvicorn.Config, ending: Sequence[Callable[[], None]]) -> None:
        super().__init__(options)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what requests wait for, and then as any server does."""
        for end in self._ending:
            end()
        await super().shutdown(sockets)


def make_supervisor(application: Application, count: int | None = None, *, dev: bool = False) -> Supervisor:
    """Return the supervisor of worker processes (None: as many as the settings say), not started."""
    home = str(application.settings.home)
    command = [
        sys.executable,
        "-c",
        _COMMAND,
        "worker",
        "--home",
        home,
        "--parent",
        str(os.getpid()),
        *(["--dev"] if dev else []),
    ]
    workers = application.settings.workers if count is None else count
    return Supervisor(command, workers, grace_seconds=application.settings.drain_seconds + 10)


def _welcome(application: Application, host: str, port: int, *, dev: bool) -> None:
    made = ensure_admin(application.database, application.clock, application.ids)
    lines = [f"Headrace serves on http://{f'[{host}]' if ':' in host else host}:{port}"]
    if made is not None:
        lines += [
            "The first start made an admin client. Its secret is shown this once:",
            f"  client id      {made.client.id}",
            f"  client secret  {made.secret}",
        ]
    if dev:
        lines.append("--dev: any token is taken.")
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
