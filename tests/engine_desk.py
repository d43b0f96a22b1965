"""What tests of the engine have in common: a clock that goes, a desk that asks for runs, activities of many characters."""

import threading
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from headrace.core import codec
from headrace.core.clock import Instant
from headrace.core.codec import Json, JsonObject
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Dependency, Flow, Plan, Policy
from headrace.core.outcome import Figures, Outcome
from headrace.core.planning import PlanRequest, plan_run
from headrace.core.run import ActivityRun, ActivityStatus, Run, RunKind, RunStatus
from headrace.core.task import ActivityFunction, Context, Task
from headrace.engine.configuration import EngineConfig
from headrace.engine.engine import Engine
from headrace.service.recoveries import Recovery, recover_run
from headrace.store import activity_runs, flows, queue, runs, signals
from headrace.store.database import Database
from waiting import until


class MakesEngines(Protocol):
    """Starts engines on the ledger of the test's desk."""

    def __call__(
        self,
        activities: Mapping[str, ActivityFunction] | None = None,
        config: EngineConfig = ...,
    ) -> Engine:
        """Return an engine that takes runs."""
        ...


NOW = 1_700_000_000_000_000
QUICK = EngineConfig(
    heartbeat_seconds=0.2,
    dead_after_seconds=1.5,
    watch_seconds=0.1,
    park_after_seconds=0.5,
    stop_seconds=0.3,
)
"""Settings of an engine in tests: everything soon."""


FROM_FAILURE = Recovery()
"""What did not succeed is done, and what depends on it."""


class GoingClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Return the present instant."""
        return Instant(time.time_ns() // 1000)


class RandomIds:
    """Ids from the machine's randomness: several processes of one test make different ones."""

    def uuid(self) -> str:
        """Return a random UUID."""
        return str(uuid.uuid4())

    def ulid(self) -> str:
        """Return 26 random characters."""
        return uuid.uuid4().hex[:26].upper()


def activity(
    name: str,
    kind: str = "noop",
    after: Iterable[str] = (),
    settings: Mapping[str, Json] | None = None,
    policy: Policy = Policy(),
) -> Activity:
    """Return an activity that waits for the success of those in ``after``."""
    return Activity(name, kind, settings or {}, tuple(Dependency(other) for other in after), policy)


def plan(*activities: Activity) -> Plan:
    """Return the plan of these activities."""
    return Plan(activities)


