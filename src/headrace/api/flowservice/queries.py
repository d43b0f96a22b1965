"""The property language and paging of lists (2.2, 2.3): parsed here, matched against items as they are rendered."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.wire import Item, body_object, flag, integer, number
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.query import MAX_TOKEN, Cursor, Op, Value
from headrace.http.bodies import Body

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_FILTERS = 50
MAX_VALUES = 500
"""Alternatives of one filter."""
MAX_QUERY = 65_536
"""Characters of a search's ``queryString``."""

_PARTS = re.compile(r"([^=!<>~]*)([=!<>~]+)(.*)", re.DOTALL)
_PATH = re.compile(r"[^\s.\[\]]+(\[\])?(\.[^\s.\[\]]+(\[\])?)*")
_OPERATORS = {"==": Op.EQ, "=": Op.EQ, "!=": Op.NE, "<": Op.LT, "<=": Op.LE, ">": Op.GT, ">=": Op.GE}
_ORDERING = {Op.LT, Op.LE, Op.GT, Op.GE}
_NUMERIC_FIELD = re.compile(r".*(At|UTC|Count|Bytes|Percent|percentCompleted|Date|created|updated)")
_STATUS_FIELD = re.compile(r"(.*\.)?(state|status|status\.value)")
_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)', re.DOTALL)
_KNOWN_PARAMETERS = frozenset({"property", "limit", "orderby", "continuationToken", "count"})


@dataclass(frozen=True, slots=True)
class Collection:
    """What a list knows: ``name`` of the collection, its known root fields, the fault for others, further query parameters that are borne."""

    name: str
    roots: frozenset[str]
    unknown_field: Fault = Fault.FILTER_FIELD
    ignored: frozenset[str] = frozenset({"if-match", "If-Match"})
    only_filters: bool = False
    """Whether all else that a list knows is borne and does nothing (specs, 2.2)."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter.

    ``path``: names, each with whether it stands for any element of an array. ``values``: alternatives (``==`` only has several). ``null``: what
    is absent or null is one of them (for ``!=``: it is what is refused).
    """

    path: tuple[tuple[str, bool], ...]
    op: Op
    values: tuple[str, ...]
    null: bool = False

    @property
    def dotted(self) -> str:
        """Return the path without brackets."""
        return ".".join(name for name, _ in self.path)

    @property
    def has_arrays(self) -> bool:
        """Say whether the path goes through arrays."""
        return any(each for _, each in self.path)

    @property
    def is_folded(self) -> bool:
        """Say whether the field is a status or a state, whose values are compared without regard to case, ``_`` and ``-``."""
        return bool(_STATUS_FIELD.fullmatch(self.dotted))


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
    properties = [*query.getlist("property"), *further]
    if collection.only_filters:
        return _request_of(properties, None, None, collection)
    listed = _request_of(properties, query.get("limit"), query.get("orderby"), collection)
    count = bool(flag(query.get("count")))
    if count and query.get("limit"):
        raise Refusal(Fault.LIMIT_AND_COUNT, "limit and count=true exclude each other")
    token = query.get("continuationToken")
    return _continued(token, collection) if token else replace(listed, count=count)


def read_search(request: Request, body: Body, collection: Collection) -> ListRequest:
    """Return what the body of a search asks for (2.2).

    Raises:
        Refusal: 1405-400, 1000-400: no object; 1454-400: ``queryString`` is no text; 1441-400: grouping; and as ``read_list``.
    """
    check_query(request, "continuationToken")
    given = body_object(body)
    if given.get("groupByProperty") not in (None, ""):
        raise Refusal(Fault.GROUPING, "groupByProperty is not offered")
    text = given.get("queryString")
    if text is not None and not isinstance(text, str):
        raise Refusal(Fault.QUERY_STRING, "queryString is no text; filters joined by & are expected")
    if text is not None and len(text) > MAX_QUERY:
        raise Refusal(Fault.QUERY_STRING, f"queryString has more than {MAX_QUERY} characters")
    limit, order = given.get("limit"), given.get("orderby")
    if order is not None and not isinstance(order, str):
        raise Refusal(Fault.ORDER_FIELD, "orderby is no text; a field is expected")
    count = bool(flag(given.get("count")))
    if count and limit is not None:
        raise Refusal(Fault.LIMIT_AND_COUNT, "limit and count=true exclude each other")
    filters = [part.strip().removeprefix("property=") for part in _conjuncts((text or "").strip().lstrip("?"))]
    listed = _request_of([*filters, *_projections(given)], None if limit is None else str(limit), order, collection)
    token = request.query_params.get("continuationToken")
    return _continued(token, collection) if token else replace(listed, count=count)


def check_query(request: Request, *known: str) -> None:
    """Refuse query parameters that a route does not have; ``if-match`` may stand there for the header.

    Raises:
        Refusal: 1451-400.
    """
    for name in request.query_params:
        if name not in known and name.lower() != "if-match":
            raise Refusal(Fault.QUERY_PARAMETER, f"the query parameter {name[:80]!r} is unknown here")


def match(item: Item, filters: Sequence[Filter]) -> bool:
    """Say whether ``item`` satisfies all ``filters``."""
    return all(_matches(item, one) for one in filters)


