"""What is needed to connect to a store or a database, as bootstrap and the connection documents give it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_SECRET_WORDS = ("pass", "secret", "key", "token", "sas", "connection_string")
"""What the names of options that are secrets have in them. The name of a key is none, but nobody misses it in a log line."""


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A connection, its secrets opened: never stored, never logged, never in a message.

    ``kind``: ``postgres``, ``s3``, ``sftp``… (docs/reference/sources.md lists all). ``url``: ``postgresql://user:password@host:port/database``,
    ``https://host``…; it always has a host. ``options``: what is kept apart from the URL; they win over the URL's. ``host``: the name that
    ``Egress`` has replaced by an address in the URL, for what a server wants to be called by; empty where it stands in the URL.
    """

    kind: str
    url: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    host: str = ""

    @property
    def secrets(self) -> list[str]:
        """Return the texts that nothing may show: the URL's password, and the options that are secrets."""
        password = urlsplit(self.url).password
        named = [value for name, value in self.options.items() if any(word in name for word in _SECRET_WORDS)]
        return [text for text in (*named, password or "", unquote(password or "")) if text]
