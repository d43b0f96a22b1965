"""File triggers: a store is looked at again and again, and each change of a file that is wanted makes one trigger run.

A look lists the store outside of any transaction, with a lease on the trigger, so that one process lists at a time. Then the listing is compared with
what is known, a stretch of paths at a time: the trigger runs of a stretch, their pipeline runs, and what is known of its files from then on are one
transaction. A process that dies in between has told of whole stretches; the next look tells of the rest.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import structlog

from headrace.core.clock import MINUTE, SECOND, Instant
from headrace.core.codec import Json, decode
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Problem
from headrace.core.file_events import Difference, FileEvent, FileWatch, SeenFile, difference
from headrace.core.outcome import Failure
from headrace.core.trigger import Trigger, TriggerKind
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.firing import FullError, Occurrence, fire_occurrence, in_one
from headrace.store import triggers, watched_files
from headrace.store.columns import is_storable
from headrace.store.database import Database, Transaction

_log = structlog.get_logger(__name__)

Lister = Callable[[Trigger, FileWatch], Sequence[SeenFile]]
"""Returns the files that ``FileWatch.wanted`` takes, each path once. Raises ``Problem`` when the store cannot be listed."""

AT_ONCE = 50
"""Triggers that one call looks at at most."""
LEASE = 2 * MINUTE
"""So long nobody else lists a trigger's store; who takes longer may be overtaken, and then does nothing."""
SINCE = "since"
"""In the cursor of a trigger nobody has looked for yet: when it was started."""
_KNOWN = "watch"
_LONGEST_PATH = 2_000
"""Bytes; of much longer ones PostgreSQL makes no index."""
_OTHER_CLOCK = MINUTE
"""So far apart the clocks of the machines are at most; what is due later than that was written before a clock was set back."""
_BODY = ("fileName", "folderPath")


@dataclass(frozen=True, slots=True)
class Watching:
    """What looking at stores needs.

    ``every`` is the time from one look to the next, in microseconds. ``stretch`` are the paths that are compared in one transaction, ``most_events``
    those of which it tells at most.
    """

    desk: TriggerDesk
    list_files: Lister
    every: int = 5 * SECOND
    stretch: int = 2_000
    most_events: int = 50


class _Overtaken(Exception):
    """Somebody has changed the trigger since, or looks at its store as well."""


def watch_of(trigger: Trigger) -> FileWatch:
    """Return what the trigger watches."""
    return decode(FileWatch, trigger.definition, what=f"the ledger's trigger {trigger.name}")


def look_at_stores(watching: Watching, limit: int = AT_ONCE) -> int:
    """Look at the stores of triggers that are due, one after the other; return how many events were told of.

    A store that cannot be listed is looked at again the next time; it holds up no other.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger cannot be reached.
    """
    return sum(look_at_store(watching, trigger_id) for trigger_id in due_stores(watching, limit))


def due_stores(watching: Watching, limit: int = AT_ONCE) -> list[str]:
    """Return the ids of triggers whose stores are to be looked at, the longest due first.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger cannot be reached.
    """
    now = watching.desk.clock.now()
    with watching.desk.database.reading() as tx:
        return [each.id for each in triggers.due(tx, now, limit, {TriggerKind.FILES}, _latest(watching, now))]


def _latest(watching: Watching, now: Instant) -> Instant:
    """Return the latest moment for which somebody whose clock is like ours would say that a store is due."""
    return Instant(now + LEASE + watching.every + _OTHER_CLOCK)


def next_look(database: Database, after: Instant) -> Instant | None:
    """Return the first moment after ``after`` at which a store is to be looked at, or None."""
    with database.reading() as tx:
        return triggers.next_due(tx, after, {TriggerKind.FILES})


def look_at_store(
    watching: Watching, trigger_id: str, leased: Callable[[Trigger], None] = lambda _trigger: None
) -> int:
    """Look at the store of a trigger, if it is due; return how many events were told of.

    ``leased`` is told the trigger as it is while its store is listed (see ``keep_lease``).

    Raises:
        Problem: ``UNAVAILABLE`` or ``DISK_FULL``: the ledger.
    """
    trigger = _leased(watching, trigger_id)
    if trigger is None:
        return 0
    crash_point("watch-leased")
    leased(trigger)
    watch = watch_of(trigger)
    look = _Look(watching, trigger, watch, first=trigger.cursor.get(_KNOWN) != _digest(watch))
    try:
        seen = _kept(trigger, watching.list_files(trigger, watch))
    except Problem as problem:
        _log.warning("a store that a trigger watches cannot be listed", trigger=trigger.name, problem=problem.message)
        look.end(done=False)
        return 0
    try:
        look.compare(seen)
    except _Overtaken:
        return look.told
    except FullError as full:
        # Further events wait until some of the runs have begun: nothing is lost.
        _log.info("events of files wait", trigger=trigger.name, why=str(full))
        look.end(done=False)
        return look.told
    look.end(done=True)
    return look.told


def keep_lease(watching: Watching, trigger: Trigger) -> None:
    """Keep others from a trigger whose store is being listed for a while longer.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger cannot be reached.
    """
    with watching.desk.database.transaction() as tx:
        triggers.renew(tx, trigger.id, trigger.revision, Instant(watching.desk.clock.now() + LEASE))