@dataclass
class Desk:
    """Asks for runs as the service does, and looks at what becomes of them."""

    database: Database
    clock: GoingClock = field(default_factory=GoingClock)

    def ask(
        self,
        of: Plan,
        *,
        flow: str = "flow",
        concurrency: int | None = None,
        priority: int = 100,
        details: Mapping[str, Json] | None = None,
        due_in: float | None = None,
        without_rows: bool = False,
    ) -> str:
        """Return the id of a new run of ``of``, which is in the queue."""
        run_id, now = str(uuid.uuid4()), self.clock.now()
        decided = plan_run(of, (), PlanRequest(run_id))
        run = Run(
            id=run_id,
            scope="local",
            flow_id=flow,
            flow_name=flow,
            kind=RunKind.ON_DEMAND,
            group_id=run_id,
            definition=of,
            created_at=now,
            plan=cast("JsonObject", codec.encode(decided)),
            priority=priority,
            due_at=None if due_in is None else Instant(now + round(due_in * 1_000_000)),
            details=details or {},
        )
        with self.database.transaction() as tx:
            flows.put(tx, Flow(flow, "local", flow, of, concurrency=concurrency), now)
            runs.insert(tx, run)
            if not without_rows:
                activity_runs.insert_all(
                    tx, [_pending(run, one, decided.by_path[one.name].commit_key) for one in of.in_order()]
                )
            queue.enqueue(tx, run)
        return run_id

    def recover(self, run_id: str, of: Plan, recovery: Recovery = FROM_FAILURE) -> str:
        """Return the id of a run that goes on with the work of another one, by the definition ``of``."""
        wanted = Run(
            id=str(uuid.uuid4()),
            scope="local",
            flow_id="flow",
            flow_name="flow",
            kind=RunKind.ON_DEMAND,
            group_id="",
            definition=of,
            created_at=self.clock.now(),
            exclusive=False,
        )
        with self.database.transaction() as tx:
            return recover_run(tx, run_id, wanted, recovery).id

    def run(self, run_id: str) -> Run:
        """Return the run."""
        with self.database.reading() as tx:
            return runs.get(tx, None, run_id)

    def rows(self, run_id: str) -> list[ActivityRun]:
        """Return the run's activity runs."""
        with self.database.reading() as tx:
            return activity_runs.of_run(tx, run_id)

    def statuses(self, run_id: str) -> dict[str, str]:
        """Return the status of each activity's newest attempt."""
        return {row.path: row.status.value for row in self.rows(run_id)}

    def ended(self, run_id: str, seconds: float = 20) -> Run:
        """Return the run when it has ended."""
        until(lambda: self.run(run_id).status.is_final, seconds=seconds, what=f"the end of run {run_id}")
        return self.run(run_id)

    def becomes(self, run_id: str, status: RunStatus, seconds: float = 15) -> None:
        """Wait until the run has the status."""
        until(lambda: self.run(run_id).status is status, seconds=seconds, what=f"run {run_id} to be {status}")

    def activity_becomes(self, run_id: str, path: str, status: ActivityStatus, seconds: float = 15) -> None:
        """Wait until the newest attempt at an activity has the status."""
        until(lambda: self.statuses(run_id)[path] == status.value, seconds=seconds, what=f"{path} to be {status}")

    def cancel(self, run_id: str) -> None:
        """Ask for the end of a run that goes on."""
        with self.database.transaction() as tx:
            runs.move(tx, run_id, {RunStatus.RUNNING, RunStatus.WAITING}, RunStatus.CANCELLING, self.clock.now())

    def cancel_queued(self, run_id: str) -> None:
        """Cancel a run that stands in the queue."""
        with self.database.transaction() as tx:
            runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.CANCELLED, self.clock.now())

    def tell(self, run_id: str, path: str, message: Mapping[str, Json], attempt: int = 1) -> None:
        """Send a signal to an attempt of the run."""
        with self.database.transaction() as tx:
            signals.send(tx, "local", run_id, path, attempt, message, self.clock.now())

    def every(self, run_ids: Collection[str]) -> Mapping[str, RunStatus]:
        """Return the statuses of the runs."""
        with self.database.reading() as tx:
            return runs.statuses(tx, run_ids)


def _pending(run: Run, one: Activity, commit_key: str) -> ActivityRun:
    return ActivityRun(
        run_id=run.id,
        path=one.name,
        attempt=1,
        kind=one.kind,
        status=ActivityStatus.PENDING,
        fingerprint=one.fingerprint,
        commit_key=commit_key,
        created_at=run.created_at,
    )


def pass_time(context: Context, seconds: float) -> None:
    """Work for so long, and stop when told to."""
    stopped = threading.Event()
    context.cancellation.on_stop(stopped.set)
    stopped.wait(seconds)
    context.cancellation.check()


def patient(task: Task, context: Context) -> Outcome:
    """Work for ``seconds``, and stop when told to."""
    pass_time(context, float(str(task.settings.get("seconds", 30))))
    return Outcome(output={"seconds": task.settings.get("seconds")})


def committing(task: Task, context: Context) -> Outcome:
    """Begin to commit, be told to stop meanwhile, and commit all the same."""
    until(lambda: context.cancellation.problem, seconds=10, what="to be told to stop")
    return Outcome(output={"committed": task.commit_key})


def failing(task: Task, context: Context) -> Outcome:  # noqa: ARG001 — the same
    """Fail with the ``code`` of the settings."""
    raise Problem(Code(str(task.settings.get("code", "invalid"))), "it was asked to fail")


def counting(task: Task, context: Context) -> Outcome:  # noqa: ARG001 — the same
    """Report figures and what came in."""
    return Outcome(output={"inputs": sorted(task.inputs)}, figures=Figures(rows_read=2, bytes_read=10))


CHARACTERS: Mapping[str, ActivityFunction] = {
    "patient": patient,
    "committing": committing,
    "failing": failing,
    "counting": counting,
}
"""Kinds of activities in tests, by name."""
