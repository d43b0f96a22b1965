"""Files read as worksheets, whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from headrace.core.codec import Json
from headrace.core.task import Cancellation
from headrace.dataplane.limits import Limits
from headrace.dataplane.worksheets.reading import options_in, reading
from headrace.dataplane.worksheets.worksheet import Opening, Row

Table: TypeAlias = tuple[str, tuple[str, ...], list[list[str]]]
"""A worksheet's name, its keys, and its rows with empty texts for empty cells."""


@dataclass
class Reading:
    """Writes files below ``folder`` and reads them."""

    folder: Path
    limits: Limits = field(default_factory=Limits)
    cancellation: Cancellation = field(default_factory=Cancellation)

    def tables(self, ext: str, data: bytes, start: int = 0, **options: Json) -> list[Table]:
        """Return the worksheets of a file, each from row ``start`` on; nothing may be left behind."""
        path = self.folder / f"file.{ext}"
        path.write_bytes(data)
        opening = self.opening(path, {"options": options})
        with reading(opening, ext) as sheets:
            tables = [
                (
                    sheet.name,
                    sheet.keys,
                    [shown(row, len(sheet.keys)) for rows in sheet.chunks(start, 10_000) for row in rows],
                )
                for sheet in sheets
            ]
            assert all(
                len(rows) == max(sheet.count - start, 0) for sheet, (*_, rows) in zip(sheets, tables, strict=True)
            )
        assert list(opening.work.iterdir()) == [], "something was left behind"
        return tables

    def opening(
        self, path: Path, config: Mapping[str, Json] | None = None, space: Mapping[str, Json] | None = None
    ) -> Opening:
        """Return a file that is to be read."""
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        return Opening(path, path.name, options_in(config or {}, space or {}), self.limits, work, self.cancellation)


def shown(row: Row, width: int) -> list[str]:
    """Return a row with a text for each column."""
    cells = [cell or "" for cell in row]
    assert not any(map(str.strip, cells[width:]))
    return (cells + [""] * (width - len(cells)))[:width]
