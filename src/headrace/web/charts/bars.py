"""Counts side by side as bars that lie, such as rejected rows by reason."""

from collections.abc import Sequence

from markupsafe import Markup

from headrace.web import wording

_WIDTH = 120
_BAR = Markup(
    '<svg class="bar" width="{width}" height="10" viewBox="0 0 {width} 10" role="img" aria-label="{words}"><title>{words}</title>'
    '<rect class="f-ground" width="{width}" height="10" rx="2"/><rect class="f-{tone}" width="{long}" height="10" rx="2"/></svg>'
)


def bar(count: float, most: float, tone: str = "accent", words: str = "") -> Markup:
    """Return one bar: ``count`` of ``most``. ``words`` say it to who does not see it."""
    share = 0.0 if most <= 0 else min(1.0, max(0.0, count / most))
    long = max(2.0, share * _WIDTH) if count else 0.0
    return _BAR.format(width=_WIDTH, words=words or wording.number(count), tone=tone, long=f"{long:.1f}")


def bars(pairs: Sequence[tuple[str, int]], tone: str = "accent") -> Markup:
    """Return a list of names with their counts, each with its bar; the longest is as long as there is room."""
    most = max((count for _, count in pairs), default=0)
    rows = Markup().join(
        Markup('<li><span class="bar-name">{}</span>{}<span class="bar-count">{}</span></li>').format(
            name, bar(count, most, tone, f"{name}: {wording.number(count)}"), wording.number(count)
        )
        for name, count in pairs
    )
    return Markup('<ol class="bars">{}</ol>').format(rows)
