"""The property language and paging of lists (2.2, 2.3): parsed here, matched against items as they are rendered."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.wire import Item, flag, integer, number
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.query import MAX_TOKEN, Cursor, Op, Value

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_FILTERS = 50
MAX_VALUES = 500
"""Alternatives of one filter."""

_PARTS = re.compile(r"([^=!<>~]*)([=!<>~]+)(.*)", re.DOTALL)
_PATH = re.compile(r"[^\s.\[\]]+(\[\])?(\.[^\s.\[\]]+(\[\])?)*")
_OPERATORS = {"==": Op.EQ, "=": Op.EQ, "!=": Op.NE, "<": Op.LT, "<=": Op.LE, ">": Op.GT, ">=": Op.GE}
_ORDERING = {Op.LT, Op.LE, Op.GT, Op.GE}
_NUMERIC_FIELD = re.compile(r".*(At|UTC|Count|Bytes|Percent|percentCompleted|Date|created|updated)")
_STATUS_FIELD = re.compile(r"(state|status|value)")
_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)', re.DOTALL)
_KNOWN_PARAMETERS = frozenset({"property", "limit", "orderby", "continuationToken", "count"})


@dataclass(frozen=True, slots=True)
class Collection:
    """What a list knows: ``name`` of the collection, its known root fields, the fault for others, further query parameters that are borne."""

    name: str
    roots: frozenset[str]
    unknown_field: Fault = Fault.FILTER_FIELD
    ignored: frozenset[str] = frozenset({"if-match", "If-Match"})


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. ``path``: names, each with whether it stands for any element of an array; ``values``: alternatives (``==`` only has several)."""

    path: tuple[tuple[str, bool], ...]
    op: Op
    values: tuple[str, ...]

    @property
    def dotted(self) -> str:
        """Return the path without brackets."""
        return ".".join(name for name, _ in self.path)


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a list is asked for. ``order``: dotted path and whether descending; ``position``: where the page before ended."""

    filters: tuple[Filter, ...] = ()
    projection: frozenset[str] = frozenset()
    limit: int = DEFAULT_LIMIT
    order: tuple[str, bool] = ("createdAt", True)
    count: bool = False
    position: tuple[Value, ...] | None = None
    texts: tuple[str, ...] = field(default=())

    def next_token(self, position: tuple[Value, ...]) -> str:
        """Return the token of the next page: it carries filter, order, page size and position.

        Raises:
            Refusal: 1451-400: it would be longer than a token may be.
        """
        sign = "-" if self.order[1] else "+"
        query: dict[str, Json] = {"p": list(self.texts), "l": self.limit, "o": sign + self.order[0]}
        token = Cursor(position, query).token()
        if len(token) > MAX_TOKEN:
            raise Refusal(Fault.QUERY_PARAMETER, "the filters are too long for a list of several pages; ask in parts")
        return token


def read_list(request: Request, collection: Collection, *further: str) -> ListRequest:
    """Return what the query parameters of a list ask for, and the filters ``further``.

    Raises:
        Refusal: the filter and parameter errors of 2.2 and 2.3.
    """
    query = request.query_params
    for name in query:
        if name not in _KNOWN_PARAMETERS | collection.ignored:
            raise Refusal(Fault.QUERY_PARAMETER, f"the query parameter {name!r} is unknown here")
    listed = _request_of([*query.getlist("property"), *further], query.get("limit"), query.get("orderby"), collection)
    count = bool(flag(query.get("count")))
    if count and query.get("limit"):
        raise Refusal(Fault.LIMIT_AND_COUNT, "limit and count=true exclude each other")
    token = query.get("continuationToken")
    return _continued(token, collection) if token else _with_count(listed, count=count)


def match(item: Item, filters: Sequence[Filter]) -> bool:
    """Say whether ``item`` satisfies all ``filters``."""
    return all(_matches(item, one) for one in filters)


def project(item: Item, fields: frozenset[str]) -> Item:
    """Return the listed top-level fields of ``item`` with ``id`` and ``etag``; no fields: all of it."""
    return {key: value for key, value in item.items() if key in fields | {"id", "etag"}} if fields else item


def page(items: Sequence[Item], listed: ListRequest) -> tuple[list[Item], str | None]:
    """Return the page that ``listed`` asks for of ``items`` (all of a collection), and the next page's token."""
    path, descending = listed.order
    found = [(sort_key(item, path), item) for item in items if match(item, listed.filters)]
    found.sort(key=lambda pair: pair[0], reverse=descending)
    if listed.position is not None:
        after = _key_of_position(listed.position)
        found = [pair for pair in found if (pair[0] < after if descending else pair[0] > after)]
    chosen = found[: listed.limit]
    more = len(found) > len(chosen)
    token = listed.next_token(_position_of(chosen[-1][1], path)) if more and chosen else None
    return [project(item, listed.projection) for _, item in chosen], token


