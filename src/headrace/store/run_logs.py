"""Log lines of runs, numbered within the run. Row 0 of a run is no line: it says how many lines were not kept."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from headrace.core.errors import Code, Problem
from headrace.core.run_log import LEVELS, Line
from headrace.store.columns import dump
from headrace.store.database import Transaction
from headrace.store.tables import run_logs as table
from headrace.store.tables import runs
from headrace.store.upserts import upsert

RESERVE = 10
"""Of a run's lines, one in so many is kept for warnings and what is worse: why a run failed is said at its end."""

_ITS_RUN = table.c.run_id == sa.bindparam("its_run")
_STANDINGS = sa.select(
    runs.c.id,
    runs.c.scope,
    sa.select(sa.func.max(table.c.number)).where(table.c.run_id == runs.c.id).scalar_subquery().label("newest"),
).where(runs.c.id.in_(sa.bindparam("its_runs", expanding=True)))
_LOST = sa.select(table.c.fields).where(_ITS_RUN, table.c.number == 0)
_COLUMNS = ("run_id", "number", "scope", "at", "level", "path", "attempt", "message", "fields")
_INTO = f"INSERT INTO run_logs ({', '.join(_COLUMNS)})"
_SQLITE_INSERT = f"{_INTO} VALUES ({', '.join('?' * len(_COLUMNS))})"
# One statement with one parameter: half of what a statement for each row costs both sides.
_POSTGRESQL_INSERT = sa.text(
    f"{_INTO} SELECT line ->> 0, (line ->> 1)::int, line ->> 2, (line ->> 3)::bigint, (line ->> 4)::int, line ->> 5, (line ->> 6)::int,"
    " line ->> 7, line ->> 8 FROM json_array_elements(CAST(:its_rows AS json)) AS line"
)
_WARNING = LEVELS["warning"]


def append(tx: Transaction, lines: Sequence[Line], limit: int, lost: Mapping[str, int] | None = None) -> None:
    """Put ``lines`` behind those of their runs, in this order, up to ``limit`` lines a run; lines of runs that are gone are passed over.

    ``lost``: how many lines of runs (by id) had to be dropped before.

    Raises:
        Problem: ``CONFLICT``: another worker has just written lines of one of the runs, or one of them was removed: to be done again.
    """
    dropped = dict(lost or {})
    run_ids = {line.run_id for line in lines} | dropped.keys()
    standings = {row["id"]: row for row in tx.rows(_STANDINGS, {"its_runs": list(run_ids)})}
    scopes = {run: str(row["scope"]) for run, row in standings.items()}
    newest = {run: int(row["newest"] or 0) for run, row in standings.items()}
    _insert(tx, list(_rows(lines, scopes, newest, limit, dropped)))
    for run_id, count in dropped.items():
        if run_id in scopes:
            _count(tx, run_id, scopes[run_id], count)


def page(
    tx: Transaction, run_id: str, *, path: str | None = None, least: int = 0, after: int = 0, limit: int
) -> list[tuple[int, Line]]:
    """Return at most ``limit`` lines with their numbers, behind number ``after``, of level ``least`` and worse.

    ``path``: of this activity and of what lies in it (None: of the whole run).
    """
    statement = sa.select(table).where(_ITS_RUN, table.c.number > after, table.c.number > 0)
    if least:
        statement = statement.where(table.c.level >= least)
    if path is not None:
        # What lies in it has its path and a slash; "0" is what follows on a slash.
        inside = sa.and_(table.c.path > f"{path}/", table.c.path < f"{path}0")
        statement = statement.where(sa.or_(table.c.path == path, inside))
    rows = tx.rows(statement.order_by(table.c.number).limit(limit), {"its_run": run_id})
    return [(int(row["number"]), _line_of(row)) for row in rows]


def lost(tx: Transaction, run_id: str) -> int:
    """Return how many lines of the run were not kept."""
    found: Any = tx.scalar(_LOST, {"its_run": run_id})
    return int(found["lines"]) if found else 0


def _rows(
    lines: Sequence[Line], scopes: Mapping[str, str], newest: dict[str, int], limit: int, dropped: dict[str, int]
) -> Iterator[tuple[str | int, ...]]:
    """Yield the rows of lines that are kept, in the order of ``_COLUMNS``, and count the others in ``dropped``."""
    for line in lines:
        run = line.run_id
        if run not in newest:
            continue
        number = newest[run] + 1
        if number > (limit if line.level >= _WARNING else limit - limit // RESERVE):
            dropped[run] = dropped.get(run, 0) + 1
            continue
        newest[run] = number
        fields = dump(line.fields)
        yield (run, number, scopes[run], line.at, line.level, line.path, line.attempt, line.message, fields)


def _insert(tx: Transaction, rows: list[tuple[str | int, ...]]) -> None:
    try:
        if rows and tx.dialect == "sqlite":
            tx.connection.exec_driver_sql(_SQLITE_INSERT, rows)
        elif rows:
            tx.execute(_POSTGRESQL_INSERT, {"its_rows": dump(rows)})
    except IntegrityError as error:
        raise Problem(Code.CONFLICT, "the lines' numbers were taken at this moment, or a run was removed") from error


def _count(tx: Transaction, run_id: str, scope: str, count: int) -> None:
    row = {"run_id": run_id, "number": 0, "scope": scope, "at": 0, "level": 0, "path": "", "attempt": 0, "message": ""}
    total = {"lines": lost(tx, run_id) + count}
    statement = upsert(tx, table).values({**row, "fields": total})
    tx.execute(statement.on_conflict_do_update(index_elements=["run_id", "number"], set_={"fields": total}))


def _line_of(row: Mapping[str, Any]) -> Line:
    return Line(
        run_id=row["run_id"],
        at=row["at"],
        level=row["level"],
        message=row["message"],
        path=row["path"],
        attempt=row["attempt"],
        fields=row["fields"],
    )
