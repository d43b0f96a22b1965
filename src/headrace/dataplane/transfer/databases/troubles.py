"""What errors of databases mean for a transfer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from headrace.core.errors import Code, Problem
from headrace.dataplane.transfer.databases.links.link import Fault, LinkError
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem

_REASONS: Mapping[Fault, tuple[Reason, Code]] = {
    Fault.DUPLICATE: (Reason.DUPLICATE_KEY, Code.INVALID),
    Fault.CONSTRAINT: (Reason.CONSTRAINT, Code.INVALID),
    Fault.VALUE: (Reason.VALUE_INVALID, Code.INVALID),
    Fault.TOO_LONG: (Reason.VALUE_TOO_LONG, Code.INVALID),
    Fault.TABLE: (Reason.STATEMENT_FAILED, Code.SOURCE_NOT_FOUND),
    Fault.COLUMN: (Reason.COLUMN_UNKNOWN, Code.UNKNOWN_COLUMN),
    Fault.PROCEDURE: (Reason.PROCEDURE_INVALID, Code.INVALID),
    Fault.SYNTAX: (Reason.STATEMENT_FAILED, Code.INVALID),
    Fault.DENIED: (Reason.DATABASE_DENIED, Code.SOURCE_DENIED),
    Fault.TIMEOUT: (Reason.STATEMENT_FAILED, Code.SOURCE_TIMEOUT),
    Fault.AWAY: (Reason.CONNECT_FAILED, Code.SOURCE_UNAVAILABLE),
    Fault.OTHER: (Reason.STATEMENT_FAILED, Code.INVALID),
}
_CONNECTING: Mapping[Code, Reason] = {
    Code.SOURCE_UNAUTHENTICATED: Reason.DATABASE_DENIED,
    Code.SOURCE_DENIED: Reason.DATABASE_DENIED,
    Code.SOURCE_UNAVAILABLE: Reason.CONNECT_FAILED,
    Code.SOURCE_NOT_FOUND: Reason.CONNECT_FAILED,
}
_PASSED = frozenset({Code.CANCELLED, Code.TIMED_OUT, Code.FENCED, Code.LIMIT_EXCEEDED, Code.DISK_FULL})


def reason_of(fault: Fault) -> Reason:
    """Return the reason that a row, or a statement, is at fault for."""
    return _REASONS[fault][0]


def trouble(error: LinkError, side: Side, where: str = "", *, batch: bool = False) -> TransferProblem:
    """Return what ``error`` means; ``where`` says what was done. ``batch``: rows were being written within a time."""
    reason, code = _REASONS[error.fault]
    if batch and error.fault is Fault.TIMEOUT:
        reason = Reason.BATCH_TIMEOUT
    return TransferProblem(reason, side, f"{where}: {error.message}" if where else error.message, code)


@contextmanager
def told(side: Side, where: str = "", *, batch: bool = False) -> Iterator[None]:
    """Turn what a link raises into ``TransferProblem``, and problems of connecting too."""
    try:
        yield
    except LinkError as error:
        raise trouble(error, side, where, batch=batch) from error
    except TransferProblem:
        raise
    except Problem as problem:
        raise met(problem, side, Reason.STATEMENT_FAILED) from problem


def met(problem: Problem, side: Side, otherwise: Reason) -> Problem:
    """Return a problem of a reading session as one of a transfer; interruptions stay what they are."""
    if isinstance(problem, TransferProblem) or problem.code in _PASSED:
        return problem
    message = "; ".join([problem.message, *(f"{one.path} {one.message}" for one in problem.fields)])
    reason = _CONNECTING.get(problem.code, otherwise)
    if problem.code is Code.SOURCE_TIMEOUT:
        reason = Reason.STATEMENT_FAILED
    if problem.code is Code.SOURCE_NOT_FOUND and not message.startswith("cannot connect"):
        reason = otherwise
    return TransferProblem(reason, side, message, problem.code)
