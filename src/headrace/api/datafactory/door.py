"""What the door needs of the installation; bootstrap makes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.api.datafactory.compiled import Pipelines
from headrace.core.client import Identity
from headrace.core.clock import Clock
from headrace.core.ids import Ids
from headrace.http.rates import Rates
from headrace.service.sealing import Sealer
from headrace.service.tokens import TokenDesk
from headrace.store.database import Database

AUDIENCE = "datafactory"
"""The audience of the door's tokens, and the first segment of its scopes."""
TOKEN_MINUTES = 60
"""How long a token of this door is good."""
MAX_DOCUMENT_BYTES = 4 << 20
"""Bytes of a document, and of every other body (13)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFactoryDoor:
    """Everything that a request of this door may reach.

    ``anonymous``: who shows no token that is known is an admin; bootstrap sees to it that only this machine can ask then. ``public_url`` begins
    links for others, such as callbacks (None: the address that the request came to).
    """

    database: Database
    clock: Clock
    ids: Ids
    sealer: Sealer
    tokens: TokenDesk
    static_tokens: Mapping[str, Identity] = field(default_factory=dict)
    """Who shows a token that never expires, by ``core.client.digest_of`` it."""
    anonymous: bool = False
    public_url: str | None = None
    rates: Rates = field(default_factory=Rates)
    """How often one client may ask."""
    max_body_bytes: int = MAX_DOCUMENT_BYTES
    waiting_runs: int = 100
    """Runs of one pipeline that may wait for their beginning (4.1)."""
    pipelines: Pipelines = field(default_factory=Pipelines)
    """What was read of definitions lately."""
