"""Rejected rows are found, looked at, downloaded and played again, at a price that does not hang on how many there are."""

import json
from dataclasses import replace
from typing import Any

import pytest

from headrace.core.codec import encode
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Plan
from headrace.core.native.quarantine import AskBatch, AskRejectsFile, AskReplay, ListBatches, ListRejects, RejectLine
from headrace.core.native.table import LIST_BATCHES, LIST_REJECTS, REJECTS_FILE, REPLAY, SHOW_BATCH
from headrace.core.outcome import ReasonCount
from headrace.core.run import BatchStatus
from headrace.core.settings import PromoteSettings
from headrace.core.source import FileFormat, FileType
from headrace.core.target import DeltaTarget
from headrace.dataplane.quarantine.pages import Bounds, Place, Wanted, read_page
from headrace.store import batches, reject_pages, runs
from headrace.store.reject_pages import RejectQuery
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_batch, a_run
from native_house import OPERATOR, READER, NativeHouse

PROMOTE = PromoteSettings(
    landing="Copy",
    target=DeltaTarget("flights"),
    format=FileFormat(type=FileType.JSON),
    mapping={"day": "to_date(Year, Month)", "person.name": "upper(Name)"},
)
PLAN = Plan((Activity("Promote", "promote", encode(PROMOTE)),))  # type: ignore[arg-type]  # an object, as settings are
A, B, C = "01HF0000000000000000000AAA", "01HF0000000000000000000BBB", "01HG0000000000000000000CCC"


def fill(native: NativeHouse, plan: Plan = PLAN) -> None:
    """Write three batches with rejects, one of which has none left, in two scopes."""
    with native.database.transaction() as tx:
        runs.insert(tx, a_run("run-1", definition=plan))
        runs.insert(tx, a_run("run-2", scope=OTHER_SCOPE, flow_name="trains", flow_id="flow-2"))
        reasons = (ReasonCount("required", "day", 1, "is null"), ReasonCount("type", "person.name", 2, "is no text"))
        batches.save(tx, a_batch(A, rejects=reasons))
        batches.save(tx, a_batch(B, scope=OTHER_SCOPE, run_id="run-2", created_at=NOW + 1))
        batches.save(tx, a_batch(C, created_at=NOW + 2))
        batches.save(tx, a_batch("again", replay_of=C, figures=replace(a_batch().figures, rows_rejected=0)))
        batches.resolve_rejects(tx, C, [1, 2, 3], "again")


def row(number: int, *errors: tuple[str, str | None], **cells: Any) -> dict[str, Any]:
    """Return a rejected row as it is kept."""
    told = [{"code": code, **({"column": column} if column else {}), "message": "no"} for code, column in errors]
    return {"_reject": number, "_filename": "a.csv", "_line": number + 1, "_errors": told, **cells}


def test_batches_with_rejects_are_listed_with_their_flows_newest_first(native: NativeHouse) -> None:
    """Those with none left only if they are asked for; those of other scopes not at all."""
    fill(native)
    listed = native.ask(LIST_BATCHES, ListBatches())
    assert [(line.batch.id, line.flow, line.scope) for line in listed.items] == [
        (B, "trains", OTHER_SCOPE),
        (A, "flights", SCOPE),
    ]
    both = native.ask(LIST_BATCHES, ListBatches(resolved=True), READER)
    assert [(line.batch.id, line.batch.rejects_left) for line in both.items] == [(C, 0), (A, 3)]
    assert [line.batch.id for line in native.ask(LIST_BATCHES, ListBatches(run="run-1", flow="flights")).items] == [A]
    assert native.ask(LIST_BATCHES, ListBatches(flow="trains"), READER).items == ()