def sort_key(item: Item, path: str) -> tuple[int, float, str, str]:
    """Return a key under which items of mixed or absent values have an order; ties by id."""
    return _key(_leaf(item, path), str(item.get("id", "")))


def envelope(collection: str, items: Sequence[Item], token: str | None) -> Item:
    """Return the answer of a list (2.1)."""
    links = {"next": {"href": f"/{collection}?continuationToken={token}"}} if token else {}
    return {"items": list(items), "_links": links}


def _with_count(listed: ListRequest, *, count: bool) -> ListRequest:
    return ListRequest(
        listed.filters, listed.projection, listed.limit, listed.order, count, listed.position, listed.texts
    )


def _continued(token: str, collection: Collection) -> ListRequest:
    try:
        cursor = Cursor.parse(token)
    except Problem as problem:
        raise Refusal(Fault.QUERY_PARAMETER, f"continuationToken is not one that a page gave: {problem}") from problem
    texts, limit, order = cursor.query.get("p"), cursor.query.get("l"), cursor.query.get("o")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts) or len(cursor.position) != 2:
        raise Refusal(Fault.QUERY_PARAMETER, "continuationToken is not one that a page gave")
    if not isinstance(order, str) or isinstance(limit, bool) or not isinstance(limit, int):
        raise Refusal(Fault.QUERY_PARAMETER, "continuationToken is not one that a page gave")
    listed = _request_of([str(text) for text in texts], str(limit), order, collection)
    return ListRequest(
        listed.filters, listed.projection, listed.limit, listed.order, False, cursor.position, listed.texts
    )


def _request_of(
    properties: Sequence[str], limit: str | None, orderby: str | None, collection: Collection
) -> ListRequest:
    texts = [part for text in properties for part in text.split("&property=") if part.strip()]
    if len(texts) > MAX_FILTERS:
        raise Refusal(Fault.QUERY_PARAMETER, f"{len(texts)} filters are too many; the limit is {MAX_FILTERS}")
    filters: list[Filter] = []
    fields: set[str] = set()
    for text in texts:
        parsed = _filter(text.strip(), collection)
        if isinstance(parsed, Filter):
            filters.append(parsed)
        else:
            fields.update(parsed)
    return ListRequest(
        filters=tuple(filters),
        projection=frozenset(fields),
        limit=_limit(limit),
        order=_order(orderby, collection),
        texts=tuple(texts),
    )


def _limit(text: str | None) -> int:
    if text is None or not text.strip():
        return DEFAULT_LIMIT
    given = integer(text)
    if given is None or given < 1:
        raise Refusal(Fault.NUMBER, f"limit is {text[:40]!r}; a whole number of 1 or more is expected")
    return min(given, MAX_LIMIT)


def _order(text: str | None, collection: Collection) -> tuple[str, bool]:
    if text is None or not text.strip():
        return ("createdAt", True)
    name = text.strip()
    if not name[0].isalnum() and name[0] not in "+-_":
        raise Refusal(Fault.ORDER_SIGN, f"orderby begins with {name[0]!r}; + or - is expected")
    descending = name.startswith("-")
    name = name.lstrip("+-") if name[0] in "+-" else name
    if not _PATH.fullmatch(name) or name.split(".")[0] not in collection.roots:
        raise Refusal(Fault.ORDER_FIELD, f"orderby names {name[:80]!r}, which is no field of {collection.name}")
    return (name, descending)


def _filter(text: str, collection: Collection) -> Filter | list[str]:
    match_ = _PARTS.fullmatch(text)
    if match_ is None:
        return [name.strip() for name in text.split(",") if name.strip()]
    name, sign, rest = match_[1].strip(), match_[2], match_[3].strip()
    if "~" in sign:
        raise Refusal(Fault.FILTER_TILDE, f"the operator ~ in {text[:80]!r} is not supported")
    if sign not in _OPERATORS:
        raise Refusal(Fault.FILTER_OPERATOR, f"the operator {sign!r} is unknown; use == != < <= > >=")
    if not _PATH.fullmatch(name) or name.split(".")[0].removesuffix("[]") not in collection.roots:
        raise Refusal(collection.unknown_field, f"{name[:80]!r} is no field of {collection.name}")
    if not rest:
        raise Refusal(Fault.FILTER_VALUE_EMPTY, f"the filter {text[:80]!r} has no value")
    path = tuple((part.removesuffix("[]"), part.endswith("[]")) for part in name.split("."))
    parsed = Filter(path, _OPERATORS[sign], tuple(_values(rest)))
    _check(parsed, text)
    return parsed


