"""The engine of one worker process: DBOS on the ledger's database, and everything around it that keeps runs going."""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import structlog
from dbos import DBOS, DBOSConfig

from headrace.core.clock import Clock
from headrace.core.dialect import Dialect
from headrace.core.errors import Code, Problem
from headrace.core.ids import Ids
from headrace.core.outcome import Failure
from headrace.core.queueing import RUN_WORKFLOW, RUNS_QUEUE, WAITING_QUEUE, bound_of
from headrace.core.task import ActivityFunction
from headrace.engine import telling
from headrace.engine.attempt_ledger import AttemptLedger
from headrace.engine.attempts import Attempts
from headrace.engine.body_ledger import BodyLedger
from headrace.engine.configuration import EngineConfig
from headrace.engine.execution import Execution
from headrace.engine.glance import Looks
from headrace.engine.handback import HandBack
from headrace.engine.hands import Halted, Hands, Moved
from headrace.engine.ledger import Ledger
from headrace.engine.neighbours import here
from headrace.engine.places import Places
from headrace.engine.run_lines import RunLines
from headrace.engine.takeover import Takeover
from headrace.engine.tools import Tools
from headrace.engine.watch import News, Watch
from headrace.store import queue, workers
from headrace.store.database import Database

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_WAITING_AT_ONCE = 100_000
_THREADS_END_SECONDS = 1.0
_LOOK_SECONDS = 2.0
_LISTENER_SECONDS = 0.5
_ACTIVITY = "headrace-activity"
_LEFT_TO_THEMSELVES = 32
"""Threads beyond those for activities that have a place: of activities that did not stop when they were told to."""


