"""A model of jobs, written from the contract alone: plain objects, one thing after the other, nothing of the code that it judges.

Time is counted in minutes. What listeners are to be told of is collected in ``told``: topic, job, status as they are shown, and whether it is a part.
"""

from dataclasses import dataclass, field

OPEN = {"created", "planning", "scheduled", "waiting", "ready", "executing"}
ENDED = {"complete", "failed", "canceled"}
AT_WORK = {"ready", "executing"}
ACK, BEAT = 5, 10


class RefusedError(Exception):
    """The contract refuses this."""


@dataclass(eq=False)
class One:
    """A job."""

    id: str
    status: str
    immediate: bool = False
    engine: bool = False
    announced: bool = False
    executed: bool = False
    restarted: bool = False
    delivered: bool = False
    deadline: int | None = None
    due: int | None = None
    attempt: int = 1
    part: int | None = None
    parent: "One | None" = None
    sequential: bool = False
    split: int | None = None
    before: list["One"] = field(default_factory=list)
    parts: list["One"] = field(default_factory=list)
    offers: bool = False
    seen: bool = False
    gone: bool = False


class Model:
    """All jobs of an environment."""

    def __init__(self) -> None:
        self.jobs: dict[str, One] = {}
        self.told: list[tuple[str, str, str, bool]] = []
        self.minute = 0
        self.ended: list[One] = []
        self.following = False

    def tell(self, topic: str, job: One) -> None:
        """Listeners are to be told."""
        self.told.append((topic, job.id, job.status, job.parent is not None))

    # What callers ask for.

    def may_make(self, before: list[One], parent: One | None) -> bool:
        """Say whether such a job can be made."""
        del before
        return parent is None or (parent.status in OPEN and parent.parent is None)

    def make(self, job: One, *, ready: bool = False) -> None:
        """A job is made; ``job`` says what is asked for."""
        self.jobs[job.id] = job
        if job.parent is not None:
            job.part = max((other.part or 0 for other in job.parent.parts), default=-1) + 1
            job.parent.parts.append(job)
        if any(other.status != "complete" for other in job.before):
            job.status = "waiting"
        elif job.due is not None:
            job.status = "scheduled"
        elif job.immediate:
            job.status, job.announced = "ready", True
        else:
            job.status = "ready" if ready else "created"
        if job.parent is not None:
            self.breathe(job.parent)
        self.tell("job:created", job)
        if job.status == "scheduled":
            self.tell("job:scheduled", job)
        if job.announced:
            self.tell("job:ready", job)
        bad = [other for other in job.before if other.status in {"failed", "canceled"}]
        if bad:
            self.after(job, bad[0])

    def execute(self, job: One) -> None:
        """It is to be done."""
        if job.status in ENDED:
            raise RefusedError
        if job.status == "waiting":
            job.executed = True
        elif job.status != "executing" and not job.announced:
            self.announce(job)

    def ack(self, job: One) -> None:
        """Its listener gives a sign of life."""
        if job.status in ENDED or job.engine:
            return
        if job.status in {"created", "ready", "executing"}:
            job.status = "executing"
            self.breathe(job)
        self.tell("job:updated", job)

    def complete(self, job: One, *, offers: bool) -> None:
        """Its listener has done it."""
        if job.status not in AT_WORK or job.engine:
            raise RefusedError
        job.offers = offers
        self.end(job, "complete")

    def fail(self, job: One) -> None:
        """Its listener could not do it."""
        if job.status in ENDED or job.engine:
            raise RefusedError
        self.end(job, "failed")

    def cancel(self, job: One) -> None:
        """It is not to be done."""
        if job.status in ENDED:
            raise RefusedError
        self.end(job, "canceled")

    def see(self, job: One) -> None:
        """Somebody has seen its outcome."""
        if job.status not in {"complete", "failed"}:
            raise RefusedError
        if not job.seen:
            job.seen = True
            self.tell("job:outcome-acknowledged", job)

    def patch(self, job: One, status: str | None, *, metadata: bool) -> None:
        """It is changed."""
        verb = {"ready": self.execute, "executing": self.ack, "failed": self.fail, "canceled": self.cancel}
        if status is None or status == job.status or (status == "executing" and (job.status in ENDED or job.engine)):
            if job.status in OPEN:
                self.breathe(job)
                self.tell("job:updated", job)
            elif metadata:
                self.tell("job:updated", job)
                if job.parent is not None:
                    self.breathe(job.parent)
        elif status == "complete":
            self.complete(job, offers=False)
        else:
            verb[status](job)

    def delete(self, job: One) -> None:
        """It is removed, and its parts with it."""
        gone = [*sorted(job.parts, key=lambda part: (part.part or 0, part.id)), job]
        for one in gone:
            self.tell("job:deleted", one)
            one.gone = True
            del self.jobs[one.id]
            if one.parent is not None:
                one.parent.parts.remove(one)
        self.ended += gone
        self.follow()

    def retry(self, job: One) -> None:
        """It is to be done again."""
        if job.status in OPEN or (job.status == "complete" and not job.offers):
            raise RefusedError
        if job.parent is not None and (job.parent.gone or job.parent.status in ENDED):
            raise RefusedError
        if any(other.gone or other.status in {"failed", "canceled"} for other in job.before):
            raise RefusedError
        waits = any(other.status != "complete" for other in job.before)
        self.renew(job)
        job.restarted = bool(job.parts)
        if waits:
            job.status = "waiting"
        elif job.parts:
            job.status = "ready"
            self.restart(job)
        else:
            self.announce(job)
            if job.parent is not None:
                self.breathe(job.parent)

    def split(self, job: One, count: int, *, parallel: bool, ids: list[str]) -> None:
        """It is done in parts; ``ids`` are those of the parts that there are then."""
        if job.parent is not None or job.status not in AT_WORK or job.engine:
            raise RefusedError
        if job.split is not None:
            if job.split != count:
                raise RefusedError
            return
        job.split, job.sequential, job.status, job.deadline = count, not parallel, "executing", None
        self.tell("job:updated", job)
        known = {part.id for part in job.parts}
        first = max((part.part or 0 for part in job.parts), default=-1) + 1
        for number, new in enumerate([one for one in ids if one not in known]):
            ready = parallel or number == 0
            part = One(new, "ready" if ready else "waiting", immediate=True, announced=ready, parent=job)
            part.part = first + number
            job.parts.append(part)
            self.jobs[part.id] = part
            self.tell("job:created", part)
            if ready:
                self.tell("job:ready", part)

    # What the engine, listeners' mail and the clock do.

    def claim(self, job: One) -> None:
        """The engine begins it."""
        if job.status == "ready" and job.announced:
            job.status = "executing"
            self.tell("job:updated", job)
        elif job.status not in {"executing", "complete", "failed"}:
            raise RefusedError

    def engine_ends(self, job: One, status: str) -> None:
        """The engine ends it; saying so again changes nothing."""
        if job.status == "canceled":
            raise RefusedError
        if job.status not in ENDED:
            job.offers = False
            self.end(job, status)

    def deliver(self, job: One) -> None:
        """A listener has got word that it is ready."""
        if job.status == "ready" and job.announced and not job.engine and not job.delivered:
            job.delivered = True
            job.deadline = None if self.open_parts(job) else self.minute + ACK

    def tick(self) -> None:
        """The clock looks at everything: first at what is late, then at what is due."""
        for job in list(self.jobs.values()):
            if job.deadline is not None and job.deadline <= self.minute and not job.gone:
                self.end(job, "failed")
        for job in list(self.jobs.values()):
            if job.status == "scheduled" and job.due is not None and job.due <= self.minute:
                self.announce(job)

    # What follows.

    def announce(self, job: One) -> None:
        """It is ready, and that is told."""
        job.status, job.announced, job.delivered, job.restarted = "ready", True, False, False
        job.deadline = job.due = None
        self.tell("job:ready", job)

    def end(self, job: One, status: str) -> None:
        """It ends."""
        job.status, job.deadline, job.due = status, None, None
        self.tell({"complete": "job:completed", "failed": "job:failed"}.get(status, "job:updated"), job)
        self.ended.append(job)
        self.follow()

    def follow(self) -> None:
        """What follows from ends, of the first one first: so a job behind one that fails fails, though a part of that is cancelled with it."""
        if self.following:
            return
        self.following = True
        while self.ended:
            job = self.ended.pop(0)
            if job.status != "complete" and not job.gone:
                for part in self.open_parts(job):
                    self.end(part, "canceled")
            for behind in self.behind(job):
                self.after(behind, job)
            if job.parent is not None:
                self.part_ended(job.parent)
        self.following = False

    def after(self, job: One, other: One) -> None:
        """It waits behind one that has ended."""
        if job.status != "waiting":
            return
        if other.gone or other.status != "complete":
            self.end(job, "failed" if other.status == "failed" and not other.gone else "canceled")
        elif all(one.status == "complete" and not one.gone for one in job.before):
            self.release(job)

    def release(self, job: One) -> None:
        """What it waited for has come."""
        if job.restarted:
            job.status = "ready"
            self.restart(job)
        elif job.immediate or job.executed:
            self.announce(job)
        else:
            job.status = "created"
            self.tell("job:updated", job)

    def part_ended(self, parent: One) -> None:
        """One of its parts has ended, or is gone."""
        if parent.gone or parent.status in {"failed", "canceled"}:
            return
        waiting = sorted((p for p in parent.parts if p.status == "waiting" and not p.before), key=lambda p: p.part or 0)
        if parent.sequential and waiting and not any(part.status in AT_WORK for part in parent.parts):
            self.announce(waiting[0])
        if (
            parent.status in OPEN
            and not self.open_parts(parent)
            and not any(one.parent is parent for one in self.ended)
        ):
            self.breathe(parent)
            if parent.parts:
                self.tell("job:parts-completed", parent)

    def renew(self, job: One) -> None:
        """Its next attempt begins."""
        job.attempt += 1
        job.announced = job.delivered = job.offers = job.seen = job.restarted = False
        job.executed, job.deadline = True, None

    def restart(self, parent: One) -> None:
        """Its parts that did not succeed are done again."""
        busy = parent.sequential and any(part.status in AT_WORK for part in parent.parts)
        for part in sorted(parent.parts, key=lambda one: (one.part or 0, one.id)):
            ready = all(other.status == "complete" and not other.gone for other in part.before)
            if part.status in {"failed", "canceled"} and ready:
                self.renew(part)
                part.status = "waiting"
                if not (parent.sequential and busy):
                    self.announce(part)
                    busy = True
        if not self.open_parts(parent):
            self.breathe(parent)
            self.tell("job:parts-completed", parent)

    def breathe(self, job: One) -> None:
        """Somebody has given a sign of life of it."""
        if job.engine or job.status not in AT_WORK or self.open_parts(job):
            job.deadline = None
        elif job.status == "executing" or ((job.announced or job.restarted) and job.parts):
            job.deadline = self.minute + BEAT

    def open_parts(self, job: One) -> list[One]:
        """Return its parts that have not ended."""
        return sorted((p for p in job.parts if p.status in OPEN), key=lambda p: (p.part or 0, p.id))

    def behind(self, job: One) -> list[One]:
        """Return the jobs that wait behind it."""
        return [other for other in self.jobs.values() if other.status == "waiting" and job in other.before]
