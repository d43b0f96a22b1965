"""A run of a plan with containers, done in memory by the planner's word, as the engine does it: what is executed, and the rows that it leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from headrace.core.carrying import DONE, begun_rows, carried_below, name_of, past_activities
from headrace.core.clock import Instant
from headrace.core.flow import Activity, Plan
from headrace.core.planning import PastRun, PlanMode, PlanRequest, RunPlan, plan_run
from headrace.core.progress import outcome, ready
from headrace.core.run import BODY, ActivityRun, ActivityStatus, RunStatus

NOW = Instant(1)
ITERATIONS = 2
_ENDS = {RunStatus.SUCCEEDED: ActivityStatus.SUCCEEDED, RunStatus.FAILED: ActivityStatus.FAILED}


@dataclass
class Performance:
    """One run: ``works`` says whether the activity at a path succeeds when it is executed; ``earlier`` are the rows of the run that it repairs."""

    run_id: str
    works: Callable[[str], bool]
    earlier: Sequence[ActivityRun] = ()
    mode: PlanMode = PlanMode.FRESH
    activity: str | None = None
    rows: list[ActivityRun] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    plans: dict[str, RunPlan] = field(default_factory=dict)
    """What was decided for each level, by its path."""
    went_on: dict[str, str] = field(default_factory=dict)
    """Where the work was found that a level goes on with, by the level's path."""

    def perform(self, plan: Plan) -> ActivityStatus:
        """Do all of ``plan``; return how it ends."""
        return self._level(plan, "", self.mode, "")

    def _level(self, plan: Plan, at: str, mode: PlanMode, before: str | None) -> ActivityStatus:
        past = [row for row in self.earlier if row.parent == before and row.kind != BODY]
        history = (PastRun(past[0].run_id, RunStatus.FAILED, past_activities(past)),) if past else ()
        planned = plan_run(plan, history, PlanRequest(self.run_id, mode, self.activity, at=at))
        self.plans[at] = planned
        if past and before is not None:
            self.went_on[at] = before
        begun = {name_of(row): row for row in begun_rows(self.run_id, plan, planned, past, NOW, at)}
        for name, row in begun.items():
            if row.status is ActivityStatus.CARRIED and plan.by_name[name].bodies:
                source = f"{before}/{name}" if before else name
                below = [row for row in self.earlier if row.path.startswith(f"{source}/")]
                self.rows.extend(carried_below(self.run_id, below, source, row.path, NOW))
        statuses = {name: row.status for name, row in begun.items()}
        while True:
            step = ready(plan, statuses)
            statuses |= dict.fromkeys(step.skip, ActivityStatus.SKIPPED)
            statuses |= dict.fromkeys(step.inactive, ActivityStatus.INACTIVE)
            if step.done:
                self.rows.extend(replace(row, status=statuses[name], ended_at=NOW) for name, row in begun.items())
                return _ENDS[outcome(plan, statuses)]
            for name in step.start:
                enters = planned.by_path[name].enters is not None
                statuses[name] = self._execute(plan.by_name[name], begun[name].path, planned.mode, enters, before)
        raise AssertionError

    def _execute(
        self, activity: Activity, path: str, mode: PlanMode, enters: bool, before: str | None
    ) -> ActivityStatus:
        if not activity.bodies:
            self.executed.append(path)
            return ActivityStatus.SUCCEEDED if self.works(path) else ActivityStatus.FAILED
        container = (f"{before}/{activity.name}" if before else activity.name) if enters else None
        ends = set()
        for body, plan in activity.bodies.items():
            for name in map(str, range(ITERATIONS)) if activity.kind == "for_each" else [body]:
                source = None if container is None else f"{container}/{name}"
                done = any(row.path == source and row.status in DONE for row in self.earlier)
                # Every item is what it was.
                carries = done and activity.kind == "for_each"
                end = self._level(plan, f"{path}/{name}", PlanMode.CARRY if carries else mode, source)
                ends.add(end)
                self.rows.append(
                    ActivityRun(self.run_id, f"{path}/{name}", 1, BODY, end, "", parent=path, ended_at=NOW)
                )
        return ActivityStatus.FAILED if ActivityStatus.FAILED in ends else ActivityStatus.SUCCEEDED