class Engine:
    """Carries runs from their first activity to their end.

    One engine a process, since DBOS is one a process. ``start`` begins to take runs from the queue; ``drain`` lets what works end and
    hands back what does not; ``stop`` hands back at once. ``on_fenced`` is called, from a thread, when this worker was declared dead: it
    has dropped everything by then, and its process should end.
    """

    def __init__(  # noqa: PLR0913, PLR0917 — what a worker is made of
        self,
        database: Database,
        activities: Mapping[str, ActivityFunction],
        config: EngineConfig,
        clock: Clock,
        ids: Ids,
        on_fenced: Callable[[], None] = lambda: None,
        dialects: Mapping[str, Dialect] | None = None,
    ) -> None:
        self.config = config
        self.executor_id = config.executor_id or f"{socket.gethostname()}-{os.getpid()}-{ids.uuid()[:8]}"
        self._database = database
        self._activities = activities
        self._dialects = dialects or {}
        self._clock = clock
        self._on_fenced = on_fenced
        self._hands = Hands(stop_seconds=config.stop_seconds)
        self._pool = ThreadPoolExecutor(config.light_concurrency, thread_name_prefix="headrace-ledger")
        at_once = config.light_concurrency + config.heavy_concurrency + _LEFT_TO_THEMSELVES
        self._at_work = ThreadPoolExecutor(at_once, thread_name_prefix=_ACTIVITY)
        self._lines = RunLines(database, clock, config.log_lines, self.executor_id)
        self._claim: workers.WorkerClaim | None = None
        self._tools: Tools | None = None
        self._looks: Looks | None = None
        self._hand_back: HandBack | None = None
        self._watch: Watch | None = None
        self._takeover: Takeover | None = None

    def start(self) -> None:
        """Register this worker, launch DBOS and take runs from the queue.

        Raises:
            Problem: ``UNAVAILABLE``: the ledger cannot be reached.
        """
        with self._database.transaction() as tx:
            now = self._clock.now()
            self._claim = workers.register(tx, self.executor_id, here(), os.getpid(), now)
        self._lines.start()
        self._tools = self._make_tools(self._claim)
        self._hand_back = HandBack(self._database, self._hands)
        news = News(self._fenced, self._hand_back.hurry)
        self._watch = Watch(self._tools.ledger, self._hands, self.config, news)
        self._watch.start()
        self._launch()
        self._takeover = Takeover(self._tools.ledger, self._hand_back, self.config, self._register_bounded)
        self._takeover.start()

    def drain(self, timeout: float | None = None) -> bool:
        """Take no new runs, let activities at work end for at most ``timeout`` seconds, and hand everything back.

        Returns whether all that worked could end.
        """
        self._hands.leave("the worker stops")
        return self._end(self.config.drain_seconds if timeout is None else timeout)

    def hurry(self) -> None:
        """Cut a ``drain`` short that goes on in another thread: activities at work are told to stop now."""
        self._hands.drop("the worker stops at once")

    def stop(self) -> None:
        """Hand everything back at once; activities at work are told to stop, and are done again by whoever takes their runs."""
        self._hands.drop("the worker stops")
        self._end(0)

    def _make_tools(self, claim: workers.WorkerClaim) -> Tools:
        ledger = Ledger(self._database, self._clock, self._hands, claim, self._dialects)
        trials = AttemptLedger(ledger.writer)
        return Tools(
            ledger=ledger,
            trials=trials,
            bodies=BodyLedger(ledger.writer),
            attempts=Attempts(ledger.writer, trials, self._activities, self.config.takeovers, self._lines),
            hands=self._hands,
            lines=self._lines,
            places=Places(self.config, ledger.writer),
            config=self.config,
            clock=self._clock,
            in_thread=partial(_in_thread, self._pool),
            at_work=partial(_in_thread, self._at_work),
        )

    def _launch(self) -> None:
        logging.getLogger("dbos").setLevel(logging.ERROR)
        settings: DBOSConfig = {
            "name": queue.APPLICATION,
            "system_database_engine": self._database.engine,
            "application_version": self.config.app_version,
            "executor_id": self.executor_id,
            "serializer": queue.serializer(),
            "log_level": "ERROR",
            "run_migrations": False,
            "enable_otlp": False,
            # Nothing is told to runs through DBOS (signals stand in the ledger), but its listener ends only between two looks.
            "notification_listener_polling_interval_sec": _LISTENER_SECONDS,
        }
        instance = DBOS(config=settings)
        DBOS.workflow(name=RUN_WORKFLOW, max_recovery_attempts=None)(self._workflow())
        DBOS.launch()
        self._looks = Looks(instance, self._database, lambda: not self._hands.leaving)
        config = self.config
        queues = (
            (RUNS_QUEUE, config.poll_seconds, config.worker_concurrency),
            (WAITING_QUEUE, config.bounded_poll_seconds, _WAITING_AT_ONCE),
        )
        for name, poll, at_once in queues:
            DBOS.register_queue(
                name, polling_interval_sec=poll, worker_concurrency=at_once, on_conflict="always_update"
            )

    def _workflow(self) -> Callable[[str], Any]:
        async def execute_run(run_id: str) -> None:
            await self._execute(run_id)

        return execute_run

    def _register_bounded(self, name: str) -> None:
        bound = bound_of(name)
        if bound is not None:
            poll = self.config.bounded_poll_seconds
            DBOS.register_queue(
                name, polling_interval_sec=poll, partition_concurrency=bound, on_conflict="always_update"
            )

    async def _execute(self, run_id: str) -> None:
        """Carry out the run ``run_id``; what stops it for good is written to the ledger, and nothing is left open."""
        tools = self._tools
        if tools is None:
            raise Halted("the engine has not started")
        tools.hands.check()
        try:
            begun = await tools.in_thread(tools.ledger.begin, run_id)
            if begun is None:
                return
            came_from = None if begun.first else await tools.in_thread(tools.places.queue_of, run_id)
            with self._lines.at(run_id):
                telling.run_begun(begun)
            await Execution(begun, tools, came_from or RUNS_QUEUE).carry_out()
        except Moved:
            raise
        except Halted:
            await self._give_back(tools, run_id)
            raise
        except Exception as problem:  # noqa: BLE001 — the outermost edge of a run: whatever it is, the run must not stay open
            await self._abandon(tools, run_id, problem)

    async def _give_back(self, tools: Tools, run_id: str) -> None:
        """Let a run be taken up again whose execution was halted by another one's claims.

        When that one has the run, nothing is done. But where both have overtaken each other, both have halted, and the run would lie in a living
        worker's hand for ever.
        """
        if not tools.hands.leaving:
            await asyncio.sleep(self.config.watch_seconds)
        if not tools.hands.leaving and not tools.hands.holds(run_id):
            await tools.in_thread(tools.places.give_back, run_id)

    async def _abandon(self, tools: Tools, run_id: str, problem: Exception) -> None:
        """Let a run fail that this code cannot go on with: a bug must not leave it open for ever."""
        with self._lines.at(run_id):
            trace = "".join(traceback.format_exception(problem))
            _log.error("the run could not be gone on with", run=run_id, trace=trace)
        message = f"the run could not be gone on with: {type(problem).__name__}"
        failure = Failure.of(problem) if isinstance(problem, Problem) else Failure(Code.INTERNAL, message)
        try:
            await tools.in_thread(tools.ledger.abandon, run_id, failure)
        except Exception as again:
            # DBOS must not take this for the run's end: it stays in hand, and the next worker tries.
            raise Halted("the run could not even be abandoned") from again

    def _fenced(self) -> None:
        _log.error("this worker was declared dead; it drops everything", worker=self.executor_id)
        self._hands.drop("this worker was declared dead")
        self._on_fenced()

    def _end(self, patience: float) -> bool:
        if self._claim is None:
            return True
        if self._takeover is not None:
            self._takeover.stop()
        # A run that DBOS was just taking from the queue halts at once, and is handed back with the others.
        if self._looks is not None:
            self._looks.wait_until_over(_LOOK_SECONDS)
        done = self._hands.wait_until_empty(patience)
        self._hands.drop("the worker stops")
        DBOS.destroy(destroy_registry=True)
        if self._watch is not None:
            self._watch.stop()
        self._sign_off()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._at_work.shutdown(wait=False, cancel_futures=True)
        _wait_for_activities()
        self._lines.stop()
        return done

    def _sign_off(self) -> None:
        """Write no more, and give what is still ours to the others. If this fails, they find out by the heartbeat."""
        if self._claim is None or self._hand_back is None:
            return
        with contextlib.suppress(Problem), self._database.transaction() as tx:
            workers.stop(tx, self._claim, self._clock.now())
        self._hand_back.all_of(self.executor_id)
        self._claim = None


def _in_thread(pool: ThreadPoolExecutor, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
    # Not asyncio.to_thread: the thread must not inherit the workflow's context, in which every call of DBOS is a durable step.
    return asyncio.get_running_loop().run_in_executor(pool, partial(function, *args))


def _wait_for_activities() -> None:
    """Let end what was on its way, so that it gives its connections back; nobody waits for an activity that does not stop."""
    deadline = time.monotonic() + _THREADS_END_SECONDS
    for thread in threading.enumerate():
        if thread.name.startswith((_ACTIVITY, "dbos-executor-")):
            thread.join(timeout=max(deadline - time.monotonic(), 0))
