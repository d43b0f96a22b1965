"""The operations that the engine does for jobs, by the kinds of their activities (``core.engine_operations.kind_of``)."""

from collections.abc import Mapping

from headrace.activities.jobs import delete_records, export, extract, find_replace, map, mutate, snapshot  # noqa: A004 — named as the job is
from headrace.activities.jobs.planning import plan_activity
from headrace.activities.jobs.working import Desks, Operation, working
from headrace.core.engine_operations import PLAN
from headrace.core.task import WorkFunction

OPERATIONS: Mapping[str, Operation] = {
    "jobs_delete_records": delete_records.operate,
    "jobs_export": export.operate,
    "jobs_extract": extract.operate,
    "jobs_find_replace": find_replace.operate,
    "jobs_map": map.operate,
    "jobs_mutate_records": mutate.operate,
    "jobs_snapshot": snapshot.operate,
}


def functions(desks: Desks) -> dict[str, WorkFunction]:
    """Return the function of each kind."""
    return {kind: working(desks, operate) for kind, operate in OPERATIONS.items()} | {PLAN: plan_activity(desks)}
