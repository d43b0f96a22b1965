"""Commits to a Delta table, exactly once by commit key.

Parquet files are written first, under names of their own; a commit then lists them. The commit key is an application transaction of that commit:
the same key a second time is refused by the table itself, even from a worker that was frozen in between. What the batch was (its id, its
figures) stands in the commit too, so whoever finds the key there knows what was done without doing it again.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, create_table_with_add_actions

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.schema import Schema
from headrace.core.target import WriteMode
from headrace.dataplane.lake.files import DataFile
from headrace.dataplane.lake.fitting import added_columns
from headrace.dataplane.lake.types import delta_schema
from headrace.dataplane.storage import disk_full, no_room

METADATA = "headrace"
"""Key of the commit's custom metadata."""

_TRIES = 20
_LOG = "_delta_log"


@dataclass(frozen=True, slots=True)
class Commit:
    """What is to be committed. ``details`` is JSON that stays with the commit."""

    key: str
    files: Sequence[DataFile]
    schema: Schema
    mode: WriteMode
    details: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit that a table has: its version, and the details that it was made with ({}: cleaned out of the log)."""

    version: int
    details: Mapping[str, Json]


def open_table(folder: Path) -> DeltaTable | None:
    """Return the table in its newest version; None: there is none yet.

    Raises:
        Problem: ``TARGET_UNAVAILABLE``: there is something that cannot be read as a Delta table.
    """
    if not (folder / _LOG).is_dir():
        return None
    try:
        return DeltaTable(folder)
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise _unavailable(folder, error) from error


def committed(folder: Path, key: str) -> Committed | None:
    """Return the commit that carries ``key``; None: the table has no such.

    Raises:
        Problem: ``TARGET_UNAVAILABLE``.
    """
    table = open_table(folder)
    return None if table is None else _committed_in(folder, table, key)


def _committed_in(folder: Path, table: DeltaTable, key: str) -> Committed | None:
    return None if table.transaction_version(key) is None else _find(folder, table, key)


def _find(folder: Path, table: DeltaTable, key: str) -> Committed:
    """Look through the log, newest first: a retry looks soon after its commit."""
    for log in sorted((folder / _LOG).glob("*.json"), reverse=True):
        if not log.stem.isdecimal():
            continue
        for action in map(json.loads, filter(None, log.read_text(encoding="utf-8").splitlines())):
            details = action.get("commitInfo", {}).get(METADATA)
            details = json.loads(details) if isinstance(details, str) else details
            if isinstance(details, dict) and details.get("commit_key") == key:
                return Committed(int(log.stem), details)
    return Committed(table.version(), {})


def check_schema(folder: Path, schema: Schema, mode: WriteMode) -> tuple[str, ...]:
    """Return the columns that a commit will add to the table, or widen; none where it is new, or all of its rows are replaced.

    Raises:
        Problem: ``TARGET_MISMATCH``: appended rows do not fit the table; lists every column that differs. ``TARGET_UNAVAILABLE``.
    """
    table = open_table(folder)
    if table is None or mode is WriteMode.OVERWRITE:
        return ()
    return tuple(column.name for column in added_columns(folder, table, schema))


def commit(folder: Path, what: Commit, wait: Callable[[float], None] = time.sleep) -> tuple[Committed, bool]:
    """Make a commit, and say whether it is one that was there already (then nothing was written).

    Columns, and fields of objects, that the table lacks are added to it first; they are null in older rows.

    Raises:
        Problem: ``TARGET_MISMATCH``, ``TARGET_UNAVAILABLE`` (others commit all the time), ``DISK_FULL``, ``COUNTS_DIFFER`` (the commit does not
            hold the rows that it should).
    """
    properties = CommitProperties(
        custom_metadata={METADATA: {**what.details, "commit_key": what.key}},
        # The library's own retries do not look at application transactions: two writers of one key could both get through.
        max_commit_retries=0,
        app_transactions=[Transaction(what.key, 1)],
    )
    for attempt in range(_TRIES):
        table = open_table(folder)
        if table is not None and (found := _committed_in(folder, table, what.key)) is not None:
            return found, True
        try:
            if not _write(folder, table, what, properties):
                continue
        except (CommitFailedError, DeltaError) as error:
            if (full := _disk_full(folder, error)) is not None:
                raise full from error
            if attempt == _TRIES - 1:
                raise _unavailable(folder, error) from error
            wait(min(0.01 * 2**attempt, 1.0))
            continue
        except OSError as error:
            raise disk_full(error, folder) or _unavailable(folder, error) from error
        return _verified(folder, what), False
    raise AssertionError  # the last turn returns or raises


def _write(folder: Path, table: DeltaTable | None, what: Commit, properties: CommitProperties) -> bool:
    """Commit upon exactly the version in which the key was looked for; False: only columns were added, look again.

    A newer version may have the key, and the library looks for it only in versions that it did not know when the table was opened.
    """
    now = int(time.time() * 1000)
    actions = [AddAction(file.path, file.bytes, {}, now, data_change=True, stats=file.stats) for file in what.files]
    schema = delta_schema(what.schema)
    if table is None:
        create_table_with_add_actions(str(folder), schema, actions, mode="error", commit_properties=properties)
        return True
    if what.mode is WriteMode.APPEND:
        added = added_columns(folder, table, what.schema)
        if added:
            # The library merges the fields of a struct that is there already.
            table.alter.add_columns(list(added))
            return False
        schema = table.schema()
    table.create_write_transaction([*actions], what.mode.value, schema, commit_properties=properties)
    return True


def _verified(folder: Path, what: Commit) -> Committed:
    found = committed(folder, what.key)
    expected = sum(file.rows for file in what.files)
    held = None if found is None else rows_in(folder, found.version)
    if found is None or held != expected:
        message = f"the commit to {folder.name!r} holds {held} rows, and {expected} were accepted"
        raise Problem(Code.COUNTS_DIFFER, message, context={"key": what.key})
    return found


def rows_in(folder: Path, version: int) -> int:
    """Return the number of rows that one commit added, by the statistics of its files."""
    log = folder / _LOG / f"{version:020d}.json"
    adds = (json.loads(line).get("add") for line in log.read_text(encoding="utf-8").splitlines() if line)
    return sum(json.loads(add["stats"])["numRecords"] for add in adds if add)


def files_in(folder: Path, version: int) -> tuple[str, ...]:
    """Return the data files that one commit added, relative to the table's folder; none when the log has forgotten it."""
    log = folder / _LOG / f"{version:020d}.json"
    if not log.exists():
        return ()
    adds = (json.loads(line).get("add") for line in log.read_text(encoding="utf-8").splitlines() if line)
    return tuple(add["path"] for add in adds if add)


def _disk_full(folder: Path, error: Exception) -> Problem | None:
    text = str(error).lower()
    return no_room(folder) if "no space left" in text or "os error 28" in text else None


def _unavailable(folder: Path, error: Exception) -> Problem:
    message = f"the table {folder.name!r} cannot be read or written as a Delta table"
    return Problem(Code.TARGET_UNAVAILABLE, message, context={"error": str(error), "folder": str(folder)})
