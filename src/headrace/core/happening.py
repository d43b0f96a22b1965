"""Happenings: what listeners are told of, in an outbox that is written in the transaction of the change.

The doors call them events; that word is taken here by what fires triggers (``core.posted_events``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.job import account_of, environment_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a happening is about: its own id and that of everything that it is in (``None``: not in any)."""

    scope: str
    space_id: str | None = None
    workbook_id: str | None = None
    sheet_id: str | None = None
    sheet_slug: str | None = None
    file_id: str | None = None
    document_id: str | None = None
    job_id: str | None = None
    namespaces: tuple[str, ...] = ()
    """``space:<namespace>`` and ``workbook:<namespace>`` of the space and the workbook that have one."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further keys of the context: ``commitId versionId snapshotId actionName precedingEventId programId appId``."""

    @property
    def account_id(self) -> str:
        """Return the account of its scope."""
        return account_of(self.scope)

    @property
    def environment_id(self) -> str:
        """Return the environment of its scope."""
        return environment_of(self.scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One happening as it is kept. ``number``: its place in its environment's order (None: not handed out yet).

    ``context``, ``payload`` are what listeners see. ``data_url`` is relative, without a leading slash, with a query.
    """

    id: str
    scope: str
    domain: str
    topic: str
    context: Mapping[str, Json]
    payload: Mapping[str, Json]
    created_at: Instant
    actor_id: str
    number: int | None = None
    space_id: str | None = None
    job_id: str | None = None
    namespaces: tuple[str, ...] = ()
    data_url: str | None = None
    callback_url: str | None = None
    target: str | None = None
    origin: Mapping[str, Json] | None = None
    attributes: Mapping[str, Json] | None = None
    acknowledged_at: Instant | None = None
    acknowledged_by: str | None = None
    run_id: str | None = None
    """The attempt that a ``job:ready`` is about; listeners do not see it."""
