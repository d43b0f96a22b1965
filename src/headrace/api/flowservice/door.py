"""What the door needs of the installation; bootstrap makes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.client import Identity
from headrace.core.clock import Clock
from headrace.core.explore import Explorer
from headrace.core.ids import Ids
from headrace.core.run import ActivityRun
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.storage import Roots
from headrace.http.edge import MAX_BODY_BYTES
from headrace.http.rates import Rates
from headrace.service.sealing import Sealer
from headrace.service.tokens import TokenDesk
from headrace.store.database import Database

AUDIENCE = "flowservice"
"""The audience of the door's tokens, and the first segment of its scopes."""
TOKEN_MINUTES = 24 * 60
"""How long a token of this door is good (1.2)."""
MAX_UPLOAD_BYTES = 1 << 30
"""Bytes of one uploaded file, unless the installation says otherwise."""
DEFAULT_SANDBOX = "prod"
"""The sandbox that always exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowServiceDoor:
    """Everything that a request of this door may reach.

    ``outcome_lost`` says why a past outcome cannot be carried over (its landing was removed), or ``""``. ``public_url`` begins absolute
    links (None: the address that the request came to). ``dev`` accepts any token, key and organisation that is not empty: bootstrap
    refuses it on anything but a loopback address.
    """

    database: Database
    clock: Clock
    ids: Ids
    sealer: Sealer
    tokens: TokenDesk
    roots: Roots
    outcome_lost: Callable[[ActivityRun], str]
    explore: Explorer
    """Answers questions about sources and data."""
    landing_zone: Path
    """The directory below which each sandbox has its Data Landing Zone."""
    landing_zone_days: int = 7
    sandboxes: tuple[str, ...] = (DEFAULT_SANDBOX,)
    refuse_past_start: bool = False
    """Refuse flows that start more than 300 s back (1360-400); else they start now."""
    static_tokens: Mapping[str, Identity] = field(default_factory=dict)
    """Who shows a token that never expires, by ``core.client.digest_of`` it."""
    public_url: str | None = None
    egress: Egress = field(default_factory=Egress)
    """The guard of what connections may reach; public addresses only, unless said otherwise."""
    dev: bool = False
    rates: Rates = field(default_factory=Rates)
    """How often one client may ask."""
    max_body_bytes: int = MAX_BODY_BYTES
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    """Bytes of one uploaded file (7.6)."""

    @property
    def file_roots(self) -> tuple[Path, ...]:
        """Return the directories that connections may read; none: ``local-files`` is not offered."""
        return self.roots.file_roots or ()
