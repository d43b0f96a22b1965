"""Jobs of Actions with a schedule: the next occurrence is a job that waits for its time (row 10); when it leaves that, the one after it is made.

Occurrences that were missed (the service was down) are one: the next is the first that is still to come.
"""

from collections.abc import Mapping
from dataclasses import replace

from headrace.core.clock import DAY, HOUR, Instant
from headrace.core.job import Actor, EndedBy, Job, JobTrigger
from headrace.core.job_moves import Act
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.making import JobRequest, make
from headrace.service.jobs.moving import begin, end, follow
from headrace.service.jobs.work import Work
from headrace.store import jobs, resources
from headrace.store.database import Transaction

PERIODS: Mapping[str, int] = {"hourly": HOUR, "daily": DAY, "weekly": 7 * DAY}
"""What an Action's schedule may be, with the time from one occurrence to the next."""
_TYPES = {"us_sh_": "sheet", "us_wb_": "workbook", "us_sp_": "space", "us_fl_": "file", "us_dc_": "document"}
_ACTION = "action"
"""Under this key the position of such a job has the id of its Action; ``_SCHEDULE`` that Action's schedule then."""
_SCHEDULE = "schedule"


def arrange(tx: Transaction, desk: JobDesk, actor: Actor, action: Resource, now: Instant) -> None:
    """Let the next occurrence of an Action that was made or changed be a job; one of what it was before is cancelled."""
    work = begin(tx, desk, actor, now)
    request = _request(action, now)
    kept = False
    for job in _occurrences(work, action):
        if request is not None and not kept and _is_same(job, request):
            kept = True
        else:
            end(work, job, Act.CANCEL, EndedBy.CANCEL, info="The action was changed.")
    if request is not None and not kept:
        make(work, request)
    follow(work)


def forget(tx: Transaction, desk: JobDesk, actor: Actor, action: Resource, now: Instant) -> None:
    """Cancel the next occurrence of an Action that is being removed."""
    work = begin(tx, desk, actor, now)
    for job in _occurrences(work, action):
        end(work, job, Act.CANCEL, EndedBy.CANCEL, info="The action was removed.")
    follow(work)


def follow_occurrence(work: Work, occurrence: Job) -> None:
    """Make the occurrence after this one, which waits no more (``occurrence`` is as it was before), if its Action still has a schedule."""
    action_id = occurrence.position.get(_ACTION)
    if not isinstance(action_id, str) or occurrence.due_at is None:
        return
    action = resources.find(work.tx, work.actor.scope, ResourceKind.ACTION, action_id)
    request = None if action is None else _request(action, occurrence.due_at)
    if request is None or request.due_at is None or work.place(request.source) is None:
        return
    period = request.due_at - occurrence.due_at
    missed = max(0, (work.now - request.due_at) // period + 1)
    make(work, replace(request, due_at=Instant(request.due_at + missed * period)))


def _request(action: Resource, since: Instant) -> JobRequest | None:
    """Return what is asked for at the first occurrence after ``since``; None: the Action has no schedule."""
    body = action.body
    period = PERIODS.get(str(body.get(_SCHEDULE)))
    target, operation = action.parent_id, body.get("operation")
    type_ = None if target is None else _TYPES.get(target[:6])
    if period is None or type_ is None or target is None or not isinstance(operation, str):
        return None
    mode = body.get("mode")
    return JobRequest(
        type=type_,
        operation=operation,
        source=target,
        trigger=JobTrigger.IMMEDIATE,
        mode=mode if isinstance(mode, str) else None,
        due_at=Instant(since + period),
        position={_ACTION: action.id, _SCHEDULE: str(body[_SCHEDULE])},
        created_by=action.created_by,
    )


def _occurrences(work: Work, action: Resource) -> list[Job]:
    if action.parent_id is None:
        return []
    found = jobs.scheduled(work.tx, work.actor.scope, action.parent_id)
    return [job for job in found if job.position.get(_ACTION) == action.id]


def _is_same(job: Job, request: JobRequest) -> bool:
    mine = (job.operation, job.mode, job.position)
    return mine == (request.operation, request.mode, request.position)