def _kept(trigger: Trigger, seen: Iterable[SeenFile]) -> list[SeenFile]:
    """Return the files whose paths the ledger can keep, in their order."""
    files = sorted(seen, key=lambda file: file.path)
    odd = [file for file in files if not is_storable(file.path) or len(file.path.encode()) > _LONGEST_PATH]
    if not odd:
        return files
    _log.warning(
        "files are not watched since their paths are too long or are no text",
        trigger=trigger.name,
        files=len(odd),
        first=ascii(odd[0].path[:200]),
    )
    left = {file.path for file in odd}
    return [file for file in files if file.path not in left]


def _leased(watching: Watching, trigger_id: str) -> Trigger | None:
    """Return the trigger, if it is due and nobody looks at its store; from now on nobody does for a while."""
    desk = watching.desk
    with desk.database.transaction() as tx:
        trigger, now = triggers.hold(tx, trigger_id), desk.clock.now()
        if trigger is None or not trigger.is_started or trigger.kind is not TriggerKind.FILES:
            return None
        if trigger.next_at is None or now < trigger.next_at <= _latest(watching, now):
            return None
        if trigger.cursor.get(_KNOWN) != _digest(watch_of(trigger)):
            # Nobody has looked yet, or something else was watched until now.
            watched_files.forget(tx, trigger)
        if not triggers.advance(tx, trigger, now, next_at=Instant(now + LEASE)):
            return None
    return replace(trigger, revision=trigger.revision + 1)


@dataclass(slots=True)
class _Look:
    """One look under way. ``trigger`` is as this look has left it."""

    watching: Watching
    trigger: Trigger
    watch: FileWatch
    first: bool
    told: int = 0

    def compare(self, seen: Sequence[SeenFile]) -> None:
        """Tell of what has happened, in the order of the paths."""
        after: str | None = None
        for files, until in _stretches(seen, self.watching.stretch):
            self._settle(files, after, until)
            after = until

    def end(self, *, done: bool) -> None:
        """Say when the next look is; ``done``: all of this one was told of."""
        now = self.watching.desk.clock.now()
        cursor: dict[str, Json] = {_KNOWN: _digest(self.watch)} if done else dict(self.trigger.cursor)
        with self.watching.desk.database.transaction() as tx:
            triggers.advance(tx, self.trigger, now, next_at=Instant(now + self.watching.every), cursor=cursor)

    def _settle(self, files: Sequence[SeenFile], after: str | None, until: str | None) -> None:
        """Tell of what happened to paths behind ``after`` and not behind ``until``, where ``files`` are now."""
        try:
            in_one(self.watching.desk, lambda tx, failure: self._write(tx, files, (after, until), failure))
        except _TooMany as many:
            self._settle([file for file in files if file.path <= many.middle], after, many.middle)
            self._settle([file for file in files if file.path > many.middle], many.middle, until)
            return
        self.trigger = replace(self.trigger, revision=self.trigger.revision + 1)
        crash_point("watch-stretch-told")

    def _write(
        self,
        tx: Transaction,
        files: Sequence[SeenFile],
        stretch: tuple[str | None, str | None],
        failure: Failure | None,
    ) -> None:
        desk, now = self.watching.desk, self.watching.desk.clock.now()
        held = triggers.hold(tx, self.trigger.id)
        if held is None or held.revision != self.trigger.revision or not held.is_started:
            raise _Overtaken
        known = watched_files.between(tx, self.trigger, *stretch)
        since = held.cursor.get(SINCE)
        started = Instant(since) if isinstance(since, int) else None
        found = difference(known, files, self.watch.wanted, first=self.first, since=started)
        if len(found.events) > self.watching.most_events:
            raise _TooMany(_middle(found))
        told = 0
        for event in found.events:
            occurrence = _occurrence(event)
            try:
                made = fire_occurrence(tx, desk, held, occurrence, failure, patient=True)
            except FullError:
                if len(found.events) > 1:
                    raise _TooMany(_middle(found)) from None
                raise
            told += made is not None
        watched_files.keep(tx, self.trigger, found.put, found.gone)
        crash_point("watch-files-kept")
        if not triggers.advance(tx, held, now, next_at=Instant(now + LEASE)):
            raise _Overtaken
        self.told += told


class _TooMany(Exception):
    """A stretch has more events than one transaction makes, or than there is room for; ``middle`` is the path to split it at."""

    def __init__(self, middle: str) -> None:
        super().__init__(middle)
        self.middle = middle


def _middle(found: Difference) -> str:
    paths = sorted(event.path for event in found.events)
    return paths[(len(paths) - 1) // 2]


def _occurrence(event: FileEvent) -> Occurrence:
    values: dict[str, Json] = dict(zip(_BODY, (event.file, event.folder), strict=True))
    facts: dict[str, Json] = {"FileName": event.file, "FolderPath": event.folder, "EventType": event.change.value}
    return Occurrence(key=event.key, body=values, facts=facts)


def _stretches(seen: Sequence[SeenFile], length: int) -> Iterator[tuple[Sequence[SeenFile], str | None]]:
    """Yield the files in stretches, each with its last path; the last stretch has no end: what is known behind it is gone."""
    for begin in range(0, max(len(seen), 1), length):
        files = seen[begin : begin + length]
        yield files, files[-1].path if begin + length < len(seen) else None


def _digest(watch: FileWatch) -> str:
    wanted = watch.wanted
    parts = [watch.store, sorted(change.value for change in wanted.changes), wanted.begins, wanted.ends]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
