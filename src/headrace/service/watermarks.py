"""Watermarks: up to where a flow's rows were delivered. The engine moves them, with the end of the run that delivered."""

from headrace.store import watermarks
from headrace.store.database import Database
from headrace.store.watermarks import Watermark

__all__ = ["Watermark", "get_watermark", "watermarks_of"]


def get_watermark(database: Database, scope: str, flow_id: str, key: str) -> Watermark | None:
    """Return one watermark of the flow, or None: nothing was delivered under this key yet."""
    with database.reading() as tx:
        return watermarks.get(tx, scope, flow_id, key)


def watermarks_of(database: Database, scope: str, flow_id: str) -> tuple[Watermark, ...]:
    """Return every watermark of the flow, by key."""
    with database.reading() as tx:
        return tuple(watermarks.of_flow(tx, scope, flow_id))
