"""What the door needs of the installation; bootstrap makes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.client import Identity
from headrace.http.edge import MAX_BODY_BYTES
from headrace.http.event_stream import Streams
from headrace.http.rates import Rates
from headrace.service.native.desk import NativeDesk
from headrace.service.tokens import TokenDesk

AUDIENCE = "native"
"""The audience of the door's tokens."""
TOKEN_MINUTES = 60
"""How long a token of this door is good."""
PREFIX = "/native/v1"
"""The beginning of all paths of operations."""
MAX_UPLOAD_BYTES = 1 << 30
"""Bytes of a file of rows in one request, unless the installation says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeDoor:
    """Everything that a request of this door may reach.

    ``dev``: no token is needed, and any is taken; bootstrap sees to it that only this machine can ask then. ``workers_expected``: the server is
    not ready while no worker is alive.
    """

    desk: NativeDesk
    tokens: TokenDesk
    streams: Streams
    static_tokens: Mapping[str, Identity] = field(default_factory=dict)
    """Who shows a token that never expires, by ``core.client.digest_of`` it."""
    dev: bool = False
    workers_expected: bool = False
    rates: Rates = field(default_factory=Rates)
    """How often one client may ask."""
    max_body_bytes: int = MAX_BODY_BYTES
    max_upload_bytes: int = MAX_UPLOAD_BYTES
