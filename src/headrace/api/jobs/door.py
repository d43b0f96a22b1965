"""What the door needs of the installation; bootstrap makes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.client import Identity
from headrace.core.clock import Clock
from headrace.core.ids import Ids
from headrace.core.job_limits import JobLimits
from headrace.core.scripts import ScriptRunner
from headrace.dataplane.storage import Roots
from headrace.http.rates import Rates
from headrace.service.happenings.desk import HappeningDesk
from headrace.service.happenings.listening import Listening
from headrace.service.happenings.open_requests import OpenRequests
from headrace.service.jobs.desk import JobDesk
from headrace.service.records.desk import RecordDesk
from headrace.service.sealing import Sealer
from headrace.service.tokens import TokenDesk
from headrace.service.workspace.accounts import Account
from headrace.service.workspace.desk import WorkspaceDesk
from headrace.service.workspace.keys import KeyDesk
from headrace.store.database import Database

AUDIENCE = "jobs"
"""The audience of the tokens that clients get, and the first segment of the door's scopes."""
TOKEN_MINUTES = 24 * 60
"""How long a client's token is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsDoor:
    """Everything that a request of this door may reach.

    ``dev``: any bearer token is taken for an administrator's; bootstrap sees to it that only this machine can ask then. ``roots.files`` is the
    folder of files. ``scripts``: runs scripts for previews. ``listening``: how long polls wait, of this door alone; who makes the door
    starts and stops the dispatcher of its desk.
    """

    database: Database
    clock: Clock
    ids: Ids
    sealer: Sealer
    tokens: TokenDesk
    account: Account
    roots: Roots
    listening: Listening
    scripts: ScriptRunner
    limits: JobLimits = field(default_factory=JobLimits)
    static_tokens: Mapping[str, Identity] = field(default_factory=dict)
    """Who shows a token of the account that never expires, by ``core.client.digest_of`` it."""
    dev: bool = False
    public_url: str | None = None
    rates: Rates = field(default_factory=Rates)
    """How often one caller may ask."""
    max_body_bytes: int = 1 << 30
    """Bytes of a file in one request."""

    @property
    def happenings(self) -> HappeningDesk:
        """Return what telling and looking up needs."""
        return self.listening.desk

    @property
    def open_requests(self) -> OpenRequests:
        """Return whose answers have not been sent yet."""
        return self.happenings.open_requests

    @property
    def jobs(self) -> JobDesk:
        """Return what the use cases of jobs need."""
        return JobDesk(self.database, self.clock, self.ids, self.limits)

    @property
    def records(self) -> RecordDesk:
        """Return what writing records needs."""
        return RecordDesk(self.database, self.clock, self.ids, self.limits)

    @property
    def workspace(self) -> WorkspaceDesk:
        """Return what changes of the workspace need."""
        return WorkspaceDesk(self.database, self.clock, self.ids, self.sealer, self.roots, self.limits, self.jobs)

    @property
    def keys(self) -> KeyDesk:
        """Return what making and checking keys needs."""
        return KeyDesk(self.database, self.clock, self.ids, self.sealer)
