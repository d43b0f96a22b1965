"""Making jobs (contract 2.2, rows 1 to 4)."""

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.engine_operations import FILE, is_for_engine, sheets_of
from headrace.core.happening import Place
from headrace.core.job import Actor, Job, JobStatus, JobTrigger, PartExecution
from headrace.core.short_ids import short_id
from headrace.service.jobs import attempts
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.moving import after_predecessor, begin, follow, tell_ready, touch_parent, want_plan, working
from headrace.service.jobs.refusals import check_sizes, refuse
from headrace.service.jobs.words import percents
from headrace.service.jobs.work import CREATED, SCHEDULED, Work
from headrace.store import jobs
from headrace.store.database import Transaction

_SIZED = ("config", "input", "outcome", "result", "subject", "metadata", "part_data")
_MOST_LETTERS = 1000
_MOST_INFO = 65_536
"""Of a word to people that every list and every event repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What a job is asked for with; documents are kept verbatim. ``status``: ``CREATED``, or ``READY`` for one that is executed later.

    ``progress`` may be any number. ``space_id`` counts where the source does not say which. ``due_at``: the job waits for its time (the scheduler's
    own jobs). ``created_by`` None: who asks.
    """

    type: str
    operation: str
    source: str
    destination: str | None = None
    trigger: JobTrigger = JobTrigger.MANUAL
    status: JobStatus = JobStatus.CREATED
    mode: str | None = None
    managed: bool = False
    config: Mapping[str, Json] | None = None
    input: Mapping[str, Json] | None = None
    subject: Mapping[str, Json] | None = None
    metadata: Mapping[str, Json] | None = None
    result: Mapping[str, Json] | None = None
    outcome: Mapping[str, Json] | None = None
    part_data: Mapping[str, Json] | None = None
    predecessors: tuple[str, ...] = ()
    parent_id: str | None = None
    part: int | None = None
    part_execution: PartExecution | None = None
    file_id: str | None = None
    space_id: str | None = None
    progress: float = 0
    info: str | None = None
    estimated_at: Instant | None = None
    due_at: Instant | None = None
    created_by: str | None = None
    position: Mapping[str, Json] | None = None


def create(desk: JobDesk, actor: Actor, request: JobRequest) -> Job:
    """Return the new job.

    Raises:
        Problem: ``INVALID``, with what is wrong: the source (of a job of the engine it has to exist), the space, the parent, a predecessor, a
            part, a status; ``LIMIT_EXCEEDED``: a document is too long.
    """
    with working(desk, actor) as work:
        job = make(work, request)
        follow(work)
        return work.hold(job.id)


def create_in(tx: Transaction, desk: JobDesk, actor: Actor, request: JobRequest, now: Instant) -> Job:
    """Return the new job, made within the caller's transaction.

    Raises:
        Problem: as ``create``.
    """
    work = begin(tx, desk, actor, now)
    job = make(work, request)
    follow(work)
    return work.hold(job.id)


def make(work: Work, request: JobRequest) -> Job:
    """Write a new job and what it becomes at once; what follows from that is left to the caller (``moving.follow``).

    Raises:
        Problem: as ``create``.
    """
    _check(work, request)
    place = work.place(request.source)
    engine = _is_for_engine(work, request, place)
    space_id = _space(work, request, place)
    predecessors = _predecessors(work, request)
    parent = None if request.parent_id is None else _parent(work, request.parent_id)
    part = request.part
    if parent is not None and part is None:
        part = jobs.next_index(work.tx, parent.id)
    status = _first_status(request, predecessors)
    job = attempts.begin(
        work,
        Job(
            id=short_id("jb", work.desk.ids),
            scope=work.actor.scope,
            type=request.type,
            operation=request.operation,
            source=request.source,
            destination=request.destination,
            status=status,
            announced=status is JobStatus.READY and request.trigger is JobTrigger.IMMEDIATE,
            created_by=request.created_by or work.actor.id,
            created_at=work.now,
            updated_at=work.now,
            trigger=request.trigger,
            engine=engine,
            managed=request.managed or engine,
            progress=percents(request.progress),
            info=request.info,
            mode=request.mode,
            space_id=space_id,
            file_id=_file(request, place),
            parent_id=request.parent_id,
            part=part,
            part_execution=request.part_execution,
            predecessors=request.predecessors,
            config=request.config,
            input=request.input,
            subject=request.subject,
            metadata=request.metadata,
            result=request.result,
            outcome=request.outcome,
            part_data=request.part_data,
            estimated_at=request.estimated_at,
            due_at=request.due_at,
            position=request.position or {},
        ),
    )
    jobs.insert(work.tx, [job])
    _begin(work, job, predecessors)
    return job


