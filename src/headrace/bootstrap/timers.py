"""What happens by the clock: due schedules and triggers are fired, webhooks told, and jobs that nobody goes on with ended.

Every worker process looks after all of it; what one does, no other repeats.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from headrace.api.datafactory.door import AUDIENCE as DATA_FACTORY
from headrace.api.datafactory.firing import maker as maker_of_triggers
from headrace.api.flowservice.door import AUDIENCE
from headrace.api.flowservice.firing import maker
from headrace.api.flowservice.notifications import renderer
from headrace.bootstrap.application import Application
from headrace.bootstrap.doors import make_data_factory_door, make_door
from headrace.bootstrap.jobs import job_desk, record_desk, workspace_desk
from headrace.bootstrap.reporting import report_desk
from headrace.bootstrap.watching import watching_of
from headrace.core.clock import SECOND, Clock, Instant
from headrace.core.errors import Problem
from headrace.dataplane.connectors.web import WebClient
from headrace.service import schedules, webhooks
from headrace.service.jobs import timekeeping
from headrace.service.records import commits
from headrace.service.reporting import report_due
from headrace.service.schedules import FiringDesk
from headrace.service.triggers import due, watching
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.looks import StoreLooks
from headrace.service.webhooks import WebhookDesk
from headrace.service.workspace import removal

_log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""A loop looks at least so often: somebody may have put in something that is due sooner."""
_STOP_SECONDS = 2.0


def firing_desk(application: Application) -> FiringDesk:
    """Return what firing schedules needs, with every door's way to make runs."""
    makers = {AUDIENCE: maker(make_door(application))}
    return FiringDesk(application.database, application.clock, application.ids, makers)


def trigger_desk(application: Application) -> TriggerDesk:
    """Return what firing triggers needs, with every door's way to make runs."""
    makers = {DATA_FACTORY: maker_of_triggers(make_data_factory_door(application))}
    return TriggerDesk(application.database, application.clock, application.ids, makers)


def webhook_desk(application: Application) -> WebhookDesk:
    """Return what webhooks need, with every door's words."""
    return WebhookDesk(
        application.database,
        application.clock,
        application.ids,
        application.sealer,
        WebClient(application.egress),
        {AUDIENCE: renderer(make_door(application))},
    )


@contextmanager
def on_time(application: Application) -> Iterator[None]:
    """Fire schedules and triggers and tell webhooks, each in threads of its own, until the end of the block: what hangs delays nothing else."""
    firing, triggering, telling = firing_desk(application), trigger_desk(application), webhook_desk(application)
    stores = StoreLooks(watching_of(application, triggering))
    jobs, records, workspace = job_desk(application), record_desk(application), workspace_desk(application)
    database = application.database
    over = threading.Event()
    loops = [
        _Loop(
            "headrace-schedules",
            lambda: schedules.fire_due(firing) > 0,
            lambda now: schedules.next_due(database, now),
        ),
        _Loop("headrace-triggers", lambda: due.fire_due(triggering) > 0, lambda now: due.next_look(database, now)),
        _Loop(
            "headrace-stores",
            lambda: stores.begin_due() > 0,
            lambda now: watching.next_look(database, now),
        ),
        _Loop(
            "headrace-webhooks",
            lambda: webhooks.deliver_due(telling) > 0,
            lambda _now: webhooks.next_delivery(database),
        ),
        _Loop("headrace-jobs", lambda: timekeeping.tick(jobs), lambda now: timekeeping.next_at(database, now)),
        _Loop("headrace-records", lambda: commits.tick(records), lambda _now: commits.next_at(database, records)),
        _Loop("headrace-removal", lambda: removal.sweep(workspace), lambda _now: None),
    ]
    reports = report_desk(application)
    if reports is not None:
        loops.append(_Loop("headrace-reports", lambda: report_due(reports), lambda _now: None))
    threads = [
        threading.Thread(target=loop.go, args=(application.clock, over), name=loop.name, daemon=True) for loop in loops
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        # What is being sent may take longer; it is in the ledger, and another process or the next one sends it again.
        for thread in threads:
            thread.join(_STOP_SECONDS)
        stores.wait(_STOP_SECONDS)


@dataclass(frozen=True, slots=True)
class _Loop:
    """Does ``work`` again and again; ``work`` says whether there is more to do at once, ``next_at`` when there will be."""

    name: str
    work: Callable[[], bool]
    next_at: Callable[[Instant], Instant | None]

    def go(self, clock: Clock, over: threading.Event) -> None:
        """Work until ``over``."""
        while not over.is_set():
            over.wait(self._once(clock))

    def _once(self, clock: Clock) -> float:
        """Return the seconds until the next look."""
        try:
            if self.work():
                return 0.0
            now = clock.now()
            next_at = self.next_at(now)
        except Problem as problem:
            _log.warning("the ledger cannot be reached", loop=self.name, problem=problem.message)
            return LOOK_SECONDS
        except Exception:  # noqa: BLE001 — the outermost edge of the thread: time goes on, whatever the bug
            _log.exception("a look at the clock failed", loop=self.name)
            return LOOK_SECONDS
        if next_at is None:
            return LOOK_SECONDS
        return min(max((next_at - now) / SECOND, 0.01), LOOK_SECONDS)
