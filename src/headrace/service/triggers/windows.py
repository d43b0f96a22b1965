"""Tumbling window triggers: windows become due, wait for each other, and each has its pipeline run, once.

One look at a trigger takes the ends of its windows from their pipeline runs, writes windows that have become due (a few more than can go on at
once, however many there are), and says which may begin. Each begins in a transaction of its own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from headrace.core.clock import SECOND, Instant, to_iso
from headrace.core.codec import decode
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code
from headrace.core.outcome import Failure
from headrace.core.run import RunStatus
from headrace.core.trigger import Trigger, TriggerRun, TriggerRunStatus
from headrace.core.tumbling import PATIENCE, Tumbling, WindowRange, windows_from
from headrace.service.runs import queue_first_run
from headrace.service.triggers.desk import Asked, TriggerDesk
from headrace.service.triggers.firing import in_one, make_runs, new_run_id
from headrace.service.triggers.waiting import settle_dependencies
from headrace.store import runs, trigger_runs, triggers
from headrace.store.database import Transaction
from headrace.store.trigger_runs import OpenWindow

AHEAD = 50
"""Windows that are written although they have no place yet."""
BLOCKED_AHEAD = 1000
"""Windows that are written although they wait for others: those behind them may not have to."""
LOOK_AGAIN = 5 * SECOND
"""How soon windows are looked at again that wait for others, if nobody says before that these have succeeded."""
_S = TriggerRunStatus
_ENDS = {RunStatus.SUCCEEDED: _S.SUCCEEDED, RunStatus.CANCELLED: _S.CANCELLED}


def tumbling_of(trigger: Trigger) -> Tumbling:
    """Return the windows of the trigger."""
    return decode(Tumbling, trigger.definition, what=f"the ledger's trigger {trigger.name}")


def look_at_windows(desk: TriggerDesk, trigger_id: str) -> int:
    """Do what there is to do for a trigger's windows now; return how many of them changed or began.

    Raises:
        Problem: ``UNAVAILABLE`` or ``DISK_FULL``.
    """
    with desk.database.transaction() as tx:
        look = _look(tx, desk, trigger_id)
    crash_point("windows-looked-at")
    if look.succeeded:
        # A look that is lost here is made up for: windows that wait are looked at again by themselves.
        with desk.database.transaction() as tx:
            triggers.wake_blocked(tx, look.scope, desk.clock.now())
    begun = 0
    while begun < look.ready and in_one(desk, lambda tx, failure: _begin_next(tx, desk, trigger_id, failure)):
        crash_point("window-begun")
        begun += 1
    return look.changed + begun


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look did: how many windows changed, how many of them succeeded, and how many may begin."""

    scope: str = ""
    changed: int = 0
    succeeded: int = 0
    ready: int = 0


def _look(tx: Transaction, desk: TriggerDesk, trigger_id: str) -> _Look:
    trigger, now = triggers.hold(tx, trigger_id), desk.clock.now()
    if trigger is None and triggers.get(tx, trigger_id) is not None:
        # Another process has it in hand.
        return _Look()
    tumbling = None if trigger is None else tumbling_of(trigger)
    found = trigger_runs.open_windows(tx, trigger_id)
    ends = [_take_end(tx, each, tumbling, now) for each in found if _is_over(each)]
    look = _Look("", len(ends), ends.count(_S.SUCCEEDED))
    if trigger is None or tumbling is None:
        return look
    look = replace(look, scope=trigger.scope)
    if not trigger.is_started:
        return look
    written, cursor, following = _write_due(tx, desk, trigger, tumbling, found)
    if ends or written:
        found = trigger_runs.open_windows(tx, trigger_id)
    moved = settle_dependencies(tx, trigger, tumbling, [each.run for each in found], now) if tumbling.depends_on else 0
    if moved:
        found = trigger_runs.open_windows(tx, trigger_id)
    crash_point("windows-written")
    ready = len(list(_ready([each.run for each in found], tumbling, now)))
    blocked = [each.run for each in found if each.run.status is _S.BLOCKED]
    next_at = now if ready else _next_look([each.run for each in found], following, now)
    cursors = {"start": cursor}
    triggers.advance(tx, trigger, now, next_at=next_at, cursor=cursors, blocked=bool(blocked))
    return replace(look, changed=look.changed + written + moved, ready=ready)


def _is_over(window: OpenWindow) -> bool:
    is_over = window.run_status is None or window.run_status.is_final
    return window.run.status is _S.RUNNING and window.run.try_at is None and is_over


def _take_end(tx: Transaction, window: OpenWindow, tumbling: Tumbling | None, now: Instant) -> TriggerRunStatus:
    """Give a window the end of its pipeline run, unless that is tried again."""
    run = window.run
    end = _S.FAILED if window.run_status is None else _ENDS.get(window.run_status, _S.FAILED)
    message = _why(tx, window) if end is _S.FAILED else ""
    if end is _S.FAILED and tumbling is not None and run.attempt <= tumbling.retries:
        trigger_runs.note(tx, run, now, try_at=Instant(now + tumbling.retry_after), message=message)
        return _S.RUNNING
    trigger_runs.move(tx, run, end, now, message=message)
    return end


