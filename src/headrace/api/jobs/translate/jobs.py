"""Jobs on the wire (contract 3): bodies to what the service is asked for, jobs and attempts to what clients read."""

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.api.jobs.bodies import kind_of
from headrace.api.jobs.members import Members
from headrace.api.jobs.translate.outcomes import check_outcome
from headrace.api.jobs.wire import Item, date, date_or_none, present
from headrace.core.errors import FieldError
from headrace.core.job import Job, JobAttempt, JobStatus, JobTrigger, PartExecution
from headrace.service.jobs.making import JobRequest
from headrace.service.jobs.verbs import Ending, JobChange, Sign

TYPES = ("file", "workbook", "sheet", "space", "document", "app", "agent", "autobuild", "onboarding")
MODES = ("foreground", "background", "toolbarBlocking", "hidden")
OPERATION_CHARACTERS = 1_000

_CANCELED = "canceled"
_STATUSES = {_CANCELED if status is JobStatus.CANCELLED else status.value: status for status in JobStatus}
_WORDS = {status: word for word, status in _STATUSES.items()}
_FIRST = ("created", "ready")
_SUBJECTS = ("resource", "collection")


def status_word(status: JobStatus) -> str:
    """Return a status as clients know it: ``canceled`` has one l."""
    return _WORDS[status]


def job_item(job: Job) -> Item:
    """Return a job as clients read it."""
    return present(
        {
            "id": job.id,
            "type": job.type,
            "operation": job.operation,
            "source": job.source,
            "destination": job.destination,
            "config": job.config,
            "trigger": job.trigger.value,
            "status": status_word(job.status),
            "progress": job.progress,
            "fileId": job.file_id,
            "mode": job.mode,
            "input": job.input,
            "subject": job.subject,
            "outcome": job.outcome,
            "result": job.result,
            "info": job.info,
            "managed": job.managed or job.engine,
            "environmentId": job.scope.rpartition("/")[2],
            "spaceId": job.space_id,
            "part": job.part,
            "partData": job.part_data,
            "partExecution": None if job.part_execution is None else job.part_execution.value,
            "parentId": job.parent_id,
            "predecessorIds": list(job.predecessors) or None,
            "metadata": job.metadata,
            "createdBy": job.created_by,
            "createdAt": date(job.created_at),
            "updatedAt": date(job.updated_at),
            "startedAt": date_or_none(job.started_at),
            "finishedAt": date_or_none(job.finished_at),
            "outcomeAcknowledgedAt": date_or_none(job.outcome_acknowledged_at),
            "estimatedCompletionAt": date_or_none(job.estimated_at),
        }
    )


def attempt_item(attempt: JobAttempt) -> Item:
    """Return an attempt as clients read it (5.2)."""
    return present(
        {
            "number": attempt.number,
            "status": status_word(attempt.status),
            "startedAt": date_or_none(attempt.started_at),
            "finishedAt": date_or_none(attempt.finished_at),
            "progress": attempt.progress,
            "info": attempt.info,
            "outcome": attempt.outcome,
            "result": attempt.result,
            "config": attempt.config,
            "input": attempt.input,
            "plan": attempt.plan,
            "endedBy": None if attempt.ended_by is None else attempt.ended_by.value,
            "actorId": attempt.actor_id,
            "notes": list(attempt.notes) or None,
        }
    )


def job_request(body: Mapping[str, Any]) -> JobRequest:
    """Return the job that a body asks for (2.2).

    Raises:
        Problem: ``INVALID``, with an entry for each fault.
    """
    asked = Members(body)
    trigger = asked.one_of("trigger", [item.value for item in JobTrigger])
    execution = asked.one_of("partExecution", [item.value for item in PartExecution])
    status = _first_status(asked)
    request = JobRequest(
        type=asked.required_one_of("type", TYPES),
        operation=asked.required_text("operation", longest=OPERATION_CHARACTERS),
        source=asked.required_text("source"),
        destination=asked.text("destination"),
        trigger=JobTrigger.MANUAL if trigger is None else JobTrigger(trigger),
        status=status,
        mode=asked.one_of("mode", MODES),
        managed=asked.flag("managed") or False,
        config=asked.object("config"),
        input=asked.object("input"),
        subject=_subject(asked),
        metadata=asked.object("metadata"),
        result=asked.object("result"),
        outcome=_outcome(asked),
        part_data=asked.object("partData"),
        predecessors=asked.texts("predecessorIds") or (),
        parent_id=asked.text("parentId"),
        part=asked.whole("part"),
        part_execution=None if execution is None else PartExecution(execution),
        file_id=asked.text("fileId"),
        space_id=asked.text("spaceId"),
        progress=asked.number("progress") or 0,
        info=asked.text("info"),
        estimated_at=asked.instant("estimatedCompletionAt"),
    )
    asked.done("the job")
    return request


