"""The timeline of a run: a row for each activity, on it a bar for each attempt.

What is drawn is SVG with presentation attributes only, and places in per cent of the width: letters and heights stay as they are at every
width. Colours are the style sheet's, by class.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Instant, to_iso
from headrace.core.native.runs import ActivityLine
from headrace.core.run import BODY, ActivityStatus
from headrace.web.wording import duration

_MILLISECOND = 1000
_STEPS = (
    *(size * power for power in (1, 10, 100, 1000, 10_000, 100_000) for size in (1, 2, 5)),
    *(SECOND * count for count in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(HOUR * count for count in (1, 2, 3, 6, 12)),
    *(DAY * size * power for power in (1, 10, 100, 1000) for size in (1, 2, 5)),
)
"""Microseconds that may lie between two ticks."""
_MOST_TICKS = 6
_WAITS = frozenset({"pipeline_wait", "web_hook", "validation", "listen"})
"""Kinds of activities whose time is spent with waiting, also when it is over."""
_SMALLEST = 0.3
"""Per cent of the width that a bar has at least."""
_TEXT_FITS = 72.0
"""Per cent behind which a text stands before its bar, no more behind it."""
_OPEN_BODIES = 20
"""A container with more bodies than so many is closed at first."""
_OPEN_ROWS = 60
"""A timeline with more rows than so many is open at its top only."""
_BAR = {ActivityStatus.TIMED_OUT: "failed", ActivityStatus.PENDING: "queued"}

WAITING_PATTERN = "gantt-waiting"
"""The name of the pattern in which waits are drawn; ``Chart.grid`` defines it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the timeline.

    ``line``: the newest attempt. ``track``: its bars. ``rows``: what lies in a container. ``is_open``: they are to be seen at first.
    """

    line: ActivityLine
    attempts: int
    track: Markup
    rows: tuple["Row", ...] = ()
    is_open: bool = True
    is_container: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A timeline.

    ``axis``: the ticks' texts; ``grid``: the lines behind all rows, with the line of now while the run goes on. ``keys``: what of ``queued``,
    ``waits`` and ``carried`` is on it, and has to be explained.
    """

    begin: Instant
    end: Instant
    axis: Markup
    grid: Markup
    rows: tuple[Row, ...] = ()
    count: int = 0
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The time of a run. ``due_at``/``started_at``/``ended_at`` None: not given, not begun, not ended."""

    created_at: Instant
    now: Instant
    due_at: Instant | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class _Scale:
    begin: int
    end: int

    def place(self, instant: int) -> float:
        """Return where ``instant`` lies, in per cent from 0 to 100."""
        share = (instant - self.begin) * 100.0 / (self.end - self.begin)
        return min(max(share, 0.0), 100.0)


@dataclass(slots=True)
class _Node:
    lines: list[ActivityLine] = field(default_factory=list)
    inside: list["_Node"] = field(default_factory=list)


def draw(stretch: Stretch, lines: Sequence[ActivityLine], needs: Mapping[str, Sequence[str]] | None = None) -> Chart:
    """Return the timeline of a run with these activities, in their order; attempts of one path are bars of one row.

    ``needs``: names of the activities that each depends on: it was queued when they had ended, no sooner.
    """
    begin, end = _ends(stretch, lines)
    scale = _Scale(begin, end)
    top = _tree(lines)
    count = len({line.path for line in lines})
    drawing = _Drawing(scale, stretch.now if stretch.ended_at is None else end, needs or {}, count > _OPEN_ROWS)
    is_going_on = stretch.ended_at is None and stretch.started_at is not None
    # A run that has not begun has no time to measure.
    offsets = ticks(end - begin) if stretch.started_at is not None else []
    rows = drawing.rows(top)
    return Chart(
        begin=Instant(begin),
        end=Instant(end),
        axis=_axis(scale, offsets),
        grid=_grid(scale, offsets, stretch.now if is_going_on else None),
        rows=rows,
        count=count,
        keys=_keys(rows, lines),
    )


def dependencies(definition: Mapping[str, object]) -> Mapping[str, Sequence[str]]:
    """Return the names that each activity of an encoded plan depends on, those in containers' bodies too."""
    found: dict[str, Sequence[str]] = {}
    for activity in _objects(definition.get("activities")):
        name = activity.get("name")
        if isinstance(name, str):
            found[name] = [str(one.get("activity")) for one in _objects(activity.get("depends_on"))]
        bodies = activity.get("bodies")
        for body in bodies.values() if isinstance(bodies, Mapping) else ():
            if isinstance(body, Mapping):
                found |= dependencies(body)
    return found


