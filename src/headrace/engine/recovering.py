"""Recoveries inside of containers: what the bodies of an earlier run are to those of the run that goes on with its work.

The planner decides (``core.planning``), level by level, when a body begins; here stands where it finds the level's past.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from headrace.core.carrying import DONE, ORIGIN, begun_rows, carried_below, name_of, origin_of, past_activities
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.outcome import Expansion, Outcome
from headrace.core.planning import PastRun, PlanMode, PlannedActivity, PlanRequest, plan_run
from headrace.core.run import ActivityRun, ActivityStatus
from headrace.engine.records import Level, Repair, Standing, Try, standing_of
from headrace.store import activity_runs, runs
from headrace.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Earlier:
    """A container of an earlier run, at ``path`` of it, whose work is gone on with.

    ``same``: indices of its bodies that had the item which ours has there. ``done``: those of them that did their work. ``last``: its last pass.
    """

    run_id: str
    path: str
    mode: PlanMode
    same: frozenset[int] = frozenset()
    done: frozenset[int] = frozenset()
    last: int | None = None

    def repair(self, expansion: Expansion, index: int) -> Repair | None:
        """Return what the body at ``index`` goes on with; None: it runs in full."""
        if expansion.items is not None:
            if index not in self.same:
                return None
            mode = PlanMode.CARRY if index in self.done else self.mode
            return Repair(self.run_id, f"{self.path}/{index}", mode)
        if expansion.number is None:
            return Repair(self.run_id, f"{self.path}/{expansion.body}", self.mode)
        if self.mode is PlanMode.CARRY:
            return Repair(self.run_id, f"{self.path}/{expansion.number}", self.mode)
        if expansion.number > 0 or self.last is None:
            return None
        return Repair(self.run_id, f"{self.path}/{self.last}", self.mode)


def path_before(tx: Transaction, chance: Try, run_id: str) -> str:
    """Return the path that the activity has in the earlier run; letter case may have been another one there."""
    level, name = chance.level, chance.activity.name
    before = level.repair.path if level.repair is not None else level.path
    path = f"{before}/{name}" if before else name
    if activity_runs.at_path(tx, run_id, path):
        return path
    rows = activity_runs.of_parent(tx, run_id, before)
    return next((row.path for row in rows if name_of(row).lower() == name.lower()), path)


def look_back(tx: Transaction, chance: Try) -> Earlier | None:
    """Return what an earlier run has of this container, if its work inside is gone on with."""
    run_id, expansion = chance.standing.enters, chance.standing.expansion
    if run_id is None or expansion is None or chance.level.repair is None:
        return None
    path = path_before(tx, chance, run_id)
    rows = activity_runs.at_path(tx, run_id, path)
    if not rows:
        return None
    earlier = Earlier(run_id, path, chance.level.repair.mode)
    past = standing_of(rows[-1]).expansion
    if past is None:
        return earlier
    if expansion.items is None or past.items is None:
        return replace(earlier, last=past.number)
    found = {row_path: status for row_path, _, status in activity_runs.statuses_of_parent(tx, run_id, path)}
    statuses = {index: found.get(f"{path}/{index}") for index in range(len(past.items))}
    both = enumerate(zip(expansion.items, past.items, strict=False))
    same = frozenset(index for index, (ours, theirs) in both if statuses[index] is not None and _equal(ours, theirs))
    return replace(earlier, same=same, done=frozenset(index for index in same if statuses[index] in DONE))


def kept(tx: Transaction, chance: Try) -> tuple[Outcome | Expansion, Mapping[str, Json]] | None:
    """Return what a container comes to next that is carried over, though variables are made again in it, and the details that it keeps.

    It runs the bodies that it ran before, whatever its settings would say now. None: its function is to be asked.
    """
    level, enters = chance.level, chance.standing.enters
    if level.repair is None or level.repair.mode is not PlanMode.CARRY or enters is None or not chance.activity.bodies:
        return None
    path = path_before(tx, chance, enters)
    rows = activity_runs.at_path(tx, enters, path)
    if not rows or rows[-1].status not in DONE:
        return None
    past, reached = standing_of(rows[-1]).expansion, chance.standing.expansion
    details = {**rows[-1].details, ORIGIN: origin_of(rows[-1])}
    if past is None:
        # Of loops that were carried over as they are, the items are not known any more: they are evaluated.
        ran = activity_runs.statuses_of_parent(tx, enters, path)
        return None if ran else (Outcome(output=rows[-1].output), details)
    if past.number is None:
        return past, details
    number = 0 if reached is None or reached.number is None else reached.number + 1
    if number > past.number:
        return Outcome(output=rows[-1].output), details
    return replace(past, number=number), details


def carry_bodies(tx: Transaction, chance: Try, earlier: Earlier, indices: Iterable[int], now: Instant) -> None:
    """Carry over bodies as they are, with all that is in them."""
    for index in indices:
        below = _from(tx, earlier.run_id, f"{earlier.path}/{index}")
        rows = carried_below(chance.run.id, below, earlier.path, chance.path, now)
        activity_runs.insert_all(tx, _with_bodies(rows, below, earlier.path, chance.path))


def level_rows(tx: Transaction, level: Level, repair: Repair, now: Instant) -> tuple[list[ActivityRun], PlanMode]:
    """Return the rows with which a body begins that goes on with earlier work, and the mode in which that is done."""
    past = activity_runs.of_parent(tx, repair.run_id, repair.path)
    status = runs.status(tx, repair.run_id)
    history = (PastRun(repair.run_id, status, past_activities(past)),) if past else ()
    named = level.run.plan.get("activity")
    request = PlanRequest(
        level.run.id,
        repair.mode,
        named if isinstance(named, str) else None,
        at=level.path,
        as_it_stands=True,
    )
    planned = plan_run(level.plan, history, request)
    begun = begun_rows(level.run.id, level.plan, planned, past, now, level.path)
    decided = planned.by_path
    rows: list[ActivityRun] = []
    for row in begun:
        if row.status is ActivityStatus.PENDING:
            rows.append(replace(row, state=_kept(decided[name_of(row)])))
            continue
        rows.append(row)
        if level.plan.by_name[name_of(row)].bodies:
            before = _earlier_path(past, row, repair.path)
            below = _from(tx, repair.run_id, before)
            copies = carried_below(level.run.id, below, before, row.path, now)
            rows[-1] = replace(row, state=_expanded_as(below[0]) if below and below[0].path == before else None)
            rows.extend(_with_bodies((one for one in copies if one.path != row.path), below, before, row.path))
    return rows, planned.mode


def _kept(planned: PlannedActivity) -> dict[str, Json] | None:
    kept = Standing(ActivityStatus.PENDING, enters=planned.enters, previous_from=planned.previous_from).state()
    return dict(kept) or None


def _earlier_path(past: Iterable[ActivityRun], row: ActivityRun, before: str) -> str:
    name = name_of(row)
    exact = f"{before}/{name}"
    paths = [other.path for other in past]
    return exact if exact in paths else next((path for path in paths if path.lower() == exact.lower()), exact)


def _from(tx: Transaction, run_id: str, path: str) -> list[ActivityRun]:
    """Return every attempt at ``path`` and at all that is below it."""
    return [*activity_runs.at_path(tx, run_id, path), *activity_runs.below(tx, run_id, path)]


def _with_bodies(
    copies: Iterable[ActivityRun], originals: Iterable[ActivityRun], before: str, at: str
) -> list[ActivityRun]:
    """Return the copies, those of containers with what they had expanded to: expressions look there for what is in them."""
    states = {at + row.path.removeprefix(before): _expanded_as(row) for row in originals}
    return [replace(copy, state=states.get(copy.path)) for copy in copies]


def _expanded_as(row: ActivityRun) -> dict[str, Json] | None:
    expansion = standing_of(row).expansion
    if expansion is None or expansion.items is not None:
        return None
    return dict(Standing(ActivityStatus.CARRIED, expansion=expansion).state())


def _equal(ours: Json, theirs: Json) -> bool:
    """Say whether two values are the same JSON; 1, 1.0 and true are three."""
    return json.dumps(ours, sort_keys=True, default=dict) == json.dumps(theirs, sort_keys=True, default=dict)
