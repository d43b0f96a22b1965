"""Transfers between folders: what becomes of files that are missing, empty, changed, or many, and of a transfer that is told to stop."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pyarrow.parquet as pq
import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.transfer.conduct import Ends, TransferFailed
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.files import read_files
from headrace.dataplane.transfer.journal import folder_of
from headrace.dataplane.transfer.request import (
    Bytes,
    Choice,
    ColumnMap,
    ColumnMapping,
    Delimited,
    End,
    FilesSink,
    FilesSource,
    LogPlace,
    Parquet,
    ServiceSink,
    SessionLog,
    Source,
    TableSink,
    Tolerance,
    Transfer,
)
from headrace.dataplane.transfer.rows import Rows, SinkWriter, Slice, SourceReader, Stream, Working, Written
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field, ValueType
from transferring import Desk, Now, Quiet
from waiting import until

CSV = Delimited(header=True, extension=".csv")
NUMBERS = ColumnMap((ColumnMapping(End("n"), End("n", type=ValueType.INT64)),))


def parquet_of(desk: Desk, *, folder: str = "in", file: str = "") -> Transfer:
    """Return a transfer of CSV to Parquet."""
    source = FilesSource(desk.place, Choice(folder=folder, file=file), CSV)
    return Transfer(source, FilesSink(desk.place, Parquet(), "out"), "asked", activity="Copy", activity_run="run")


def numbers(desk: Desk, name: str) -> list[object]:
    """Return the column ``n`` of a Parquet file."""
    found: list[object] = pq.read_table(desk.data / name)["n"].to_pylist()
    return found


def test_a_file_of_one_format_becomes_one_of_another(desk: Desk) -> None:
    """All rows are in the sink, under the base name, and the figures say so; nothing else is left anywhere."""
    desk.write("in/a.csv", "n,t\n1,x\n2,\n")
    report = desk.run(parquet_of(desk))
    assert pq.read_table(desk.data / "out/a.parquet").to_pylist() == [{"n": "1", "t": "x"}, {"n": "2", "t": None}]
    figures = report.figures
    assert (figures.rows_read, figures.rows_accepted, figures.rows_rejected) == (2, 2, 0)
    assert (figures.bytes_read, figures.files_read, figures.files_written) == (11, 1, 1)
    assert figures.bytes_written == (desk.data / "out/a.parquet").stat().st_size
    assert report.files == ("out/a.parquet",)
    assert list(desk.roots.work.iterdir()) == desk.parts() == []


def test_no_file_is_a_success_of_nothing(desk: Desk) -> None:
    """A folder without files gives no file, and counts of nought."""
    (desk.data / "in").mkdir()
    report = desk.run(parquet_of(desk))
    assert desk.files() == {}
    assert (report.figures.files_read, report.figures.files_written, report.figures.rows_read) == (0, 0, 0)


def test_one_named_file_that_is_missing_fails_the_transfer(desk: Desk) -> None:
    """It is told as a missing file on the source's side."""
    (desk.data / "in").mkdir()
    problem = desk.fails(parquet_of(desk, file="a.csv")).problem
    assert isinstance(problem, TransferProblem)
    assert (problem.reason, problem.side) == (Reason.FILE_NOT_FOUND, Side.SOURCE)


def test_a_file_of_no_bytes_becomes_an_empty_one(desk: Desk) -> None:
    """An empty table is a file, too."""
    desk.write("in/a.csv", "")
    desk.write("in/b.csv", "n\n1\n")
    request = parquet_of(desk)
    report = desk.run(replace(request, sink=FilesSink(desk.place, Delimited(), "out")))
    assert desk.files("out")["a.txt"] == b""
    assert report.figures.rows_read == 1


def test_a_file_that_is_there_is_replaced(desk: Desk) -> None:
    """Whatever had the name before, the sink has the new file."""
    desk.write("in/a.csv", "n\n1\n")
    desk.write("out/a.parquet", "old")
    desk.run(parquet_of(desk))
    assert numbers(desk, "out/a.parquet") == ["1"]


@pytest.mark.parametrize("form", [CSV, Bytes()])
def test_a_folder_may_be_source_and_sink(desk: Desk, form: Delimited | Bytes) -> None:
    """What is written is not read: the source was listed before."""
    content = {"a.csv": b"n\r\n1\r\n", "b.csv": b"n\r\n2\r\n"}
    for name, text in content.items():
        desk.write(f"in/{name}", text)
    report = desk.run(
        Transfer(FilesSource(desk.place, Choice(folder="in"), form), FilesSink(desk.place, form, "in"), "asked")
    )
    assert desk.files("in") == content
    assert report.figures.files_read == 2


def test_files_that_were_finished_are_not_read_again(desk: Desk) -> None:
    """The next try counts them and goes on; the sink is asked whether it still has them."""
    for name in "abc":
        desk.write(f"in/{name}.csv", f"n\n{ord(name)}\n")
    assert desk.killed(parquet_of(desk), "transfer-after-noted", 3)
    marked = {path: path.stat().st_ino for path in (desk.data / "out").iterdir()}
    gone = next(iter(sorted(marked)))
    gone.unlink()
    report = desk.run(parquet_of(desk), epoch=2)
    assert report.figures.rows_read == 3
    assert report.resumed == len(marked) - 1 or report.resumed == len(marked)
    assert {path.stat().st_ino == marked.get(path) for path in marked if path != gone} == {True}
    assert numbers(desk, f"out/{gone.name}") == [str(ord(gone.stem))]


