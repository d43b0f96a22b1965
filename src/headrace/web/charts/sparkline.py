"""Runs that ended, by time: one small bar for each part of it, stacked by how they ended."""

from collections.abc import Callable

from markupsafe import Markup

from headrace.core.clock import Instant
from headrace.core.native.runs import Bucket, Throughput
from headrace.web import wording

HEIGHT = 48
_STEP = 12
_BAR = 9
_CHART = Markup(
    '<svg class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="group" aria-label="{words}">'
    '<line class="ground" x1="0" x2="{width}" y1="{ground}" y2="{ground}"/>{bars}</svg>'
)
_BAR_LINK = Markup(
    '<a href="{href}" tabindex="-1" aria-label="{words}"><title>{words}</title>'
    '<rect class="hit" x="{x}" y="0" width="{step}" height="{height}"/>{parts}</a>'
)
_EMPTY = Markup('<g><title>{words}</title><rect class="hit" x="{x}" y="0" width="{step}" height="{height}"/></g>')
_PART = Markup('<rect class="f-{tone}" x="{x}" y="{y}" width="{width}" height="{height}"/>')


def sparkline(throughput: Throughput, href: Callable[[Instant, Instant], str]) -> Markup:
    """Return the chart. ``href(since, until)``: where a bar leads.

    Bars are for the pointer: by the keyboard one would have to pass four dozen of them to come to the list, and the filter's fields say the same.
    """
    most = max((_total(bucket) for bucket in throughput.buckets), default=0) or 1
    bars = Markup().join(
        _bar(bucket, number * _STEP, throughput.width, most, href) for number, bucket in enumerate(throughput.buckets)
    )
    return _CHART.format(
        width=max(1, len(throughput.buckets)) * _STEP,
        height=HEIGHT,
        ground=HEIGHT - 0.5,
        words=_summary(throughput),
        bars=bars,
    )


def _bar(bucket: Bucket, x: int, width: int, most: int, href: Callable[[Instant, Instant], str]) -> Markup:
    until = Instant(bucket.start + width)
    words = f"{wording.moment(bucket.start)[5:16]} to {wording.moment(until)[11:16]} UTC: {_words(bucket)}"
    if not _total(bucket):
        return _EMPTY.format(words=words, x=x, step=_STEP, height=HEIGHT)
    parts, y = [], HEIGHT - 1.0
    for tone, count in _tones(bucket):
        if count:
            # What is there is seen, however small its share.
            tall = max(2.0, count / most * (HEIGHT - 4))
            y -= tall
            parts.append(
                _PART.format(
                    tone=tone, x=x + (_STEP - _BAR) / 2, y=f"{max(0, y):.1f}", width=_BAR, height=f"{tall:.1f}"
                )
            )
    return _BAR_LINK.format(
        href=href(bucket.start, until), words=words, x=x, step=_STEP, height=HEIGHT, parts=Markup().join(parts)
    )


def _tones(bucket: Bucket) -> tuple[tuple[str, int], ...]:
    return (
        ("failed", bucket.failed),
        ("cancelled", bucket.cancelled),
        ("rejects", bucket.with_rejects),
        ("succeeded", bucket.succeeded - bucket.with_rejects),
    )


def _total(bucket: Bucket) -> int:
    return bucket.succeeded + bucket.failed + bucket.cancelled


def _words(bucket: Bucket) -> str:
    told = [
        f"{wording.number(count)} {words}"
        for words, count in (
            ("failed", bucket.failed),
            ("succeeded", bucket.succeeded - bucket.with_rejects),
            ("with rejects", bucket.with_rejects),
            ("cancelled", bucket.cancelled),
        )
        if count
    ]
    if not told:
        return "no run ended"
    rows = f"; {wording.number(bucket.rows_accepted)} rows accepted" if bucket.rows_accepted else ""
    return ", ".join(told) + rows


def _summary(throughput: Throughput) -> str:
    ended = sum(_total(bucket) for bucket in throughput.buckets)
    failed = sum(bucket.failed for bucket in throughput.buckets)
    return f"Runs that ended, by time: {wording.number(ended)} in all, {wording.number(failed)} of them failed"