def project(item: Item, fields: frozenset[str]) -> Item:
    """Return what ``item`` has at the listed paths, with ``id`` and ``etag``; no paths: all of it."""
    if not fields:
        return item
    chosen = {key: value for key, value in item.items() if key in {"id", "etag"}}
    for path in sorted(fields):
        _project(item, path.split("."), chosen)
    return chosen


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


def _project(item: Mapping[str, Any], path: Sequence[str], chosen: Item) -> None:
    name, rest = path[0].removesuffix("[]"), path[1:]
    if name not in item:
        return
    value = item[name]
    if not rest or not isinstance(value, Mapping):
        chosen[name] = value
    elif chosen.get(name) is not value:
        # What was chosen as a whole stays so.
        inner = chosen.setdefault(name, {})
        _project(value, rest, inner)


def _projections(given: Item) -> list[str]:
    fields = given.get("projectionFields")
    if fields is None or fields == "":
        return []
    names = fields.split(",") if isinstance(fields, str) else fields
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal(Fault.VALUE, "projectionFields is no comma-separated text of paths")
    wrong = [name for name in names if name.strip() and not _PATH.fullmatch(name.strip())]
    if wrong:
        raise Refusal(Fault.VALUE, f"projectionFields has {wrong[0][:80]!r}, which is no path")
    return [name for name in names if name.strip()]


def _parts(text: str) -> list[str]:
    """Return the filters that one value holds: a client encodes a whole range as one (2.3); within quotes nothing is split."""
    parts = text.split("&property=")
    if text.count('"') % 2:
        return parts
    whole: list[str] = []
    for part in parts:
        if whole and whole[-1].count('"') % 2:
            whole[-1] += "&property=" + part
        else:
            whole.append(part)
    return whole


def _conjuncts(text: str) -> list[str]:
    """Return the parts of ``text`` between ``&``, but for those within quotes; a quote that does not end holds nothing together."""
    parts, start, quoted, escaped = [], 0, False, False
    for at, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "&" and not quoted:
            parts.append(text[start:at])
            start = at + 1
    rest = text[start:]
    return [part for part in (*parts, *(rest.split("&") if quoted else [rest])) if part.strip()]


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
    return replace(listed, position=cursor.position)


def _request_of(
    properties: Sequence[str], limit: str | None, orderby: str | None, collection: Collection
) -> ListRequest:
    texts = [part for text in properties for part in _parts(text) if part.strip()]
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
    op, values = _OPERATORS[sign], tuple(_values(rest))
    if any(value == "" and not quoted for value, quoted in values):
        raise Refusal(Fault.FILTER_VALUE_EMPTY, f"the filter {text[:80]!r} has an empty value")
    compared = op in {Op.EQ, Op.NE}
    null = compared and any(value == "null" and not quoted for value, quoted in values)
    plain = tuple(value for value, quoted in values if quoted or not compared or value != "null")
    parsed = Filter(path, op, plain, null)
    _check(parsed, len(values), text)
    return parsed


def _values(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each value, and whether it was quoted."""
    at = 0
    while at < len(text):
        item = _ITEM.match(text, at)
        if item is None:
            # A quote that does not end, or text after one: the rest is one value as it stands.
            yield text[at:].strip(), False
            return
        quoted = item[1] is not None
        yield (re.sub(r"\\(.)", r"\1", item[1]) if quoted else item[2].strip()), quoted
        at = item.end()
    if text.endswith(",") and not text.endswith("\\,"):
        yield "", False


def _check(one: Filter, given: int, text: str) -> None:
    last = one.path[-1][0]
    if given > 1 and one.op is not Op.EQ:
        raise Refusal(Fault.FILTER_LIST, f"{text[:80]!r}: a list of values works with == only")
    if given > MAX_VALUES:
        raise Refusal(Fault.FILTER_LIST, f"{text[:80]!r}: {given} values are too many; the limit is {MAX_VALUES}")
    if one.op in _ORDERING and (last == "id" or last.endswith(("Id", "Ids"))):
        raise Refusal(Fault.FILTER_ID_ORDER, f"{text[:80]!r}: ids have no order; use == or !=")
    if one.op in _ORDERING and _NUMERIC_FIELD.fullmatch(last) and number(one.values[0]) is None:
        raise Refusal(Fault.NUMBER, f"{text[:80]!r}: {last} is a number")


def _matches(item: Item, one: Filter) -> bool:
    found = [value for value in _leaves(item, one.path) if value is not None]
    if one.op not in {Op.EQ, Op.NE}:
        return any(_ordered(value, one.op, one.values[0]) for value in found)
    folded = one.is_folded
    equal = (one.null and not found) or any(
        _equal(value, wanted, folded=folded) for value in found for wanted in one.values
    )
    return equal is (one.op is Op.EQ)


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
    return fold(value) == fold(wanted) if folded else value == wanted


def fold(text: str) -> str:
    """Return a state without what does not count in it: ``Partial_Success`` is ``partialsuccess``."""
    return text.lower().replace("_", "").replace("-", "")


def _ordered(value: Any, op: Op, wanted: str) -> bool:
    left: Any
    right: Any
    if isinstance(value, int | float) and not isinstance(value, bool):
        right = number(wanted)
        if right is None:
            return False
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
