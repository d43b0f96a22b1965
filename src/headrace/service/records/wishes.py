"""How a write is to be committed, by what the request says (jobs contract 12.6)."""

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.record import CommitWish
from headrace.core.workspace import Sheet
from headrace.service.records.selecting import commit_id_of, event_of
from headrace.store.database import Transaction


def wish_of(  # noqa: PLR0913 — each from a parameter or header of its own
    tx: Transaction,
    actor: Actor,
    sheet: Sheet,
    *,
    commit_id: str | None = None,
    event_id: str | None = None,
    silent: bool = False,
    forced: bool = False,
) -> CommitWish:
    """Return how a write of records of ``sheet`` is to be committed.

    A write-back joins the commit that it names, or that the event tells of; where the event is about something else, nobody is told.

    Raises:
        Problem: ``INVALID`` (``for``): there is no such event. Whether there is such a commit finds out who writes.
    """
    if commit_id is None and event_id is not None:
        happening = event_of(tx, sheet, event_id)
        if happening is None:
            message = f"there is no event {event_id[:80]!r}"
            raise Problem(Code.INVALID, message, (FieldError("for", message),))
        commit_id = commit_id_of(happening)
        silent = True
    return CommitWish(actor_id=actor.id, request=actor.request, silent=silent, forced=forced, joins=commit_id)
