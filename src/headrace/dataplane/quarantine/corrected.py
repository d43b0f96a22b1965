"""Corrected rejects as a landing of their own, so that promotion reads them like any other.

A person downloads the rejected rows of a batch, corrects values, keeps ``_reject`` (the number of the row in the batch) and sends the
lines back. Rows of a delimited source become a delimited file again, in which null is an empty field and every other value is quoted: they are
read exactly as the source's own rows were. Rows of other sources stay JSON lines.
"""

import csv
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.landing import LandedFile, Landing
from headrace.core.source import Compression, FileFormat, FileType, JsonLayout
from headrace.dataplane.quarantine import layout
from headrace.dataplane.storage import Roots, make_durable

OURS = frozenset({"_reject", "_filename", "_line", "_errors", "_corrupt_record"})
"""Keys of a rejected row that are not the source's columns."""
DELIMITED = FileFormat(compression=Compression.NONE)
"""How corrected rows of a delimited source lie in the landing."""
LINES = FileFormat(type=FileType.JSON, layout=JsonLayout.LINES, compression=Compression.NONE)
"""How corrected rows of other sources lie in the landing."""
MAX_LINE = 64 * 1024 * 1024
"""Longest line of a corrected file, in bytes."""
MAX_ERRORS = 20
"""Most errors of a corrected file that are told at once."""

_FOLDER = "corrected/1.1"


@dataclass(frozen=True, slots=True)
class Rejects:
    """What is corrected: rejects of a batch; ``is_open`` says whether a number is one of them still."""

    batch_id: str
    delimited: bool
    is_open: Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Corrected:
    """What was landed: ``rows`` rows; ``numbers`` is the path, below the landing root, of the file that tells which line holds which reject."""

    landing: Landing
    numbers: str
    rows: int


@dataclass(slots=True)
class _Read:
    """What was read of a corrected file so far."""

    columns: dict[str, None] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)


def land(roots: Roots, run_id: str, rejects: Rejects, stream: BinaryIO, *, name: str) -> Corrected:
    """Write the corrected rows of ``stream`` into the landing of ``run_id``; ``name`` is what the file is called in reports.

    Raises:
        Problem: ``MALFORMED``: a line is no JSON object; ``INVALID``: a row without a ``_reject`` of this batch, with one that occurs twice
            or was resolved, or without columns, all at once (at most ``MAX_ERRORS``); ``SOURCE_EMPTY``: no rows; ``LIMIT_EXCEEDED``: a line
            over ``MAX_LINE``. Nothing is left behind.
    """
    folder = roots.landing / run_id / _FOLDER
    folder.mkdir(parents=True)
    try:
        rows = folder / "corrected.json"
        read = _check(stream, rows, rejects.is_open)
        numbers = dict(enumerate(read.numbers, 1))
        if rejects.delimited:
            columns = list(dict.fromkeys([*_columns_of(roots, rejects.batch_id), *read.columns]))
            rows, numbers = _as_delimited(rows, columns, read.numbers)
        (folder / "numbers.json").write_text(json.dumps([[line, number] for line, number in numbers.items()]))
        for path in (rows, folder / "numbers.json"):
            make_durable(path)
    except BaseException:
        shutil.rmtree(roots.landing / run_id, ignore_errors=True)
        raise
    landed = LandedFile(f"{run_id}/{_FOLDER}/{rows.name}", name, rows.stat().st_size, rows=len(numbers))
    return Corrected(Landing((landed,)), f"{run_id}/{_FOLDER}/numbers.json", len(numbers))


def accepted(roots: Roots, numbers: str, batch_id: str) -> tuple[int, ...]:
    """Return the numbers of the rejects that the replay's batch ``batch_id`` accepted: all that it has not rejected again.

    Raises:
        Problem: ``LANDING_GONE``: the file of numbers is not there any more.
    """
    try:
        by_line: dict[int, int] = dict(json.loads((roots.landing / numbers).read_text()))
    except FileNotFoundError:
        raise Problem(Code.LANDING_GONE, "what was played again has been removed; play it again") from None
    for line in layout.open_rows(roots, batch_id):
        by_line.pop(json.loads(line)["_line"], None)
    return tuple(sorted(by_line.values()))


