"""What is refused, in the words of the contract (1.4, 4.2)."""

from collections.abc import Mapping
from typing import NoReturn

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Job, JobStatus, Verb
from headrace.core.job_moves import is_refused
from headrace.store.columns import dump

_BY_ENGINE = "the engine does this job"


def shown(status: JobStatus) -> str:
    """Return a status as listeners and callers know it: ``canceled`` has one l there."""
    return "canceled" if status is JobStatus.CANCELLED else status.value


def illegal(verb: Verb, status: JobStatus, hint: str = "") -> Problem:
    """Return the refusal of a verb in a status."""
    error = FieldError("status", f'Cannot {verb} a job in status "{shown(status)}".', hint)
    return Problem(Code.ILLEGAL_STATE, error.message, (error,))


def check(verb: Verb, job: Job) -> None:
    """Refuse a verb that the table does not allow of the job as it is now.

    Raises:
        Problem: ``ILLEGAL_STATE``.
    """
    if is_refused(verb, job):
        raise illegal(verb, job.status, _BY_ENGINE if job.engine and not job.status.is_final else "")


def refuse(key: str, message: str, code: Code = Code.INVALID) -> NoReturn:
    """Refuse a request for what is wrong at ``key``.

    Raises:
        Problem: always.
    """
    raise Problem(code, message, (FieldError(key, message),))


def not_found() -> Problem:
    """Return the refusal of a job that there is not, or that the caller may not reach."""
    message = "Job not found"
    return Problem(Code.NOT_FOUND, message, (FieldError("jobId", message),))


def check_sizes(documents: Mapping[str, Mapping[str, Json] | None], most: int) -> None:
    """Refuse documents that are longer than ``most`` bytes.

    Raises:
        Problem: ``LIMIT_EXCEEDED``, with all that are.
    """
    errors = tuple(
        FieldError(key, f"{key} has {size:,} bytes; {most:,} are allowed")
        for key, document in documents.items()
        if document is not None and (size := len(dump(document))) > most
    )
    if errors:
        raise Problem(Code.LIMIT_EXCEEDED, errors[0].message, errors)