def test_a_file_that_has_changed_since_is_done_anew(desk: Desk) -> None:
    """Another version is another slice: the sink has what the source has now."""
    desk.write("in/a.csv", "n\n1\n")
    assert desk.killed(parquet_of(desk), "transfer-before-logs")
    desk.write("in/a.csv", "n\n2\n3\n")
    report = desk.run(parquet_of(desk), epoch=2)
    assert numbers(desk, "out/a.parquet") == ["2", "3"]
    assert report.figures.rows_read == 2


def test_what_was_asked_before_in_other_words_does_not_count(desk: Desk) -> None:
    """An earlier try with another request finished nothing of this one."""
    desk.write("in/a.csv", "n\n1\n")
    desk.run(parquet_of(desk))
    desk.write("out/a.parquet", "old")
    report = desk.run(replace(parquet_of(desk), asked="other"), attempt=2)
    assert numbers(desk, "out/a.parquet") == ["1"]
    assert report.resumed == 0


def test_a_finished_transfer_is_answered_from_its_journal(desk: Desk) -> None:
    """Nothing is read or written again, whatever has come since."""
    desk.write("in/a.csv", "n\n1\n")
    report = desk.run(parquet_of(desk))
    desk.write("in/b.csv", "n\n2\n")
    assert desk.run(parquet_of(desk), epoch=2) == report
    assert list(desk.files("out")) == ["a.parquet"]


def test_a_file_that_vanishes_between_listing_and_reading_fails_the_transfer(desk: Desk) -> None:
    """Its rows are not taken as none."""
    desk.write("in/a.csv", "n\n1\n")
    desk = replace(desk, clock=Now(lambda: (desk.data / "in/a.csv").unlink(missing_ok=True)))
    problem = desk.fails(parquet_of(desk)).problem
    assert problem.code is Code.SOURCE_CHANGED
    assert desk.files("out") == {}


def test_rows_that_do_not_fit_fail_a_transfer_that_leaves_nothing_out(desk: Desk) -> None:
    """The first one is told, and no file is in the sink."""
    desk.write("in/a.csv", "n\n1\nbad\n")
    failed = desk.fails(replace(parquet_of(desk), mapping=NUMBERS))
    assert isinstance(failed.problem, TransferProblem)
    assert failed.problem.reason is Reason.VALUE_INVALID
    assert "row 2 of 'in/a.csv': column 'n': 'bad'" in failed.problem.message
    assert desk.files("out") == {}
    assert desk.parts() == []


def test_the_log_is_written_also_when_the_transfer_fails(desk: Desk) -> None:
    """What was left out until then stands in it."""
    desk.write("in/a.csv", "n\nbad\n1\n")
    desk.write("in/b.csv", "n\n2\n")
    log = SessionLog(LogPlace(desk.place, "logs"), everything=True)
    request = replace(parquet_of(desk), mapping=NUMBERS, tolerance=Tolerance(skip_rows=True, log=log), parallel=1)
    vanish = Now(
        lambda: (desk.data / "in/b.csv").unlink(missing_ok=True) if (desk.data / "out/a.parquet").exists() else None
    )
    failed = replace(desk, clock=vanish).fails(request)
    (text,) = desk.files("logs").values()
    assert failed.report.log_path == "logs/copyactivity-logs/Copy/run/"
    assert b"TabularRowSkip" in text
    assert failed.report.figures.rows_rejected == 1


def test_a_cancelled_transfer_stops_within_two_seconds(desk: Desk) -> None:
    """It leaves no half of a file, and says why it stopped."""
    desk.write("in/a.csv", "n\n1\n")
    desk.run(parquet_of(desk), commit_key="another")  # what is imported only once is not what is measured
    (desk.data / "out/a.parquet").unlink()
    desk.write("in/a.csv", "n\n" + "".join(f"{n}\n" for n in range(2_000_000)))
    context, stopped = Quiet(), []

    def stop() -> None:
        stopped.append(time.monotonic())
        context.cancellation.stop(Code.CANCELLED, "somebody asked for it")

    failed = replace(desk, clock=Now(stop)).fails(parquet_of(desk), context)
    assert failed.problem.code is Code.CANCELLED
    assert time.monotonic() - stopped[0] < 2
    assert desk.files("out") == {}


def test_a_fenced_worker_writes_nothing_more(desk: Desk) -> None:
    """A newer try took over: neither files nor logs of this one appear."""
    desk.write("in/a.csv", "n\n1\n")
    context = Quiet()
    fence = Now(lambda: context.cancellation.stop(Code.FENCED, "a newer try took over"))
    request = replace(
        parquet_of(desk), tolerance=Tolerance(log=SessionLog(LogPlace(desk.place, "logs"), everything=True))
    )
    with pytest.raises(Problem) as caught:
        replace(desk, clock=fence).run(request, context)
    assert caught.value.code is Code.FENCED
    assert desk.files("out") == desk.files("logs") == {}


