"""Files of the quarantine: listing, opening, splitting, spreadsheets."""

import csv
import io

import pytest

from headrace.core.errors import Code, Problem
from headrace.dataplane.promotion import diagnostics
from headrace.dataplane.quarantine import layout
from headrace.dataplane.quarantine.export import to_csv
from promoting import BATCH, Bench, schema


def test_rejects_are_listed_and_opened_by_name(bench: Bench) -> None:
    """Parsing errors come first, numbers run through."""
    bench.promote(b"k,v\nx,1\n1,2,3\ny,2\n", schema=schema(k="integer"))
    assert [row["_reject"] for row in bench.rejects()] == [1, 2, 3]
    assert layout.row_files(bench.roots, BATCH) == (
        "row_errors/parsing_errors_0.json",
        "row_errors/conversion_errors_0.json",
    )
    layout.remove(bench.roots, BATCH)
    assert layout.list_files(bench.roots, BATCH) == ()


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "row_errors/../../x", "row_errors/parsing_errors_7.json", "", "row_errors"]
)
def test_no_name_leads_out_of_the_batch(bench: Bench, name: str) -> None:
    """Names come from whoever downloads."""
    with pytest.raises(Problem) as raised:
        layout.open_file(bench.roots, BATCH, name)
    assert raised.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("batch", ["", "..", "a/b", ".hidden"])
def test_no_batch_id_leads_out_of_the_quarantine(bench: Bench, batch: str) -> None:
    """Ids come from whoever asks."""
    with pytest.raises(Problem) as raised:
        layout.list_files(bench.roots, batch)
    assert raised.value.code is Code.NOT_FOUND


def test_large_files_are_continued(bench: Bench) -> None:
    """A file of more than 100 MB goes on in the next one, cut between rows."""
    size = 5_000
    count = diagnostics.MAX_FILE_BYTES // size
    bench.promote(
        b"k,v\n" + b"".join(b"x%d," % n + b"y" * size + b"\n" for n in range(count)),
        schema=schema(k="integer", v="string"),
    )
    files = [file for file in layout.list_files(bench.roots, BATCH) if "errors_" in file.name]
    assert [file.name for file in files] == [f"row_errors/conversion_errors_{n}.json" for n in (0, 1)]
    assert files[0].bytes <= diagnostics.MAX_FILE_BYTES + 2 * size
    assert [row["k"] for row in bench.rejects()] == [f"x{n}" for n in range(count)]


def test_spreadsheets_are_not_given_formulas(bench: Bench) -> None:
    """A cell that begins like a formula gets an apostrophe; raw cells are for those who ask."""
    bench.promote(b'k,v\nx,"=1+1"\n@y,-2\n1,2,3\n', schema=schema(k="integer", v="string"))
    lines = list(layout.open_rows(bench.roots, BATCH))
    rows = list(csv.DictReader(io.StringIO(b"".join(to_csv(lines)).decode())))
    assert [(row["k"], row["v"]) for row in rows] == [("", ""), ("x", "'=1+1"), ("'@y", "'-2")]
    assert rows[0]["_corrupt_record"] == "1,2,3"
    assert "type k: " in rows[1]["_errors"]
    assert b"\nx,=1+1," in b"".join(to_csv(lines, raw=True)).replace(b"2,in.csv,2,", b"\n")
