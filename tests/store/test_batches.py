from dataclasses import replace

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Figures, ReasonCount
from headrace.core.run import BatchStatus, RunKind
from headrace.store import batches, runs
from headrace.store.batches import BatchQuery
from headrace.store.database import Database
from ledger_rows import FAILURE, NOW, OTHER_SCOPE, SCOPE, a_batch, a_retry, a_run, finish


def test_a_batch_comes_back_as_it_was_written(database: Database) -> None:
    """Reasons, files and figures of a batch are all kept."""
    batch = a_batch(
        status=BatchStatus.FAILED,
        version=None,
        rejects=(ReasonCount("type", "delay", 3, "no number"),),
        warnings=(ReasonCount("transform", None, 1, "no date"),),
        diagnostics=("row_errors/parsing_errors_0.json",),
        files=("part-0.parquet",),
        failure=FAILURE,
    )
    _with_run(database)
    with database.transaction() as tx:
        assert batches.save(tx, batch)
        assert batches.get(tx, SCOPE, batch.id) == batch
        assert batches.of_run(tx, "run-1") == [batch]


def test_a_batch_of_another_scope_is_not_found(database: Database) -> None:
    """A tenant cannot look at another tenant's rejects."""
    _with_run(database)
    with database.transaction() as tx:
        batches.save(tx, a_batch())
        with pytest.raises(Problem) as caught:
            batches.get(tx, OTHER_SCOPE, "batch-1")
    assert caught.value.code is Code.NOT_FOUND


def test_a_committed_batch_stays_committed(database: Database) -> None:
    """A late report that the batch failed does not hide rows that are in the table."""
    _with_run(database)
    with database.transaction() as tx:
        assert batches.save(tx, a_batch(status=BatchStatus.STAGING, version=None))
        assert batches.save(tx, a_batch())
        assert not batches.save(tx, a_batch(status=BatchStatus.FAILED, version=None))
        assert batches.get(tx, None, "batch-1") == a_batch()


def test_a_batch_needs_a_run_of_its_scope(database: Database) -> None:
    """A batch cannot be hung onto another tenant's run."""
    _with_run(database)
    with pytest.raises(Problem) as caught, database.transaction() as tx:
        batches.save(tx, a_batch(scope=OTHER_SCOPE))
    assert caught.value.code is Code.NOT_FOUND


def test_a_resolved_reject_is_counted_once(database: Database) -> None:
    """Playing rejects again counts each once, whichever replay delivers it and however often that is said."""
    _with_replay(database)
    with database.transaction() as tx:
        assert batches.resolve_rejects(tx, "batch-1", [1, 2], "batch-2") == 2
        assert batches.resolve_rejects(tx, "batch-1", iter([1, 2]), "batch-2") == 2
        assert batches.resolve_rejects(tx, "batch-1", [2, 3], "batch-3") == 1
        assert batches.get(tx, None, "batch-1").resolved == batches.resolved_count(tx, "batch-1") == 3
        assert batches.resolved(tx, "batch-1") == [1, 2, 3]


def test_saving_a_batch_again_keeps_what_was_resolved(database: Database) -> None:
    """A repeated report of a promotion does not forget what a replay has resolved since."""
    _with_replay(database)
    with database.transaction() as tx:
        batches.resolve_rejects(tx, "batch-1", [1], "batch-2")
        batches.save(tx, a_batch(updated_at=Instant(NOW + 1)))
        assert batches.get(tx, None, "batch-1") == a_batch(updated_at=Instant(NOW + 1), resolved=1)


def test_more_rejects_than_there_are_cannot_be_resolved(database: Database) -> None:
    """What is still rejected never becomes negative."""
    _with_replay(database)
    with pytest.raises(Problem) as caught, database.transaction() as tx:
        batches.resolve_rejects(tx, "batch-1", [1, 2, 3, 4], "batch-2")
    assert caught.value.code is Code.INVALID


def test_a_batch_is_played_again_by_one_run_at_a_time(database: Database) -> None:
    """Two replays of one batch at once would deliver its rows twice: the second is refused until the first has ended."""
    _with_run(database)
    replay = replace(a_retry(), kind=RunKind.REPLAY)
    with database.transaction() as tx:
        batches.save(tx, a_batch())
        finish(tx, "run-1")
        runs.insert(tx, replay)
        runs.insert(tx, replace(replay, id="run-3", attempt=3))
        batches.begin_replay(tx, "batch-1", "run-2", NOW)
    with pytest.raises(Problem) as caught, database.transaction() as tx:
        batches.begin_replay(tx, "batch-1", "run-3", NOW)
    assert caught.value.code is Code.CONFLICT
    with database.transaction() as tx:
        finish(tx, "run-2")
        batches.begin_replay(tx, "batch-1", "run-3", NOW)


def test_batches_are_paged_newest_first(database: Database) -> None:
    """Every batch of the scope is on exactly one page."""
    _with_run(database)
    with database.transaction() as tx:
        for number in range(5):
            rejected = Figures(rows_rejected=number % 2)
            batches.save(tx, a_batch(f"batch-{number}", created_at=Instant(NOW + number // 2), figures=rejected))
        query, seen, cursor = BatchQuery(scopes=(SCOPE,)), list[str](), None
        while True:
            page = batches.page(tx, query, limit=2, cursor=cursor)
            seen += [batch.id for batch in page.items]
            cursor = page.next
            if cursor is None:
                break
        rejected_only = batches.page(tx, BatchQuery(scopes=(SCOPE,), has_rejects=True))
    assert seen == ["batch-4", "batch-3", "batch-2", "batch-1", "batch-0"]
    assert [batch.id for batch in rejected_only.items] == ["batch-3", "batch-1"]


def _with_run(database: Database) -> None:
    with database.transaction() as tx:
        runs.insert(tx, a_run())


def _with_replay(database: Database) -> None:
    _with_run(database)
    with database.transaction() as tx:
        batches.save(tx, a_batch())
        for name in ("batch-2", "batch-3"):
            batches.save(tx, a_batch(name, replay_of="batch-1"))
