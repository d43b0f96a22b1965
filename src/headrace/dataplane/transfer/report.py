"""What a transfer did, as far as it came. Doors make their own outputs of it."""

from dataclasses import dataclass, field

from headrace.core.outcome import Figures, ReasonCount


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds spent: ``reading`` and ``writing`` may overlap; ``first_byte`` until the first row or byte came."""

    total: float = 0.0
    listing: float = 0.0
    first_byte: float = 0.0
    reading: float = 0.0
    writing: float = 0.0
    before: float = 0.0
    """The script before the first row."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was left out, or went wrong, in words."""

    reason: str
    message: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class TransferReport:
    """Figures and facts. ``figures.rows_read = rows_accepted + rows_rejected``; None where it does not apply (rows of bytes, files of a table).

    Slices that earlier tries finished count in full: the figures are those of the whole transfer. ``resumed`` tells how many of them there were.
    ``consistency``: ``verified``, ``unsupported`` or empty (not looked at). ``inconsistent``: ``none``, ``found``, ``skipped`` or empty.
    ``diagnostics``: names of files below the quarantine's folder of the batch (``BatchReport.diagnostics``); empty: no row was refused.
    """

    figures: Figures = Figures()
    files_skipped: int = 0
    parallel: int = 1
    source_peak: int = 1
    sink_peak: int = 1
    durations: Durations = Durations()
    log_path: str = ""
    redirect_path: str = ""
    consistency: str = ""
    inconsistent: str = ""
    resumed: int = 0
    told: tuple[Told, ...] = ()
    rejects: tuple[ReasonCount, ...] = ()
    diagnostics: tuple[str, ...] = ()
    files: tuple[str, ...] = field(default=())
    """Names of the files that are in the sink, at most a thousand."""
