"""Answers that are given once more to who repeats a request (``idempotency_keys``), and the requests that are still being answered."""

from dataclasses import dataclass

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.store.database import Transaction
from headrace.store.job_tables import idempotency_keys as table
from headrace.store.upserts import upsert

UNANSWERED = 0
"""The status of a request that is still being answered; its text is then the word for the request."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What is kept of a request."""

    status: int
    text: str
    created_at: Instant


def claim(tx: Transaction, scope: str, key: str, word: str, now: Instant) -> Answered | None:
    """Note that the request ``word`` is being answered under ``key``, and return None; or return what is kept under it already."""
    values = {"scope": scope, "key": key, "status": UNANSWERED, "answer": word, "created_at": now}
    if tx.execute(upsert(tx, table).values(values).on_conflict_do_nothing()).rowcount == 1:
        return None
    row = tx.first(sa.select(table.c.status, table.c.answer, table.c.created_at).where(*_key(scope, key)))
    return None if row is None else Answered(row["status"], str(row["answer"]), row["created_at"])


def take_over(tx: Transaction, scope: str, key: str, before: str, word: str, now: Instant) -> bool:
    """Put the request ``word`` in the place of ``before``, which nobody answers any more; say whether that was still so."""
    seen = (*_key(scope, key), table.c.status == UNANSWERED, table.c.answer == before)
    return tx.execute(sa.update(table).where(*seen).values(answer=word, created_at=now)).rowcount == 1


def keep(tx: Transaction, scope: str, key: str, status: int, text: str) -> None:
    """Keep the answer to a request that was claimed."""
    tx.execute(sa.update(table).where(*_key(scope, key)).values(status=status, answer=text))


def drop(tx: Transaction, scope: str, key: str) -> None:
    """Forget a claim: the request was refused, so it may be repeated."""
    tx.execute(sa.delete(table).where(*_key(scope, key)))


def forget(tx: Transaction, before: Instant) -> int:
    """Remove what is older than ``before``; return how many."""
    return tx.execute(sa.delete(table).where(table.c.created_at < before)).rowcount


def _key(scope: str, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.scope == scope, table.c.key == key)
