"""The text of a failed mapping, which clients parse."""

from dataclasses import replace

import pytest

from api.flowservice import ledger
from headrace.api.flowservice.translate.batch import batch_errors
from headrace.core.codec import Json
from headrace.core.flow import Plan
from headrace.core.outcome import ReasonCount


@pytest.mark.parametrize(
    ("code", "message", "expected", "actual"),
    [
        ("type", "the string value cannot become integer", "INTEGER", "STRING"),
        ("type", "the double value cannot become decimal(5,2)", "DECIMAL", "DOUBLE"),
        ("type", "the list<string> value cannot become boolean", "BOOLEAN", "LIST"),
        ("transform", "is required, but f(x) could not be evaluated", "LONG", "STRING"),
    ],
)
def test_the_text_names_the_types_that_did_not_fit(code: str, message: str, expected: str, actual: str) -> None:
    """Contract 5.5: destination, both types in capitals, and the source field, under both codes."""
    record = ledger.failed_promotion()
    copy, promote = record.run.definition.activities
    columns: list[Json] = [{"name": "age", "type": {"kind": "long"}}]
    settings: dict[str, Json] = {**promote.settings, "mapping": {"age": "Age"}, "schema": {"columns": columns}}
    run = replace(record.run, definition=Plan((copy, replace(promote, settings=settings))))
    batch = replace(record.batches[0], rejects=(ReasonCount(code, "age", 1, message),))
    text = (
        f"Mapping failed for destination path age. expected data type was: {expected}, actual data type was: {actual}. "
        "sourceField: Age destinationField: age"
    )
    found = {error["code"]: error["description"] for error in batch_errors(batch, run)}
    assert (found["MAPPER-3700-400"], found["DPMAP-3700-400"]) == (text, text)
