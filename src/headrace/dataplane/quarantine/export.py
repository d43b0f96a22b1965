"""Rejected rows for spreadsheets."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(rows: Iterable[bytes], *, raw: bool = False) -> Iterator[bytes]:
    """Yield rejected rows (lines of NDJSON, as ``layout.open_rows`` gives them) as CSV in UTF-8, a header first.

    The reasons stand in one column, ``code column: message`` each. A value that a spreadsheet would take for a formula gets an apostrophe in
    front, which cannot be told from one that was there: correct and play again the JSON form, not this one. ``raw`` leaves values as they are.
    The columns are those of the first row of each form (parsing errors have ``_corrupt_record`` only); further ones follow in ``_more`` as JSON.
    """
    source = iter(rows)
    first = next(source, None)
    if first is None:
        return
    head: dict[str, Any] = json.loads(first)
    # Parsing errors come first and tell no columns: look on, as far as there are only such.
    waiting = [head]
    while "_corrupt_record" in waiting[-1] and len(waiting) < _LOOK and (line := next(source, None)) is not None:
        waiting.append(json.loads(line))
    columns = [name for name in {**head, **waiting[-1]} if name not in ("_errors", "_corrupt_record")]
    names = [*columns, "_errors", "_corrupt_record", "_more"]
    yield _line(names, raw=raw)
    for row in waiting:
        yield _line(_cells(row, columns), raw=raw)
    for line in source:
        yield _line(_cells(json.loads(line), columns), raw=raw)


_LOOK = 10_000


def _cells(row: Mapping[str, Any], columns: list[str]) -> list[str]:
    more = {
        key: value for key, value in row.items() if key not in columns and key not in ("_errors", "_corrupt_record")
    }
    reasons = "; ".join(
        " ".join(filter(None, (error["code"], error.get("column")))) + f": {error['message']}"
        for error in row.get("_errors", ())
    )
    return [
        *(_text(row.get(name)) for name in columns),
        reasons,
        _text(row.get("_corrupt_record")),
        _text(more or None),
    ]


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _line(cells: Iterable[str], *, raw: bool) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells if raw else [neutral(cell) for cell in cells])
    return out.getvalue().encode("utf-8", "surrogatepass")


def neutral(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
