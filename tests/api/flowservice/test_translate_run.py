"""The run object against golden files: names, types, and what is left out."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from api.flowservice import ledger
from headrace.api.flowservice.translate.batch import BatchRecord, batch_object
from headrace.api.flowservice.translate.codes import cause_code
from headrace.api.flowservice.translate.run import RunRecord, run_object
from headrace.core.errors import Code, FieldError
from headrace.core.outcome import Failure, Figures
from headrace.core.run import RunStatus

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    "record", [ledger.seed_run, ledger.failed_copy, ledger.failed_promotion, ledger.retried], ids=lambda f: f.__name__
)
def test_a_run_has_the_published_shape(record: Callable[[], RunRecord]) -> None:
    """A client that reads the published run object reads ours."""
    expected = json.loads((GOLDEN / f"{record.__name__}.json").read_text(encoding="utf-8"))
    assert run_object(record(), ledger.PLACE) == expected


def test_what_failed_before_it_was_counted_has_no_counts_and_says_all_that_was_wrong() -> None:
    """Contract 5.4: none is not zero; an error of several fields names them."""
    record = ledger.failed_promotion()
    failure = Failure(
        Code.INVALID, "the mapping has 2 errors:", (FieldError("a", "is wrong"), FieldError("b", "too", "fix"))
    )
    promoted = replace(record.activities[1], figures=Figures(), failure=failure)
    shown = run_object(replace(record, activities=(record.activities[0], promoted), batches=()), ledger.PLACE)
    activity = shown["activities"][1]
    assert (activity["recordSummary"], shown["metrics"]["recordSummary"]) == ({}, {})
    said = "Error occurred at promotion activity: the mapping has 2 errors: a: is wrong; b: too (fix)"
    assert activity["statusSummary"]["errors"] == [{"code": "CONNECTOR-2001-500", "message": said}]


def test_a_run_that_has_not_begun_refers_to_no_activity() -> None:
    """Contract 5.4: references name activities that are listed."""
    record = ledger.seed_run()
    waiting = replace(record.run, status=RunStatus.QUEUED, started_at=None, ended_at=None)
    shown = run_object(replace(record, run=waiting, activities=(), batches=()), ledger.PLACE)
    assert (shown["activities"], shown["metrics"]["statusSummary"]) == ([], {"status": "pending"})
    assert shown["metrics"]["fileSummary"] == {"inputFileCount": 0, "outputFileCount": 0}


@pytest.mark.parametrize(
    ("code", "copying", "shown"),
    [
        (Code.SOURCE_EMPTY, False, "106"),
        (Code.SOURCE_HEADERLESS, False, "118"),
        (Code.SOURCE_DENIED, True, "SRC-1002-403"),
        (Code.SOURCE_CHANGED, True, "SRC-1006-500"),
        (Code.INTERNAL, False, None),
        (Code.LIMIT_EXCEEDED, True, None),
    ],
)
def test_causes_have_their_codes(code: Code, copying: bool, shown: str | None) -> None:
    """Contract 5.5: an empty file and an empty header are told apart; a copy that failed for anything else says so."""
    assert cause_code(code, copying=copying) == shown


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
