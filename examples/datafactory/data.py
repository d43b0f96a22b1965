"""What lies in the folder of a play: files, and the database behind the linked service ``warehouse``."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from compare import fits, value_differs

DATABASE = "warehouse.db"
"""The file of the database, in the play's folder."""


def write_files(folder: Path, files: Mapping[str, str | None]) -> None:
    """Write files, each whole at once; ``None`` removes one."""
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".part-{path.name}")
        part.write_bytes(text.encode())
        part.replace(path)


def set_times(folder: Path, times: Mapping[str, str]) -> None:
    """Let files have been changed at the given times (ISO 8601)."""
    for name, text in times.items():
        moment = datetime.fromisoformat(text).timestamp()
        os.utime(folder / name, (moment, moment))


def execute(folder: Path, statements: Sequence[str]) -> None:
    """Execute statements on the database, which is made when it is missing."""
    with closing(sqlite3.connect(folder / DATABASE, timeout=30)) as database, database:
        for statement in statements:
            database.execute(statement)


def files_differ(folder: Path, expected: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield what differs in folders: each holds the files that are expected, at any depth, and no others.

    In a name as in a content, ``*`` stands for anything.
    """
    for name, wanted in expected.items():
        below = folder / name
        found = {path.relative_to(below).as_posix(): path for path in sorted(below.rglob("*")) if path.is_file()}
        for file, text in wanted.items():
            same = next((one for one in found if fits(file, one)), None)
            if same is None:
                yield f"{name}/{file} is not there"
            else:
                came = found.pop(same).read_bytes().decode(errors="replace")
                yield from value_differs(f"{name}/{same}", text, came)
        yield from (f"{name}/{file} is there" for file in found)


def rows_of_tables_differ(folder: Path, expected: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Yield what differs in the rows that queries give, each a list of values."""
    with closing(sqlite3.connect(folder / DATABASE, timeout=30)) as database:
        for query, rows in expected.items():
            found = [list(row) for row in database.execute(query)]
            yield from value_differs(query, rows, found)