def sign_of(body: Mapping[str, Any]) -> Sign:
    """Return the sign of life that the body of an acknowledgement is.

    Raises:
        Problem: ``INVALID``.
    """
    asked = Members(body)
    sign = Sign(
        info=asked.text("info"),
        progress=asked.number("progress"),
        estimated_at=asked.instant("estimatedCompletionAt"),
    )
    asked.done("the acknowledgement")
    return sign


def ending_of(body: Mapping[str, Any]) -> Ending:
    """Return how a job ended, as the body of ``complete`` and ``fail`` says.

    Raises:
        Problem: ``INVALID``.
    """
    asked = Members(body)
    ending = Ending(outcome=_outcome(asked), info=asked.text("info"))
    asked.done()
    return ending


def info_of(body: Mapping[str, Any]) -> str | None:
    """Return the ``info`` of a body.

    Raises:
        Problem: ``INVALID``.
    """
    asked = Members(body)
    info = asked.text("info")
    asked.done()
    return info


def change_of(body: Mapping[str, Any]) -> JobChange:
    """Return the change that a PATCH asks for (4.4).

    Raises:
        Problem: ``INVALID``, with an entry for each fault.
    """
    asked = Members(body)
    status = asked.one_of("status", _STATUSES)
    change = JobChange(
        config=asked.object("config"),
        status=None if status is None else _STATUSES[status],
        progress=asked.number("progress"),
        outcome_acknowledged_at=asked.instant("outcomeAcknowledgedAt"),
        info=asked.text("info"),
        metadata=asked.object("metadata"),
        result=asked.object("result"),
        estimated_at=asked.instant("estimatedCompletionAt"),
    )
    asked.done("the change")
    return change


def parts_of(body: Mapping[str, Any]) -> tuple[int | Sequence[Mapping[str, Any]], bool]:
    """Return the parts that a job is to be split into, as a number or their data, and whether they are done in parallel.

    Raises:
        Problem: ``INVALID``; that there are too few or too many is said by the service.
    """
    asked = Members(body)
    parallel = asked.flag("runInParallel") or False
    given = body.get("parts")
    parts: int | Sequence[Mapping[str, Any]] = 0
    if given is None:
        asked.wrong("parts", "is required")
    elif isinstance(given, list):
        asked.errors += [
            FieldError("parts", f"parts[{index}] must be an object, not {kind_of(item)}")
            for index, item in enumerate(given)
            if not isinstance(item, dict)
        ][:1]
        parts = given
    elif isinstance(given, bool) or not isinstance(given, int | float) or given != given // 1:
        asked.wrong("parts", "must be a whole number or an array of objects")
    else:
        parts = int(given)
    asked.done()
    return parts, parallel


def _first_status(asked: Members) -> JobStatus:
    status = asked.one_of("status", _STATUSES)
    if status is not None and status not in _FIRST:
        asked.wrong("status", f"of a new job must be one of {', '.join(_FIRST)}")
    return JobStatus.READY if status == JobStatus.READY else JobStatus.CREATED


def _subject(asked: Members) -> Item | None:
    subject = asked.object("subject")
    if subject is None:
        return None
    of = asked.inside("subject", subject)
    kind = of.required_one_of("type", _SUBJECTS)
    if kind == "resource":
        of.required_text("id")
    elif kind == "collection":
        of.required_text("resource")
        of.object("params")
        of.object("query")
    return subject


def _outcome(asked: Members) -> Item | None:
    outcome = asked.object("outcome")
    if outcome is not None:
        check_outcome(asked.inside("outcome", outcome))
    return outcome
