"""What a trigger's document says of when it fires (contract 10), checked and in the words of the core.

``fires_on`` is the one entry: a type that fires has a reader in ``_READERS``; all others are stored, and cannot be started.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from headrace.api.datafactory.bodies import shown
from headrace.api.datafactory.errors import Refusal, bad_request
from headrace.api.datafactory.translate import event_trigger
from headrace.api.datafactory.translate.dates import read_date
from headrace.core.clock import SECOND, Instant
from headrace.core.recurrence import Frequency, Pattern, Recurrence, Weekday, clock_of
from headrace.core.timespan import parse_timespan
from headrace.core.trigger import TriggerKind
from headrace.core.tumbling import Dependency, Tumbling, WindowUnit
from headrace.language.datafactory.zones import zone

SCHEDULE = "scheduletrigger"
TUMBLING = "tumblingwindowtrigger"
_MOST_INTERVAL = 1000
_MOST_WINDOW = 1_000_000
_MOST_AT_ONCE = 50
_MOST_DEPENDENCIES = 5
_MOST_DAYS = 36_525
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ON_OTHER = frozenset({"tumblingwindowtriggerdependencyreference", "triggerdependencyreference"})
_ON_ITSELF = "selfdependencytumblingwindowtriggerreference"
_HAS_OFFSET = re.compile(r".*\d{2}:\d{2}.*([Zz]|[+-]\d{2}:?(\d{2})?)\s*")

Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FiresOn:
    """What a trigger fires on: its kind, and what that kind is made of."""

    kind: TriggerKind
    definition: object


def fires_on(name: str, properties: Given) -> FiresOn | None:
    """Return what the trigger ``name`` fires on; None: triggers of its type do not fire.

    Raises:
        Refusal: 400, naming the property that is wrong.
    """
    reader = _READERS.get(str(properties.get("type")).lower())
    given = properties.get("typeProperties")
    return None if reader is None else reader(name, given if isinstance(given, dict) else {})


def pipelines_of(properties: Given) -> list[Given]:
    """Return the references to pipelines that a trigger runs, each with ``pipelineReference`` and perhaps ``parameters``."""
    if str(properties.get("type")).lower() == TUMBLING:
        found = [properties.get("pipeline")]
    else:
        several = properties.get("pipelines")
        found = list(several) if isinstance(several, list) else []
    return [entry for entry in found if isinstance(entry, dict) and entry]


def _recurrence(_name: str, properties: Given) -> FiresOn:
    given = _object(properties, "recurrence", "")
    where = "recurrence."
    frequency = Frequency(_word(given, "frequency", [each.value for each in Frequency], where))
    place = _zone(given, where)
    start = _clock(given, "startTime", place, where)
    if start is None:
        raise _missing("startTime", where)
    end = _clock(given, "endTime", place, where)
    if end is not None and end < start:
        raise _wrong("endTime", given["endTime"], "a date that is not before 'startTime'", where)
    return FiresOn(
        TriggerKind.SCHEDULE,
        Recurrence(
            frequency,
            _whole(given, "interval", 1, _MOST_INTERVAL, where, default=1),
            start,
            end,
            place.key,
            _pattern(given, frequency),
        ),
    )


def _pattern(given: Given, frequency: Frequency) -> Pattern:
    if given.get("schedule") is None:
        return Pattern()
    schedule, where = _object(given, "schedule", "recurrence."), "recurrence.schedule."
    for key, only in (
        ("weekDays", Frequency.WEEK),
        ("monthDays", Frequency.MONTH),
        ("monthlyOccurrences", Frequency.MONTH),
    ):
        if schedule.get(key) and frequency is not only:
            raise bad_request(
                f"The property '{where}{key}' belongs to the frequency {only.value.capitalize()}; "
                f"the frequency is {frequency.value.capitalize()}."
            )
    return Pattern(
        _numbers(schedule, "minutes", range(60), where),
        _numbers(schedule, "hours", range(24), where),
        tuple(sorted({_weekday(day, "weekDays", where) for day in _list(schedule, "weekDays", where)})),
        _numbers(schedule, "monthDays", (*range(-31, 0), *range(1, 32)), where),
        tuple(_occurrence(one, where) for one in _list(schedule, "monthlyOccurrences", where)),
    )


def _occurrence(given: object, where: str) -> Weekday:
    if not isinstance(given, dict):
        raise _wrong("monthlyOccurrences", given, "a list of {day, occurrence}", where)
    number = given.get("occurrence")
    if number is not None and (not _is_whole(number) or not 1 <= abs(number) <= 5):
        raise _wrong("monthlyOccurrences.occurrence", number, "1 to 5, or -5 to -1", where)
    return Weekday(_weekday(given.get("day"), "monthlyOccurrences.day", where), number)


def _tumbling(name: str, given: Given) -> FiresOn:
    start = _instant(given, "startTime")
    if start is None:
        raise _missing("startTime", "")
    end = _instant(given, "endTime")
    if end is not None and end < start:
        raise _wrong("endTime", given["endTime"], "a date that is not before 'startTime'", "")
    policy = {} if given.get("retryPolicy") is None else _object(given, "retryPolicy", "")
    return FiresOn(
        TriggerKind.TUMBLING,
        Tumbling(
            unit=WindowUnit(_word(given, "frequency", [each.value for each in WindowUnit], "")),
            interval=_whole(given, "interval", 1, _MOST_WINDOW, ""),
            start=start,
            end=end,
            delay=_span(given, "delay", "", least=0, default=0),
            at_once=_whole(given, "maxConcurrency", 1, _MOST_AT_ONCE, ""),
            retries=_whole(policy, "count", 0, _MOST_WINDOW, "retryPolicy.", default=0),
            retry_after=_whole(policy, "intervalInSeconds", 0, 86_400 * 366, "retryPolicy.", default=30) * SECOND,
            depends_on=_dependencies(name, given),
        ),
    )


def _dependencies(name: str, given: Given) -> tuple[Dependency, ...]:
    found = tuple(_dependency(name, one) for one in _list(given, "dependsOn", ""))
    others = [one for one in found if one.trigger is not None]
    if len(others) > _MOST_DEPENDENCIES or len(found) - len(others) > 1:
        raise bad_request(
            f"The property 'dependsOn' has {len(found)} entries; at most {_MOST_DEPENDENCIES} other triggers and the trigger itself are allowed."
        )
    return found


def _dependency(name: str, given: object) -> Dependency:
    where = "dependsOn."
    if not isinstance(given, dict):
        raise _wrong("dependsOn", given, "a list of objects with a 'type'", "")
    kind = str(given.get("type")).lower()
    size = None if given.get("size") is None else _span(given, "size", where, least=1)
    if kind == _ON_ITSELF:
        if given.get("offset") is None:
            raise _missing("offset", where)
        return Dependency(None, _span(given, "offset", where, most=-1), size)
    if kind not in _ON_OTHER:
        words = "TumblingWindowTriggerDependencyReference or SelfDependencyTumblingWindowTriggerReference"
        raise _wrong("type", given.get("type"), words, where)
    reference = given.get("referenceTrigger")
    referred = reference.get("referenceName") if isinstance(reference, dict) else None
    if not isinstance(referred, str) or not referred:
        raise _wrong("referenceTrigger", reference, "an object with a 'referenceName'", where)
    offset = _span(given, "offset", where, default=0)
    if referred.lower() == name.lower():
        if offset >= 0:
            raise _wrong("offset", given.get("offset"), "a negative span of time, since the trigger is its own", where)
        return Dependency(None, offset, size)
    return Dependency(referred.lower(), offset, size)


_READERS: Mapping[str, Callable[[str, Given], FiresOn]] = {
    SCHEDULE: _recurrence,
    TUMBLING: _tumbling,
    event_trigger.FILE_EVENTS: lambda _name, given: FiresOn(TriggerKind.FILES, event_trigger.file_events(given)),
    event_trigger.FILES: lambda _name, given: FiresOn(TriggerKind.FILES, event_trigger.files(given)),
    event_trigger.POSTED_EVENTS: lambda _name, given: FiresOn(TriggerKind.EVENTS, event_trigger.posted_events(given)),
}
"""What reads the ``typeProperties`` of each type of trigger that fires, by the type in lower case; it gets the trigger's name as well."""


