"""What is needed to connect to a store or a database, as bootstrap and the connection documents give it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A connection, its secrets opened: never stored, never logged, never in a message.

    ``kind``: ``postgres`` (more come). ``url``: ``postgresql://user:password@host:port/database?option=…``; only the options that the
    connector lists are allowed. ``options``: the same options, for callers that keep them apart; they win over the URL's.
    """

    kind: str
    url: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
