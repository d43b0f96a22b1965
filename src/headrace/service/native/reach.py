"""Scopes: what lies in one that the caller does not reach is not there."""

from headrace.core.client import EVERYWHERE, Identity
from headrace.core.errors import Code, Problem
from headrace.core.run import Run
from headrace.store import runs
from headrace.store.database import Transaction


def patterns(caller: Identity, asked: str | None = None) -> tuple[str, ...] | None:
    """Return the beginnings of scopes that a list for ``caller`` has (None: every scope): those that lie in ``asked``, and are the caller's.

    Raises:
        Problem: ``NOT_FOUND``: none of the caller's scopes lies there.
    """
    own = caller.scopes
    if asked is None:
        return None if EVERYWHERE in own else own
    if caller.reaches(asked):
        return (asked,)
    below = tuple(scope for scope in own if scope.startswith(asked.rstrip("/") + "/"))
    if not below:
        raise Problem(Code.NOT_FOUND, f"there is no scope {asked!r} for this client")
    return below


def run_of(tx: Transaction, caller: Identity, text: str) -> Run:
    """Return the run that ``text`` (an id, the beginning of one, or ``@latest``) stands for among those that the caller may see.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several runs begin so.
    """
    return runs.get(tx, None, runs.resolve_id(tx, patterns(caller), text))
