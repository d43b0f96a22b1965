"""Processes that do runs: the engine with everything that activities need."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any

from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.batches import batch_id
from headrace.bootstrap.jobs import HEAVY, job_activities, job_scripts
from headrace.bootstrap.language import mapping_language
from headrace.bootstrap.lightness import give_back
from headrace.bootstrap.pipelines import dialects, pipeline_activities
from headrace.bootstrap.timers import on_time
from headrace.bootstrap.upkeep import sweep_if_due
from headrace.config import Settings
from headrace.core.clock import DAY, HOUR
from headrace.core.outcome import Expansion, Outcome, Pause
from headrace.core.scripts import ScriptRunner
from headrace.core.task import ActivityFunction, DynamicContext, Task
from headrace.dataplane.connectors.egress import EVERYTHING
from headrace.engine.configuration import HEAVY_KINDS, EngineConfig
from headrace.engine.engine import Engine
from headrace.engine.worker import run_worker

_LOOK_FOR_UPKEEP_SECONDS = 300.0


def activities(application: Application, scripts: ScriptRunner | None = None) -> Mapping[str, ActivityFunction]:
    """Return what each kind of activity does, for an engine. ``scripts`` runs those of jobs.

    What moves data is loaded when the first activity of its kind begins: an idle worker is 60 MB smaller without DuckDB, Arrow and Delta.
    """
    roots, limits = application.roots, application.limits

    @cache
    def promoting() -> Any:
        needed = import_module("headrace.activities.promote").Promoting
        return needed(roots, limits, mapping_language(), lambda task: batch_id(application, task))

    makers: Mapping[str, Callable[[Any], ActivityFunction]] = {
        "copy": lambda module: module.copy_activity(
            application.roots_of, limits, application.clock, application.connect
        ),
        "promote": lambda module: module.promote_activity(promoting()),
        "replay": lambda module: module.replay_activity(promoting()),
        "upload": lambda module: module.upload_activity(roots),
        "revert": lambda module: module.revert_activity(roots),
    }
    moving = {kind: _loaded_when_needed(kind, make) for kind, make in makers.items()}
    return {**moving, **pipeline_activities(application), **job_activities(application, scripts)}


def _loaded_when_needed(kind: str, make: Callable[[Any], ActivityFunction]) -> ActivityFunction:
    """Return the function of a kind of activity, which is the name of its module."""
    made = cache(lambda: make(import_module(f"headrace.activities.{kind}")))

    def act(task: Task, context: DynamicContext) -> Outcome | Pause | Expansion:
        return made()(task, context)

    return act


def engine_config(settings: Settings) -> EngineConfig:
    """Return what the settings say about an engine."""
    return EngineConfig(
        heartbeat_seconds=settings.heartbeat_seconds,
        dead_after_seconds=settings.dead_after_seconds,
        worker_concurrency=settings.worker_concurrency,
        poll_seconds=settings.poll_seconds,
        drain_seconds=settings.drain_seconds,
        heavy_kinds=HEAVY_KINDS | HEAVY,
        log_lines=settings.run_log_lines,
    )


def make_engine(
    application: Application, on_fenced: Callable[[], None] = lambda: None, scripts: ScriptRunner | None = None
) -> Engine:
    """Return a new engine of this process, not started. A process has one at a time."""
    return Engine(
        application.database,
        activities(application, scripts),
        engine_config(application.settings),
        application.clock,
        application.ids,
        on_fenced,
        dialects(application),
    )


@contextmanager
def working(application: Application) -> Iterator[Engine]:
    """Let this process do queued runs until the end of the block; what is in hand then is handed back to whoever works next."""
    with job_scripts(application) as scripts:
        engine = make_engine(application, scripts=scripts)
        engine.start()
        try:
            yield engine
        finally:
            engine.drain(application.settings.drain_seconds)
    sweep_if_due(application, DAY)


def work(settings: Settings, parent_pid: int | None = None, *, dev: bool = False) -> int:
    """Be a worker until SIGTERM, SIGINT or the end of the process ``parent_pid``; return the exit status. For the main thread.

    In an embedded home (one machine, one person) flow files have that person's rights, whoever's process does their runs. ``dev``: connections
    may reach every address, as those of a server with ``--dev``.

    Raises:
        Problem: as ``open_application``.
    """
    settings = replace(settings, egress_allow=(EVERYTHING,)) if dev else settings
    with (
        open_application(settings, unrestricted=settings.is_embedded) as application,
        _kept_up(application),
        on_time(application),
        job_scripts(application) as scripts,
    ):
        give_back()
        return run_worker(lambda on_fenced: make_engine(application, on_fenced, scripts), parent_pid)


@contextmanager
def _kept_up(application: Application) -> Iterator[None]:
    """Look now and then, in a thread, whether old things are to be removed; of all workers, one does it each hour."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_FOR_UPKEEP_SECONDS):
            sweep_if_due(application, HOUR)

    thread = threading.Thread(target=look, name="headrace-upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
