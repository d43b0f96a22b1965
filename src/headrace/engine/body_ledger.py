"""What the engine writes to the ledger about levels of activities and the bodies of containers, one transaction a function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headrace.core.clock import Instant
from headrace.core.codec import decode, encode
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.ids import derived_uuid
from headrace.core.outcome import Failure, Outcome
from headrace.core.planning import PlanMode
from headrace.core.progress import outcome
from headrace.core.run import BODY, ActivityRun, ActivityStatus
from headrace.engine.records import (
    Ending,
    Level,
    Repair,
    Standing,
    Try,
    by_end,
    culprits_of,
    figures_of,
    standings_of,
)
from headrace.engine.recovering import Earlier, carry_bodies, level_rows, look_back
from headrace.engine.writer import STOPPING, Writer
from headrace.store import activity_runs, levels, runs, workers
from headrace.store.database import Transaction

_CANCELLED = Failure(Code.CANCELLED, "it was cancelled before it had ended")


@dataclass(frozen=True, slots=True)
class BodyBegun:
    """A body that goes on, and how its activities stand; ``ended``: how it has ended, if it has."""

    level: Level
    standings: Mapping[str, Standing]
    ended: ActivityStatus | None = None


class BodyLedger:
    """The engine's transactions about levels and bodies, in the name of one worker."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._database = writer.database
        self._clock = writer.clock

    def mark(self, level: Level, marks: Mapping[str, ActivityStatus]) -> None:
        """Give pending activities of the level, by name, a final status that follows from what they depend on."""
        self._writer.patiently(self._mark, level, marks)

    def begin(self, container: str, level: Level) -> BodyBegun | None:
        """Begin a body of the container at that path, or go on with one that has begun; None: the run is being stopped, and nothing begins.

        ``level.repair``: the earlier work that it is to go on with; what becomes of its activities is planned now, and kept.
        """
        return self._writer.patiently(self._begin, container, level)

    def look_back(self, chance: Try) -> Earlier | None:
        """Return what an earlier run has of a container, if its work inside is gone on with."""
        return self._writer.patiently(self._look_back, chance)

    def carry(self, chance: Try, earlier: Earlier, indices: Sequence[int]) -> bool:
        """Carry over bodies of a container as they are; say whether that was done: it is not in a run that is being stopped."""
        return self._writer.patiently(self._carry, chance, earlier, indices)

    def end(self, ending: Ending) -> ActivityStatus:
        """Give a body its end, with the sums of what its activities moved."""
        return self._writer.patiently(self._end, ending)

    def begun(self, run_id: str, container_path: str) -> Mapping[str, ActivityStatus]:
        """Return how those bodies of a container stand that have begun, by path."""
        return self._writer.patiently(self._begun, run_id, container_path)

    def failure_of(self, run_id: str, path: str) -> Failure | None:
        """Return why the body at ``path`` failed."""
        return self._writer.patiently(self._failure_of, run_id, path)

    def _mark(self, level: Level, marks: Mapping[str, ActivityStatus]) -> None:
        now, pending = self._clock.now(), {ActivityStatus.PENDING}
        with self._database.transaction() as tx:
            for name, status in marks.items():
                path = level.path_of(name)
                activity_runs.move(tx, level.run.id, path, 1, pending, status, now, worker=self._writer.claim)
        crash_point("activities-marked")

    def _begin(self, container: str, level: Level) -> BodyBegun | None:
        run_id = level.run.id
        with self._database.transaction() as tx:
            found = activity_runs.at_path(tx, run_id, level.path)
            if found:
                level = replace(level, repair=_repair_in(found[-1]))
                if found[-1].status.is_final:
                    return BodyBegun(level, {}, found[-1].status)
                rows = activity_runs.of_parent(tx, run_id, level.path)
            elif not self._may_begin(tx, run_id, container) or level.bell.is_out_of_time:
                return None
            else:
                level, rows = self._insert(tx, container, level)
        crash_point("body-begun")
        return BodyBegun(level, standings_of(level, rows))

    def _may_begin(self, tx: Transaction, run_id: str, container: str) -> bool:
        """Say whether bodies of the container may begin, and hold that to the end of ``tx``; False: the run is being stopped.

        Raises:
            Problem: ``FENCED``: this worker was declared dead, or somebody else has gone on with the container. Rows that began then would be left
                open in a run that has ended.
        """
        workers.check(tx, self._writer.claim)
        if runs.status(tx, run_id) in STOPPING:
            return False
        if not levels.waits(tx, run_id, container):
            raise Problem(Code.FENCED, f"{container!r} of run {run_id} does not wait for its bodies any more")
        return True

    def _insert(self, tx: Transaction, container: str, level: Level) -> tuple[Level, list[ActivityRun]]:
        now = self._clock.now()
        if level.repair is not None:
            rows, mode = level_rows(tx, level, level.repair, now)
            # Where nothing was found to go on with, the level runs in full, and so does all that is in it.
            going_on = replace(level.repair, mode=mode) if mode is not PlanMode.FRESH else None
            level = replace(level, repair=going_on)
        else:
            rows = _fresh_rows(level, now)
        body = ActivityRun(
            run_id=level.run.id,
            path=level.path,
            attempt=1,
            kind=BODY,
            status=ActivityStatus.WAITING,
            fingerprint="",
            created_at=now,
            started_at=now,
            parent=container,
            state=None if level.repair is None else {"repair": encode(level.repair)},
        )
        activity_runs.insert_all(tx, [body, *rows])
        return level, rows

    def _look_back(self, chance: Try) -> Earlier | None:
        with self._database.reading() as tx:
            return look_back(tx, chance)

    def _carry(self, chance: Try, earlier: Earlier, indices: Sequence[int]) -> bool:
        with self._database.transaction() as tx:
            if not self._may_begin(tx, chance.run.id, chance.path):
                return False
            carry_bodies(tx, chance, earlier, indices, self._clock.now())
        crash_point("bodies-carried")
        return True

    def _end(self, ending: Ending) -> ActivityStatus:
        with self._database.transaction() as tx:
            status = end_body(tx, self._writer, ending)
        crash_point("body-ended")
        return status

    def _begun(self, run_id: str, container_path: str) -> Mapping[str, ActivityStatus]:
        with self._database.reading() as tx:
            found = activity_runs.statuses_of_parent(tx, run_id, container_path)
        return {path: status for path, _, status in found}

    def _failure_of(self, run_id: str, path: str) -> Failure | None:
        with self._database.reading() as tx:
            rows = activity_runs.at_path(tx, run_id, path)
        return rows[-1].failure if rows else None


