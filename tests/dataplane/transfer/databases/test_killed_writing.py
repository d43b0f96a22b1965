"""Processes that are killed while they write into tables: whoever goes on, each row is there once."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import table_alone
import warm
from headrace.core.crashpoints import names_in
from headrace.dataplane.transfer.request import TableMode
from table_houses import TableHouse

ROWS = [(n, f"row {n}") for n in range(9)]
SOURCES = Path(__file__).parents[4] / "src" / "headrace" / "dataplane" / "transfer" / "databases"
POINTS = sorted(name for name in names_in(SOURCES.rglob("*.py")) if name.startswith("table-"))
MODES: Mapping[str, Mapping[str, Any]] = {
    "insert": {"before": "DELETE FROM sink"},
    "upsert": {"mode": "upsert"},
    "transactional": {"transactional": True, "before": "DELETE FROM sink"},
    "create": {"create": True},
}
USUAL = {("table-in-batch:2", "insert")}


def run(house: TableHouse, options: Mapping[str, Any], crash_at: str) -> tuple[int, str]:
    """Write in another process; return its exit code, and what it said."""
    asked = {
        "kind": house.info.kind,
        "url": house.info.url,
        "home": str(house.home),
        "rows": ROWS,
        "options": options,
        "crash_at": crash_at,
    }
    command = [sys.executable, table_alone.__file__]
    done = warm.run(command, env=os.environ, cwd=house.home.parent, stdin=json.dumps(asked))
    return done.returncode, done.stdout + done.stderr


def _cases() -> Iterator[Any]:
    for mode in MODES:
        for point in POINTS:
            for passing in (1, 2) if "batch" in point else (1,):
                case = (f"{point}:{passing}", mode)
                yield pytest.param(*case, marks=[] if case in USUAL else [pytest.mark.soak])


@pytest.mark.parametrize(("crash_at", "mode"), list(_cases()))
def test_a_killed_process_leaves_each_row_once(house: TableHouse, crash_at: str, mode: str) -> None:
    """The first process dies at a named line, where it comes there; the second one writes what is missing."""
    if mode != "create":
        house.sql(
            "CREATE TABLE sink (n int PRIMARY KEY, name varchar(20))"
            if mode == "upsert"
            else "CREATE TABLE sink (n int, name varchar(20))"
        )
        house.sql("INSERT INTO sink VALUES (3, 'old')")
    code, said = run(house, MODES[mode], crash_at)
    assert code in (0, -signal.SIGKILL), said
    options = {**MODES[mode], "mode": TableMode(MODES[mode].get("mode", "insert"))}
    assert house.write(ROWS, table_alone.FIELDS, slices=2, batch_rows=2, **options) == ([], 9)
    assert sorted(tuple(row) for row in house.sql("SELECT n, name FROM sink")) == ROWS
