"""Lists of the catalog (9): what can be asked of datasets and batches alike. Unknown parameters are ignored, as the catalog does."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from starlette.requests import Request

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.wire import Item, flag, integer, number
from headrace.language.dataprep.regexes import RegexError, read_regex

MAX_LIMIT = 100
MAX_START = 1_000_000
MAX_FILTERS = 50
MATCHED_CHARACTERS = 200
"""Characters of a value that a regular expression looks at."""
SECONDS = 5.0
"""How long one request may look through things that no index selects."""

_FILTER = re.compile(r"([\w:/.@$-]+?)\s*(==|!=|>=|<=|~|=|<|>)(.*)", re.DOTALL)
_UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d+,\d*\}")
_QUANTIFIED_GROUP = re.compile(r"\)[*+{?]")
_MAX_UNBOUNDED = 2

Condition = Callable[[Item], bool]


@dataclass(frozen=True, slots=True)
class CatalogRequest:
    """What a list is asked for. ``order``: fields with whether descending; ``fields``: what is shown of each, None: all."""

    start: int
    limit: int
    order: tuple[tuple[str, bool], ...]
    fields: tuple[str, ...] | None
    conditions: tuple[Condition, ...]

    def page(self, items: Iterable[Item]) -> list[Item]:
        """Return the page of ``items``, of which the order is the caller's.

        Raises:
            Refusal: 400: it takes too long to look through all of them.
        """
        return list(islice(self._matching(items), self.start, self.start + self.limit))

    def shown(self, item: Item) -> Item:
        """Return of an item what was asked for."""
        return item if self.fields is None else {name: item[name] for name in self.fields if name in item}

    def ordered(self, items: Iterable[Item]) -> list[Item]:
        """Return ``items`` in the order that was asked for."""
        result = list(items)
        for name, down in reversed(self.order):
            result.sort(key=lambda item: _sortable(_first(item, name)), reverse=down)
        return result

    def _matching(self, items: Iterable[Item]) -> Iterator[Item]:
        deadline = time.monotonic() + SECONDS
        for item in items:
            if all(condition(item) for condition in self.conditions):
                yield item
            if self.conditions and time.monotonic() > deadline:
                what = f"the filter looked for more than {SECONDS:g} s; narrow it by status, dataSet or created"
                raise Refusal(Fault.VALUE, what)


def read_request(request: Request, *, also: Mapping[str, Callable[[str], Condition]] | None = None) -> CatalogRequest:
    """Return what a list request asks for; ``also`` makes conditions of further parameters that have a value.

    Raises:
        Refusal: 400: a filter or a regular expression that cannot be read.
    """
    query = request.query_params
    conditions = [_condition(text) for text in query.getlist("property") if text.strip()]
    conditions += [_tagged(text) for text in query.getlist("tags") if text.strip()]
    for name, make in (also or {}).items():
        conditions += [make(text) for text in query.getlist(name) if text.strip()]
    if len(conditions) > MAX_FILTERS:
        raise Refusal(Fault.VALUE, f"the request has {len(conditions)} filters; the limit is {MAX_FILTERS}")
    given = query.get("offset") if query.get("start") in (None, "") else query.get("start")
    names = [name.strip() for text in query.getlist("properties") for name in text.split(",") if name.strip()]
    return CatalogRequest(
        start=min(max(integer(given) or 0, 0), MAX_START),
        limit=min(max(_integer(query.get("limit"), MAX_LIMIT), 1), MAX_LIMIT),
        order=_order(query.get("orderBy") or query.get("orderby") or ""),
        fields=tuple(dict.fromkeys(name.partition(".")[0] for name in names)) or None,
        conditions=tuple(conditions),
    )


def equals(path: str) -> Callable[[str], Condition]:
    """Return what makes a condition of a parameter's value: the value at ``path`` is it, or one of a comma list."""
    return lambda text: _compare(path, "==", text)


def millis(text: str | None) -> int | None:
    """Return a parameter's time in ms; None: absent or no number."""
    value = integer(text) if text else None
    return None if value is None or value < 0 else min(value, 10**15)


