"""What was logged while a run was done."""

from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.client import Identity
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.native.runs import AskLogs, LogLine, LogList
from headrace.core.run_log import LEVELS, Line
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import run_of
from headrace.store import run_logs

LONGEST = 5000
"""Lines that one page has at most."""
_NAMES = {number: name for name, number in LEVELS.items()}


def run_log(desk: NativeDesk, caller: Identity, asked: AskLogs) -> LogList:
    """Return lines of a run, oldest first.

    Raises:
        Problem: ``INVALID``: a level or a number that there is not; ``NOT_FOUND``: the run.
    """
    if asked.level not in LEVELS:
        raise Problem(Code.INVALID, f"there is no level {asked.level!r}; levels are {', '.join(LEVELS)}")
    if not 1 <= asked.limit <= LONGEST or asked.after < 0:
        raise Problem(Code.INVALID, f"limit is a number from 1 to {LONGEST}, after is at least 0")
    with desk.database.reading() as tx:
        run = run_of(tx, caller, asked.run)
        least = LEVELS[asked.level]
        found = run_logs.page(
            tx, run.id, path=asked.activity or None, least=least, after=asked.after, limit=asked.limit + 1
        )
        dropped = run_logs.lost(tx, run.id)
    items = tuple(_told(number, line) for number, line in found[: asked.limit])
    return LogList(items=items, next=items[-1].number if len(found) > asked.limit else None, dropped=dropped)


def _told(number: int, line: Line) -> LogLine:
    return LogLine(
        number=number,
        at=Instant(line.at),
        level=_NAMES.get(line.level, str(line.level)),
        message=line.message,
        activity=line.path,
        attempt=line.attempt,
        fields=line.fields,
    )


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"runs.logs": run_log}
"""By the operation's name."""
