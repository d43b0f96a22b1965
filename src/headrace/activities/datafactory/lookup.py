"""Lookup (contract 8.2): the first row, or the first 5,000 rows, of a dataset, a query or a procedure."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from headrace.activities.datafactory.attempt import MAX_PAYLOAD, Attempt, Refused, Result, refused, too_long
from headrace.activities.datafactory.calls import execution_fields
from headrace.activities.datafactory.copying.asking import open_end
from headrace.activities.datafactory.copying.failures import PASSED_ON, failure_of, inner_code
from headrace.activities.datafactory.copying.sources import added_columns, source_of
from headrace.activities.datafactory.datasets import FileData
from headrace.activities.datafactory.moving import Moving, machinery
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.result_values import row_object
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.outcome import Figures, Outcome
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.request import Bytes

FAILED = "2100"
"""The ``errorCode`` of Lookups that could not read."""
MOST_ROWS = 5000
"""Rows that a Lookup or a Script gives at most."""

T = TypeVar("T")


def lookup(attempt: Attempt, moving: Moving) -> Result:
    """Read the first rows of the source; they are the output."""
    given = Properties(attempt.given())
    source = given.part("source")
    first_only = given.flag("firstRowOnly", default=True)
    as_text = given.flag("treatDecimalAsString")
    if not source.given:
        raise given.wrong("source", "is required for a Lookup")
    data = open_end(attempt, moving.connecting, given.raw("dataset"), "dataset", Side.SOURCE, FAILED)
    if isinstance(data, FileData) and isinstance(data.form, Bytes):
        raise refused(BAD_REQUEST, f"The dataset '{data.name}' is of bytes without a format, which have no rows.")
    reads, added = source_of(source, data), added_columns(source)
    task = attempt.task
    means = machinery("means").Means(
        moving.roots_of(task.scope), moving.limits, moving.clock, moving.egress, words=inner_code
    )
    most = 1 if first_only else MOST_ROWS
    peeking = machinery("peeking")
    seen = said(lambda: peeking.first_rows(reads, most, added, task, attempt.context, means), FAILED)
    rows = [row if not isinstance(row, tuple) else row_object(row, decimals_as_text=as_text) for row in seen.rows]
    output = _output(rows, first_only=first_only)
    figures = Figures(rows_read=len(rows))
    return Outcome({**output, **execution_fields("PipelineActivity")}, figures)


def said(act: Callable[[], T], label: str) -> T:
    """Return what ``act`` returns; what the data plane says against it becomes a failure in the contract's words, with the error code ``label``.

    Raises:
        Refused: it failed. Problem: the attempt is to stop.
    """
    try:
        return act()
    except Problem as problem:
        if problem.code in PASSED_ON:
            raise
        raise Refused(failure_of(problem, label)) from problem


def json_bytes(value: Json) -> int:
    """Return how many bytes of JSON a value is."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _output(rows: list[Any], *, first_only: bool) -> dict[str, Json]:
    output: dict[str, Json] = {"count": len(rows), "value": rows}
    if first_only:
        output = {"firstRow": rows[0]} if rows else {}
    if json_bytes(output) > MAX_PAYLOAD:
        raise too_long()
    return output