def _order(text: str) -> tuple[tuple[str, bool], ...]:
    """Return ``desc:created`` and ``asc:created,updated`` as fields, each with whether it is descending."""
    result, down = [], False
    for part in filter(None, (one.strip() for one in text.split(","))):
        word, colon, name = part.rpartition(":")
        if colon and word.lower() in {"asc", "desc"}:
            down = word.lower() == "desc"
        else:
            name = part
        result.append((name.lstrip("+-"), down or name.startswith("-")))
    return tuple(result)


def _condition(text: str) -> Condition:
    match = _FILTER.fullmatch(text.strip())
    if match is None:
        path = text.strip()
        return lambda item: any(value is not None for value in _values(item, path))
    if match[2] == "~":
        return _like(match[1], match[3].strip())
    return _compare(match[1], "==" if match[2] == "=" else match[2], match[3].strip())


def _compare(path: str, operator: str, text: str) -> Condition:
    wanted = [part.strip().strip('"') for part in text.split(",")] if operator == "==" else [text.strip().strip('"')]
    if operator in {"==", "!="}:
        return lambda item: (
            any(_is(value, one) for value in _values(item, path) for one in wanted) == (operator == "==")
        )
    bound = number(wanted[0])
    if bound is None:
        raise Refusal(Fault.VALUE, f"property {path}{operator}{text[:40]!r}: a number is expected")
    against = bound
    tests: Mapping[str, Callable[[float], bool]] = {
        "<": lambda value: value < against,
        "<=": lambda value: value <= against,
        ">": lambda value: value > against,
        ">=": lambda value: value >= against,
    }
    test = tests[operator]
    return lambda item: any(test(value) for one in _values(item, path) if (value := number(one)) is not None)


def _like(path: str, pattern: str) -> Condition:
    """Return the condition that a value has ``pattern`` somewhere.

    Python's engine goes back and forth, so what could keep it busy is refused: repeated groups, and more than two repetitions without an end. What
    is left is bounded by the characters that are looked at.
    """
    try:
        read_regex(pattern)
        heavy = len(_UNBOUNDED.findall(pattern)) > _MAX_UNBOUNDED or _QUANTIFIED_GROUP.search(pattern)
        compiled = None if heavy else re.compile(pattern)
    except (RegexError, re.error) as error:
        raise Refusal(Fault.VALUE, f"property {path}~{pattern[:80]!r} is no regular expression: {error}") from error
    if compiled is None:
        what = "has a repeated group, or more than two of * and +, which this list does not look for"
        raise Refusal(Fault.VALUE, f"property {path}~{pattern[:80]!r} {what}")
    found: Callable[[str], bool] = cache(lambda text: compiled.search(text) is not None)
    return lambda item: any(
        found(_text(value)[:MATCHED_CHARACTERS]) for value in _values(item, path) if value is not None
    )


def _tagged(text: str) -> Condition:
    """Return the condition of ``tags``: a comma list of names, or ``name:value``, of which one is there."""
    wanted = [one.strip() for one in text.split(",") if one.strip()]

    def has(item: Item) -> bool:
        tags = item.get("tags")
        return isinstance(tags, Mapping) and any(_has_tag(tags, one) for one in wanted)

    return has


def _has_tag(tags: Mapping[str, Any], wanted: str) -> bool:
    if wanted in tags:
        return True
    # A tag's name may have colons of its own: the longest name that there is counts.
    return any(
        wanted.startswith(name + ":") and any(_is(one, wanted[len(name) + 1 :]) for one in _flat(value))
        for name, value in tags.items()
    )


def _values(item: Mapping[str, Any], path: str) -> list[Any]:
    """Return the values at a dotted path, those of a list one by one; a name with dots of its own is found too."""
    if path in item:
        return _flat(item[path])
    head, dot, rest = path.partition(".")
    if not dot or head not in item:
        return [None]
    inner = [one for one in _flat(item[head]) if isinstance(one, Mapping)]
    return [value for one in inner for value in _values(one, rest)] or [None]


def _first(item: Mapping[str, Any], path: str) -> Any:
    return next(iter(_values(item, path)), None)


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _is(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return flag(wanted) is value
    if isinstance(value, int | float):
        return number(wanted) == value
    return value is not None and _text(value) == wanted


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _sortable(value: Any) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return 1, float(value), ""
    return (0, 0.0, "") if value is None else (2, 0.0, _text(value))


def _integer(text: str | None, default: int) -> int:
    value = integer(text)
    return default if value is None else value
