"""The run object against golden files: names, types, and what is left out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from api.flowservice import ledger
from headrace.api.flowservice.translate.batch import BatchRecord, batch_object
from headrace.api.flowservice.translate.run import RunRecord, run_object

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    "record", [ledger.seed_run, ledger.failed_copy, ledger.failed_promotion, ledger.retried], ids=lambda f: f.__name__
)
def test_a_run_has_the_published_shape(record: Callable[[], RunRecord]) -> None:
    """A client that reads the published run object reads ours."""
    expected = json.loads((GOLDEN / f"{record.__name__}.json").read_text(encoding="utf-8"))
    assert run_object(record(), ledger.PLACE) == expected


def test_a_batch_has_the_published_shape() -> None:
    """The catalog's batch object carries the counts, the tags and the errors of its run."""
    record = ledger.failed_promotion()
    expected = json.loads((GOLDEN / "failed_batch.json").read_text(encoding="utf-8"))
    assert (
        batch_object(BatchRecord(record.batches[0], record.run, "5f2b09f1a0b1c2d3e4f50617"), ledger.PLACE) == expected
    )


@pytest.mark.parametrize("record", [ledger.seed_run, ledger.failed_promotion, ledger.retried], ids=lambda f: f.__name__)
def test_counts_of_a_run_are_reconciled(record: Callable[[], RunRecord]) -> None:
    """Input is output and failed and skipped, always."""
    counts = run_object(record(), ledger.PLACE)["metrics"]["recordSummary"]
    parts = counts["outputRecordCount"] + counts["failedRecordCount"] + counts.get("skippedRecordCount", 0)
    assert counts["inputRecordCount"] == parts