def _check(stream: BinaryIO, target: Path, is_open: Callable[[int], bool]) -> _Read:
    """Copy the rows, without what is ours, and note their columns and numbers."""
    read = _Read()
    with target.open("w", encoding="utf-8") as out:
        for number, row in _rows(stream):
            reject = row.get("_reject")
            own = {key: value for key, value in row.items() if key not in OURS}
            error = _wrong(reject, own, read, is_open)
            if error is not None:
                read.errors.append(FieldError(f"line {number}", *error))
                if len(read.errors) == MAX_ERRORS:
                    break
                continue
            assert isinstance(reject, int)  # noqa: S101 — looked at above
            read.numbers[reject] = number
            read.columns.update(dict.fromkeys(own))
            out.write(json.dumps(own, ensure_ascii=False) + "\n")
    if read.errors:
        raise Problem.of_fields(Code.INVALID, "the corrected file", tuple(read.errors))
    if not read.numbers:
        raise Problem(Code.SOURCE_EMPTY, "the corrected file has no rows")
    return read


def _rows(stream: BinaryIO) -> Iterator[tuple[int, Mapping[str, Json]]]:
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise Problem(Code.LIMIT_EXCEEDED, f"line {number} of the corrected file has more than {MAX_LINE:,} bytes")
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise Problem(
                Code.MALFORMED, f"line {number} of the corrected file is no JSON; one object on each line is expected"
            ) from None
        if not isinstance(row, dict):
            raise Problem(Code.MALFORMED, f"line {number} of the corrected file is no JSON object")
        yield number, row


def _wrong(
    reject: Json, own: Mapping[str, Json], read: _Read, is_open: Callable[[int], bool]
) -> tuple[str, str] | None:
    if not isinstance(reject, int) or isinstance(reject, bool):
        return "has no _reject", "keep the number that the downloaded row has"
    if reject in read.numbers:
        return f"_reject {reject} occurs twice", f"it stands on line {read.numbers[reject]} too"
    if not is_open(reject):
        return (
            f"_reject {reject} is no rejected row of this batch (any more)",
            "rows that were resolved cannot be played again",
        )
    if not own:
        return f"row {reject} has no columns", "give the source's columns; _corrupt_record is what could not be read"
    return None


def _columns_of(roots: Roots, batch_id: str) -> Iterator[str]:
    """Yield the source's columns, in its order, as far as a rejected row tells them."""
    for name in layout.row_files(roots, batch_id):
        with layout.open_file(roots, batch_id, name) as stream:
            row = json.loads(stream.readline() or b"{}")
            yield from (key for key in row if key not in OURS)


def _as_delimited(rows: Path, columns: list[str], rejects: Mapping[int, int]) -> tuple[Path, dict[int, int]]:
    """Return the delimited file that the JSON lines become, and which reject begins on which of its lines."""
    target = rows.with_suffix(".csv")
    line, numbers = 1 + sum(column.count("\n") for column in columns) + 1, {}
    with rows.open(encoding="utf-8", newline="\n") as source, target.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(columns)
        for reject, text in zip(rejects, source, strict=True):
            row = json.loads(text)
            fields = [_field(row.get(column)) for column in columns]
            if fields == [""]:
                # The null of an only column would be a blank line, which is no row: it stays rejected.
                continue
            numbers[line] = reject
            record = ",".join(fields) + "\n"
            line += record.count("\n")
            out.write(record)
    rows.unlink()
    return target, numbers


def _field(value: Json) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return '"' + text.replace('"', '""') + '"'


def _refuse_constant(name: str) -> object:
    message = f"{name} is no JSON"
    raise ValueError(message)
