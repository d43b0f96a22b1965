"""The source that is run through an installation: orders, a tenth of them bad in one of three ways, and what must become of each."""

import csv
import gzip
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from e2e.house import House
from headrace.core.run import Run, RunStatus

FILES = "{files: data/*}"
ONE_FILE = "{files: data/a.csv}"
TABLE = "{database: '${env:SHOP_URL}', table: shop_orders, partition_column: n, partitions: 3}"

_FLOW = """\
name: {name}
source: {source}
mapping:
  id: to_integer(id)
  name: name
  amount: to_decimal(amount)
target:
  table: {table}
  mode: {mode}
  schema:
    id: {{type: integer, required: true}}
    name: {{type: string, required: true}}
    amount: {{type: "decimal(12,2)", maximum: {maximum}}}
  rejects: {{at_most: {at_most}}}
{more}
"""


@dataclass(frozen=True)
class FlowText:
    """What a flow file says; amounts above ``maximum`` are rejected."""

    maximum: int = 900
    at_most: str = "50%"
    source: str = FILES
    name: str = "orders"
    table: str = "orders"
    mode: str = "append"
    more: str = ""

    def write(self, house: House, name: str = "flow.yaml") -> None:
        """Write the flow file."""
        (house.folder / name).write_text(_FLOW.format(**vars(self)), encoding="utf-8")


@dataclass(frozen=True)
class Orders:
    """The source's rows: ``(id, name, amount)`` as text."""

    rows: tuple[tuple[str, str, str], ...]

    @classmethod
    def make(cls, count: int = 1500) -> "Orders":
        """Return so many orders."""
        return cls(tuple(_order(number) for number in range(count)))

    def accepted(self, maximum: int = 900) -> Counter[tuple[Any, ...]]:
        """Return what the target must hold."""
        return Counter((int(i), n, f"{float(a):.2f}") for i, n, a in self.rows if _fits(i, n, a, maximum))

    def rejected(self, maximum: int = 900) -> Counter[str]:
        """Return the ids that the quarantine must hold."""
        return Counter(i for i, n, a in self.rows if not _fits(i, n, a, maximum))

    def write_files(self, folder: Path) -> None:
        """Write the rows into three files: plain, gzip, zip."""
        folder.mkdir(parents=True, exist_ok=True)
        third = len(self.rows) // 3
        _write(folder / "a.csv", self.rows[:third])
        plain = folder / "b.csv"
        _write(plain, self.rows[third : 2 * third])
        with gzip.open(folder / "b.csv.gz", "wb") as packed:
            packed.write(plain.read_bytes())
        _write(plain, self.rows[2 * third :])
        with zipfile.ZipFile(folder / "c.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(plain, "c.csv")
        plain.unlink()

    def write_file(self, folder: Path) -> None:
        """Write the rows into one plain file."""
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "a.csv", self.rows)

    def write_table(self, url: str) -> None:
        """Write the rows into the table ``shop_orders``."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS shop_orders")
            connection.execute("CREATE TABLE shop_orders (n int, id text, name text, amount text)")
            with connection.cursor() as cursor, cursor.copy("COPY shop_orders FROM STDIN") as copy:
                for number, (i, name, amount) in enumerate(self.rows):
                    copy.write_row((number, i, name or None, amount))


def _order(number: int) -> tuple[str, str, str]:
    if number % 30 == 7:
        return f"x{number}", f"name {number}", "1.00"
    if number % 30 == 17:
        return str(number), "", "1.00"
    return str(number), f"name, {number}", f"{number % 1000}.50"


def _fits(number: str, name: str, amount: str, maximum: int) -> bool:
    return number.isdigit() and name != "" and float(amount) <= maximum


def _write(path: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name", "amount"])
        writer.writerows(rows)


def assert_the_oracle_holds(house: House, orders: Orders, maximum: int = 900) -> None:
    """Assert that each row of the source is in the target or in the quarantine, once, by the newest run, and nothing else lies about."""
    newest = house.runs()[0]
    assert newest.status is RunStatus.SUCCEEDED, newest
    assert_clean(house)
    assert house.target() == orders.accepted(maximum)
    assert house.quarantined(house.batches(newest.id)[-1].id) == orders.rejected(maximum)
    f = newest.figures
    found = {"read": f.rows_read, "accepted": f.rows_accepted, "rejected": f.rows_rejected}
    accepted, rejected = orders.accepted(maximum).total(), orders.rejected(maximum).total()
    assert found == {"read": len(orders.rows), "accepted": accepted, "rejected": rejected}


def assert_clean(house: House) -> None:
    """Assert that no run goes on, and that after garbage collection nothing is left of tries that do not count."""
    found: list[Run] = house.runs()
    assert [run for run in found if not run.status.is_final] == []
    house.sweep()
    assert house.unreferenced() == set()
    assert house.tries() == house.tries_that_count()
    assert list((house.home / "work").iterdir()) == []
    known = {batch.id for run in found for batch in house.batches(run.id)}
    assert {folder.name for folder in (house.home / "quarantine").iterdir()} <= known