def _begin(work: Work, job: Job, predecessors: list[Job]) -> None:
    if job.parent_id is not None:
        touch_parent(work, job)
    work.tell(job, CREATED)
    if job.announced:
        tell_ready(work, job)
    match job.status:
        case JobStatus.SCHEDULED:
            work.tell(job, SCHEDULED)
        case JobStatus.CREATED:
            want_plan(work, job)
        case JobStatus.WAITING:
            ended = [other for other in predecessors if other.status in {JobStatus.FAILED, JobStatus.CANCELLED}]
            if ended:
                after_predecessor(work, job, ended[0])


def _first_status(request: JobRequest, predecessors: list[Job]) -> JobStatus:
    if any(other.status is not JobStatus.COMPLETE for other in predecessors):
        return JobStatus.WAITING
    if request.due_at is not None:
        return JobStatus.SCHEDULED
    return JobStatus.READY if request.trigger is JobTrigger.IMMEDIATE else request.status


def _check(work: Work, request: JobRequest) -> None:
    for name in ("type", "operation", "source"):
        if not getattr(request, name):
            refuse(name, f"{name} is required")
    for name in ("type", "operation", "source", "destination", "mode"):
        if len(getattr(request, name) or "") > _MOST_LETTERS:
            refuse(name, f"{name} has more than {_MOST_LETTERS} characters")
    if len(request.info or "") > _MOST_INFO:
        refuse("info", f"info has more than {_MOST_INFO} characters")
    if request.status not in {JobStatus.CREATED, JobStatus.READY}:
        refuse("status", f'A job cannot be created in status "{request.status}"; give "created" or "ready".')
    if request.part is not None and request.part < 0:
        refuse("part", "part is counted from 0")
    check_sizes({name: getattr(request, name) for name in _SIZED}, work.desk.limits.max_document_bytes)


def _is_for_engine(work: Work, request: JobRequest, place: Place | None) -> bool:
    enabled = work.desk.limits.engine_operations
    if not is_for_engine(request.type, request.operation, request.source, request.config, enabled):
        return False
    if place is None:
        refuse("source", f"{request.source} was not found")
    for key, sheet_id in sheets_of(request.config).items():
        _check_reach(work, work.place(sheet_id), f"config.{key}", sheet_id)
    return True


def _check_reach(work: Work, place: Place | None, key: str, thing_id: str) -> None:
    """Refuse what lies in another space than the only one that the actor may reach; to that one, it is not there."""
    if place is not None and work.actor.space_id is not None and place.space_id != work.actor.space_id:
        refuse(key, f"{thing_id} was not found")


def _space(work: Work, request: JobRequest, place: Place | None) -> str | None:
    _check_reach(work, place, "source", request.source)
    if request.destination is not None:
        _check_reach(work, work.place(request.destination), "destination", request.destination)
    if place is not None and place.space_id is not None:
        return place.space_id
    if request.space_id is None:
        return work.actor.space_id
    given = work.place(request.space_id)
    if given is None or given.space_id != request.space_id:
        refuse("spaceId", f"{request.space_id} was not found")
    _check_reach(work, given, "spaceId", request.space_id)
    return request.space_id


def _file(request: JobRequest, place: Place | None) -> str | None:
    is_file = request.source.startswith(FILE) or (place is not None and place.file_id == request.source)
    return request.source if is_file else request.file_id


def _predecessors(work: Work, request: JobRequest) -> list[Job]:
    known = jobs.known(work.tx, request.predecessors) if request.predecessors else {}
    found = []
    for other_id in request.predecessors:
        other = known.get(other_id)
        if other is None or other.scope != work.actor.scope or not _reaches(work.actor, other):
            refuse("predecessorIds", f"{other_id} was not found")
        found.append(other)
    return found


def _parent(work: Work, parent_id: str) -> Job:
    parent = jobs.find(work.tx, parent_id, hold=True)
    if parent is None or parent.scope != work.actor.scope or not _reaches(work.actor, parent):
        refuse("parentId", f"{parent_id} was not found")
    if parent.status.is_final:
        refuse("parentId", f"{parent_id} has ended")
    if parent.is_part:
        refuse("parentId", f"{parent_id} is a part itself")
    return parent


def _reaches(actor: Actor, job: Job) -> bool:
    return actor.space_id is None or job.space_id == actor.space_id
