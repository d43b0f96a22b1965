"""Filters of queries (4.5): what the body of a query asks for, checked and in plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from headrace.api.datafactory.bodies import shown
from headrace.api.datafactory.errors import Refusal, bad_request
from headrace.api.datafactory.translate.dates import Moment, read_date
from headrace.api.datafactory.wire import Item
from headrace.core.clock import Instant

_MOST_VALUES = 1000
_MOST_FILTERS = 50


class Operand(StrEnum):
    """What is compared or ordered by, as the wire has it."""

    PIPELINE_NAME = "PipelineName"
    STATUS = "Status"
    RUN_START = "RunStart"
    RUN_END = "RunEnd"
    RUN_GROUP_ID = "RunGroupId"
    LATEST_ONLY = "LatestOnly"
    ACTIVITY_NAME = "ActivityName"
    ACTIVITY_TYPE = "ActivityType"
    ACTIVITY_RUN_START = "ActivityRunStart"
    ACTIVITY_RUN_END = "ActivityRunEnd"
    TRIGGER_NAME = "TriggerName"
    TRIGGER_RUN_TIMESTAMP = "TriggerRunTimestamp"


_DATES = frozenset(
    {
        Operand.RUN_START,
        Operand.RUN_END,
        Operand.ACTIVITY_RUN_START,
        Operand.ACTIVITY_RUN_END,
        Operand.TRIGGER_RUN_TIMESTAMP,
    }
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a query is about: its name in messages, what it can be filtered by and what it can be ordered by."""

    words: str
    operands: tuple[Operand, ...]
    orders: tuple[Operand, ...]


PIPELINE_RUNS = Subject(
    "pipeline runs",
    (
        Operand.PIPELINE_NAME,
        Operand.STATUS,
        Operand.RUN_START,
        Operand.RUN_END,
        Operand.RUN_GROUP_ID,
        Operand.LATEST_ONLY,
    ),
    (Operand.RUN_START, Operand.RUN_END, Operand.PIPELINE_NAME, Operand.STATUS),
)
ACTIVITY_RUNS = Subject(
    "activity runs",
    (
        Operand.STATUS,
        Operand.ACTIVITY_NAME,
        Operand.ACTIVITY_TYPE,
        Operand.ACTIVITY_RUN_START,
        Operand.ACTIVITY_RUN_END,
    ),
    (Operand.ACTIVITY_RUN_START, Operand.ACTIVITY_RUN_END, Operand.ACTIVITY_NAME, Operand.STATUS),
)
TRIGGER_RUNS = Subject(
    "trigger runs",
    (Operand.STATUS, Operand.TRIGGER_NAME, Operand.TRIGGER_RUN_TIMESTAMP),
    (Operand.TRIGGER_RUN_TIMESTAMP, Operand.TRIGGER_NAME, Operand.STATUS),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The operand's value is one of ``texts`` (in lower case; for dates: of ``instants``), or with ``negated`` none of them."""

    operand: Operand
    negated: bool
    texts: frozenset[str] = frozenset()
    instants: frozenset[Instant] = frozenset()


@dataclass(frozen=True, slots=True)
class Sorting:
    """One of the things that an answer is ordered by."""

    operand: Operand
    descending: bool


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What a query asks for. ``after`` and ``before`` bound the last change, both inclusive; ``token`` is as it came in."""

    after: Instant
    before: Instant
    comparisons: tuple[Comparison, ...]
    order: tuple[Sorting, ...]
    token: object = None

    def of(self, operand: Operand) -> tuple[Comparison, ...]:
        """Return the comparisons of one operand."""
        return tuple(one for one in self.comparisons if one.operand is operand)


def read_filter(body: Item, subject: Subject) -> RunFilter:
    """Return what the body of a query about ``subject`` asks for.

    Raises:
        Refusal: 400, naming what is missing or cannot be read.
    """
    fields = {key.lower(): value for key, value in body.items()}
    after, before = _bound(fields, "lastUpdatedAfter"), _bound(fields, "lastUpdatedBefore")
    return RunFilter(
        after.ceiling,
        before.floor,
        tuple(_comparison(item, subject) for item in _objects(fields, "filters")),
        tuple(_sorting(item, subject) for item in _objects(fields, "orderBy")),
        fields.get("continuationtoken"),
    )


def _bound(fields: Mapping[str, Any], name: str) -> Moment:
    given = fields.get(name.lower())
    if given is None:
        raise bad_request(f"The property '{name}' is missing; a date is required.")
    return _moment(given, name)


def _comparison(item: Mapping[str, Any], subject: Subject) -> Comparison:
    operand = _named(item.get("operand"), subject.operands, "operand", subject)
    word = item.get("operator")
    negated = _OPERATORS.get(word.lower()) if isinstance(word, str) else None
    if negated is None:
        raise bad_request(f"The operator {shown(word)} is not known; one of Equals, NotEquals, In, NotIn is expected.")
    values = item.get("values")
    if not isinstance(values, list) or not values or len(values) > _MOST_VALUES:
        raise bad_request(f"The filter on '{operand}' needs 1 to {_MOST_VALUES} values.")
    if operand in _DATES:
        moments = [_moment(value, operand).instant for value in values]
        instants = frozenset(moment for moment in moments if moment is not None)
        return Comparison(operand, negated, instants=instants)
    texts = frozenset(_text(value, operand) for value in values)
    if operand is Operand.LATEST_ONLY and not texts <= {"true", "false"}:
        raise bad_request(f"The filter on '{operand}' takes true or false.")
    return Comparison(operand, negated, texts)


def _sorting(item: Mapping[str, Any], subject: Subject) -> Sorting:
    operand = _named(item.get("orderby"), subject.orders, "orderBy", subject)
    word = item.get("order", "ASC")
    if not isinstance(word, str) or word.upper() not in {"ASC", "DESC"}:
        raise bad_request(f"The order {shown(word)} is not known; ASC or DESC is expected.")
    return Sorting(operand, word.upper() == "DESC")


def _named(word: object, known: tuple[Operand, ...], what: str, subject: Subject) -> Operand:
    found = [one for one in known if isinstance(word, str) and one.lower() == word.lower()]
    if not found:
        text = f"The {what} {shown(word)} does not belong to a query of {subject.words}; one of {', '.join(known)} is expected."
        raise bad_request(text)
    return found[0]


def _objects(fields: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    given = fields.get(name.lower())
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given) or len(given) > _MOST_FILTERS:
        raise bad_request(
            f"The property '{name}' is {shown(given)}; a list of at most {_MOST_FILTERS} objects is expected."
        )
    return [{key.lower(): value for key, value in one.items()} for one in given]


def _moment(value: object, name: str) -> Moment:
    moment = read_date(value)
    if moment is None:
        raise _no_date(value, name)
    return moment


def _no_date(value: object, name: str) -> Refusal:
    return bad_request(f"The value {shown(value)} of '{name}' is no date; ISO 8601 is expected.")


def _text(value: object, operand: Operand) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        raise bad_request(f"The value {shown(value)} in the filter on '{operand}' is no text.")
    return value.lower()


_OPERATORS: Mapping[str, bool] = {"equals": False, "in": False, "notequals": True, "notin": True}