def _zone(given: Given, where: str) -> ZoneInfo:
    name = given.get("timeZone")
    if name is None or name == "":
        return ZoneInfo("UTC")
    try:
        return zone(name) if isinstance(name, str) else zone("")
    except LookupError:
        raise _wrong("timeZone", name, "the Windows or IANA id of a time zone", where) from None


def _clock(given: Given, key: str, place: ZoneInfo, where: str) -> int | None:
    """Return what clocks of the zone show at a date; one with an offset is converted to the zone."""
    found = _instant(given, key, where)
    if found is None:
        return None
    return clock_of(found, place) if _HAS_OFFSET.fullmatch(str(given[key])) else int(found)


def _instant(given: Given, key: str, where: str = "") -> Instant | None:
    value = given.get(key)
    if value is None or value == "":
        return None
    moment = read_date(value)
    if moment is None:
        raise _wrong(key, value, "a date in ISO 8601", where)
    return moment.floor


def _word(given: Given, key: str, words: list[str], where: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or value.lower() not in words:
        raise _wrong(key, value, f"one of {', '.join(word.capitalize() for word in words)}", where)
    return value.lower()


def _whole(given: Given, key: str, least: int, most: int, where: str, *, default: int | None = None) -> int:
    value = given.get(key)
    if value is None and default is not None:
        return default
    if not _is_whole(value) or not least <= int(str(value)) <= most:
        raise _wrong(key, value, f"a whole number from {least} to {most}", where)
    return int(str(value))


def _span(
    given: Given, key: str, where: str, *, least: int | None = None, most: int | None = None, default: int | None = None
) -> int:
    """Return a span of time in microseconds."""
    value = given.get(key)
    if value is None and default is not None:
        return default
    seconds = parse_timespan(value) if isinstance(value, str) else None
    span = None if seconds is None or abs(seconds) > _MOST_DAYS * 86_400 else round(seconds * SECOND)
    if span is None or (least is not None and span < least) or (most is not None and span > most):
        kind = "negative " if most is not None else ("positive " if least else "")
        raise _wrong(key, value, f"a {kind}span of time as hh:mm:ss or d.hh:mm:ss", where)
    return span


def _numbers(given: Given, key: str, allowed: range | tuple[int, ...], where: str) -> tuple[int, ...]:
    values = _list(given, key, where)
    for value in values:
        if not _is_whole(value) or value not in allowed:
            raise _wrong(key, value, f"whole numbers from {min(allowed)} to {max(allowed)}", where)
    return tuple(sorted({int(str(value)) for value in values}))


def _weekday(value: object, key: str, where: str) -> int:
    if not isinstance(value, str) or value.lower() not in _WEEKDAYS:
        raise _wrong(key, value, "the name of a weekday, as Sunday", where)
    return _WEEKDAYS.index(value.lower())


def _list(given: Given, key: str, where: str) -> list[object]:
    value = given.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > 1000:
        raise _wrong(key, value, "a list", where)
    return value


def _object(given: Given, key: str, where: str) -> Given:
    value = given.get(key)
    if not isinstance(value, dict):
        raise _missing(key, where) if value is None else _wrong(key, value, "an object", where)
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _missing(key: str, where: str) -> Refusal:
    return bad_request(f"The property '{where}{key}' of the trigger is missing.")


def _wrong(key: str, value: object, expected: str, where: str) -> Refusal:
    return bad_request(f"The property '{where}{key}' of the trigger is {shown(value)}; {expected} is expected.")
