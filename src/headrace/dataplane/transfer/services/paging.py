"""Pages of a service: what is asked for after each answer (contract 9.7). Nothing is sent here.

Rules that the contract leaves open: several RANGEs go on side by side, and the first that ends ends the paging; an end of a RANGE belongs to it; a
missing value counts as Empty; a URL that is found replaces the one before, and query parameters are set on it. A request that was made before, to the
letter, is refused: it would be answered the same way for ever.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from headrace.core.codec import Json
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.mapping.paths import path_of

_MISSING = object()
_NAMED = re.compile(
    r"""(?P<part>AbsoluteUrl|QueryParameters|Headers)(?:\.(?P<plain>.+)|\['(?P<single>.+)'\]|\["(?P<double>.+)"\])""",
    re.DOTALL,
)
_HEADER = re.compile(
    r"""headers(?:\.(?P<plain>[^.\[\]]+)|\['(?P<single>[^']+)'\]|\["(?P<double>[^"]+)"\])""", re.IGNORECASE
)
_RANGE = re.compile(r"RANGE:(-?[0-9]{1,18}):(-?[0-9]{0,18}):(-?[0-9]{1,18})", re.IGNORECASE)
_LINK = re.compile(r"""<([^>]*)>((?:\s*;\s*[^\s=;,"]+\s*(?:=\s*(?:"[^"]*"|[^",;]*))?)*)""")
_REL = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]*))""", re.IGNORECASE)
_END = "EndCondition:"
_NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: ``body`` gives the JSON value, which is read only where a rule asks for it. Names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Callable[[], Json]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a page: what changes from one to the next."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


Finder = Callable[[Page], Any]
"""Returns what an answer has at a place; ``_MISSING``: nothing."""


@dataclass(slots=True)
class _Range:
    name: str
    place: str
    now: int
    last: int | None
    step: int

    def advance(self) -> bool:
        self.now += self.step
        return self.last is None or (self.now <= self.last if self.step > 0 else self.now >= self.last)

    @property
    def begins(self) -> bool:
        return self.last is None or (self.now <= self.last if self.step > 0 else self.now >= self.last)


class Pager:
    """Says what to ask for next. ``url`` and ``headers`` may have placeholders ``{v}``."""

    def __init__(self, url: str, headers: Mapping[str, str], rules: Mapping[str, str]) -> None:
        self._url, self._headers = url, dict(headers)
        self._ranges: list[_Range] = []
        self._absolute: Finder | None = None
        self._found: list[tuple[str, str, Finder]] = []
        self._set: dict[tuple[str, str], str] = {}
        self._ends: list[Callable[[Page], bool]] = []
        self._most: int | None = None
        self._links = not rules
        self._asked = 0
        self._seen: set[bytes] = set()
        for key, value in rules.items():
            self._take(key.strip(), value.strip())

    def first(self) -> Ask | None:
        """Return the first request; None: a RANGE is empty, and nothing is asked for."""
        return self._next() if all(each.begins for each in self._ranges) and self._most != 0 else None

    def after(self, page: Page) -> Ask | None:
        """Return the request that follows an answer; None: it was the last page.

        Raises:
            TransferProblem: ``REST_CLIENT_ERROR``: the request was made before.
        """
        full = self._most is not None and self._asked >= self._most
        if page.status == _NO_CONTENT or full or any(ends(page) for ends in self._ends):
            return None
        return self._next() if self._moved(page) else None

    def _moved(self, page: Page) -> bool:
        """Take over what the answer says; return whether there is another page."""
        moved = False
        if self._absolute is not None:
            target = _text(self._absolute(page))
            if not target:
                return False
            self._url, moved = urljoin(self._url, target), True
        for place, name, find in self._found:
            value = _text(find(page))
            if not value:
                return False
            self._set[place, name], moved = value, True
        for each in self._ranges:
            if not each.advance():
                return False
            moved = True
        if self._links and (target := _next_link(page.headers.get("link", ""))):
            self._url, moved = urljoin(self._url, target), True
        return moved

    def _next(self) -> Ask:
        url, headers = self._url, dict(self._headers)
        for each in self._ranges:
            url, headers = _filled(url, headers, each.place, each.name, str(each.now))
        for (place, name), value in self._set.items():
            url, headers = _filled(url, headers, place, name, value)
        for _, name, _ in self._found:
            url = url.replace(f"{{{name}}}", "")
        ask = Ask(url, headers)
        digest = hashlib.sha256(json.dumps([ask.url, sorted(headers.items())]).encode()).digest()[:16]
        if digest in self._seen:
            parts = urlsplit(url)
            message = f"the pagination leads back to a page of {parts.scheme}://{parts.netloc}{parts.path} that was read already; it would not end"
            raise TransferProblem(Reason.REST_CLIENT_ERROR, Side.SOURCE, message)
        self._seen.add(digest)
        self._asked += 1
        return ask

    def _take(self, key: str, value: str) -> None:
        lower = key.lower()
        if lower == "supportrfc5988":
            self._links = _flag(key, value)
        elif lower == "maxrequestnumber":
            if not value.isascii() or not value.isdecimal():
                raise _wrong(key, value, "it must be a whole number")
            self._most = int(value[:18])
        elif lower.startswith(_END.lower()):
            self._ends.append(_condition(key, value))
        elif lower == "absoluteurl":
            self._absolute = _finder(key, value)
        else:
            self._take_named(key, value)

    def _take_named(self, key: str, value: str) -> None:
        found = _NAMED.fullmatch(key)
        if found is None:
            raise _wrong(key, value, "no such rule is known")
        place = found["part"]
        name = found["plain"] or found["single"] or found["double"]
        is_variable = name.startswith("{") and name.endswith("}")
        name = name[1:-1] if is_variable else name
        as_range = _RANGE.fullmatch(value)
        if as_range is not None:
            start, last, step = as_range.groups()
            if int(step) == 0:
                raise _wrong(key, value, "its step is 0")
            self._ranges.append(_Range(name, place, int(start), int(last) if last else None, int(step)))
        elif value.upper().startswith("RANGE:"):
            raise _wrong(key, value, "a range is RANGE:start:end:step, in whole numbers; the end may be empty")
        elif is_variable or place == "AbsoluteUrl":
            raise _wrong(key, value, "a variable in braces takes a RANGE:start:end:step")
        else:
            self._found.append((place, name, _finder(key, value)))


def _filled(url: str, headers: dict[str, str], place: str, name: str, value: str) -> tuple[str, dict[str, str]]:
    """Put a value in the place of ``{name}``; a query parameter or header that has no such place is set."""
    mark = f"{{{name}}}"
    if place == "Headers":
        filled = {key: text.replace(mark, value) for key, text in headers.items()}
        if filled == headers and not any(mark in text for text in headers.values()):
            filled = {key: text for key, text in headers.items() if key.lower() != name.lower()}
            filled[name] = value
        return url, filled
    if mark in url:
        return url.replace(mark, quote(value, safe="")), headers
    return (_with_parameter(url, name, value) if place == "QueryParameters" else url), headers


def _with_parameter(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    kept = [piece for piece in parts.query.split("&") if piece and _name_of(piece) != name]
    return parts._replace(query="&".join([*kept, urlencode({name: value}, quote_via=quote, safe="")])).geturl()


def _name_of(piece: str) -> str:
    found = parse_qsl(piece, keep_blank_values=True)
    return found[0][0] if found else piece


def _finder(key: str, value: str) -> Finder:
    header = _HEADER.fullmatch(value)
    if header is not None:
        name = (header["plain"] or header["single"] or header["double"]).lower()
        return lambda page: page.headers.get(name, _MISSING)
    if not value.startswith("$"):
        raise _wrong(key, value, "it must be a JSONPath, as $.next, or a header, as Headers.next")
    steps = path_of(value).steps
    return lambda page: _at(page.body(), steps)


def _at(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return _MISSING
            value = value[step]
        elif not isinstance(value, dict) or step not in value:
            return _MISSING
        else:
            value = value[step]
    return value


def _condition(key: str, value: str) -> Callable[[Page], bool]:
    find = _finder(key, key[len(_END) :].strip())
    kind, _, text = value.partition(":")
    match kind.lower():
        case "empty":
            return lambda page: _is_empty(find(page))
        case "nonempty":
            return lambda page: not _is_empty(find(page))
        case "exist":
            return lambda page: find(page) is not _MISSING
        case "nonexist":
            return lambda page: find(page) is _MISSING
        case "const":
            return lambda page: find(page) is not _MISSING and _text(find(page)) == text
    raise _wrong(key, value, "it must be Empty, NonEmpty, Exist, NonExist or Const:text")


def _is_empty(value: Any) -> bool:
    return value is _MISSING or value is None or (isinstance(value, str | list | dict) and not value)


def _text(value: Any) -> str:
    """Return a value as it stands in a URL or header; what is missing, null or empty is empty."""
    if _is_empty(value):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _next_link(header: str) -> str:
    for link in _links(header):
        if "next" in link[1]:
            return link[0]
    return ""


def _links(header: str) -> Iterator[tuple[str, list[str]]]:
    for target, parameters in _LINK.findall(header):
        found = _REL.search(parameters)
        yield target, ((found[1] or found[2] or "").lower().split() if found else [])


def _flag(key: str, value: str) -> bool:
    if value.lower() not in {"true", "false"}:
        raise _wrong(key, value, "it must be true or false")
    return value.lower() == "true"


def _wrong(key: str, value: str, why: str) -> TransferProblem:
    message = f"the pagination rule {key!r} with the value {value!r} cannot be used: {why}"
    return TransferProblem(Reason.REQUEST_INVALID, Side.NEITHER, message)
