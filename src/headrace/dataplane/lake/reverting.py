"""Taking batches back: a commit that removes their data files from the table's newest version; older versions keep them."""

import time
from collections.abc import Callable, Collection
from pathlib import Path

from deltalake import CommitProperties
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import RemoveAction

from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.dataplane.lake.delta import METADATA, open_table
from headrace.dataplane.storage import disk_full

_TRIES = 20


def take_back(
    folder: Path, files: Collection[str], batches: Collection[str], wait: Callable[[float], None] = time.sleep
) -> bool:
    """Remove ``files`` (relative to the table's folder) from the newest version of the table, in one commit; say whether there were any.

    Safe to repeat, and exact while others commit: a file is removed only from a version that has it, so what was removed before, or was
    overwritten since, is left alone. Where nothing is to be removed nothing is committed. ``batches`` are named in the commit.

    Raises:
        Problem: ``TARGET_UNAVAILABLE`` (others commit all the time, or the table cannot be read), ``DISK_FULL``.
    """
    properties = CommitProperties(
        custom_metadata={METADATA: {"reverted": sorted(batches)}},
        # The library's own retries would not look again which files are there still.
        max_commit_retries=0,
    )
    for attempt in range(_TRIES):
        table = open_table(folder)
        wanted = set(files)
        live = [] if table is None else [path for path in map(_relative(folder), table.file_uris()) if path in wanted]
        if table is None or not live:
            return False
        crash_point("revert-before-commit")
        now = int(time.time() * 1000)
        actions = [RemoveAction(path, True, now, _size(folder / path), {}) for path in sorted(live)]
        try:
            table.create_write_transaction([*actions], "append", table.schema(), commit_properties=properties)
        except (CommitFailedError, DeltaError) as error:
            if attempt == _TRIES - 1:
                message = f"the batches cannot be taken back: the table {folder.name!r} cannot be written"
                raise Problem(Code.TARGET_UNAVAILABLE, message, context={"error": str(error)}) from error
            wait(min(0.01 * 2**attempt, 1.0))
            continue
        except OSError as error:
            raise disk_full(error, folder) or error from error
        crash_point("revert-after-commit")
        return True
    raise AssertionError  # the last turn returns or raises


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _relative(folder: Path) -> Callable[[str], str]:
    root = str(folder.resolve()) + "/"
    return lambda uri: uri.removeprefix("file://").removeprefix(root)
