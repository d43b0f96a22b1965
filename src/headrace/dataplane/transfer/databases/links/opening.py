"""Connecting for writing, to whatever database a connection is of. Drivers are loaded when the first connection of their kind is opened."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.links.link import Link

Connect = Callable[[ConnectionInfo, Limits, Cancellation], Any]

_CONNECTS: Mapping[str, str] = {
    "postgres": "connect_postgres",
    "mysql": "connect_mysql",
    "sqlserver": "connect_sqlserver",
    "sqlite": "connect_sqlite",
    "odbc": "connect_odbc",
}
"""Kinds of databases, which are the names of modules here, and how each is opened."""


@contextmanager
def open_link(info: ConnectionInfo, limits: Limits, cancellation: Cancellation) -> Iterator[Link]:
    """Connect; leave at the end. What runs is interrupted when ``cancellation`` asks for it.

    Raises:
        LinkError: why there is no connection.
        Problem: ``UNSUPPORTED``: there is nothing that writes to such a database; ``INVALID``: its address.
    """
    if info.kind not in _CONNECTS:
        raise Problem(
            Code.UNSUPPORTED, f"nothing can be written to {info.kind!r}; it can to {', '.join(sorted(_CONNECTS))}"
        )
    module = importlib.import_module(f"{__package__}.{info.kind}")
    connect: Connect = getattr(module, _CONNECTS[info.kind])
    link = connect(info, limits, cancellation)
    forget = cancellation.on_stop(link.interrupt)
    try:
        yield link
    finally:
        forget()
        link.close()
