"""Rejected rows, as a table or as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence

from headrace.bootstrap.application import Application
from headrace.cli.output import Output, number, one_line
from headrace.core.codec import Json, encode
from headrace.core.run import Batch
from headrace.service.quarantine import rejected_rows
from headrace.service.runs import RunDetails

_WIDEST = 100
_OURS = ("_reject", "_filename", "_line", "_errors", "_corrupt_record")


def print_rejects(application: Application, details: RunDetails, limit: int, output: Output) -> None:
    """Print at most ``limit`` rejected rows of the run's batches, each with its place and reasons."""
    rows = list(_rows(application, details.batches, limit))
    if output.is_json:
        output.document(
            encode({"run_id": details.run.id, "items": [{"batch_id": b.id, "row": row} for b, row in rows]})
        )
        return
    if not rows:
        kept = any(batch.diagnostics for batch in details.batches)
        rejected = sum(batch.figures.rows_rejected or 0 for batch in details.batches)
        words = (
            f"{number(rejected)} rows were rejected, and not kept" if rejected and not kept else "no rows were rejected"
        )
        output.say(words)
        return
    for batch, row in rows:
        _print(batch, row, output)
    total = sum(batch.figures.rows_rejected or 0 for batch in details.batches)
    if total > len(rows):
        output.note(f"{number(len(rows))} of {number(total)} rows; --limit shows more")
    ids = ", ".join(dict.fromkeys(batch.id for batch, _ in rows))
    output.note(f"all of them as JSON lines: headrace quarantine download {ids}")


def _rows(application: Application, batches: Sequence[Batch], limit: int) -> Iterator[tuple[Batch, Json]]:
    left = limit
    for batch in batches:
        if left <= 0 or not batch.diagnostics:
            continue
        for row in rejected_rows(application.database, application.roots, None, batch.id, left):
            left -= 1
            yield batch, row


def _print(batch: Batch, row: Json, output: Output) -> None:
    if not isinstance(row, Mapping):
        output.say(f"{batch.id}  {one_line(json.dumps(row, ensure_ascii=False))}")
        return
    line = "" if row.get("_line") is None else f", line {row['_line']}"
    output.say(f"#{row.get('_reject')}  {one_line(str(row.get('_filename') or ''))}{line}")
    errors = row.get("_errors")
    for error in errors if isinstance(errors, Sequence) and not isinstance(errors, str) else ():
        if isinstance(error, Mapping):
            column = error.get("column") or "(row)"
            output.say(f"    {column}: {error.get('code')}: {one_line(str(error.get('message')))}")
    output.say(f"    {_short(row)}")


def _short(row: Mapping[str, Json]) -> str:
    if row.get("_corrupt_record") is not None:
        text = str(row["_corrupt_record"])
    else:
        own = {name: value for name, value in row.items() if name not in _OURS}
        text = json.dumps(own, ensure_ascii=False)
    text = one_line(text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
