"""Rejected rows, as a table or as JSON."""

import json
from collections.abc import Mapping

from headrace.cli.desk import Desk
from headrace.cli.output import Output, cut, number, one_line
from headrace.core.codec import Json
from headrace.core.native.quarantine import ListRejects, RejectLine
from headrace.core.native.runs import RunView
from headrace.core.native.table import LIST_REJECTS
from headrace.core.native.wire import to_wire

_WIDEST = 100
_MOST = 500
"""Rows that are asked for at once."""


def print_rejects(desk: Desk, view: RunView, limit: int, output: Output) -> None:
    """Print at most ``limit`` rejected rows of the run's batches, each with its place and reasons."""
    rows: list[tuple[str, RejectLine]] = []
    for batch in view.batches:
        if batch.figures.rows_rejected and len(rows) < limit:
            rows += [(batch.id, row) for row in rows_of(desk, batch.id, limit - len(rows))]
    total = sum(batch.figures.rows_rejected or 0 for batch in view.batches)
    if output.is_json:
        items: list[Json] = [{"batch": batch, **_members(to_wire(row))} for batch, row in rows]
        output.document({"run": view.run.id, "rejected": total, "items": items})
        return
    if not rows:
        output.say(f"{number(total)} rows were rejected, and not kept" if total else "no rows were rejected")
        return
    for _, row in rows:
        print_row(row, output)
    if total > len(rows):
        output.note(f"{number(len(rows))} of {number(total)} rows; --limit shows more")
    ids = ", ".join(dict.fromkeys(batch for batch, _ in rows))
    output.note(f"all of them as JSON lines: headrace quarantine download {ids}")


def rows_of(desk: Desk, batch: str, limit: int) -> list[RejectLine]:
    """Return at most ``limit`` rejected rows of a batch, in their order."""
    rows: list[RejectLine] = []
    cursor = None
    while len(rows) < limit:
        page = desk.ask(LIST_REJECTS, ListRejects(batch=batch, limit=min(limit - len(rows), _MOST), cursor=cursor))
        rows += page.items
        cursor = page.next
        if cursor is None:
            break
    return rows


def print_row(row: RejectLine, output: Output) -> None:
    """Print a rejected row: where it stood, why it was rejected, and the row as it came."""
    line = "" if row.line is None else f", line {row.line}"
    played = "  (played again since)" if row.resolved else ""
    output.say(f"#{row.number}  {one_line(row.file or '')}{line}{played}")
    for found in row.reasons:
        output.say(f"    {one_line(found.column or '(row)')}: {found.code}: {one_line(found.message)}")
    text = row.raw if row.raw is not None else json.dumps(dict(row.cells), ensure_ascii=False)
    output.say(f"    {cut(one_line(text), _WIDEST)}")


def _members(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
