"""The catalog's list: uploads and batches as one, in order, by what the ledger can select; on both databases."""

from dataclasses import replace

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.query import Order
from headrace.core.run import BatchStatus
from headrace.core.upload import Standing, Upload, UploadState
from headrace.core.window import Window
from headrace.store import batches, catalog, runs, uploads
from headrace.store.catalog import CatalogQuery
from headrace.store.database import Database
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_batch, a_run

ALL = CatalogQuery(scope=SCOPE)


def at(number: int) -> Instant:
    """Return a later instant."""
    return Instant(NOW + number * 1_000)


def upload(name: str, number: int, **given: object) -> Upload:
    """Return an upload that was begun at ``number``."""
    values: dict[str, object] = {"dataset": "d", "table": "t2", "body": {}, **given}
    return Upload(id=name, scope=SCOPE, created_at=at(number), updated_at=at(number), **values)  # type: ignore[arg-type]  # fields by name


@pytest.fixture
def filled(database: Database) -> Database:
    """Return a ledger with batches of every standing."""
    with database.transaction() as tx:
        runs.insert(tx, a_run())
        batch = replace(a_batch(), created_at=at(1), updated_at=at(1), status=BatchStatus.COMMITTED)
        batches.save(tx, replace(batch, id="B1"))
        batches.save(tx, replace(batch, id="B2", status=BatchStatus.FAILED, created_at=at(2)))
        batches.save(tx, replace(batch, id="B3", created_at=at(3)))
        batches.mark_reverted(tx, SCOPE, ["B3", "B2"], at(9))
        for number, name in enumerate(("U4", "U5", "U6", "U7"), 4):
            uploads.insert(tx, upload(name, number))
        uploads.move(tx, upload("U5", 5), UploadState.ABORTED, at(5))
        for name in ("U6", "U7"):
            uploads.move(tx, upload(name, 6), UploadState.LOADED, at(6), run_id="run-1")
        batches.save(tx, replace(batch, id="U7", created_at=at(8), table="t2"))
    return database


def listed(
    database: Database, query: CatalogQuery, order: Order = catalog.NEWEST_FIRST, **page: int
) -> list[tuple[str, str]]:
    """Return ids and standings of a list."""
    with database.reading() as tx:
        return [(entry.id, entry.standing.value) for entry in catalog.page(tx, query, order, **page)]


def test_uploads_and_batches_are_one_list_from_their_beginning(filled: Database) -> None:
    """A batch that began as an upload stands where it began, once; only what was committed can be reverted."""
    assert listed(filled, ALL) == [
        ("U7", "committed"),
        ("U6", "loaded"),
        ("U5", "aborted"),
        ("U4", "loading"),
        ("B3", "reverted"),
        ("B2", "failed"),
        ("B1", "committed"),
    ]
    assert listed(filled, ALL, Order("created_at"), limit=2, offset=1) == [("B2", "failed"), ("B3", "reverted")]
    assert listed(filled, ALL, Order("id", descending=True), limit=1) == [("U7", "committed")]
    assert listed(filled, ALL, Order("updated_at", descending=True), limit=1) == [("B3", "reverted")]
    assert listed(filled, ALL, offset=7) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (replace(ALL, scope=OTHER_SCOPE), []),
        (replace(ALL, table="t2"), ["U7", "U6", "U5", "U4"]),
        (replace(ALL, ids=("B1", "U4", "no")), ["U4", "B1"]),
        (replace(ALL, standings=frozenset({Standing.COMMITTED})), ["U7", "B1"]),
        (replace(ALL, standings=frozenset({Standing.REVERTED, Standing.LOADED})), ["U6", "B3"]),
        (replace(ALL, standings=frozenset({Standing.LOADING, Standing.FAILED})), ["U4", "B2"]),
        (replace(ALL, created=Window(at(2), at(5))), ["U4", "B3", "B2"]),
    ],
)
def test_the_ledger_selects(filled: Database, query: CatalogQuery, expected: list[str]) -> None:
    """By scope, table, id, standing and time."""
    assert [name for name, _ in listed(filled, query)] == expected


def test_an_upload_moves_once(filled: Database) -> None:
    """Who comes second learns how it stands."""
    with pytest.raises(Problem) as raised, filled.transaction() as tx:
        uploads.move(tx, upload("U5", 5), UploadState.FAILED, at(9))
    assert (raised.value.code, "aborted" in raised.value.message) == (Code.ILLEGAL_STATE, True)
