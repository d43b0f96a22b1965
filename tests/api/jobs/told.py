"""What listeners are told of, as it stands in the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from api.jobs.conftest import Client
from headrace.store.job_tables import happenings


@dataclass(frozen=True)
class Told:
    """One thing that listeners are told."""

    topic: str
    domain: str
    context: Mapping[str, Any]
    payload: Mapping[str, Any]


def told(client: Client, topic: str | None = None) -> list[Told]:
    """Return what listeners are told, or what of one topic, in the order of writing."""
    with client.door.database.reading() as tx:
        rows = tx.rows(sa.select(happenings).order_by(happenings.c.written))
    found = [Told(row["topic"], row["domain"], row["body"]["context"], row["body"]["payload"]) for row in rows]
    return [item for item in found if topic in {None, item.topic}]


def topics(client: Client) -> list[str]:
    """Return the topics of what listeners are told, in order."""
    return [item.topic for item in told(client)]
