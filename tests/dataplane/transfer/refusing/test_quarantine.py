"""Refused rows of a transfer, in the quarantine and in a spool."""

import json
from pathlib import Path

from headrace.core.clock import Instant
from headrace.core.outcome import ReasonCount
from headrace.dataplane.quarantine import layout
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.refusing.quarantine import write_quarantine
from headrace.dataplane.transfer.refusing.spool import Spool, read, sums
from headrace.dataplane.transfer.rows import RefusedRow, Slice
from transferring import Desk, Now

BAD = RefusedRow(Reason.VALUE_INVALID, "no number", ("bad", None), 2, "n")
BROKEN = RefusedRow(Reason.UNREADABLE, "a quote is not closed", ('"x,1',), 5)
TWICE = RefusedRow(Reason.DUPLICATE_KEY, "the key 1 is there", ("1", "x"), 3)


def spool(folder: Path, name: str = "s.ndjson", earlier: tuple[Path, ...] = ()) -> Spool:
    """Return a spool that has begun with a slice."""
    found = Spool(folder / name, Now(), earlier)
    found.begin(Slice("id", "a.csv", "in/a.csv"), ["n", "t"], ["number", "text"])
    return found


def test_refused_rows_are_kept_with_their_reasons(desk: Desk) -> None:
    """What is no row comes first; rows have their columns, the sink's where the sink refused them."""
    rows = spool(desk.home)
    for row, by_sink in ((BAD, False), (BROKEN, False), (TWICE, True)):
        rows.add(row, by_sink=by_sink)
    name = rows.close()
    names = write_quarantine(lambda: read(desk.home / name), desk.roots, "batch-1")
    assert "row_errors/parsing_errors_0.json" in names
    kept = [json.loads(line) for line in layout.open_rows(desk.roots, "batch-1")]
    head = {"_filename": "in/a.csv"}
    assert kept == [
        {
            "_reject": 1,
            **head,
            "_line": 5,
            "_errors": [{"code": "unreadable", "message": BROKEN.message}],
            "_corrupt_record": '"x,1',
        },
        {
            "_reject": 2,
            **head,
            "_line": 2,
            "_errors": [{"code": "value_invalid", "column": "n", "message": BAD.message}],
            "n": "bad",
            "t": None,
        },
        {
            "_reject": 3,
            **head,
            "_line": 3,
            "_errors": [{"code": "duplicate_key", "column": None, "message": TWICE.message}],
            "number": "1",
            "text": "x",
        },
    ]


def test_nothing_refused_leaves_no_quarantine(desk: Desk) -> None:
    """Also not that of an earlier try."""
    rows = spool(desk.home)
    rows.add(BAD)
    name = rows.close()
    write_quarantine(lambda: read(desk.home / name), desk.roots, "batch-1")
    assert write_quarantine(list, desk.roots, "batch-1") == ()
    assert layout.list_files(desk.roots, "batch-1") == ()


def test_a_slice_that_is_read_again_tells_its_rows_once(tmp_path: Path) -> None:
    """The rows of slices before it stay."""
    rows = spool(tmp_path)
    rows.add(BAD)
    rows.begin(Slice("other", "b.csv"), ["n"], ["n"])
    rows.add(BROKEN)
    rows.again()
    rows.add(BROKEN)
    assert rows.refused == 2
    assert rows.reasons() == (
        ReasonCount("value_invalid", "n", 1, "no number"),
        ReasonCount("unreadable", None, 1, "a quote is not closed"),
    )
    found = list(read(tmp_path / rows.close()))
    assert [(kept.whose.id, kept.row) for kept in found] == [("id", BAD), ("other", BROKEN)]


def test_rows_that_the_sink_refused_in_committed_batches_are_taken_over(tmp_path: Path) -> None:
    """Those of a batch that was not committed are told again by the sink."""
    first = spool(tmp_path)
    first.add(TWICE, by_sink=True)
    first.add(RefusedRow(Reason.DUPLICATE_KEY, "later", ("2",), 9), by_sink=True)
    first.add(BAD)
    second = spool(tmp_path, "t.ndjson", (tmp_path / first.close(),))
    second.again()
    second.resume(5)
    assert (second.refused, second.by_sink) == (1, 1)
    assert [kept.row for kept in read(tmp_path / second.close())] == [TWICE]


def test_counts_of_units_add_up() -> None:
    """By reason and column, the most frequent first."""
    one, two = ReasonCount("a", "x", 1, "m"), ReasonCount("b", None, 2, "m")
    assert sums([one, two, one, one]) == (ReasonCount("a", "x", 3, "m"), two)


def test_the_unfinished_line_of_a_killed_try_is_no_row(tmp_path: Path) -> None:
    """The lines before it are."""
    rows = spool(tmp_path)
    rows.add(BAD)
    rows.add(BAD, at=Instant(1))
    path = tmp_path / rows.close()
    path.write_bytes(path.read_bytes()[:-10])
    assert len(list(read(path))) == 1
