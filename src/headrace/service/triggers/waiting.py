"""What windows wait for: those of other triggers, and earlier ones of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.core.clock import Instant
from headrace.core.codec import decode
from headrace.core.trigger import Trigger, TriggerKind, TriggerRun, TriggerRunStatus
from headrace.core.tumbling import (
    PATIENCE,
    Dependency,
    DependencyStatus,
    KnownWindows,
    Tumbling,
    WindowRange,
    merged,
    needed,
    span_of,
    standing,
)
from headrace.store import trigger_runs, triggers
from headrace.store.database import Transaction

_S = TriggerRunStatus
_WORST = (DependencyStatus.SUCCEEDED, DependencyStatus.WAITING, DependencyStatus.FAILED)


@dataclass(frozen=True, slots=True)
class _Upstream:
    """A trigger whose windows are waited for: how they lie (None: there is no such trigger), and the statuses of those that may matter."""

    dependency: Dependency
    name: str
    tumbling: Tumbling | None
    removed_until: Instant | None
    known: KnownWindows

    def standing(self, window: WindowRange) -> DependencyStatus:
        """Return how it stands with what ``window`` waits for of it."""
        if self.tumbling is None:
            return DependencyStatus.WAITING
        return standing(self.tumbling, needed(self.tumbling, self.dependency, window), self.known, self.removed_until)


def settle_dependencies(
    tx: Transaction, trigger: Trigger, tumbling: Tumbling, windows: Sequence[TriggerRun], now: Instant
) -> int:
    """Block windows that have to wait, let those go that do not any more, fail those that have waited too long; return how many changed."""
    waiting = [run for run in windows if run.status in {_S.WAITING, _S.BLOCKED}]
    if not waiting:
        return 0
    upstream = _upstream(tx, trigger, tumbling, [_window(run) for run in waiting])
    return sum(_settle(tx, run, upstream, now) for run in waiting)


def _settle(tx: Transaction, run: TriggerRun, upstream: Sequence[_Upstream], now: Instant) -> bool:
    found: dict[str, DependencyStatus] = {}
    for one in upstream:
        found[one.name] = max(found.get(one.name, _WORST[0]), one.standing(_window(run)), key=_WORST.index)
    is_free = all(status is DependencyStatus.SUCCEEDED for status in found.values())
    shown = {name: status.value for name, status in found.items()}
    if not is_free and run.status is _S.WAITING:
        return trigger_runs.move(tx, run, _S.BLOCKED, now, dependencies=shown, waits_since=run.waits_since or now)
    if is_free and run.status is _S.BLOCKED:
        return trigger_runs.move(tx, run, _S.WAITING, now, dependencies=shown, waits_since=None)
    if run.status is _S.BLOCKED and run.waits_since is not None and now >= run.waits_since + PATIENCE:
        names = ", ".join(sorted(name for name, status in found.items() if status is not DependencyStatus.SUCCEEDED))
        text = f"The window waited seven days for the windows of {names}, which have not succeeded."
        return trigger_runs.move(tx, run, _S.FAILED, now, message=text, dependencies=shown)
    if shown != run.dependencies:
        trigger_runs.note(tx, run, now, dependencies=shown)
    return False


def _upstream(
    tx: Transaction, trigger: Trigger, tumbling: Tumbling, windows: Sequence[WindowRange]
) -> tuple[_Upstream, ...]:
    others = triggers.named(tx, trigger.scope, [one.trigger for one in tumbling.depends_on if one.trigger])
    found = []
    for one in tumbling.depends_on:
        if one.trigger is None or one.trigger == trigger.name.lower():
            found.append(_read(tx, one, trigger, tumbling, windows))
            continue
        other = others.get(one.trigger)
        if other is None or other.kind is not TriggerKind.TUMBLING:
            found.append(_Upstream(one, one.trigger, None, None, KnownWindows((), (0,), (0,))))
            continue
        lies = decode(Tumbling, other.definition, what=f"the ledger's trigger {other.name}")
        found.append(_read(tx, one, other, lies, windows))
    return tuple(found)


def _read(
    tx: Transaction, dependency: Dependency, trigger: Trigger, tumbling: Tumbling, windows: Sequence[WindowRange]
) -> _Upstream:
    spans = (span_of(tumbling, needed(tumbling, dependency, window)) for window in windows)
    known: dict[Instant, TriggerRunStatus] = {}
    for first, last in merged(span for span in spans if span is not None):
        known |= trigger_runs.statuses_between(tx, trigger.id, first, last)
    return _Upstream(dependency, trigger.name, tumbling, trigger.removed_until, KnownWindows.of(tumbling, known))


def _window(run: TriggerRun) -> WindowRange:
    start = run.window_start or Instant(0)
    return WindowRange(start, run.window_end or start)
