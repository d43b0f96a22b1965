"""When flows are started by themselves, in words: what schedules and triggers say, for people."""

from headrace.core.clock import DAY, HOUR, MINUTE, Instant, to_datetime
from headrace.core.codec import decode
from headrace.core.file_events import FileChange, FileWatch
from headrace.core.posted_events import EventFilter
from headrace.core.recurrence import Frequency, Pattern, Recurrence, Weekday
from headrace.core.schedule import Schedule, Unit
from headrace.core.trigger import Trigger, TriggerKind
from headrace.core.tumbling import Tumbling
from headrace.service.native.words import counted_as, exact_length, listed

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}
_SERVICE = "linkedService:"
_MOST_TIMES = 6


def of_schedule(schedule: Schedule) -> str:
    """Return when a flow with this schedule is started."""
    if schedule.unit is Unit.ONCE:
        return f"once, at {_moment(schedule.start)} UTC"
    return f"{_every(schedule.unit.value, schedule.interval)}, from {_moment(schedule.start)} UTC"


def of_trigger(trigger: Trigger, now: Instant) -> str:
    """Return when a trigger fires."""
    what = f"the ledger's trigger {trigger.name}"
    match trigger.kind:
        case TriggerKind.SCHEDULE:
            return of_recurrence(decode(Recurrence, trigger.definition, what=what), now)
        case TriggerKind.TUMBLING:
            return of_windows(decode(Tumbling, trigger.definition, what=what))
        case TriggerKind.FILES:
            return of_files(decode(FileWatch, trigger.definition, what=what))
        case TriggerKind.EVENTS:
            return of_events(decode(EventFilter, trigger.definition, what=what))


def of_recurrence(recurrence: Recurrence, now: Instant) -> str:
    """Return when a schedule trigger is due. What its zone's clocks show is said as they show it."""
    pattern, zone = recurrence.pattern, recurrence.zone
    until = "" if recurrence.end is None else f", until {_moment(Instant(recurrence.end))} {zone}"
    start = f", from {_moment(Instant(recurrence.start))} {zone}"
    if recurrence.frequency in {Frequency.MINUTE, Frequency.HOUR}:
        only = _only(pattern, zone)
        return f"{_every(recurrence.frequency.value, recurrence.interval)}{only}{start}{until}"
    # A start that has passed says only at which time of day, which is said already.
    passed = recurrence.start <= now - DAY and recurrence.interval == 1
    return f"{_days(recurrence)} at {_times(recurrence)} {zone}{'' if passed else start}{until}"


def of_windows(tumbling: Tumbling) -> str:
    """Return when a trigger of tumbling windows fires."""
    size = counted_as(tumbling.interval, tumbling.unit.value)
    delay = f", {exact_length(tumbling.delay)} after its end" if tumbling.delay else ""
    others = (
        f", when {counted_as(len(tumbling.depends_on), 'dependency lets', 'dependencies let')} it"
        if tumbling.depends_on
        else ""
    )
    until = "" if tumbling.end is None else f", until {_moment(tumbling.end)} UTC"
    return f"for each window of {size}{delay}{others}, from {_moment(tumbling.start)} UTC{until}"


def of_files(watch: FileWatch) -> str:
    """Return when a trigger of files fires."""
    verbs = {FileChange.CREATED: "appears", FileChange.DELETED: "goes"}
    does = " or ".join(verb for change, verb in verbs.items() if change in watch.wanted.changes)
    folder = watch.wanted.begins.replace("/blobs/", "/", 1).strip("/")
    slash = "/" if watch.wanted.begins.endswith("/") else ""
    under = f" under {folder}{slash}" if folder else ""
    named = f" whose name ends with {watch.wanted.ends}" if watch.wanted.ends else ""
    store = watch.store.removeprefix(_SERVICE).rstrip("/").rpartition("/")[2]
    return f"when a file{named} {does or 'changes'}{under} of {store}"


def of_events(wanted: EventFilter) -> str:
    """Return when a trigger of posted events fires."""
    begins = f" with a subject that begins with {wanted.begins}" if wanted.begins else ""
    ends = f"{' and' if begins else ' with a subject that'} ends with {wanted.ends}" if wanted.ends else ""
    return f"when an event of {listed(list(wanted.types))} is posted{begins}{ends}"


def _every(unit: str, interval: int) -> str:
    return f"every {unit}" if interval == 1 else f"every {interval} {unit}s"


def _moment(at: Instant) -> str:
    return to_datetime(at).strftime("%Y-%m-%d %H:%M")


def _only(pattern: Pattern, zone: str) -> str:
    parts = []
    if pattern.hours:
        parts.append(f"in the hours {listed([f'{hour:02d}' for hour in pattern.hours])}")
    if pattern.minutes:
        parts.append(f"in the minutes {listed([f'{minute:02d}' for minute in pattern.minutes])}")
    return f", only {' and '.join(parts)} {zone}" if parts else ""


def _times(recurrence: Recurrence) -> str:
    pattern, start = recurrence.pattern, recurrence.start % DAY
    hours = pattern.hours or (tuple(range(24)) if pattern.minutes else (start // HOUR,))
    minutes = pattern.minutes or (start % HOUR // MINUTE,)
    if len(hours) * len(minutes) <= _MOST_TIMES:
        return listed([f"{hour:02d}:{minute:02d}" for hour in sorted(hours) for minute in sorted(minutes)])
    each = (
        "of every hour"
        if len(hours) == len(range(24))
        else "of the hours " + listed([f"{h:02d}" for h in sorted(hours)])
    )
    return f"minute {listed([f'{minute:02d}' for minute in sorted(minutes)])} {each}"


def _days(recurrence: Recurrence) -> str:
    match recurrence.frequency:
        case Frequency.WEEK:
            return _of_week(recurrence)
        case Frequency.MONTH:
            return _of_month(recurrence)
        case _:
            return _every("day", recurrence.interval)


def _of_week(recurrence: Recurrence) -> str:
    first = to_datetime(Instant(recurrence.start)).weekday()
    days = sorted(set(recurrence.pattern.week_days or (first,)))
    names = {(0, 1, 2, 3, 4): "weekdays", (5, 6): "weekends", tuple(range(7)): "every day"}
    named = names.get(tuple(days)) or listed([_WEEKDAYS[day] for day in days])
    on = named if named == "every day" else f"on {named}"
    return on if recurrence.interval == 1 else f"{_every('week', recurrence.interval)} {on}"


def _of_month(recurrence: Recurrence) -> str:
    pattern = recurrence.pattern
    days = [_day_of_month(day) for day in pattern.month_days] + [_weekday(one) for one in pattern.month_weekdays]
    named = listed(days or [_day_of_month(to_datetime(Instant(recurrence.start)).day)])
    return f"on {named} of {_every('month', recurrence.interval)}"


def _day_of_month(day: int) -> str:
    if day == -1:
        return "the last day"
    return f"day {day}" if day > 0 else f"the {-day}. day from the end"


def _weekday(one: Weekday) -> str:
    name = _WEEKDAYS[one.day]
    if one.occurrence is None:
        return f"each {name}"
    if one.occurrence == -1:
        return f"the last {name}"
    ordinal = _ORDINALS.get(abs(one.occurrence), f"{abs(one.occurrence)}.")
    return f"the {ordinal} {name}" + ("" if one.occurrence > 0 else " from the end")
