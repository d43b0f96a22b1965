"""Which files a batch's quarantine has, and how to get at them."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from headrace.core.errors import Code, Problem
from headrace.dataplane.storage import Roots, make_durable

ROW_ERRORS = "row_errors"
INPUT_FILES = "input_files"
SAMPLES = "row_error_samples.json"
PARSING = "parsing_errors"
CONVERSION = "conversion_errors"
MAX_SAMPLES = 100

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_NAME = re.compile(r"row_error_samples\.json|(row_errors|input_files)/[A-Za-z]+(_[a-z]+)?_?\d+\.json")
_NUMBER = re.compile(r"(\d+)\.json$")


@dataclass(frozen=True, slots=True)
class QuarantineFile:
    """One file: ``name`` below the batch's folder, with ``/``."""

    name: str
    bytes: int


def folder_of(roots: Roots, batch_id: str) -> Path:
    """Return the folder of a batch, whether it exists or not.

    Raises:
        Problem: ``NOT_FOUND``: that is no id of a batch.
    """
    if _BATCH.fullmatch(batch_id) is None:
        raise Problem(Code.NOT_FOUND, f"there is no batch {batch_id!r}")
    return roots.quarantine / batch_id


def list_files(roots: Roots, batch_id: str) -> tuple[QuarantineFile, ...]:
    """Return the files of a batch in the order of their names and numbers; none when nothing was rejected or kept."""
    folder = folder_of(roots, batch_id)
    if not folder.is_dir():
        return ()
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*.json") if path.is_file())
    kept = sorted((name for name in names if _NAME.fullmatch(name)), key=_order)
    return tuple(QuarantineFile(name, (folder / name).stat().st_size) for name in kept)


def open_file(roots: Roots, batch_id: str, name: str) -> BinaryIO:
    """Return a file of a batch, open for reading; the caller closes it.

    Raises:
        Problem: ``NOT_FOUND``: the batch has no such file (any more).
    """
    path = folder_of(roots, batch_id) / name
    if _NAME.fullmatch(name) is None or path.is_symlink():
        raise Problem(Code.NOT_FOUND, f"the quarantine of batch {batch_id} has no file {name!r}")
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Problem(Code.NOT_FOUND, f"the quarantine of batch {batch_id} has no file {name!r} (any more)") from error


def row_files(roots: Roots, batch_id: str) -> tuple[str, ...]:
    """Return the names of the files that hold rejected rows, parsing errors first."""
    names = [file.name for file in list_files(roots, batch_id) if file.name.startswith(f"{ROW_ERRORS}/")]
    return tuple(sorted(names, key=lambda name: (PARSING not in name, _order(name))))


def open_rows(roots: Roots, batch_id: str) -> Iterator[bytes]:
    """Yield every rejected row of a batch as one line of JSON, parsing errors first, in the order of their numbers."""
    for name in row_files(roots, batch_id):
        with open_file(roots, batch_id, name) as stream:
            yield from stream


def put_in_place(folder: Path, final: Path) -> None:
    """Put the finished folder of a batch in place; a reader sees the old one, none, or the new one, never half of one."""
    for path in folder.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    if final.exists():
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
        shutil.rmtree(old, ignore_errors=True)
    folder.rename(final)
    make_durable(final.parent)


def remove(roots: Roots, batch_id: str) -> None:
    """Remove all that is kept of a batch's rejects; what is gone already is no failure."""
    shutil.rmtree(folder_of(roots, batch_id), ignore_errors=True)


def _order(name: str) -> tuple[str, int]:
    match = _NUMBER.search(name)
    return (name[: match.start()], int(match[1])) if match else (name, 0)
