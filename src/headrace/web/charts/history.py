"""A flow's history as two charts over the same runs: rows as bars, durations as a line.

Both are stretched to the width that there is (``preserveAspectRatio="none"``), so nothing in them is a text or a circle: labels stand beside them in
HTML, and a point is a stroke without length, which keeps its shape. What a colour says, a shape says too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from headrace.core.clock import SECOND
from headrace.core.native.flows import Square
from headrace.core.run import RunStatus

SLOT, HEIGHT = 10, 100
"""The drawing's units: the width of a run, and the height of the whole."""
FEWEST_SLOTS = 20
"""A flow of few runs has thin bars all the same, at the right end."""
MANY = 50
"""From more runs on, points are smaller."""

_BAR = 7
_NOTHING = Markup()
_CHART = Markup(
    '<svg class="history{density}" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
    "{grid}{behind}{parts}</svg>"
)
_STEPS = (1, 2, 5, 10)
_TIMES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and what its uppermost line means (its middle line is half of that, the lowest 0). ``top`` is in rows, or in seconds."""

    svg: Markup
    top: float


def took(square: Square) -> int | None:
    """Return how long the run went on, in microseconds; None: it has not started, or has not ended."""
    if square.started_at is None or square.ended_at is None:
        return None
    return max(0, square.ended_at - square.started_at)


def rows(squares: Sequence[Square]) -> Chart:
    """Return the rows of runs, oldest first: accepted ones with rejected ones on top of them; a run that failed has a mark on the ground."""
    top = round_up(max((_rows(square) for square in squares), default=0))
    return Chart(_draw(squares, "Rows of runs", lambda place, square: _bar(place, square, top)), top)


def durations(squares: Sequence[Square]) -> Chart:
    """Return how long runs went on, oldest first: a line through those that ended; the ones that failed are squares, not dots."""
    top = round_up_time(max((took(square) or 0 for square in squares), default=0) / SECOND)
    spots = {
        square.run: (_middle(place), y) for place, square in _places(squares) if (y := _height(square, top)) is not None
    }
    line = (
        Markup('<path class="line" d="{}"></path>').format(_way(list(spots.values()))) if len(spots) > 1 else Markup()
    )

    def point(place: int, square: Square) -> Markup:
        spot = spots.get(square.run)
        return _ground(place, square) if spot is None else _spot(spot, _sign(square))

    return Chart(_draw(squares, "Durations of runs", point, line), top)


def round_up(most: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50 … that is ``most`` or more."""
    size = 1
    while most > size * _STEPS[-1]:
        size *= 10
    return next(size * step for step in _STEPS if most <= size * step)


def round_up_time(seconds: float) -> float:
    """Return the next time of a good round length: of seconds, minutes, hours or days."""
    if seconds <= _TIMES[-1]:
        return next(float(time) for time in _TIMES if seconds <= time)
    return _TIMES[-1] * round_up(seconds / _TIMES[-1])


def _rows(square: Square) -> int:
    return (square.figures.rows_accepted or 0) + (square.figures.rows_rejected or 0)


def _places(squares: Sequence[Square]) -> Iterable[tuple[int, Square]]:
    return enumerate(squares, max(0, FEWEST_SLOTS - len(squares)))


def _middle(place: int) -> float:
    return place * SLOT + SLOT / 2


def _height(square: Square, top: float) -> float | None:
    time = took(square)
    return None if time is None else round(HEIGHT - time / SECOND / top * HEIGHT, 2)


def _draw(
    squares: Sequence[Square], label: str, one: Callable[[int, Square], Markup], behind: Markup = _NOTHING
) -> Markup:
    width = max(FEWEST_SLOTS, len(squares)) * SLOT
    grid = Markup().join(
        Markup('<path class="grid" d="M0 {y}H{width}"></path>').format(y=y, width=width)
        for y in (0, HEIGHT // 2, HEIGHT)
    )
    parts = Markup().join(_link(place, square, one(place, square)) for place, square in _places(squares))
    return _CHART.format(
        density=" dense" if len(squares) > MANY else "",
        label=label,
        width=width,
        height=HEIGHT,
        grid=grid,
        behind=behind,
        parts=parts,
    )


def _link(place: int, square: Square, drawn: Markup) -> Markup:
    """Return a run's place as a link for whoever points at it. It is no stop of the Tab key: the table beside the charts has the same links."""
    return Markup(
        '<a href="/runs/{run}" tabindex="-1"><title>{title}</title><rect class="place" x="{x}" y="0" width="{w}" height="{h}"></rect>{drawn}</a>'
    ).format(run=square.run, title=_words(square), x=place * SLOT, w=SLOT, h=HEIGHT, drawn=drawn)


def _words(square: Square) -> str:
    time = took(square)
    parts = [str(square.status)]
    if square.figures.rows_accepted is not None:
        parts.append(f"{square.figures.rows_accepted:,} rows accepted")
    if square.figures.rows_rejected:
        parts.append(f"{square.figures.rows_rejected:,} rejected")
    if time is not None:
        parts.append(f"{time / SECOND:,.1f} s")
    return ", ".join(parts)


def _bar(place: int, square: Square, top: float) -> Markup:
    accepted = (square.figures.rows_accepted or 0) / top * HEIGHT
    rejected = (square.figures.rows_rejected or 0) / top * HEIGHT
    drawn = _rect(place, "accepted", HEIGHT - accepted, accepted) + _rect(
        place, "rejected", HEIGHT - accepted - rejected, rejected
    )
    return drawn if square.status is RunStatus.SUCCEEDED else drawn + _ground(place, square)


def _rect(place: int, kind: str, y: float, height: float) -> Markup:
    if height <= 0:
        return Markup()
    # Few among many are seen too: half a unit is about a pixel.
    seen = max(height, 1.0)
    return Markup('<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}"></rect>').format(
        kind=kind, x=place * SLOT + (SLOT - _BAR) / 2, y=round(min(y, HEIGHT - seen), 2), w=_BAR, h=round(seen, 2)
    )


def _ground(place: int, square: Square) -> Markup:
    return _spot((_middle(place), HEIGHT - 2.0), _sign(square))


def _sign(square: Square) -> str:
    if square.status is RunStatus.SUCCEEDED:
        return "with-rejects" if square.figures.rows_rejected else "succeeded"
    return str(square.status) if square.status.is_final else "open"


def _spot(spot: tuple[float, float], sign: str) -> Markup:
    return Markup('<path class="spot {sign}" d="M{x} {y}h0"></path>').format(sign=sign, x=spot[0], y=spot[1])


def _way(spots: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in spots)