def test_a_list_that_looks_at_few_batches_at_a_time_misses_none(native: NativeHouse) -> None:
    """Pages may be short, or empty, and together they are the list."""
    fill(native)
    found, cursor = [], None
    for _ in range(10):
        with native.database.reading() as tx:
            page = reject_pages.page(tx, RejectQuery(patterns=("flowservice",)), 1, cursor, most=1)
        found += [one.batch.id for one in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == [B, A]
    assert cursor is None


def test_a_batch_is_found_by_the_beginning_of_its_id_or_as_the_latest(small: NativeHouse) -> None:
    """What stands for several is refused with their ids."""
    fill(small)
    view = small.ask(SHOW_BATCH, AskBatch(batch="01hf0000000000000000000a"))
    assert (view.line.batch.id, view.rejected, view.left, view.kept, view.can_replay) == (A, 3, 3, 0, True)
    assert [(reason.code, reason.count) for reason in view.reasons] == [("type", 2), ("required", 1)]
    latest = small.ask(SHOW_BATCH, AskBatch(batch="@latest"))
    assert (latest.line.batch.id, latest.can_replay, [one.id for one in latest.replays]) == (C, False, ["again"])
    with pytest.raises(Problem, match=f"several batches begin with '01HF': {A}, {B}"):
        small.ask(SHOW_BATCH, AskBatch(batch="01HF"))


def test_rows_are_paged_in_their_order_and_by_what_is_wrong_with_them(small: NativeHouse) -> None:
    """What was no row comes first; an empty column stands for the row as a whole."""
    fill(small)
    broken = {**row(1, ("unreadable", None)), "_corrupt_record": "a;b"}
    small.keep_rejects(A, broken, name="parsing_errors_0")
    small.keep_rejects(A, row(2, ("required", "day"), Year=2013, Name="x"), row(3, ("type", "person.name"), Name=7))
    small.keep_rejects(A, row(4, ("required", "day"), ("type", "person.name"), Name="ü"), name="conversion_errors_1")
    assert [line.number for line in pages(small)] == [1, 2, 3, 4]
    assert [line.number for line in pages(small, code="type")] == [3, 4]
    assert [line.number for line in pages(small, code="required", column="day")] == [2, 4]
    assert [(line.number, line.raw, line.cells) for line in pages(small, column="")] == [(1, "a;b", {})]
    told = small.ask(LIST_REJECTS, ListRejects(batch=A))
    assert (told.columns, told.next) == (("Year", "Name"), None)


def test_cells_that_a_bad_column_comes_from_are_named(small: NativeHouse) -> None:
    """By the flow's mapping; only those that the row has."""
    fill(small)
    small.keep_rejects(A, row(1, ("required", "day"), ("type", "person"), Year=1, Name="x", Other=2))
    reasons = small.ask(LIST_REJECTS, ListRejects(batch=A)).items[0].reasons
    assert [(reason.column, reason.sources) for reason in reasons] == [("day", ("Year",)), ("person", ("Name",))]


def test_without_a_mapping_a_column_comes_from_the_cell_of_its_name(small: NativeHouse) -> None:
    """And where nobody knows, nothing is marked."""
    settings = encode(replace(PROMOTE, mapping=None))
    fill(small, Plan((Activity("Promote", "promote", settings),)))  # type: ignore[arg-type]  # an object, as settings are
    small.keep_rejects(A, row(1, ("type", "Name"), ("type", "gone"), Name="x"))
    reasons = small.ask(LIST_REJECTS, ListRejects(batch=A)).items[0].reasons
    assert [reason.sources for reason in reasons] == [("Name",), ()]


def test_rows_that_a_replay_has_accepted_are_marked(small: NativeHouse) -> None:
    """They stay in the list: the numbers of the others do not move."""
    fill(small)
    small.keep_rejects(C, row(1, ("type", "day")), row(4, ("type", "day")))
    assert [line.resolved for line in small.ask(LIST_REJECTS, ListRejects(batch=C)).items] == [True, False]


def test_a_filter_that_takes_few_rows_looks_no_further_than_a_page_may(small: NativeHouse) -> None:
    """An empty page with a next one is no end; every byte is looked at once."""
    small.keep_rejects(A, *(row(number, ("type", "day"), Name="x" * 50) for number in range(1, 40)))
    small.keep_rejects(A, row(40, ("enum", "day")), name="conversion_errors_1")
    place, pages_read, found = Place(), 0, []
    while place is not None:
        page = read_page(small.desk.roots, A, Wanted(code="enum"), place, 50, Bounds(looked=1000))
        place, pages_read = page.next, pages_read + 1  # type: ignore[assignment]  # None ends the loop
        found += [kept.row["_reject"] for kept in page.rows]
    assert found == [40]
    assert pages_read > 4
    with pytest.raises(Problem, match="no place in this batch's rows"):
        read_page(small.desk.roots, A, Wanted(), Place(0, 3), 50)


def test_a_row_that_is_too_long_is_told_with_its_beginning(small: NativeHouse) -> None:
    """Its reasons are there, and a page stays small."""
    fill(small)
    small.keep_rejects(A, row(1, ("type", "day"), Name="n" * 1_000_000), row(2, ("type", "day"), Name="m"))
    long, short = small.ask(LIST_REJECTS, ListRejects(batch=A, code="type")).items
    assert (long.number, long.reasons[0].column, long.cells) == (1, "day", {})
    assert long.raw is not None
    assert long.raw.endswith("nnn")
    assert len(long.raw) < 300_000
    assert short.cells == {"Name": "m"}


def test_a_download_has_the_very_bytes_or_cells_that_are_no_formulas(small: NativeHouse) -> None:
    """CSV for spreadsheets; raw for those who ask."""
    fill(small)
    kept = small.keep_rejects(A, row(1, ("type", "day"), Name="=1+1"), row(2, ("type", "day"), Name="ü"))
    told = small.ask(REJECTS_FILE, AskRejectsFile(batch=A), READER)
    assert (told.name, b"".join(told.pieces)) == (f"rejects-{A}.ndjson", kept.read_bytes())
    told = small.ask(REJECTS_FILE, AskRejectsFile(batch=A, format="csv"))
    assert b",'=1+1," in b"".join(told.pieces)
    assert b",=1+1," in b"".join(small.ask(REJECTS_FILE, AskRejectsFile(batch=A, format="csv", raw=True)).pieces)
    for asked, code in ((AskRejectsFile(batch=C), Code.NOT_FOUND), (AskRejectsFile(batch=A, format="x"), Code.INVALID)):
        with pytest.raises(Problem) as caught:
            small.ask(REJECTS_FILE, asked)
        assert caught.value.code is code


def test_corrected_rows_are_played_again_once_for_each_request_key(native: NativeHouse) -> None:
    """The run is in the batch's scope, made by who asked; a reader may not."""
    fill(native)
    corrected = json.dumps({"_reject": 2, "Name": "x"}).encode()
    asked = AskReplay(batch=A, request_key="k1")
    told = native.ask(REPLAY, asked, OPERATOR, corrected)
    assert native.ask(REPLAY, asked, OPERATOR, corrected) == told
    with native.database.reading() as tx:
        run = runs.get(tx, SCOPE, told.run)
    assert (run.created_by, run.kind.value, told.rows) == ("op", "replay", 1)
    with pytest.raises(Problem, match="needs the role operator"):
        native.ask(REPLAY, asked, READER, corrected)


def test_only_what_was_committed_can_be_played_again(small: NativeHouse) -> None:
    """A batch that failed is for a retry of its run."""
    fill(small)
    with small.database.transaction() as tx:
        batches.save(tx, a_batch("FAILED", status=BatchStatus.FAILED, version=None))
    assert not small.ask(SHOW_BATCH, AskBatch(batch="FAILED")).can_replay
    assert not small.ask(SHOW_BATCH, AskBatch(batch=A), READER).can_replay


def pages(house: NativeHouse, **given: Any) -> list[RejectLine]:
    """Return the rows of all pages of one row each."""
    found: list[RejectLine] = []
    cursor: str | None = None
    while True:
        told = house.ask(LIST_REJECTS, ListRejects(batch=A, limit=1, cursor=cursor, **given))
        assert len(told.items) <= 1
        found += told.items
        cursor = told.next
        if cursor is None:
            return found