def _values(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            # A quote that does not end, or text after one: the rest is one value as it stands.
            yield text[at:].strip()
            return
        yield item[1].replace('\\"', '"') if item[1] is not None else item[2].strip()
        at = item.end()


def _check(one: Filter, text: str) -> None:
    last = one.path[-1][0]
    if len(one.values) > 1 and one.op is not Op.EQ:
        raise Refusal(Fault.FILTER_LIST, f"{text[:80]!r}: a list of values works with == only")
    if len(one.values) > MAX_VALUES:
        raise Refusal(
            Fault.FILTER_LIST, f"{text[:80]!r}: {len(one.values)} values are too many; the limit is {MAX_VALUES}"
        )
    if one.op in _ORDERING and (last == "id" or last.endswith(("Id", "Ids"))):
        raise Refusal(Fault.FILTER_ID_ORDER, f"{text[:80]!r}: ids have no order; use == or !=")
    if one.op in _ORDERING and _NUMERIC_FIELD.fullmatch(last) and number(one.values[0]) is None:
        raise Refusal(Fault.NUMBER, f"{text[:80]!r}: {last} is a number")


def _matches(item: Item, one: Filter) -> bool:
    found = [value for value in _leaves(item, one.path) if value is not None]
    if one.values == ("null",) and one.op in {Op.EQ, Op.NE}:
        return (not found) is (one.op is Op.EQ)
    folded = bool(_STATUS_FIELD.fullmatch(one.path[-1][0]))
    if one.op is Op.NE:
        return not any(_equal(value, one.values[0], folded=folded) for value in found)
    if one.op is Op.EQ:
        return any(_equal(value, wanted, folded=folded) for value in found for wanted in one.values)
    return any(_ordered(value, one.op, one.values[0]) for value in found)


def _leaves(value: Any, path: tuple[tuple[str, bool], ...]) -> Iterator[Any]:
    if not path:
        yield value
        return
    (name, each), rest = path[0], path[1:]
    inner = value.get(name) if isinstance(value, Mapping) else None
    if each:
        for element in inner if isinstance(inner, Sequence) and not isinstance(inner, str) else ():
            yield from _leaves(element, rest)
    elif inner is not None:
        yield from _leaves(inner, rest)


def _leaf(item: Item, path: str) -> Any:
    value: Any = item
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _equal(value: Any, wanted: str, *, folded: bool) -> bool:
    if isinstance(value, bool):
        return flag(wanted) is value
    if isinstance(value, int | float):
        return number(wanted) == value
    if not isinstance(value, str):
        return False
    return _fold(value) == _fold(wanted) if folded else value == wanted


def _fold(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "")


def _ordered(value: Any, op: Op, wanted: str) -> bool:
    left: Any
    right: Any
    if isinstance(value, int | float) and not isinstance(value, bool):
        right = number(wanted)
        if right is None:
            raise Refusal(Fault.NUMBER, f"{wanted[:40]!r} is no number")
        left = value
    elif isinstance(value, str):
        left, right = value, wanted
    else:
        return False
    return bool(
        (op is Op.LT and left < right)
        or (op is Op.LE and left <= right)
        or (op is Op.GT and left > right)
        or (op is Op.GE and left >= right)
    )


def _key(value: Any, subject: str) -> tuple[int, float, str, str]:
    if isinstance(value, bool):
        return (1, float(value), "", subject)
    if isinstance(value, int | float):
        return (2, float(value), "", subject)
    if isinstance(value, str):
        return (3, 0.0, value, subject)
    return (0, 0.0, "", subject)


def _position_of(item: Item, path: str) -> tuple[Value, ...]:
    value = _leaf(item, path)
    return (value if isinstance(value, bool | int | float | str) else None, str(item.get("id", "")))


def _key_of_position(position: tuple[Value, ...]) -> tuple[int, float, str, str]:
    return _key(position[0], str(position[1]))