def test_bytes_go_to_bytes_only(desk: Desk) -> None:
    """A Binary source with a sink of rows is refused, and so is removing files whose rows were copied."""
    binary = FilesSource(desk.place, Choice(folder="in"), Bytes())
    problem = desk.fails(replace(parquet_of(desk), source=binary)).problem
    assert isinstance(problem, TransferProblem)
    assert problem.reason is Reason.REQUEST_INVALID
    rows = FilesSource(desk.place, Choice(folder="in"), CSV, delete_after=True)
    problem = desk.fails(replace(parquet_of(desk), source=rows)).problem
    assert isinstance(problem, TransferProblem)
    assert problem.reason is Reason.DELETE_UNSUPPORTED


@dataclass
class Shaky:
    """A reader of files whose store breaks off ``left`` times when a slice is opened."""

    inner: SourceReader
    left: list[int]

    def slices(self) -> Sequence[Slice]:
        """Return the slices."""
        return self.inner.slices()

    @contextmanager
    def open(self, item: Slice, session: TransferSession) -> Iterator[Rows]:
        """Open one, or break off."""
        if self.left[0] > 0:
            self.left[0] -= 1
            raise TransferProblem(Reason.STORE_FAILED, Side.SOURCE, "the store broke off", Code.SOURCE_UNAVAILABLE)
        with self.inner.open(item, session) as rows:
            yield rows

    def close(self) -> None:
        """Let go."""
        self.inner.close()


@pytest.mark.parametrize(("retries", "succeeds"), [(1, False), (2, True)])
def test_reading_is_tried_again_as_often_as_is_asked_for(desk: Desk, retries: int, succeeds: bool) -> None:
    """Each slice has its own count; a store that stays away fails the transfer."""
    desk.write("in/a.csv", "n\n1\n")

    def read(source: Source, work: Working) -> SourceReader:
        assert isinstance(source, FilesSource)
        return Shaky(read_files(source, work), [2])

    shaky = replace(desk, ends=Ends(read=read))
    request = replace(parquet_of(desk), source_retries=retries, source_retry_seconds=0.0)
    if succeeds:
        assert shaky.run(request).figures.rows_read == 1
    else:
        assert "broke off" in shaky.fails(request).problem.message


@dataclass
class Liar:
    """A sink that says it has one row less than it was given."""

    fields: list[tuple[Field, ...]] = field(default_factory=list)
    needs_repeatable: bool = False

    def columns(self) -> None:
        """Take what comes."""

    def expect(self, items: Sequence[Slice]) -> None:
        """Do nothing about it."""

    def begin(self, fields: tuple[Field, ...]) -> None:
        """Begin."""
        self.fields.append(fields)

    def write(self, _: Slice, stream: Stream) -> Written:
        """Take all rows, and lose one."""
        return Written(sum(int(batch.num_rows) for batch in stream.batches(100)) - 1, 0)

    def finish(self) -> None:
        """End."""

    def close(self) -> None:
        """Let go."""


def test_a_sink_that_has_other_counts_fails_the_transfer(desk: Desk) -> None:
    """Every row that was read is delivered or refused, and the sink has what was delivered; else nobody is told of a success."""
    desk.write("in/a.csv", "n\n1\n2\n")
    liar = Liar()

    def write(_: TableSink | ServiceSink, __: Working) -> SinkWriter:
        return liar

    request = replace(parquet_of(desk), sink=ServiceSink("http://localhost"))
    failed = replace(desk, ends=Ends(write=write)).fails(request)
    assert failed.problem.code is Code.COUNTS_DIFFER
    assert len(liar.fields) == 1


def test_figures_are_reported_while_something_moves(desk: Desk) -> None:
    """Whoever watches sees them grow before the end."""
    desk.write("in/a.csv", "n\n1\n")
    context = Quiet(Cancellation())

    def pause() -> None:
        until(lambda: bool(context.reported), seconds=30, what="figures", every=0.01)

    replace(desk, clock=Now(pause)).run(parquet_of(desk), context)
    assert context.reported


def test_journals_are_kept_by_commit_key(desk: Desk) -> None:
    """Another commit key is another transfer."""
    desk.write("in/a.csv", "n\n1\n")
    desk.run(parquet_of(desk))
    desk.run(parquet_of(desk), commit_key="other")
    assert {folder_of(desk.roots, key) for key in ("key", "other")} == set(desk.roots.transfers.iterdir())


@pytest.mark.soak
def test_ten_thousand_small_files_take_less_than_a_minute(desk: Desk) -> None:
    """What each file costs besides its bytes stays small."""
    for number in range(10_000):
        desk.write(f"in/{number % 100}/{number}", b"x")
    begun = time.monotonic()
    request = Transfer(
        FilesSource(desk.place, Choice(folder="in"), Bytes()), FilesSink(desk.place, Bytes(), "out"), "asked"
    )
    assert desk.run(request).figures.files_written == 10_000
    assert time.monotonic() - begun < 60


__all__ = ["TransferFailed"]
