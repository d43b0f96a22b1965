"""A promotion on real files, with real DuckDB and a real Delta table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from headrace.core.landing import LandedFile, Landing
from headrace.core.mapping import MappingLanguage
from headrace.core.outcome import Figures, Outcome
from headrace.core.schema import Column, Schema, parse_type
from headrace.core.settings import PromoteSettings
from headrace.core.target import DeltaTarget, RejectRule
from headrace.core.task import Cancellation, Task
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion import promote
from headrace.dataplane.quarantine.layout import open_rows
from headrace.dataplane.storage import Roots
from headrace.language.dataprep import cast_sql, compile_expression, removes, split_each
from headrace.language.dataprep.natives import NATIVES

LANGUAGE = MappingLanguage(compile_expression, cast_sql, tuple(NATIVES.values()), split_each, removes)
BATCH = "01HEADRACE0000000000000000"


@dataclass
class Watcher:
    """A context that notes what it is told."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    reports: list[Figures] = field(default_factory=list)

    def progress(self, figures: Figures) -> None:
        """Note the figures."""
        self.reports.append(figures)


@dataclass
class Bench:
    """Folders of one installation, and a way to promote bytes in them."""

    roots: Roots
    limits: Limits = field(default_factory=Limits)
    context: Watcher = field(default_factory=Watcher)
    run: str = "run-1"
    key: str = "key-1"
    epoch: int = 1
    settings: PromoteSettings = field(
        default_factory=lambda: PromoteSettings("Copy", DeltaTarget("rows"), rejects=RejectRule(100))
    )

    def land(self, files: Mapping[str, bytes], form: str = "source") -> Landing:
        """Lay files down as a copy does."""
        landed = []
        for number, (name, data) in enumerate(files.items()):
            path = f"{self.run}/Copy/1.1/{number:06d}{Path(name).suffix}"
            (self.roots.landing / path).parent.mkdir(parents=True, exist_ok=True)
            (self.roots.landing / path).write_bytes(data)
            landed.append(LandedFile(path, name, len(data)))
        return Landing(tuple(landed), form)

    def task(self) -> Task:
        """Return the task of a first attempt."""
        return Task("local", "flow", self.run, self.run, "Promote", 1, self.epoch, "promote", {}, self.key)

    def promote(self, files: Mapping[str, bytes] | bytes | Landing, **changes: Any) -> Outcome:
        """Promote files; ``changes`` are fields of the settings."""
        if isinstance(files, bytes):
            files = {"in.csv": files}
        landing = files if isinstance(files, Landing) else self.land(files)
        return promote(
            replace(self.settings, **changes),
            landing,
            self.task(),
            self.context,
            batch_id=BATCH,
            roots=self.roots,
            limits=self.limits,
            language=LANGUAGE,
        )

    def table(self, columns: str = "*", order: str = "ALL") -> list[tuple[Any, ...]]:
        """Return the rows of the target's newest version, as DuckDB reads its files."""
        uris = [uri.removeprefix("file://") for uri in DeltaTable(self.roots.lake / "rows").file_uris()]
        if not uris:
            return []
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(
                f"SELECT {columns} FROM read_parquet(?, union_by_name = true) ORDER BY {order}", [uris]
            ).fetchall()

    def columns(self) -> list[str]:
        """Return the names of the target's columns."""
        return [field.name for field in DeltaTable(self.roots.lake / "rows").schema().fields]

    def rejects(self) -> list[dict[str, Any]]:
        """Return the rejected rows of the batch."""
        return [json.loads(line) for line in open_rows(self.roots, BATCH)]


def make_bench(folder: Path) -> Bench:
    """Return empty folders to promote in."""
    roots = Roots(folder / "landing", folder / "lake", folder / "quarantine", folder / "work", None)
    roots.make()
    return Bench(roots)


def schema(**columns: Any) -> Schema:
    """Return a schema from ``name="integer"`` or ``name=("integer", {"required": True})``."""
    pairs = {name: value if isinstance(value, tuple) else (value, {}) for name, value in columns.items()}
    return Schema(tuple(Column(name, parse_type(kind), **rules) for name, (kind, rules) in pairs.items()))
