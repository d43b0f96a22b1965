"""Places that files lie in: opened as stores, and what their problems mean for a transfer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors import local, stores
from headrace.dataplane.connectors.writing import WritableStore
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Place, StoreType

_REASONS: Mapping[Code, Reason] = {
    **dict.fromkeys(
        (Code.SOURCE_DENIED, Code.SOURCE_UNAUTHENTICATED, Code.TARGET_DENIED, Code.FORBIDDEN), Reason.ACCESS_DENIED
    ),
    **dict.fromkeys((Code.SOURCE_UNAVAILABLE, Code.SOURCE_TIMEOUT, Code.TARGET_UNAVAILABLE), Reason.STORE_FAILED),
    Code.SOURCE_UNREADABLE: Reason.UNREADABLE,
    Code.SOURCE_CHANGED: Reason.SOURCE_CHANGED,
    Code.UNSUPPORTED: Reason.REQUEST_INVALID,
}
_FOR_SINK: Mapping[Code, Code] = {
    Code.SOURCE_NOT_FOUND: Code.TARGET_UNAVAILABLE,
    Code.NOT_FOUND: Code.TARGET_UNAVAILABLE,
    Code.SOURCE_DENIED: Code.TARGET_DENIED,
    Code.SOURCE_UNAUTHENTICATED: Code.TARGET_DENIED,
    Code.SOURCE_UNAVAILABLE: Code.TARGET_UNAVAILABLE,
    Code.SOURCE_TIMEOUT: Code.TARGET_UNAVAILABLE,
    Code.SOURCE_UNREADABLE: Code.TARGET_UNAVAILABLE,
}


def open_place(place: Place, file_roots: tuple[Path, ...] | None, limits: Limits) -> WritableStore:
    """Return the store of a place; nothing is asked of it yet. Close it.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: no store of files, or one that nothing is written to; ``ACCESS_DENIED``: a folder of this machine
            outside of ``file_roots``.
    """
    if place.type is StoreType.HTTP:
        message = "files of an HTTP server are fetched one by one: they cannot be listed, written or removed"
        raise TransferProblem(Reason.REQUEST_INVALID, Side.NEITHER, message)
    try:
        return stores.open_writable(place.root, place.connection, file_roots, limits)
    except Problem as problem:
        denied = problem.code is Code.SOURCE_DENIED
        reason = Reason.ACCESS_DENIED if denied else Reason.REQUEST_INVALID
        raise TransferProblem(reason, Side.NEITHER, problem.message, problem.code) from problem


def folders_of(place: Place, file_roots: tuple[Path, ...] | None) -> tuple[Path, ...]:
    """Return the folders of this machine that the files of a place are read in, for ``TransferEngine``; none for stores over a network.

    Raises:
        TransferProblem: ``ACCESS_DENIED``.
    """
    if place.connection is not None or place.type is StoreType.HTTP:
        return ()
    with on_side(place, Side.NEITHER):
        return (local.located(place.root, file_roots)[0],)


@contextmanager
def on_side(place: Place, side: Side) -> Iterator[None]:
    """Say on which side problems of a place's store happen, and for which reason.

    Raises:
        TransferProblem: in place of the store's problems. Problem: what is no store's fault (cancelled, fenced, a limit, a full disk).
    """
    try:
        yield
    except TransferProblem:
        raise
    except Problem as problem:
        found = meant(problem, place, side)
        if found is problem:
            raise
        raise found from problem


def meant(problem: Problem, place: Place, side: Side) -> Problem:
    """Return what a problem of a place's store means on ``side``; itself where it is no store's fault."""
    if isinstance(problem, TransferProblem):
        return problem
    if problem.code in {Code.SOURCE_NOT_FOUND, Code.NOT_FOUND}:
        reason: Reason | None = missing(place)
    elif problem.code is Code.INVALID:
        is_name = any(error.path == "name" for error in problem.fields)
        reason = Reason.INVALID_FILE_NAME if is_name else Reason.REQUEST_INVALID
    else:
        reason = _REASONS.get(problem.code)
    if reason is None:
        return problem
    code = _FOR_SINK.get(problem.code, problem.code) if side is Side.SINK else problem.code
    return TransferProblem(reason, side, problem.message, code)


def missing(place: Place) -> Reason:
    """Return the reason for a file that is not there."""
    return Reason.OBJECT_NOT_FOUND if place.type is StoreType.OBJECTS else Reason.FILE_NOT_FOUND
