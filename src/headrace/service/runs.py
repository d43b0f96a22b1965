"""Runs: ask for one, look at it, stop it, complete what it waits for.

Asking for a run is one transaction: the run, its activity runs and its place in the queue are there together or not at all. Workers
find it in the database only; nothing here calls the engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.clock import DAY, Clock, Instant
from headrace.core.codec import Json
from headrace.core.flow import Flow
from headrace.core.ids import Ids
from headrace.core.outcome import Failure, ReasonCount
from headrace.core.query import Order, Page
from headrace.core.run import ActivityRun, Batch, Run, RunKind
from headrace.core.window import Window
from headrace.store.database import Database
from headrace.store.runs import RunQuery

NEWEST_FIRST = Order("created_at", descending=True)
"""The order of run lists unless a caller asks for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run is asked for with.

    ``parameters`` overrule the flow's defaults; names that the flow does not declare are refused. ``due_at``: not to be started before.
    ``priority``: smaller goes first. The first request with a ``request_key`` makes the run, and every further one in the same scope answers with it
    until ``request_key_lifetime`` (microseconds) is over. ``created_by`` is the subject for the audit. ``details`` are the door's own facts.
    """

    scope: str
    flow_id: str
    created_by: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    window: Window | None = None
    due_at: Instant | None = None
    priority: int = 100
    kind: RunKind = RunKind.ON_DEMAND
    request_key: str | None = None
    request_key_lifetime: int = 7 * DAY
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run with all that belongs to it: activity runs in the plan's order (every attempt), and its batches."""

    run: Run
    activities: tuple[ActivityRun, ...]
    batches: tuple[Batch, ...]


@dataclass(frozen=True, slots=True)
class ActivityFailure:
    """One activity of a run that did not succeed, and why."""

    path: str
    attempt: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class RunErrors:
    """Why a run did not succeed, or not wholly: its own reason, its activities' failures, rejects and warnings by code and column."""

    run: Run
    failures: tuple[ActivityFailure, ...]
    rejects: tuple[ReasonCount, ...]
    warnings: tuple[ReasonCount, ...]


def create_run(database: Database, request: RunRequest, clock: Clock, ids: Ids) -> Run:
    """Return the run that ``request`` asks for: new and queued, or the one that an earlier request with its key made.

    Raises:
        Problem: ``NOT_FOUND``: no such flow in the scope; ``ILLEGAL_STATE``: the flow is disabled; ``UNKNOWN_FIELD`` or ``INVALID``: parameters that
            the flow does not declare, or of another type; all at once.
    """
    ...


def get_run(database: Database, scope: str | None, run_id: str) -> RunDetails:
    """Return the run with its activity runs and batches, as of one moment.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    ...


def find_run(database: Database, scope: str | None, text: str) -> str:
    """Return the id that ``text`` (an id, the beginning of one, or ``@latest``) stands for.

    Raises:
        Problem: ``NOT_FOUND``: none; ``INVALID``: several runs begin so.
    """
    ...


def page_runs(
    database: Database, query: RunQuery, order: Order = NEWEST_FIRST, limit: int = 50, cursor: str | None = None
) -> Page[Run]:
    """Return a page of the runs that ``query`` selects. ``cursor`` is the token of the page before.

    Raises:
        Problem: ``INVALID``: the token, the limit, or an order that the ledger has no index for.
    """
    ...


def cancel_run(database: Database, scope: str | None, run_id: str, who: str, clock: Clock) -> Run:
    """Return the run after asking for its end: cancelled at once if it is queued, else cancelling until its worker has stopped it.

    Asking again while it is being stopped changes nothing.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it has ended.
    """
    ...


def complete_external(
    database: Database, scope: str | None, run_id: str, path: str, who: str, output: Mapping[str, Json], clock: Clock
) -> None:
    """Tell the run that the activity at ``path``, which waits for somebody outside, is done, with ``output``.

    Raises:
        Problem: ``NOT_FOUND``: no such run or activity; ``ILLEGAL_STATE``: it does not wait.
    """
    ...


def fail_external(
    database: Database, scope: str | None, run_id: str, path: str, who: str, message: str, clock: Clock
) -> None:
    """Tell the run that the activity at ``path``, which waits for somebody outside, has failed there.

    Raises:
        Problem: ``NOT_FOUND``: no such run or activity; ``ILLEGAL_STATE``: it does not wait.
    """
    ...


def errors_of_run(database: Database, scope: str | None, run_id: str) -> RunErrors:
    """Return why the run did not succeed, or not wholly, grouped by code and column, most rows first.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    ...


def queue_run(tx: object, flow: Flow, run: Run, activities: tuple[ActivityRun, ...]) -> None:
    """Write ``run``, its activity runs and its place in the queue; the caller's transaction makes them one."""
    ...
