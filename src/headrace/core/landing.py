"""The manifest of a landing: what a copy laid down, and where."""

from dataclasses import dataclass

from headrace.core.clock import Instant
from headrace.core.window import Window


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One landed file. ``path`` is relative to the landing root, ``name`` is the source's own name for it (relative path or table)."""

    path: str
    name: str
    bytes: int
    modified_at: Instant | None = None
    rows: int | None = None
    """Known for tables; None for files, whose bytes are laid down as they came."""


@dataclass(frozen=True, slots=True)
class Landing:
    """Output of a copy, under the key ``landing`` of its output.

    ``format`` is ``"source"`` (bytes as they came) or ``"parquet"`` (rows of a table or query). ``window`` is what was read; its end is the bound to
    which a watermark may move. ``rows_skipped``: rows that the window's null policy left out.
    """

    files: tuple[LandedFile, ...]
    format: str = "source"
    window: Window | None = None
    rows_skipped: int = 0
