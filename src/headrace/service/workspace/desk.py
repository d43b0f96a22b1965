"""What the workspace needs, and what a caller may reach of it."""

from dataclasses import dataclass

from headrace.core.clock import Clock, Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.happening import Place
from headrace.core.ids import Ids
from headrace.core.job import Actor
from headrace.core.job_limits import JobLimits
from headrace.core.workspace import Resource, ResourceKind, Sheet
from headrace.dataplane.storage import Roots
from headrace.service.happenings.announce import tell
from headrace.service.jobs.desk import JobDesk
from headrace.service.records.desk import RecordDesk
from headrace.service.sealing import Sealer
from headrace.store import resources, sheets
from headrace.store.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class WorkspaceDesk:
    """What changes of the workspace need. ``roots.files`` has the bytes of files."""

    database: Database
    clock: Clock
    ids: Ids
    sealer: Sealer
    roots: Roots
    limits: JobLimits
    jobs: JobDesk

    @property
    def records(self) -> RecordDesk:
        """Return what changes of records need."""
        return RecordDesk(self.database, self.clock, self.ids, self.limits)


@dataclass(frozen=True, slots=True)
class Hand:
    """A change in hand: its transaction, who makes it, and when."""

    tx: Transaction
    desk: WorkspaceDesk
    actor: Actor
    now: Instant

    def tell(self, place: Place, topic: str, payload: dict[str, Json], *, domain: str | None = None) -> None:
        """Tell listeners of what has happened."""
        tell(self.tx, self.desk.ids, self.now, self.actor, place, topic, payload, domain=domain)


def resource_of(tx: Transaction, actor: Actor, kind: ResourceKind, resource_id: str, *, hold: bool = False) -> Resource:
    """Return a resource that the caller may reach; ``hold``: nobody else changes it until the transaction ends.

    Raises:
        Problem: ``NOT_FOUND``: there is none, or it is out of reach.
    """
    found = resources.get(tx, actor.scope, kind, resource_id, hold=hold)
    own = found.id if kind is ResourceKind.SPACE else found.space_id
    if actor.space_id is not None and own != actor.space_id:
        raise resources.missing(kind)
    return found


def space_of(tx: Transaction, actor: Actor, space_id: str, *, hold: bool = False) -> Resource:
    """Return a space as ``resource_of`` does; who puts something in it holds it, so that it is not removed meanwhile."""
    return resource_of(tx, actor, ResourceKind.SPACE, space_id, hold=hold)


def sheet_of(tx: Transaction, actor: Actor, sheet_id: str, *, hold: bool = False) -> Sheet:
    """Return a sheet that the caller may reach; ``hold``: nobody else changes it or its records until the transaction ends.

    Raises:
        Problem: ``NOT_FOUND``: there is none, or it is out of reach.
    """
    sheet = sheets.hold(tx, actor.scope, sheet_id) if hold else sheets.get(tx, actor.scope, sheet_id)
    if actor.space_id not in {None, sheet.space_id}:
        raise Problem(Code.NOT_FOUND, "Sheet not found", (FieldError("sheetId", "Sheet not found"),))
    return sheet


def space_asked(actor: Actor, space_id: str | None) -> str:
    """Return the space that is meant: the one that was named, else the only one that the caller may reach.

    Raises:
        Problem: ``INVALID``: none was named, and the caller may reach several.
    """
    meant = space_id or actor.space_id
    if meant is None:
        raise Problem(Code.INVALID, "spaceId is required", (FieldError("spaceId", "spaceId is required"),))
    return meant
