"""Numbers that say how an installation stands, which only metrics ask for. Each costs what is waiting, not what the ledger has."""

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.store.database import Transaction
from headrace.store.tables import schedules
from headrace.store.tables import webhook_deliveries as outbox
from headrace.store.trigger_tables import triggers

# Written out, as the indexes have it: of a bound value SQLite cannot see that it fits.
_ENABLED = schedules.c.state == sa.literal_column("'enabled'", sa.Text)
_STARTED = triggers.c.state == sa.literal_column("'started'", sa.Text)


def deliveries_pending(tx: Transaction) -> int:
    """Return how many deliveries of webhooks are to be made, or made again."""
    return _count(tx, outbox, outbox.c.next_at.is_not(None))


def schedules_overdue(tx: Transaction, before: Instant) -> int:
    """Return how many schedules were due before that moment, and have not fired."""
    return _count(tx, schedules, _ENABLED, schedules.c.next_at.is_not(None), schedules.c.next_at < before)


def triggers_overdue(tx: Transaction, before: Instant) -> int:
    """Return how many triggers were to be looked at before that moment."""
    return _count(tx, triggers, _STARTED, triggers.c.next_at.is_not(None), triggers.c.next_at < before)


def _count(tx: Transaction, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return int(tx.scalar(sa.select(sa.func.count()).select_from(table).where(*where)))
