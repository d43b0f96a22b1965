"""What a question about a source is answered with, once its ``Where`` has been resolved."""

from dataclasses import dataclass, field

from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots


@dataclass(frozen=True, slots=True)
class Opening:
    """A source that may be looked into.

    ``info``: its connection, opened and already looked at by ``Egress``; None: a folder of this machine, which ``root`` names
    (``file:///…``; empty with a connection). ``roots.file_roots`` bounds the folders.
    """

    info: ConnectionInfo | None
    root: str
    roots: Roots
    limits: Limits = field(default_factory=Limits)