def _why(tx: Transaction, window: OpenWindow) -> str:
    if window.run.run_id is None or window.run_status is None:
        return "The pipeline run is not there any more."
    reason = runs.get(tx, None, window.run.run_id).reason
    return "The pipeline run failed." if reason is None else reason.message


def _write_due(
    tx: Transaction, desk: TriggerDesk, trigger: Trigger, tumbling: Tumbling, found: list[OpenWindow]
) -> tuple[int, Instant, Instant | None]:
    """Write windows that have become due; return how many, where those begin that are not written, and when to look for them by the clock."""
    now = desk.clock.now()
    given = trigger.cursor.get("start")
    cursor = Instant(given) if isinstance(given, int) else tumbling.start
    counts = [each.run.status for each in found]
    room = min(AHEAD - counts.count(_S.WAITING), BLOCKED_AHEAD - counts.count(_S.BLOCKED))
    room = room if room > AHEAD // 2 else 0
    made: list[TriggerRun] = []
    following: Instant | None = None
    for window in islice(windows_from(tumbling, cursor), room + 1):
        due = tumbling.due_at(window)
        if due > now or len(made) == room:
            # Those that are due and have no room are written when others end.
            following = due if due > now else None
            break
        made.append(_waiting(desk, trigger, window, now))
        cursor = window.end
    written = trigger_runs.insert_all(tx, made)
    if len(made) == room > 0 and following is None and (tumbling.depends_on or written < len(made)):
        # What was there already, or has to wait for others, takes no room from those behind it.
        following = now
    return written, cursor, following


def _waiting(desk: TriggerDesk, trigger: Trigger, window: WindowRange, now: Instant) -> TriggerRun:
    return TriggerRun(
        id=new_run_id(desk.ids, now),
        scope=trigger.scope,
        trigger_id=trigger.id,
        trigger_name=trigger.name,
        trigger_type=trigger.type,
        key=to_iso(window.start),
        status=_S.WAITING,
        created_at=now,
        updated_at=now,
        window_start=window.start,
        window_end=window.end,
    )


def _ready(found: Iterable[TriggerRun], tumbling: Tumbling, now: Instant) -> Iterator[TriggerRun]:
    """Yield the windows that may begin, oldest first: those to be tried again, which have their place, and as many others as have one."""
    windows = list(found)
    yield from (run for run in windows if run.try_at is not None and run.try_at <= now)
    places = tumbling.at_once - sum(run.status is _S.RUNNING for run in windows)
    yield from islice((run for run in windows if run.status is _S.WAITING), max(0, places))


def _next_look(windows: list[TriggerRun], following: Instant | None, now: Instant) -> Instant | None:
    moments = [following] + [run.try_at for run in windows]
    moments += [Instant(now + LOOK_AGAIN) for run in windows[:1] if any(each.status is _S.BLOCKED for each in windows)]
    moments += [Instant((run.waits_since or now) + PATIENCE) for run in windows if run.status is _S.BLOCKED]
    return min((moment for moment in moments if moment is not None), default=None)


def _begin_next(tx: Transaction, desk: TriggerDesk, trigger_id: str, failure: Failure | None) -> bool:
    """Let the first window begin that may; say whether there was one."""
    trigger, now = triggers.hold(tx, trigger_id), desk.clock.now()
    if trigger is None or not trigger.is_started:
        return False
    tumbling = tumbling_of(trigger)
    found = [each.run for each in trigger_runs.open_windows(tx, trigger_id)]
    window = next(_ready(found, tumbling, now), None)
    if window is None or window.window_start is None or window.window_end is None:
        return False
    asked = Asked(
        trigger=trigger,
        trigger_run_id=window.id,
        now=now,
        scheduled=window.window_end,
        window=WindowRange(window.window_start, window.window_end),
        kept=window.values,
    )
    made = failure or make_runs(tx, desk, asked)
    if isinstance(made, Failure) and made.code is Code.LIMIT_EXCEEDED and failure is None:
        # Too many runs of the pipeline wait: so does the window.
        triggers.advance(tx, trigger, now, next_at=Instant(now + LOOK_AGAIN), blocked=trigger.blocked)
        return False
    if isinstance(made, Failure) or not made:
        text = made.message if isinstance(made, Failure) else "The trigger has no pipeline."
        return trigger_runs.move(tx, window, _S.FAILED, now, message=text, try_at=None)
    run = made[0].run
    begun = trigger_runs.move(
        tx,
        window,
        _S.RUNNING,
        now,
        run_id=run.id,
        pipelines={made[0].pipeline: run.id},
        values=dict(run.parameters),
        attempt=window.attempt + 1,
        try_at=None,
        message="",
    )
    crash_point("window-moved")
    if begun:
        queue_first_run(tx, run)
    return begun
