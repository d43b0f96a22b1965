"""Rejected rows, as they are asked for and told of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.native.runs import BatchLine
from headrace.core.outcome import ReasonCount


@dataclass(frozen=True, slots=True, kw_only=True)
class ListBatches:
    """Batches that have rejected rows, newest first. ``resolved``: also those of which none are left. ``run``: only that run's."""

    scope: str | None = None
    run: str | None = None
    flow: str | None = None
    resolved: bool = False
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineLine:
    """A batch with rejected rows, and whose it is."""

    batch: BatchLine
    scope: str
    flow: str
    flow_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineList:
    """A page of batches. It may be shorter than its limit and still have a next one."""

    items: tuple[QuarantineLine, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskBatch:
    """A batch: its id, the beginning of one, or ``@latest``."""

    batch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineView:
    """The rejects of a batch by code and column, most rows first. ``kept``: rows that can be looked at (fewer than rejected: not all were kept)."""

    line: QuarantineLine
    reasons: tuple[ReasonCount, ...] = ()
    rejected: int = 0
    left: int = 0
    kept: int = 0
    replays: tuple[BatchLine, ...] = ()
    can_replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRejects:
    """Rejected rows of a batch, in their order. ``code``/``column``: only rows with such a reason (an empty column: the row as a whole)."""

    batch: str
    code: str | None = None
    column: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReason:
    """One reason why a row was rejected. ``column``: the target's, None: the row as a whole. ``sources``: cells of the row that it comes from."""

    code: str
    message: str
    column: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectLine:
    """A rejected row. ``cells``: the row as it came, by column; a row that could not be read has ``raw`` instead. ``resolved``: a replay took it."""

    number: int
    reasons: tuple[RowReason, ...]
    file: str | None = None
    line: int | None = None
    cells: Mapping[str, Json] = field(default_factory=dict)
    raw: str | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectList:
    """A page of rejected rows. ``columns``: those of all its rows, in order."""

    batch: str
    items: tuple[RejectLine, ...]
    columns: tuple[str, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRejectsFile:
    """All rejected rows of a batch as a file: ``ndjson`` (to correct and play again) or ``csv``, whose cells cannot be formulas unless ``raw``."""

    batch: str
    format: str = "ndjson"
    raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskReplay:
    """Play corrected rows again; the rows follow as NDJSON. ``name``: of the file they came in."""

    batch: str
    name: str = "corrected.json"
    request_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTold:
    """The run that plays them, and how many rows it took in."""

    run: str
    created_at: Instant
    rows: int = 0
