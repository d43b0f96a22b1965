"""The one statement that changes a status: it compares before it sets, and only along the table of the state machine.

Building a statement costs more than executing it. So callers build each of theirs once, with ``sa.bindparam`` for what differs from row to row.
"""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from headrace.core.errors import Problem
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.transitions import check_activity_move, check_run_move, check_trigger_run_move
from headrace.core.trigger import TriggerRunStatus


def change(
    table: sa.Table,
    key: Mapping[str, object],
    expected: Collection[RunStatus] | Collection[ActivityStatus] | Collection[TriggerRunStatus],
    to: RunStatus | ActivityStatus | TriggerRunStatus,
    values: Mapping[str, Any],
) -> sa.Update:
    """Return the update of the row with ``key`` to the status ``to``, together with ``values``.

    It applies where the row's status is one of ``expected`` from which the table of moves leads to ``to``. Values may be parameters.

    Raises:
        Problem: ``ILLEGAL_STATE``: it does so from none of them.
    """
    return _change(table, [table.c[name] == value for name, value in key.items()], expected, to, values)


def change_several(
    table: sa.Table,
    column: str,
    key: Mapping[str, object],
    expected: Collection[RunStatus] | Collection[ActivityStatus],
    to: RunStatus | ActivityStatus,
    values: Mapping[str, Any],
) -> sa.Update:
    """Return the update of all rows with ``key`` whose ``column`` is among the parameter ``its_several``, a list.

    Each row is compared as in ``change``.

    Raises:
        Problem: as ``change``.
    """
    several = table.c[column].in_(sa.bindparam("its_several", expanding=True))
    its_key = [several, *(table.c[name] == value for name, value in key.items())]
    return _change(table, its_key, expected, to, values)


def _change(
    table: sa.Table,
    its_key: Collection[sa.ColumnElement[bool]],
    expected: Collection[RunStatus] | Collection[ActivityStatus] | Collection[TriggerRunStatus],
    to: RunStatus | ActivityStatus | TriggerRunStatus,
    values: Mapping[str, Any],
) -> sa.Update:
    legal = _legal(expected, to)
    return (
        sa.update(table)
        .where(*its_key)
        .where(sa.or_(*(table.c.status == status.value for status in legal)))
        .values(status=to.value, **values)
    )


def _legal(
    expected: Collection[RunStatus] | Collection[ActivityStatus] | Collection[TriggerRunStatus],
    to: RunStatus | ActivityStatus | TriggerRunStatus,
) -> list[RunStatus | ActivityStatus | TriggerRunStatus]:
    legal: list[RunStatus | ActivityStatus | TriggerRunStatus] = []
    refusal: Problem | None = None
    for status in expected:
        try:
            if isinstance(status, RunStatus):
                check_run_move(status, RunStatus(to))
            elif isinstance(status, TriggerRunStatus):
                check_trigger_run_move(status, TriggerRunStatus(to))
            else:
                check_activity_move(status, ActivityStatus(to))
        except Problem as problem:
            refusal = problem
        else:
            legal.append(status)
    if refusal is not None and not legal:
        raise refusal
    return sorted(legal)
