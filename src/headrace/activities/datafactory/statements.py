"""Statements on the database of a linked service, for Script and SqlServerStoredProcedure."""

from contextlib import AbstractContextManager
from typing import Any

from headrace.activities.datafactory.attempt import Attempt
from headrace.activities.datafactory.copying.asking import guarded
from headrace.activities.datafactory.datasets import open_database
from headrace.activities.datafactory.linked import Definition
from headrace.activities.datafactory.moving import Moving, machinery
from headrace.core.errors import Problem
from headrace.dataplane.transfer.faults import Side


def open_statements(
    attempt: Attempt, moving: Moving, service: Definition, seconds: float | None
) -> AbstractContextManager[Any]:
    """Return a connection to the database of a linked service (``databases.statements.Statements``), to be entered.

    A statement has ``seconds`` (None: as long as the installation gives it).

    Raises:
        Refused: it is no database, or a property makes no sense. TransferProblem: the guard does not let it be reached.
    """
    try:
        connection, _ = open_database(attempt, moving.connecting, service)
    except Problem as problem:
        found = guarded(problem, Side.NEITHER, database=True)
        if found is problem:
            raise
        raise found from problem
    cancellation = attempt.context.cancellation
    opened: AbstractContextManager[Any] = machinery("databases.statements").open_statements(
        connection, moving.limits, cancellation, seconds
    )
    return opened
