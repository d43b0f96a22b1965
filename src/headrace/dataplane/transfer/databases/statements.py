"""Statements for their own sake: scripts with parameters, and procedures with outputs, one after the other on one connection."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.links.link import Answer, Link, LinkError
from headrace.dataplane.transfer.databases.links.opening import open_link
from headrace.dataplane.transfer.databases.parameters import given
from headrace.dataplane.transfer.databases.troubles import told, trouble
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Parameter
from headrace.dataplane.transfer.values import Field


@dataclass(frozen=True, slots=True)
class ResultSet:
    """One result: columns and rows (Python's values, as the driver has them), whether there were more rows, and how many rows were changed.

    ``fields`` is empty where a statement gives no rows.
    """

    fields: tuple[Field, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    more: bool = False
    affected: int = 0


@dataclass(frozen=True, slots=True)
class Ran:
    """What a text or a procedure gave: its results, the values of its outputs, and what the database said besides (NOTICE, PRINT)."""

    results: tuple[ResultSet, ...]
    outputs: Mapping[str, Any]
    messages: tuple[str, ...]


class Statements:
    """A connection whose statements are committed as they are executed. Used by one thread."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def run(self, text: str, parameters: Sequence[Parameter] = (), most_rows: int = 5_000) -> Ran:
        """Execute a text of one or more statements; ``@name`` and ``:name`` in it are its parameters, outside of texts and comments.

        Raises:
            TransferProblem: ``STATEMENT_FAILED``, ``DATABASE_DENIED``, ``CONNECT_FAILED``; ``REQUEST_INVALID``: a parameter is none of its type.
        """
        values = [given(parameter) for parameter in parameters]
        self._link.messages.clear()
        try:
            answers, outputs = self._link.ask(text, values, most_rows)
        except LinkError as error:
            raise _wrong(error, Reason.STATEMENT_FAILED) from error
        return self._ran(answers, outputs)

    def call(self, procedure: str, parameters: Sequence[Parameter] = (), most_rows: int = 5_000) -> Ran:
        """Call a procedure, with its parameters by name on SQL Server, else in their order.

        Raises:
            TransferProblem: ``PROCEDURE_INVALID``: there is none, or it does not take such parameters; else as ``run``.
        """
        values = [given(parameter) for parameter in parameters]
        self._link.messages.clear()
        try:
            answers, outputs = self._link.call(procedure, values, most_rows)
        except LinkError as error:
            raise _wrong(error, Reason.PROCEDURE_INVALID) from error
        return self._ran(answers, outputs)

    def _ran(self, answers: Sequence[Answer], outputs: Mapping[str, Any]) -> Ran:
        results = tuple(ResultSet(one.fields, list(one.rows), one.more, one.affected) for one in answers)
        return Ran(results, outputs, tuple(self._link.messages))


@contextmanager
def open_statements(
    connection: ConnectionInfo, limits: Limits, cancellation: Cancellation, timeout_seconds: float | None = None
) -> Iterator[Statements]:
    """Connect; no statement takes longer than ``timeout_seconds``.

    Raises:
        TransferProblem: ``CONNECT_FAILED``, ``DATABASE_DENIED``.
    """
    seconds = timeout_seconds or limits.statement_timeout_seconds
    limits = replace(limits, statement_timeout_seconds=seconds)
    with told(Side.NEITHER), open_link(connection, limits, cancellation) as link, link.within(seconds):
        yield Statements(link)


def _wrong(error: LinkError, otherwise: Reason) -> TransferProblem:
    problem = trouble(error, Side.NEITHER)
    if problem.reason in (Reason.DATABASE_DENIED, Reason.CONNECT_FAILED):
        return problem
    reason = otherwise if problem.reason is Reason.PROCEDURE_INVALID else Reason.STATEMENT_FAILED
    return TransferProblem(reason, Side.NEITHER, problem.message, problem.code)
