"""The session log, and the older file of refused rows: made from the journal and the spools at the end, so that all tries stand in one."""

import csv
import io
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from headrace.core.clock import Instant
from headrace.dataplane.quarantine.export import neutral
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.journal import Done, Skipped
from headrace.dataplane.transfer.refusing.spool import Kept

COLUMNS = ("Timestamp", "Level", "OperationName", "OperationItem", "Message")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Words = Callable[[Reason], str]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the session log."""

    at: int
    level: str
    operation: str
    item: str
    message: str


def log_folder(path: str, activity: str, activity_run: str) -> str:
    """Return the folder of a session log below its place."""
    return "/".join(filter(None, (path.strip("/"), "copyactivity-logs", _safe(activity), _safe(activity_run))))


def redirect_folder(path: str, activity_run: str) -> str:
    """Return the folder of the older file of refused rows."""
    return "/".join(filter(None, (path.strip("/"), _safe(activity_run))))


def file_name(key: str, what: str) -> str:
    """Return the name of a log: the same one for all tries."""
    return f"{uuid.uuid5(uuid.NAMESPACE_OID, f'{what} {key}')}.csv"


def lines(done: Iterable[Done], skipped: Iterable[Skipped], *, everything: bool) -> Iterator[Line]:
    """Yield the lines that tell of files: of those that were left out, and with ``everything`` of all."""
    if everything:
        for unit in done:
            yield from _of_unit(unit)
    for one in skipped:
        message = f"File is skipped: {one.message}"
        yield Line(one.at, "Warning", "FileSkip", one.path, message)


def row_line(kept: Kept, words: Words) -> Line:
    """Return the line that tells of a refused row."""
    message = f"ErrorCode={words(kept.row.reason)},{kept.row.message}"
    return Line(kept.at, "Warning", "TabularRowSkip", quoted(kept.row.cells), message)


def write_log(path: Path, found: Iterable[Line]) -> int:
    """Write a session log; return how many lines it has besides its header.

    Raises:
        Problem: ``DISK_FULL``.
    """
    count = 0
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow(COLUMNS)
            for line in found:
                # Names of files come from strangers, and people open the log with a spreadsheet.
                writer.writerow((timestamp(line.at), line.level, line.operation, neutral(line.item), line.message))
                count += 1
    except OSError as error:
        raise disk_full(error, path.parent) or error from error
    return count


def write_redirect(path: Path, rows: Iterable[Kept], words: Words) -> int:
    """Write refused rows as CSV: the row's cells, a code and a message; return how many rows there are.

    Raises:
        Problem: ``DISK_FULL``.
    """
    count = 0
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            for kept in rows:
                writer.writerow((*kept.row.cells, words(kept.row.reason), kept.row.message))
                count += 1
    except OSError as error:
        raise disk_full(error, path.parent) or error from error
    return count


def timestamp(at: int) -> str:
    """Return an instant as the log has it: ``yyyy-MM-dd HH:mm:ss.fffffff``, in UTC."""
    moment = _EPOCH + timedelta(microseconds=Instant(at))
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}0"


def quoted(cells: Iterable[str | None]) -> str:
    """Return a row as CSV with every cell in quotes; nulls are empty and have none."""
    out = io.StringIO()
    csv.writer(
        out, quoting=csv.QUOTE_NOTNULL if hasattr(csv, "QUOTE_NOTNULL") else csv.QUOTE_ALL, lineterminator=""
    ).writerow(list(cells))
    return out.getvalue()


def _of_unit(unit: Done) -> Iterator[Line]:
    for path in unit.paths:
        facts = json.dumps({"Path": path, "ItemType": "File"}, ensure_ascii=False)
        yield Line(unit.began, "Info", "FileRead", path, f"Start to read file: {facts}")
        yield Line(unit.ended, "Info", "FileRead", path, "Complete reading file successfully.")
    sources = ", ".join(unit.paths[:10])
    for file in unit.files:
        yield Line(
            unit.began,
            "Info",
            "FileWrite",
            file,
            f"Start to write file from {sources} to {file}." if sources else f"Start to write file {file}.",
        )
        yield Line(unit.ended, "Info", "FileWrite", file, "Complete writing file. File is successfully copied.")


def _safe(name: str) -> str:
    """Return a name as one segment of a path."""
    return "".join("_" if c in '/\\:*?"<>|' or c < " " else c for c in name).strip(". ") or ""
