"""Splitting jobs (contract 6.1)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from headrace.core.codec import Json
from headrace.core.job import Actor, Job, JobStatus, JobTrigger, PartExecution, Verb
from headrace.core.job_moves import Act, check
from headrace.core.short_ids import short_id
from headrace.service.jobs import attempts
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.moving import deadline, tell_ready, working
from headrace.service.jobs.refusals import check as check_verb
from headrace.service.jobs.refusals import check_sizes, refuse
from headrace.service.jobs.work import CREATED, UPDATED, Work
from headrace.store import jobs
from headrace.store.columns import dump

_SPLIT = "split"
"""Under this key the position of a split job has a digest of its parts."""


def split(
    desk: JobDesk, actor: Actor, job_id: str, parts: int | Sequence[Mapping[str, Json]], *, parallel: bool = False
) -> Job:
    """Return the job, which is done in parts from now on: so many, or one for each of the documents. The same parts again change nothing.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it is not ready nor being done, or the engine does it; ``INVALID``: it is a part itself, or was
            split into other parts, or there are no parts or too many.
    """
    wanted = _wanted(parts, desk.limits.max_parts, desk.limits.max_document_bytes)
    with working(desk, actor) as work:
        job = work.hold(job_id)
        if job.is_part:
            refuse("parentId", f"{job.id} is a part itself, so it cannot be split")
        check_verb(Verb.SPLIT, job)
        digest = hashlib.sha256(dump(list(wanted)).encode()).hexdigest()
        before = job.position.get(_SPLIT)
        if before == digest:
            return job
        if before is not None:
            refuse("parts", f"{job.id} was split into other parts before")
        return _split(work, job, wanted, digest, PartExecution.PARALLEL if parallel else PartExecution.SEQUENTIAL)


def _wanted(parts: int | Sequence[Mapping[str, Json]], most: int, most_bytes: int) -> Sequence[Mapping[str, Json]]:
    count = parts if isinstance(parts, int) else len(parts)
    if count < 1:
        refuse("parts", "a job is split into 1 part or more, not none")
    if count > most:
        refuse("parts", f"a job is split into {most:,} parts at most, not {count:,}")
    if isinstance(parts, int):
        return [{"part": index, "total": parts} for index in range(parts)]
    check_sizes({f"parts[{index}]": part for index, part in enumerate(parts)}, most_bytes)
    return parts


def _split(work: Work, job: Job, wanted: Sequence[Mapping[str, Json]], digest: str, execution: PartExecution) -> Job:
    check(Act.SPLIT, job.status, JobStatus.EXECUTING)
    begins = job.status is JobStatus.READY
    first = jobs.next_index(work.tx, job.id)
    parallel = execution is PartExecution.PARALLEL
    made = [
        replace(_part(work, job, first + index, data, ready=parallel or index == 0), part_execution=execution)
        for index, data in enumerate(wanted)
    ]
    parts = attempts.begin_all(work, made)
    jobs.insert(work.tx, parts)
    parent = replace(
        job,
        status=JobStatus.EXECUTING,
        part_execution=execution,
        position={**job.position, _SPLIT: digest},
        started_at=work.now if begins else job.started_at,
    )
    kept = work.change(job, replace(parent, deadline_at=deadline(work, parent)))
    if begins:
        attempts.start(work, kept)
    work.tell(kept, UPDATED)
    for part in parts:
        work.tell(part, CREATED)
        if part.announced:
            tell_ready(work, part)
    return kept


def _part(work: Work, parent: Job, index: int, data: Mapping[str, Json], *, ready: bool) -> Job:
    return Job(
        id=short_id("jb", work.desk.ids),
        scope=parent.scope,
        type=parent.type,
        operation=parent.operation,
        source=parent.source,
        destination=parent.destination,
        status=JobStatus.READY if ready else JobStatus.WAITING,
        announced=ready,
        created_by=work.actor.id,
        created_at=work.now,
        updated_at=work.now,
        trigger=JobTrigger.IMMEDIATE,
        managed=parent.managed,
        mode=parent.mode,
        space_id=parent.space_id,
        file_id=parent.file_id,
        parent_id=parent.id,
        part=index,
        config=parent.config,
        input=parent.input,
        subject=parent.subject,
        metadata=parent.metadata,
        part_data=data,
    )
