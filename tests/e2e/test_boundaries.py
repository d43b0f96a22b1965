"""What lies at the edge: of windows, of disks, of a source's patience."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from e2e.house import House
from e2e.orders import FlowText, Orders, assert_clean, assert_the_oracle_holds

pytestmark = pytest.mark.e2e

EVENTS = """\
name: events
source:
  database: ${env:SHOP_URL}
  table: shop_events
  delta_column: {name: at, nulls: skip}
mapping: {id: to_integer(id), name: name, amount: amount}
target:
  table: orders
  mode: MODE
  schema: {id: {type: integer, required: true}, name: string, amount: string}
"""
EDGES = ("2024-03-31T01:00:00Z", "2024-10-27T02:00:00.000001+01:00")
"""The instants at which clocks of Central Europe jump; the second one is a microsecond after the second pass of two o'clock."""
MOMENTS = (
    "2024-03-31T00:59:59.999999Z",
    "2024-03-31T01:00:00Z",
    "2024-03-31T01:00:00Z",
    "2024-03-31T03:00:00.000001+02:00",
    "2024-10-27T02:00:00.000001+02:00",
    "2024-10-27T01:00:00Z",
    "2024-10-27T01:00:00.000001Z",
    "2024-10-27T01:00:00.000001Z",
)


@pytest.fixture
def events(sqlite_house: House, postgres_url: str) -> House:
    """Return an installation with a table of events in a database whose own zone is another one."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS shop_events")
        connection.execute("CREATE TABLE shop_events (id int, name text, amount text, at timestamptz)")
        for number, moment in enumerate((*MOMENTS, None)):
            connection.execute("INSERT INTO shop_events VALUES (%s, 'n', '1', %s)", [number, moment])
    sqlite_house.settings |= {"SHOP_URL": postgres_url, "PGTZ": "Europe/Berlin", "TZ": "America/New_York"}
    return sqlite_house


@pytest.mark.postgres
def test_windows_that_tile_take_every_row_of_a_table_once(events: House) -> None:
    """Equal instants at the edges, a microsecond beside them, the days on which clocks jump; a row without a value is counted as skipped."""
    (events.folder / "flow.yaml").write_text(EVENTS.replace("MODE", "append"))
    first, second = EDGES
    taken = []
    for start, end in (("-", first), (first, second), (second, "2025-01-01T00:00:00Z")):
        run = events.json("run", "flow.yaml", "--window", start, end)
        figures = run["figures"]
        assert figures["rows_read"] == figures["rows_accepted"] + figures["rows_skipped"]
        taken.append((figures["rows_accepted"], figures["rows_skipped"]))
    assert taken == [(1, 1), (5, 1), (2, 1)]
    assert Counter(number for number, *_ in events.target().elements()) == dict.fromkeys(range(len(MOMENTS)), 1)


@pytest.mark.postgres
def test_an_empty_selection_leaves_a_table_alone_that_would_be_overwritten(events: House) -> None:
    """A window without rows is a success that commits nothing (D13)."""
    (events.folder / "flow.yaml").write_text(EVENTS.replace("MODE", "overwrite"))
    assert events.json("run", "flow.yaml")["status"] == "succeeded"
    before = events.target()
    run = events.json("run", "flow.yaml", "--window", "2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z")
    assert (run["status"], events.commits(), events.target()) == ("succeeded", 1, before)
    assert before.total() > 0


def test_an_overwriting_flow_that_runs_again_changes_nothing(sqlite_house: House) -> None:
    """Three runs of the same source are the same rows, each time (D16, D18)."""
    orders = Orders.make(300)
    orders.write_files(sqlite_house.folder / "data")
    FlowText(mode="overwrite").write(sqlite_house)
    for commits in (1, 2, 3):
        sqlite_house.ask(sqlite_house.put().id)
        sqlite_house.work()
        assert sqlite_house.commits() == commits
        assert_the_oracle_holds(sqlite_house, orders)


def test_a_broken_file_among_good_ones_commits_nothing_until_it_is_mended(sqlite_house: House) -> None:
    """The message names it; a retry of everything, with the file whole, brings every row."""
    data = sqlite_house.folder / "data"
    orders = Orders.make(300)
    orders.write_files(data)
    FlowText().write(sqlite_house)
    whole = (data / "b.csv.gz").read_bytes()
    (data / "b.csv.gz").write_bytes(whole[:-100])
    ended = sqlite_house.headrace("run", "flow.yaml")
    assert (ended.returncode, sqlite_house.commits()) == (1, 0)
    assert "'b.csv.gz'" in ended.stdout
    (data / "b.csv.gz").write_bytes(whole)
    assert sqlite_house.headrace("runs", "retry", "@latest", "--all").returncode == 2
    assert_the_oracle_holds(sqlite_house, orders)


@pytest.fixture
def small_lake(sqlite_house: House) -> Iterator[Path]:
    """Return the lake of an installation, on a disk of 64 KiB."""
    assert os.geteuid() == 0, (
        "this test mounts a small disk, which only root may: run it as root, or leave it out with -k"
    )
    lake = sqlite_house.home / "lake"
    lake.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", lake], check=True)
    yield lake
    subprocess.run(["umount", lake], check=True)


def test_a_full_disk_fails_the_run_and_a_retry_with_room_brings_every_row(
    sqlite_house: House, small_lake: Path
) -> None:
    """Nothing is half committed, and the source is not read again."""
    house = sqlite_house
    orders = Orders.make(9000)
    orders.write_files(house.folder / "data")
    FlowText().write(house)
    ended = house.headrace("run", "flow.yaml")
    assert (ended.returncode, house.commits()) == (1, 0)
    assert "disk_full" in ended.stdout
    assert str(small_lake) in ended.stdout
    assert_clean(house)
    subprocess.run(["mount", "-o", "remount,size=16m", small_lake], check=True)
    for file in (house.folder / "data").iterdir():
        file.unlink()
    assert house.headrace("runs", "retry", "@latest").returncode == 2
    assert_the_oracle_holds(house, orders)
