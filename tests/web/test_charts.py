"""Charts: what they say to those who see them and to those who do not."""

import re

from headrace.core.clock import MINUTE, SECOND, Instant
from headrace.core.native.flows import Square
from headrace.core.native.runs import Bucket, Throughput
from headrace.core.outcome import Figures
from headrace.core.run import RunStatus
from headrace.web.charts.bars import bar, bars
from headrace.web.charts.sparkline import HEIGHT, sparkline
from headrace.web.charts.strip import strip
from headrace.web.marks import prose, sign, status
from headrace.web.wording import ago, duration, number, one_line, short_scope, size

START = Instant(1_700_000_000_000_000)


def _throughput(*buckets: Bucket) -> Throughput:
    return Throughput(buckets=buckets, width=MINUTE)


def test_each_bar_says_what_ended_and_leads_there() -> None:
    """A bar's title has the counts in words; an empty part of the time is no link."""
    chart = sparkline(
        _throughput(
            Bucket(start=START, succeeded=7, with_rejects=2, failed=1, rows_accepted=1234), Bucket(start=START)
        ),
        lambda since, until: f"/runs?since={since}&until={until}",
    )
    assert "1 failed, 5 succeeded, 2 with rejects; 1\u202f234 rows accepted" in chart
    assert chart.count("<a ") == 1
    assert f'href="/runs?since={START}&amp;until={START + MINUTE}"' in chart
    assert "8 in all, 1 of them failed" in chart
    assert "no run ended" in chart


def test_bars_stay_in_their_picture_and_small_counts_are_seen() -> None:
    """One failure beside ten thousand successes has a height; nothing leaves the picture."""
    chart = sparkline(_throughput(Bucket(start=START, succeeded=10_000, failed=1, cancelled=1)), lambda *_: "/runs")
    parts = re.findall(r'class="f-(\w+)" x="[\d.]+" y="([\d.]+)" width="\d+" height="([\d.]+)"', chart)
    assert [name for name, _, _ in parts] == ["failed", "cancelled", "succeeded"]
    assert all(float(height) >= 2 and 0 <= float(y) < HEIGHT for _, y, height in parts)


def test_no_time_at_all_is_drawn() -> None:
    """An installation without runs has an empty chart, not a failure."""
    assert "0 in all" in sparkline(_throughput(), lambda *_: "/runs")
    assert "No run yet" in strip(())


def test_a_strip_shows_how_runs_ended_without_colour_alone() -> None:
    """What failed and what has rejects has a mark of its own, and words."""
    squares = [
        Square(
            run="a", status=RunStatus.SUCCEEDED, created_at=START, started_at=START, ended_at=Instant(START + SECOND)
        ),
        Square(run="b", status=RunStatus.SUCCEEDED, created_at=START, figures=Figures(rows_rejected=1)),
        Square(run="c", status=RunStatus.FAILED, created_at=START),
    ]
    drawn = strip(squares)
    assert re.findall(r'class="f-(\w+)"', drawn) == ["succeeded", "rejects", "failed"]
    assert drawn.count('class="cut"') == 2
    assert "succeeded in 1.0\u202fs" in drawn
    assert "succeeded with rejects" in drawn


def test_bars_are_as_long_as_their_counts() -> None:
    """The largest fills the width; none is longer, none that counts is invisible."""
    drawn = bars([("a <b>", 100), ("c", 1), ("d", 0)])
    assert re.findall(r'f-accent" width="([\d.]+)"', drawn) == ["120.0", "2.0", "0.0"]
    assert "a &lt;b&gt;" in drawn
    assert 'width="120.0"' in bar(5, 3)


def test_nothing_in_a_chart_is_styled_in_place() -> None:
    """The policy of pages refuses style attributes, in pictures too."""
    drawn = sparkline(_throughput(Bucket(start=START, failed=1)), lambda *_: "/runs") + bars([("a", 1)])
    assert "style=" not in drawn
    assert " on" not in re.sub(r'"[^"]*"', "", drawn).replace(" on-", "")


def test_a_success_with_rejects_never_looks_like_a_plain_one() -> None:
    """Sign, colour and word differ."""
    assert "s-succeeded" in status("succeeded", 0)
    assert "s-rejects" in status("succeeded", 1)
    assert "with rejects" in status("succeeded", 1)
    assert "timed out" in status("timed_out")
    assert sign("something else") == "inactive"


def test_values_read_as_people_write_them() -> None:
    """Numbers, sizes, durations and distances have one form everywhere."""
    assert [number(value) for value in (None, 0, 1234567, 0.5)] == ["–", "0", "1\u202f234\u202f567", "0.5"]
    sizes = [size(value) for value in (None, 999, 1000, 31_400_000, 999_999)]
    assert [text.replace("\u202f", " ") for text in sizes] == ["–", "999 B", "1.0 kB", "31.4 MB", "1.0 MB"]
    lengths = [duration(value * SECOND // 1000) for value in (0, 340, 4_250, 59_900, 60_000, 7_440_000, 90_000_000)]
    assert [text.replace("\u202f", " ") for text in lengths] == [
        "0 ms",
        "340 ms",
        "4.2 s",
        "59 s",
        "1 min",
        "2 h 4 min",
        "1 d 1 h",
    ]
    assert ago(START, Instant(START + 300 * SECOND)) == "5\u202fmin ago"
    assert ago(Instant(START + 7200 * SECOND), START) == "in 2\u202fh"
    assert one_line("a\n  b" + "c" * 200) == "a b" + "c" * 156 + "…"


def test_a_long_scope_keeps_its_ends() -> None:
    """Which door, and which factory: what is between can be read in the title."""
    assert short_scope("flowservice/acme/prod") == "flowservice/acme/prod"
    long = "datafactory/00000000-1111-2222-3333-444444444444/my-group/my-factory"
    assert short_scope(long) == "datafactory/…/my-group/my-factory"


def test_what_one_types_stands_apart_in_a_sentence() -> None:
    """Backticks become code; everything else stays text."""
    assert prose("start `headrace worker` <b>") == "start <code>headrace worker</code> &lt;b&gt;"
    assert prose("one ` alone") == "one ` alone"
