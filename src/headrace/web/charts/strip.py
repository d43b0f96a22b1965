"""A flow's last runs as a strip of squares: how they ended, seen at a glance."""

from collections.abc import Sequence

from markupsafe import Markup

from headrace.core.native.flows import STRIP, Square
from headrace.core.run import RunStatus
from headrace.web import wording

_SIZE = 14
_STEP = 17
_CHART = Markup(
    '<svg class="strip" width="{width}" height="{size}" viewBox="0 0 {width} {size}" role="group" aria-label="{words}">{squares}</svg>'
)
_SQUARE = Markup(
    '<a href="/runs/{run}" aria-label="{words}"><title>{words}</title>'
    '<rect class="f-{tone}" x="{x}" y="0.5" width="{side}" height="{side}" rx="2.5"/>{mark}</a>'
)
# Colour alone says nothing to many: what failed has a cross, what has rejects a bar, what goes on a dot.
_MARKS = {
    "failed": "M{0} 4.5l6 6m0-6-6 6",
    "rejects": "M{0} 7.500h6",
    "cancelled": "M{0} 10.500l6-6",
}
_MARK = Markup('<path class="cut" d="{}"/>')


def strip(squares: Sequence[Square], most: int = STRIP) -> Markup:
    """Return the newest ``most`` of ``squares``, which come oldest first; each leads to its run."""
    shown = squares[-most:]
    words = f"The last {wording.plural(len(shown), 'run')}" if shown else "No run yet"
    drawn = Markup().join(_square(square, number * _STEP) for number, square in enumerate(shown))
    return _CHART.format(width=max(1, len(shown)) * _STEP, size=_SIZE + 2, words=words, squares=drawn)


def _square(square: Square, x: int) -> Markup:
    tone = tone_of(square)
    words = f"{wording.moment(square.created_at)[:16]} UTC: {'succeeded with rejects' if tone == 'rejects' else square.status.value}"
    if square.started_at is not None and square.ended_at is not None:
        words += f" in {wording.duration(square.ended_at - square.started_at)}"
    mark = _MARK.format(_MARKS[tone].format(x + 4)) if tone in _MARKS else Markup()
    return _SQUARE.format(run=square.run, words=words, tone=tone, x=x + 0.5, side=_SIZE - 1, mark=mark)


def tone_of(square: Square) -> str:
    """Return the colour of a run, by its name in the style sheets (``f-…``)."""
    if square.status is RunStatus.SUCCEEDED and square.figures.rows_rejected:
        return "rejects"
    return square.status.value