def _fresh_rows(level: Level, now: Instant) -> list[ActivityRun]:
    """Return the rows of a level in which everything runs."""
    return [
        ActivityRun(
            run_id=level.run.id,
            path=level.path_of(activity.name),
            attempt=1,
            kind=activity.kind,
            status=ActivityStatus.PENDING,
            fingerprint=activity.fingerprint,
            commit_key=derived_uuid(level.run.id, level.path_of(activity.name)),
            created_at=now,
            parent=level.path,
        )
        for activity in level.plan.in_order()
    ]


def _repair_in(body: ActivityRun) -> Repair | None:
    kept = (body.state or {}).get("repair")
    return None if kept is None else decode(Repair, kept, what=f"the state of {body.path!r}")


def end_body(tx: Transaction, writer: Writer, ending: Ending) -> ActivityStatus:
    """Give the body its end in ``tx``, and return it."""
    level = ending.level
    status = ActivityStatus(outcome(level.plan, ending.statuses).value)
    failure = None
    if status is ActivityStatus.FAILED:
        failed = culprits_of(level, ending.statuses, activity_runs.of_parent(tx, level.run.id, level.path))
        dialect = writer.dialect_of(level.run.definition)
        failure = failed[0][1].failure if dialect is None and failed else None
        failure = dialect.body_failed(by_end(failed)) if dialect is not None else failure
    elif status is ActivityStatus.CANCELLED:
        failure = _CANCELLED
    moved = figures_of(levels.moved(tx, level.run.id, level.path))
    waiting, now = {ActivityStatus.WAITING}, writer.clock.now()
    end = Outcome(figures=moved, failure=failure)
    activity_runs.move(tx, level.run.id, level.path, 1, waiting, status, now, worker=writer.claim, outcome=end)
    return status
