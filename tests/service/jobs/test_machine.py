"""Whatever is asked of jobs, by whom and in whatever order: they do what the model of the contract does, and listeners hear all of it, once."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fakes import CountingIds
from headrace.core.clock import MINUTE, Instant
from headrace.core.errors import Code, Problem
from headrace.core.job import Actor, Job, JobStatus, JobTrigger
from headrace.core.job_limits import JobLimits
from headrace.core.workspace import ResourceKind
from headrace.service.jobs import engine_side, lists, making, parts, retrying, timekeeping, verbs
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.verbs import Ending, JobChange, Sign
from headrace.store import jobs, resources
from headrace.store.database import Database
from headrace.store.job_tables import happenings
from headrace.store.jobs import JobQuery
from service.conftest import TickingClock
from service.jobs.house import EXPORT, SUBMIT, House, resource
from service.jobs.model import Model, One, RefusedError

_SHOWN = {status: "canceled" if status is JobStatus.CANCELLED else status.value for status in JobStatus}
_STATUSES = {shown: status for status, shown in _SHOWN.items()}
_NUMBERS = itertools.count(1)
_RETRY = {"next": {"type": "retry"}}


class Step(NamedTuple):
    """One thing that somebody does: what, with which job, and some choices."""

    name: str
    which: int
    other: int
    choice: int
    flag: bool


class Trial:
    """An environment of its own, and the model of it."""

    def __init__(self, database: Database) -> None:
        number = next(_NUMBERS)
        scope = f"jobs/us_acc_1/us_env_{number}"
        self.clock = TickingClock()
        self.house = House(JobDesk(database, self.clock, _Ids(number), JobLimits()), self.clock, scope)
        space, self.workbook = f"us_sp_{number}", f"us_wb_{number}"
        self.actors = (Actor("us_key_1", scope), Actor("us_usr_1", scope), Actor("us_ag_1", scope, space))
        self.stranger = Actor("us_ag_2", scope, "us_sp_other")
        self.model = Model()
        self.order: list[str] = []
        self.heard = 0
        with database.transaction() as tx:
            for thing, kind in ((space, ResourceKind.SPACE), (self.workbook, ResourceKind.WORKBOOK)):
                row = resource(self.house, thing, kind)
                of_workbook = None if kind is ResourceKind.SPACE else space
                resources.insert(tx, replace(row, scope=scope, parent_id=of_workbook, space_id=of_workbook, slug=None))

    def do(self, step: Step) -> None:
        """Do it in both, and see that they agree."""
        if step.name == "make" or not self.model.jobs:
            self.make(step)
        elif step.name == "pass":
            self.clock.advance((6, 11, 1500)[step.choice % 3] * MINUTE)
            self.model.minute += (6, 11, 1500)[step.choice % 3]
            for _ in itertools.takewhile(lambda _: timekeeping.tick(self.house.desk), range(20)):
                pass
            self.model.tick()
        else:
            self.ask(step)
        self.agree()

    def make(self, step: Step) -> None:
        """Make a job: of the engine or not, behind others or not, as a part or not."""
        before = (
            [one for one in (self._one(step.which), self._one(step.which + 1)) if one is not None] if step.flag else []
        )
        before = before[: step.other % 3]
        parent = self._one(step.other) if step.choice % 4 == 3 else None
        engine, immediate, ready, due = (step.choice >> bit & 1 for bit in (2, 3, 4, 5))
        request = replace(
            EXPORT if engine else SUBMIT,
            source=self.workbook,
            trigger=JobTrigger.IMMEDIATE if immediate else JobTrigger.MANUAL,
            status=JobStatus.READY if ready else JobStatus.CREATED,
            due_at=Instant(self.clock.now() + 600 * MINUTE) if due and not parent else None,
            predecessors=tuple(dict.fromkeys(one.id for one in before)),
            parent_id=None if parent is None else parent.id,
        )
        actor = self.actors[step.other % 3]
        if not self.model.may_make(before, parent):
            with pytest.raises(Problem):
                making.create(self.house.desk, actor, request)
            return
        job = making.create(self.house.desk, actor, request)
        due_at = self.model.minute + 600 if request.due_at is not None else None
        one = One(
            job.id, "", bool(immediate), bool(engine), due=due_at, parent=parent, before=list(dict.fromkeys(before))
        )
        self.model.make(one, ready=bool(ready))

    def ask(self, step: Step) -> None:
        """Ask for something of a job, and see that both do it or both refuse it."""
        one = self._one(step.which)
        assert one is not None
        actor = self.actors[step.other % 3]
        if step.choice % 16 == 15:
            with pytest.raises(Problem) as refused:
                verbs.execute(self.house.desk, self.stranger, one.id)
            assert refused.value.code is Code.NOT_FOUND
            return
        really, model = self._works(step, one, actor)
        refusal = None
        try:
            really()
        except Problem as problem:
            refusal = problem.code
        assert refusal in {None, Code.ILLEGAL_STATE, Code.INVALID, Code.CANCELLED, Code.FENCED}
        done = refusal is None
        told = len(self.model.told)
        try:
            model()
        except RefusedError:
            assert not done, f"{step.name} of a job that is {one.status} was not refused"
            assert len(self.model.told) == told
        else:
            assert done, f"{step.name} of a job that is {one.status} was refused"

    def _works(self, step: Step, one: One, actor: Actor) -> tuple[Callable[[], object], Callable[[], object]]:
        desk, model = self.house.desk, self.model
        count = 1 + step.choice % 3
        wanted = (None, *_STATUSES)[step.choice % 10]
        wanted = None if wanted in {"created", "planning", "scheduled", "waiting"} else wanted
        change = JobChange(
            status=None if wanted is None else _STATUSES[wanted], metadata={"n": step.other} if step.flag else None
        )
        works: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            "execute": (lambda: verbs.execute(desk, actor, one.id), lambda: model.execute(one)),
            "ack": (lambda: verbs.acknowledge(desk, actor, one.id, Sign("i", step.choice)), lambda: model.ack(one)),
            "complete": (
                lambda: verbs.complete(desk, actor, one.id, Ending(_RETRY if step.flag else {})),
                lambda: model.complete(one, offers=step.flag),
            ),
            "fail": (lambda: verbs.fail(desk, actor, one.id, Ending()), lambda: model.fail(one)),
            "cancel": (lambda: verbs.cancel(desk, actor, one.id), lambda: model.cancel(one)),
            "see": (lambda: verbs.acknowledge_outcome(desk, actor, one.id), lambda: model.see(one)),
            "patch": (
                lambda: verbs.patch(desk, actor, one.id, change),
                lambda: model.patch(one, wanted, metadata=step.flag),
            ),
            "delete": (lambda: verbs.delete(desk, actor, one.id), lambda: model.delete(one)),
            "retry": (lambda: retrying.retry(desk, actor, one.id), lambda: model.retry(one)),
            "split": (
                lambda: parts.split(desk, actor, one.id, count, parallel=step.flag),
                lambda: model.split(one, count, parallel=step.flag, ids=[p.id for p in self.house.parts(one.id)]),
            ),
            "engine": self._engine(step, one),
            "deliver": (lambda: self._deliver(one), lambda: model.deliver(one)),
        }
        return works[step.name]

    def _engine(self, step: Step, one: One) -> tuple[Callable[[], object], Callable[[], object]]:
        """Return what the engine says of one of its jobs: it begins it, and may end it in the same breath."""
        if not one.engine:
            return (lambda: None), (lambda: None)

        def really() -> None:
            with self.house.database.transaction() as tx:
                run_id = self.house.job(one.id).run_id
                engine_side.claim(tx, self.house.desk, run_id)
                if step.choice % 3 == 1:
                    engine_side.finish(tx, self.house.desk, run_id, result={}, outcome={})
                elif step.choice % 3 == 2:
                    engine_side.fail(tx, self.house.desk, run_id, message="no")

        def model() -> None:
            self.model.claim(one)
            if step.choice % 3:
                self.model.engine_ends(one, "complete" if step.choice % 3 == 1 else "failed")

        return really, model

    def _deliver(self, one: One) -> None:
        job = self.house.job(one.id)
        with self.house.database.transaction() as tx:
            jobs.delivered(tx, one.id, job.run_id, self.clock.now(), self.house.desk.limits.ack_timeout)

    def agree(self) -> None:
        """Statuses, attempts and parts are the model's, and listeners were told of what the model tells of."""
        with self.house.database.reading() as tx:
            found, _ = jobs.page(tx, self.house.scope, JobQuery(), 1000, 0, descending=False)
            mine = sa.select(happenings).where(happenings.c.scope == self.house.scope).order_by(happenings.c.written)
            rows = tx.rows(mine.offset(self.heard).limit(1000))
        really = {job.id: (_SHOWN[job.status], job.attempt, job.parent_id, job.part, job.announced) for job in found}
        model = {
            one.id: (one.status, one.attempt, one.parent and one.parent.id, one.part, one.announced)
            for one in self.model.jobs.values()
        }
        assert really == model
        told = [
            (row["topic"], row["job_id"], row["body"]["payload"]["status"], row["body"]["payload"]["isPart"])
            for row in rows
        ]
        # What ends together is told of in any order; what is told of one job, in the order in which it was so.
        assert sorted(told) == sorted(self.model.told)
        for job_id in {one[1] for one in told}:
            assert [t for t in told if t[1] == job_id] == [t for t in self.model.told if t[1] == job_id]
        self.heard += len(told)
        self.model.told.clear()
        for job in found:
            _see_deadline(job, self.model.jobs[job.id])

    def see_history(self) -> None:
        """Every attempt is kept, and the ledger's runs stand as the jobs do."""
        self.house.check_ledger()
        for one in self.model.jobs.values():
            attempts = lists.attempts(self.house.desk, self.actors[0], one.id)
            assert [attempt.number for attempt in attempts] == list(range(1, one.attempt + 1))

    def _one(self, which: int) -> One | None:
        known = list(self.model.jobs.values())
        return known[which % len(known)] if known else None


