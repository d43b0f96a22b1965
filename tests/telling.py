"""An environment that things happen in, for tests of what listeners are told."""

from typing import Any

from fakes import CountingIds, ManualClock
from headrace.core.clock import Instant
from headrace.core.happening import Happening, Place
from headrace.core.ids import Ids
from headrace.core.job import Actor, scope_of
from headrace.core.job_limits import JobLimits
from headrace.service.happenings import reading
from headrace.service.happenings.announce import tell
from headrace.service.happenings.desk import HappeningDesk, make_desk
from headrace.service.happenings.open_requests import OpenRequests
from headrace.service.sealing import Sealer
from headrace.store.database import Database, Transaction

SCOPE = scope_of("us_acc_00000001", "us_env_00000001")
OTHER_SCOPE = scope_of("us_acc_00000001", "us_env_00000002")
ACTOR = Actor("us_key_00000001", SCOPE)
SPACE, OTHER_SPACE = "us_sp_00000001", "us_sp_00000002"
DELAY = JobLimits().event_delay_ms * 1000


def desk_on(
    database: Database, clock: ManualClock, ids: Ids | None = None, pid: int | None = None, **limits: Any
) -> HappeningDesk:
    """Return a desk whose dispatcher has no thread: tests say when it hands out. ``pid``: of the process that it is in (None: this one)."""
    requests = OpenRequests(clock, pid)
    return make_desk(database, clock, ids or CountingIds(), JobLimits(**limits), Sealer([b"k" * 32]), requests)


def write(
    tx: Transaction,
    desk: HappeningDesk,
    topic: str = "space:updated",
    *,
    actor: Actor = ACTOR,
    space_id: str | None = None,
    **given: Any,
) -> Happening:
    """Write down a happening in ``tx``."""
    place = Place(scope=actor.scope, space_id=space_id, job_id=given.pop("job_id", None))
    return tell(tx, desk.ids, Instant(desk.clock.now()), actor, place, topic, given.pop("payload", {}), **given)


def told(desk: HappeningDesk, *topics: str, **given: Any) -> list[str]:
    """Write down happenings, each in a transaction of its own; return their ids."""
    found = []
    for topic in topics:
        with desk.database.transaction() as tx:
            found.append(write(tx, desk, topic, **given).id)
    return found


def hand_out_later(desk: HappeningDesk, clock: ManualClock, microseconds: int = DELAY) -> int:
    """Let time pass, and hand out what is due then; return how many."""
    clock.advance(microseconds)
    return desk.dispatcher.hand_out()


def heard(desk: HappeningDesk, number: int = 0, scope: str = SCOPE) -> list[str]:
    """Return the ids of what follows ``number``, in order."""
    return [item.id for item in reading.after(desk, scope, number, None, 1000).happenings]