def ticks(length: int) -> list[int]:
    """Return offsets for the ticks of a stretch of ``length`` microseconds: from 0 on, so many that their texts have room."""
    step = next((step for step in _STEPS if length / step <= _MOST_TICKS), _STEPS[-1])
    step = max(step, -(-length // 50))
    return list(range(0, length + 1, step))


def offset_text(offset: int) -> str:
    """Return an offset as the axis has it: ``250 ms``, ``1 min 30 s``, ``2 d 12 h``."""
    if offset == 0:
        return "0"
    if offset < _MILLISECOND:
        return f"{offset} µs"
    if offset < SECOND:
        return f"{_plain(offset / _MILLISECOND)} ms"
    if offset < MINUTE:
        return f"{_plain(offset / SECOND)} s"
    for size, name, smaller, its_name in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min")):
        if offset >= size:
            rest = offset % size // smaller
            return f"{offset // size} {name}" + (f" {rest} {its_name}" if rest else "")
    rest = offset % MINUTE // SECOND
    return f"{offset // MINUTE} min" + (f" {rest} s" if rest else "")


def _plain(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    for one in value if isinstance(value, list | tuple) else ():
        if isinstance(one, Mapping):
            yield one


def _ends(stretch: Stretch, lines: Sequence[ActivityLine]) -> tuple[int, int]:
    """Return the ends of the axis: the time in the queue is on it where the rest can still be seen beside it."""
    queued = max(stretch.created_at, stretch.due_at or stretch.created_at)
    started = stretch.started_at
    known = [at for line in lines for at in (line.started_at, line.ended_at) if at is not None]
    end = max([stretch.ended_at or stretch.now, *known])
    begin = min([queued if started is None else started, *known])
    if started is not None and queued < begin and begin - queued <= end - begin:
        begin = queued
    begin = min(begin, end)
    return begin, max(end, begin + _MILLISECOND)


def _tree(lines: Sequence[ActivityLine]) -> list[_Node]:
    nodes: dict[str, _Node] = {}
    for line in lines:
        nodes.setdefault(line.path, _Node()).lines.append(line)
    top: list[_Node] = []
    for node in nodes.values():
        node.lines.sort(key=lambda line: line.attempt)
        above = nodes.get(node.lines[-1].parent)
        # What its container is cut off of stands at the top.
        (top if above is None or above is node else above.inside).append(node)
    for node in nodes.values():
        node.inside.sort(key=_place)
    return top


def _place(node: _Node) -> int:
    """Return where a row stands among those beside it: runs of a loop's body by their numbers, all else as it came."""
    line = node.lines[-1]
    return int(line.name) if line.kind == BODY and line.name.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class _Drawing:
    scale: _Scale
    now: int
    needs: Mapping[str, Sequence[str]]
    is_long: bool

    def rows(self, nodes: Sequence[_Node]) -> tuple[Row, ...]:
        ends = {node.lines[-1].name: node.lines[-1].ended_at for node in nodes}
        return tuple(self._row(node, ends) for node in nodes)

    def _row(self, node: _Node, ends: Mapping[str, Instant | None]) -> Row:
        newest = node.lines[-1]
        is_container = bool(node.inside or newest.bodies) or newest.kind == BODY
        needed = [at for name in self.needs.get(newest.name, ()) if (at := ends.get(name)) is not None]
        bars = Markup("").join(self._bars(node.lines, max(needed, default=None), is_container))
        return Row(
            line=newest,
            attempts=len(node.lines),
            track=Markup('<svg class="track" width="100%" height="24" aria-hidden="true">{}</svg>').format(bars),
            rows=self.rows(node.inside),
            is_open=_is_open(node, is_long=self.is_long),
            is_container=is_container,
        )

    def _bars(self, lines: Sequence[ActivityLine], ready: Instant | None, is_container: bool) -> Iterator[Markup]:
        before: Instant | None = None
        for number, line in enumerate(lines):
            since = before or _latest(line.created_at, ready)
            before = line.ended_at
            if line.status is ActivityStatus.CARRIED and line.started_at == line.ended_at:
                continue
            yield from self._queued(line, since)
            if line.started_at is None:
                continue
            until = line.ended_at or Instant(max(self.now, line.started_at))
            yield self._bar(line, line.started_at, until, is_container)
            if number == len(lines) - 1:
                # Beside a bar is what came before it: the time in its queue, or earlier attempts.
                drawn = [at for at in (since, lines[0].started_at) if at is not None]
                yield self._text(line, (line.started_at, until), min(line.started_at, *drawn), is_container)

    def _queued(self, line: ActivityLine, since: Instant | None) -> Iterator[Markup]:
        """Draw the time from which on it could have begun, until it did."""
        is_waiting = line.status is ActivityStatus.QUEUED
        until = line.started_at or (self.now if is_waiting else None)
        if since is None or until is None or until <= since:
            return
        left, right = self.scale.place(since), self.scale.place(until)
        if right - left < _SMALLEST:
            return
        title = f"{line.path}: queued for {duration(until - since)}"
        if is_waiting and line.wakes_at is not None:
            title += f", tried again at {to_iso(line.wakes_at)}"
        yield _rectangle("queued", left, right - left, (9, 6), title)

    def _bar(self, line: ActivityLine, start: int, until: int, is_container: bool) -> Markup:
        left, right = self.scale.place(start), self.scale.place(until)
        width = max(right - left, _SMALLEST)
        left = min(left, 100.0 - width)
        name = _bar_class(line, is_container)
        place = (9, 6) if is_container else (4, 16)
        return _rectangle(f"container {name}" if is_container else name, left, width, place, _title(line, start, until))

    def _text(self, line: ActivityLine, bar: tuple[int, int], before: int, is_container: bool) -> Markup:
        (left, right), text = map(self.scale.place, bar), duration(bar[1] - bar[0])
        if right <= _TEXT_FITS:
            return Markup('<text class="beside" x="{}%" dx="6" y="16">{}</text>').format(_number(right), text)
        is_wide = right - left >= 100.0 - _TEXT_FITS and not is_container
        if (space := self.scale.place(before)) >= 100.0 - _TEXT_FITS and not is_wide:
            return Markup('<text class="beside" x="{}%" dx="-6" y="16" text-anchor="end">{}</text>').format(
                _number(space), text
            )
        if is_container or not is_wide:
            return Markup("")
        return Markup('<text class="within {}" x="{}%" dx="8" y="16">{}</text>').format(
            _bar_class(line, is_container), _number(left), text
        )


def _latest(created: Instant | None, ready: Instant | None) -> Instant | None:
    return created if ready is None else ready if created is None else max(created, ready)


def _is_open(node: _Node, *, is_long: bool) -> bool:
    """Say whether what lies in a row is shown at first: in a long timeline only where something failed or goes on."""
    if len(node.inside) > _OPEN_BODIES:
        return False
    if not is_long:
        return True
    telling = {ActivityStatus.FAILED, ActivityStatus.TIMED_OUT, ActivityStatus.RUNNING, ActivityStatus.WAITING}
    return node.lines[-1].status in telling


def _bar_class(line: ActivityLine, is_container: bool) -> str:
    if line.status is ActivityStatus.WAITING and is_container:
        # It waits for what lies in it, and that is drawn.
        return "running"
    if line.status is ActivityStatus.SUCCEEDED and line.kind in _WAITS:
        return "waited"
    return _BAR.get(line.status, line.status.value)


def _title(line: ActivityLine, start: int, until: int) -> str:
    words = [f"{line.path}: {line.status.value.replace('_', ' ')}"]
    if line.attempt > 1:
        words.append(f"attempt {line.attempt}")
    words.append(f"{duration(until - start)} from {to_iso(Instant(start))}")
    if line.waits_for:
        words.append(line.waits_for)
    if line.reason is not None:
        words.append(line.reason.message)
    return ", ".join(words)


def _rectangle(name: str, left: float, width: float, place: tuple[int, int], title: str) -> Markup:
    top, height = place
    fill = f"url(#{WAITING_PATTERN})" if name in {"waiting", "waited"} else "currentColor"
    return Markup(
        '<rect class="bar {}" x="{}%" width="{}%" y="{}" height="{}" rx="2" fill="{}"><title>{}</title></rect>'
    ).format(name, _number(left), _number(width), top, height, fill, title)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _keys(rows: Sequence[Row], lines: Sequence[ActivityLine]) -> tuple[str, ...]:
    drawn = Markup("").join(_tracks(rows))
    found = {
        "queued": 'class="bar queued"' in drawn,
        "waits": f"url(#{WAITING_PATTERN})" in drawn,
        "carried": any(line.status is ActivityStatus.CARRIED for line in lines),
    }
    return tuple(name for name, is_there in found.items() if is_there)


def _tracks(rows: Sequence[Row]) -> Iterator[Markup]:
    for row in rows:
        yield row.track
        yield from _tracks(row.rows)


def _axis(scale: _Scale, offsets: Sequence[int]) -> Markup:
    texts = []
    for number, offset in enumerate(offsets):
        place = scale.place(scale.begin + offset)
        anchor = "start" if number == 0 else "end" if place > 97 else "middle"
        rank = "minor" if number % 2 else "major"
        texts.append(
            Markup('<text class="{}" x="{}%" y="14" text-anchor="{}">{}</text>').format(
                rank, _number(place), anchor, offset_text(offset)
            )
        )
    return Markup('<svg class="axis" width="100%" height="20" aria-hidden="true">{}</svg>').format(
        Markup("").join(texts)
    )


def _grid(scale: _Scale, offsets: Sequence[int], now: int | None) -> Markup:
    pattern = Markup(
        '<defs><pattern id="{}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="ground" width="6" height="6"/><rect class="hatch" width="2.5" height="6"/></pattern></defs>'
    ).format(WAITING_PATTERN)
    lines = [
        Markup('<line class="tick" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(
            _number(scale.place(scale.begin + offset))
        )
        for offset in offsets
    ]
    if now is not None:
        place = _number(scale.place(now))
        lines.append(Markup('<line class="now" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(place))
    return Markup('<svg class="grid" width="100%" height="100%" aria-hidden="true">{}{}</svg>').format(
        pattern, Markup("").join(lines)
    )
