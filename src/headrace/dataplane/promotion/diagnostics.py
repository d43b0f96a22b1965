"""The rejected rows of a promotion, written to the quarantine."""

import json
import shutil
from itertools import islice
from pathlib import Path

from headrace.core.clock import Instant, to_iso
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.run import RejectCode
from headrace.dataplane.promotion.reading import LINE, Source
from headrace.dataplane.promotion.rejecting import CONVERSION, ERRORS, FILENAME, NUMBER, PARSING, Rejected
from headrace.dataplane.promotion.session import Session, identifier, literal
from headrace.dataplane.quarantine import layout
from headrace.dataplane.storage import Roots

MAX_FILE_BYTES = 100 * 1000 * 1000
_PIECE = 4 * 1024 * 1024


def write_diagnostics(
    session: Session, source: Source, rejected: Rejected, roots: Roots, batch_id: str
) -> tuple[str, ...]:  # fmt: skip
    """Write the quarantine of a batch, all at once, in place of an earlier try's, and return the names of its files.

    Raises:
        Problem: ``DISK_FULL``, what the cancellation says.
    """
    final = layout.folder_of(roots, batch_id)
    folder = final.with_name(f".{final.name}.new")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / layout.ROW_ERRORS).mkdir(parents=True)
    (folder / layout.INPUT_FILES).mkdir()
    session.keep_order(keep=True)
    rows = folder / layout.ROW_ERRORS
    if rejected.parsing:
        _write(session, _parsing_rows(), rows, layout.PARSING)
    if rejected.conversion:
        _write(session, _conversion_rows(source), rows, layout.CONVERSION)
    _write_samples(rows, folder / layout.SAMPLES)
    _write_inputs(source, folder / layout.INPUT_FILES / "fileMetaData1.json")
    crash_point("promote-before-quarantine")
    layout.put_in_place(folder, final)
    crash_point("promote-after-quarantine")
    return tuple(file.name for file in layout.list_files(roots, batch_id))


def _parsing_rows() -> str:
    return f"""
        SELECT number AS _reject, filename AS _filename, line AS _line,
            [{{'code': {literal(RejectCode.UNREADABLE)}, 'message': message}}] AS _errors, text AS _corrupt_record
        FROM {PARSING} ORDER BY number"""


def _conversion_rows(source: Source) -> str:
    columns = "".join(f", {identifier(name)}" for name in source.columns)
    return f"""
        SELECT {identifier(NUMBER)} AS _reject, {identifier(FILENAME)} AS _filename, {identifier(LINE)} AS _line,
            {identifier(ERRORS)} AS _errors{columns}
        FROM {CONVERSION} ORDER BY {identifier(NUMBER)}"""


def _write(session: Session, rows: str, folder: Path, name: str) -> None:
    """Write rows as NDJSON in files of at most ``MAX_FILE_BYTES``, but for a row that is longer."""
    first = folder / f"{name}_0.json"
    session.rows(f"COPY ({rows}) TO {literal(str(first))} (FORMAT json)")
    if first.stat().st_size > MAX_FILE_BYTES:
        _split(first, name)


def _split(whole: Path, name: str) -> None:
    source = whole.rename(whole.with_name(f"{name}.all"))
    number = 0
    with source.open("rb") as stream:
        while piece := stream.readline():
            with whole.with_name(f"{name}_{number}.json").open("wb") as out:
                written = out.write(piece)
                while written + _PIECE <= MAX_FILE_BYTES and (data := stream.read(_PIECE)):
                    written += out.write(data)
                while written < MAX_FILE_BYTES and (line := stream.readline()):
                    written += out.write(line)
            number += 1
    source.unlink()


def _write_samples(rows: Path, path: Path) -> None:
    samples: list[bytes] = []
    for name in (layout.PARSING, layout.CONVERSION):
        first = rows / f"{name}_0.json"
        if first.exists():
            with first.open("rb") as stream:
                samples += [line.rstrip(b"\n") for line in islice(stream, layout.MAX_SAMPLES - len(samples))]
    path.write_bytes(b"[" + b",\n".join(samples) + b"]\n")


def _write_inputs(source: Source, path: Path) -> None:
    with path.open("w", encoding="utf-8") as out:
        for file in source.files:
            damaged = file.delimited.damaged if file.delimited else 0
            modified = None if file.modified_at is None else to_iso(Instant(file.modified_at))
            entry: dict[str, Json] = {
                "path": file.name, "size": file.bytes, "lastModified": modified, "records": file.rows + damaged
            }  # fmt: skip
            out.write(json.dumps(entry, ensure_ascii=False) + "\n")
