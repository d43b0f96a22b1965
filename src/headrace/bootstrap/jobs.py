"""Jobs: what the processes of an installation need to do them and to keep their time."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from headrace.bootstrap.application import Application
from headrace.core.clock import DAY, Instant
from headrace.core.outcome import Expansion, Outcome, Pause
from headrace.core.scripts import ScriptRunner
from headrace.core.task import ActivityFunction, DynamicContext, Task
from headrace.dataplane.scripts.runner import Scripts
from headrace.service.jobs.desk import JobDesk
from headrace.service.records.desk import RecordDesk
from headrace.service.workspace import files
from headrace.service.workspace.desk import WorkspaceDesk
from headrace.store import idempotency

KINDS = (
    "jobs_plan",
    "jobs_extract",
    "jobs_map",
    "jobs_delete_records",
    "jobs_export",
    "jobs_find_replace",
    "jobs_mutate_records",
    "jobs_snapshot",
)
"""The kinds of activities of jobs that the engine does."""
HEAVY = frozenset({"jobs_extract", "jobs_map", "jobs_export", "jobs_mutate_records"})
"""Those that take a core for as long as they last."""


def job_desk(application: Application) -> JobDesk:
    """Return what the use cases of jobs need."""
    return JobDesk(application.database, application.clock, application.ids, application.settings.job_limits)


def record_desk(application: Application) -> RecordDesk:
    """Return what writing records needs."""
    return RecordDesk(application.database, application.clock, application.ids, application.settings.job_limits)


def workspace_desk(application: Application) -> WorkspaceDesk:
    """Return what changes of the workspace need."""
    return WorkspaceDesk(
        application.database,
        application.clock,
        application.ids,
        application.sealer,
        application.roots,
        application.settings.job_limits,
        job_desk(application),
    )


def job_scripts(application: Application) -> Scripts:
    """Return what runs scripts, for a ``with``: its processes end with the block. It has none before a script is run."""
    return Scripts(application.settings.job_limits.script)


def job_activities(application: Application, scripts: ScriptRunner | None = None) -> Mapping[str, ActivityFunction]:
    """Return what the engine does for jobs, by kind. What reads files is loaded when the first of them begins.

    ``scripts`` None: processes of scripts end with this process.
    """

    @cache
    def functions() -> Mapping[str, ActivityFunction]:
        module: Any = import_module("headrace.activities.jobs.operations")
        working: Any = import_module("headrace.activities.jobs.working")
        desks = working.Desks(
            jobs=job_desk(application),
            workspace=workspace_desk(application),
            records=record_desk(application),
            scripts=scripts or job_scripts(application),
            work=application.roots.work,
            limits=application.limits,
        )
        made: Mapping[str, ActivityFunction] = module.functions(desks)
        return made

    def of(kind: str) -> ActivityFunction:
        def act(task: Task, context: DynamicContext) -> Outcome | Pause | Expansion:
            return functions()[kind](task, context)

        return act

    return {kind: of(kind) for kind in KINDS}


def keep_up_jobs(application: Application) -> None:
    """Remove bytes of files that belong to none, and answers that nobody may ask for again."""
    files.collect(workspace_desk(application))
    with application.database.transaction() as tx:
        idempotency.forget(tx, Instant(application.clock.now() - DAY))
