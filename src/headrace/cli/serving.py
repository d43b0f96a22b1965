"""``headrace serve`` and ``headrace worker``: the processes that stay."""

from dataclasses import dataclass
from pathlib import Path

from headrace import config
from headrace.bootstrap.lightness import load_without_pictures

# ruff: noqa: PLC0415 — a server does not load the data plane, and a worker not the doors; and what is left out is said before anything is loaded


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens, and how many workers it keeps."""

    host: str
    port: int
    workers: int | None
    dev: bool


def serve(home: Path | None, listening: Listening) -> int:
    """Serve until told to stop.

    Raises:
        Problem: the settings, the ledger, or ``--dev`` on an address that others can reach.
    """
    load_without_pictures()
    from headrace.cli.logs import to_standard_error

    settings = config.load(home=home)
    to_standard_error(settings)
    from headrace.bootstrap.serving import serve as serve_until_told

    return serve_until_told(settings, listening.host, listening.port, listening.workers, dev=listening.dev)


def work(home: Path | None, parent: int | None, *, dev: bool = False) -> int:
    """Work until told to stop; ``parent`` is the supervisor without which this worker ends too."""
    load_without_pictures()
    from headrace.cli.logs import to_standard_error

    settings = config.load(home=home)
    to_standard_error(settings)
    from headrace.bootstrap.working import work as work_until_told

    return work_until_told(settings, parent, dev=dev)