class _Ids(CountingIds):
    """Ids of one environment among many in a ledger."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def uuid(self) -> str:
        """Return the next number as a UUID that no other environment has."""
        return f"{self._number:08x}{super().uuid()[8:]}"


def _see_deadline(job: Job, one: One) -> None:
    assert (job.deadline_at is None) == (one.deadline is None), (job, one)


NAMES = (
    "make", "make", "execute", "ack", "complete", "fail", "cancel", "see", "patch", "delete", "retry", "retry", "split", "split",
    "engine", "engine", "deliver", "pass",
)  # fmt: skip
STEPS = st.builds(Step, st.sampled_from(NAMES), st.integers(0, 7), st.integers(0, 7), st.integers(0, 63), st.booleans())


def _try(database: Database, steps: list[Step]) -> None:
    trial = Trial(database)
    for step in steps:
        trial.do(step)
    trial.see_history()


_AS_DRAWN = [Phase.explicit, Phase.reuse, Phase.generate]
"""A failure is shown as it was drawn: on a busy machine it would take minutes to find a shorter one."""
_FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=15, phases=_AS_DRAWN, suppress_health_check=_FIXTURE)
@given(steps=st.lists(STEPS, min_size=8, max_size=25))
def test_jobs_do_what_the_model_does(sqlite_database: Database, steps: list[Step]) -> None:
    """No illegal move, no lost part, no lost happening."""
    _try(sqlite_database, steps)


@settings(max_examples=4, phases=_AS_DRAWN, suppress_health_check=_FIXTURE)
@given(steps=st.lists(STEPS, min_size=8, max_size=25))
def test_jobs_do_what_the_model_does_on_postgresql(postgres_database: Database, steps: list[Step]) -> None:
    """The same on the other database."""
    _try(postgres_database, steps)


@pytest.mark.soak
@settings(max_examples=1500, phases=_AS_DRAWN, suppress_health_check=_FIXTURE)
@given(steps=st.lists(STEPS, min_size=20, max_size=70))
def test_jobs_do_what_the_model_does_for_long(database: Database, steps: list[Step]) -> None:
    """The same, with more of everything."""
    _try(database, steps)
