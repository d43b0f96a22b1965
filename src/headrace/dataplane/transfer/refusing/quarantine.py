"""Refused rows of a transfer in the quarantine: the files that promotions leave there, so that the same commands show and download them."""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.dataplane.quarantine import layout
from headrace.dataplane.storage import Roots, disk_full
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.refusing.spool import Kept

MAX_FILE_BYTES = 100 * 1000 * 1000
_NO_ROWS = frozenset({Reason.UNREADABLE, Reason.MORE_CELLS_THAN_COLUMNS})
"""Reasons for which the cells do not belong to columns."""


@dataclass
class _Files:
    """Numbered files of one kind, each of at most ``MAX_FILE_BYTES`` but for a row that is longer."""

    folder: Path
    kind: str
    number: int = 0
    written: int = 0
    stream: IO[bytes] | None = None
    samples: list[bytes] = field(default_factory=list)

    def add(self, line: bytes) -> None:
        if self.stream is None or (self.written and self.written + len(line) > MAX_FILE_BYTES):
            self.close()
            self.stream = (self.folder / f"{self.kind}_{self.number}.json").open("wb")
            self.number, self.written = self.number + 1, 0
        self.stream.write(line)
        self.written += len(line)
        if len(self.samples) < layout.MAX_SAMPLES:
            self.samples.append(line.rstrip(b"\n"))

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()


def write_quarantine(rows: Callable[[], Iterable[Kept]], roots: Roots, batch_id: str) -> tuple[str, ...]:
    """Write the quarantine of a batch, all at once, in place of an earlier try's; return the names of its files (none: no row was refused).

    ``rows`` is asked twice: what is no row comes first, and is numbered first.

    Raises:
        Problem: ``DISK_FULL``.
    """
    final = layout.folder_of(roots, batch_id)
    folder = final.with_name(f".{final.name}.new")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / layout.ROW_ERRORS).mkdir(parents=True)
        (folder / layout.INPUT_FILES).mkdir()
        if not _write(rows, folder):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(final, ignore_errors=True)
            return ()
        crash_point("transfer-before-quarantine")
        layout.put_in_place(folder, final)
        crash_point("transfer-after-quarantine")
    except OSError as error:
        raise disk_full(error, roots.quarantine) or error from error
    return tuple(file.name for file in layout.list_files(roots, batch_id))


def _write(rows: Callable[[], Iterable[Kept]], folder: Path) -> int:
    number = 0
    samples: list[bytes] = []
    sources: dict[str, int] = {}
    for kind, wanted in ((layout.PARSING, True), (layout.CONVERSION, False)):
        files = _Files(folder / layout.ROW_ERRORS, kind)
        try:
            for kept in rows():
                if _is_no_row(kept) is wanted:
                    number += 1
                    name = kept.whose.path or kept.whose.name
                    sources[name] = sources.get(name, 0) + 1
                    entry = _entry(number, kept)
                    files.add((json.dumps(entry, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
        finally:
            files.close()
        samples += files.samples[: layout.MAX_SAMPLES - len(samples)]
    (folder / layout.SAMPLES).write_bytes(b"[" + b",\n".join(samples) + b"]\n")
    lines = (json.dumps({"path": name, "records": count}, ensure_ascii=False) for name, count in sources.items())
    text = "".join(f"{line}\n" for line in lines)
    (folder / layout.INPUT_FILES / "fileMetaData1.json").write_text(text, encoding="utf-8", errors="backslashreplace")
    return number


def _is_no_row(kept: Kept) -> bool:
    return not kept.by_sink and kept.row.reason in _NO_ROWS


def _entry(number: int, kept: Kept) -> dict[str, Json]:
    row, whose = kept.row, kept.whose
    error: dict[str, Json] = {"code": row.reason.value, "message": row.message}
    head: dict[str, Json] = {"_reject": number, "_filename": whose.path or whose.name, "_line": row.number or None}
    if _is_no_row(kept):
        text = row.cells[0] if len(row.cells) == 1 else json.dumps(row.cells, ensure_ascii=False)
        return {**head, "_errors": [error], "_corrupt_record": text}
    error = {"code": row.reason.value, "column": row.column or None, "message": row.message}
    names = whose.sink_columns if kept.by_sink else whose.columns
    if len(names) != len(row.cells):
        names = tuple(f"column_{n}" for n in range(1, len(row.cells) + 1))
    return {**head, "_errors": [error], **dict(zip(names, row.cells, strict=True))}
