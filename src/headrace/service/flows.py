"""Flows: what is to be run, kept under a name in a scope."""

from headrace.core.clock import Clock
from headrace.core.flow import Flow
from headrace.core.query import Page
from headrace.store.database import Database


def put_flow(database: Database, flow: Flow, who: str, clock: Clock) -> Flow:
    """Return the flow as it is kept now: new, or the next revision of the one with its id.

    Putting what is there already changes nothing: the revision stays. Runs keep the definition that they were asked for with.
    ``flow.revision`` 1 makes or overwrites; a higher one must be the newest that the ledger has.

    Raises:
        Problem: ``STALE``: another revision came first; ``CONFLICT``: another flow of the scope has the name.
    """
    ...


def get_flow(database: Database, scope: str | None, flow_id: str) -> Flow:
    """Return the flow.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    ...


def flow_by_name(database: Database, scope: str, name: str) -> Flow | None:
    """Return the scope's flow of this name, or None."""
    ...


def page_flows(database: Database, scope: str | None, limit: int = 50, cursor: str | None = None) -> Page[Flow]:
    """Return a page of the scope's flows, by name; ``cursor`` is the token of the page before."""
    ...
