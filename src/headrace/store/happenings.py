"""Happenings: the outbox of what listeners are told. A row is written in the transaction of the change that it tells of."""

from typing import Any

import sqlalchemy as sa

from headrace.core.codec import Json
from headrace.core.happening import Happening
from headrace.store.database import Transaction
from headrace.store.job_tables import happenings as table

_INSERT = sa.insert(table)
_BODY = ("data_url", "callback_url", "target", "origin", "attributes", "run_id")
"""What the document of a row has beside context, payload and namespaces, where it is not None."""


def insert(tx: Transaction, happening: Happening, request: str) -> None:
    """Keep ``happening``, which has no number yet. It is held until ``request`` has been answered (empty: there is none to wait for)."""
    tx.execute(_INSERT, _values(happening, request))


def _values(happening: Happening, request: str) -> dict[str, Any]:
    body: dict[str, Json] = {"context": happening.context, "payload": happening.payload}
    if happening.namespaces:
        body["namespaces"] = list(happening.namespaces)
    body |= {name: getattr(happening, name) for name in _BODY if getattr(happening, name) is not None}
    return {
        "id": happening.id,
        "scope": happening.scope,
        "number": None,
        "domain": happening.domain,
        "topic": happening.topic,
        "space_id": happening.space_id,
        "job_id": happening.job_id,
        "body": body,
        "actor_id": happening.actor_id,
        "request": request,
        "created_at": happening.created_at,
        "acknowledged_at": None,
        "acknowledged_by": None,
    }
