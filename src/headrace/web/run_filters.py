"""Filters of the list of runs, as they stand in the address of the page."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from headrace.core.clock import DAY, HOUR, Instant, to_iso
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.runs import ListRuns
from headrace.core.native.wire import from_query
from headrace.core.run import RunKind, RunStatus
from headrace.web import wording

RANGES = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
"""How far back one looks, by what stands in the address."""
RANGE_WORDS = {"1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days"}
_OURS = frozenset({"part", "seen", "range"})
_OF_A_PAGE = frozenset({"cursor", "part", "seen"})


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, in words, and the address without it."""

    words: str
    href: str


@dataclass(frozen=True, slots=True)
class RunFilters:
    """What stands in the address: ``pairs`` without empty ones, and what they ask for. ``range``: a key of ``RANGES``, or empty."""

    pairs: tuple[tuple[str, str], ...]
    asked: ListRuns
    range: str

    @property
    def href(self) -> str:
        """Return the address of the list with these filters, from its beginning."""
        return _href(pair for pair in self.pairs if pair[0] not in _OF_A_PAGE)

    @property
    def is_set(self) -> bool:
        """Say whether anything narrows the list down."""
        return any(name not in _OF_A_PAGE and name != "limit" for name, _ in self.pairs)

    @property
    def chips(self) -> tuple[Chip, ...]:
        """Return what narrows the list down and is not seen in the form at once."""
        return tuple(
            Chip(_words(name, text), self._without(name, text))
            for name, text in self.pairs
            if name in {"scope", "flow", "kind", "group", "rejects", "since", "until"}
        )

    def next_href(self, cursor: str) -> str:
        """Return the address of the page that follows."""
        return _href((*self._kept(), ("cursor", cursor)))

    def live_href(self, seen: Instant | None, part: str = "rows") -> str:
        """Return the address of what is live of this page: its ``rows``, its ``chart``. ``seen``: when its newest run was made."""
        kept = [pair for pair in self.pairs if pair[0] not in {"part", "seen"}]
        return _href((*kept, ("part", part), *([("seen", str(seen))] if seen is not None else [])))

    def with_time(self, since: Instant, until: Instant) -> str:
        """Return the address of the list with these filters and another time."""
        kept = [pair for pair in self._kept() if pair[0] not in {"range", "since", "until"}]
        return _href((*kept, ("since", to_iso(since)), ("until", to_iso(until))))

    def field(self, name: str) -> str:
        """Return ``since`` or ``until`` as a field for a date and a time has it, in UTC."""
        instant: Instant | None = getattr(self.asked, name)
        return "" if instant is None or not self.text(name) else to_iso(instant)[:19]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return what the address says for one filter."""
        return tuple(text for key, text in self.pairs if key == name)

    def text(self, name: str) -> str:
        """Return what the address says for a filter that comes once, or nothing."""
        return next(iter(self.texts(name)), "")

    def _kept(self) -> tuple[tuple[str, str], ...]:
        return tuple(pair for pair in self.pairs if pair[0] not in _OF_A_PAGE)

    def _without(self, name: str, text: str) -> str:
        return _href(pair for pair in self._kept() if pair != (name, text))


def read(query: Iterable[tuple[str, str]], now: Instant) -> RunFilters:
    """Return the filters of an address.

    Raises:
        Problem: ``INVALID``, ``UNKNOWN_FIELD``: with all that is wrong in it.
    """
    pairs = tuple((name, text.strip()) for name, text in query if text.strip())
    asked = from_query(ListRuns, [pair for pair in pairs if pair[0] not in _OURS], what="the filter")
    chosen = next((text for name, text in pairs if name == "range"), "")
    if chosen and chosen not in RANGES:
        known = ", ".join(RANGES)
        raise Problem(Code.INVALID, f"there is no range {chosen!r}", (FieldError("range", "is not known", known),))
    if chosen and asked.since is None:
        asked = replace(asked, since=Instant(now - RANGES[chosen]))
    return RunFilters(pairs, asked, chosen)


def unread(query: Iterable[tuple[str, str]]) -> RunFilters:
    """Return an address that cannot be read, for the form to show what stands in it."""
    return RunFilters(tuple((name, text.strip()) for name, text in query if text.strip()), ListRuns(), "")


STATUSES = tuple(status.value for status in RunStatus)
KINDS = tuple(kind.value for kind in RunKind)


def _words(name: str, text: str) -> str:
    if name == "rejects":
        return "with rejects" if text in {"yes", "true", "1"} else "without rejects"
    if name == "group":
        return f"group {text[: wording.SHORT]}"
    return f"{name} {wording.words_of(text)}"


def _href(pairs: Iterable[tuple[str, str]]) -> str:
    query = urlencode(list(pairs))
    return f"/runs?{query}" if query else "/runs"
