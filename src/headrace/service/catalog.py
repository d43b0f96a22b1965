"""The catalog: every batch from its beginning to its end, with the upload and the run behind it."""

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.core.errors import Code, Problem
from headrace.core.query import In, Order
from headrace.core.run import Batch, Run
from headrace.core.upload import Upload
from headrace.store import batches, catalog, runs, uploads
from headrace.store.catalog import NEWEST_FIRST, CatalogQuery
from headrace.store.database import Database, Transaction
from headrace.store.runs import RunQuery

__all__ = ["NEWEST_FIRST", "CatalogQuery", "Catalogued", "find_catalogued", "page_catalog"]

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Catalogued:
    """A batch. ``upload``: what it began as, where a client sent its files; it may have no batch and no run yet."""

    batch: Batch | None
    run: Run | None
    upload: Upload | None

    @property
    def table(self) -> str:
        """Return the place of its table in the lake."""
        return self.batch.table if self.batch is not None else "" if self.upload is None else self.upload.table


def page_catalog(
    database: Database, query: CatalogQuery, order: Order = NEWEST_FIRST, *, limit: int = 100, offset: int = 0
) -> list[Catalogued]:
    """Return the batches of ``query`` from ``offset`` on, at most ``limit`` (500 at most)."""
    with database.reading() as tx:
        entries = catalog.page(tx, query, order, limit=min(limit, _AT_ONCE), offset=offset)
        return _whole(tx, query.scope, [entry.id for entry in entries])


def find_catalogued(database: Database, scope: str, batch_id: str) -> Catalogued:
    """Return one batch.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        found = _whole(tx, scope, [batch_id])
    if not found:
        raise Problem(Code.NOT_FOUND, f"there is no batch {batch_id!r}")
    return found[0]


def _whole(tx: Transaction, scope: str, ids: Sequence[str]) -> list[Catalogued]:
    if not ids:
        return []
    made, sent = batches.of_ids(tx, scope, ids), uploads.of_ids(tx, scope, ids)
    wanted = {batch.run_id for batch in made.values()} | {one.run_id for one in sent.values() if one.run_id}
    found: dict[str, Run] = {}
    if wanted:
        query = RunQuery(scopes=(scope,), filter=In("id", tuple(sorted(wanted))))
        found = {run.id: run for run in runs.page(tx, query, NEWEST_FIRST, len(wanted)).items}
    result = []
    for batch_id in ids:
        batch, upload = made.get(batch_id), sent.get(batch_id)
        if batch is None and upload is None:
            continue
        run_id = batch.run_id if batch is not None else upload.run_id if upload is not None else None
        result.append(Catalogued(batch, found.get(run_id or ""), upload))
    return result
