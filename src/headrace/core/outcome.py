"""What an activity leaves behind: its figures, its output, its failure, its batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from headrace.core.codec import Json
from headrace.core.errors import BLAME, Blame, Code, FieldError, Problem


@dataclass(frozen=True, slots=True)
class Figures:
    """What was moved. None: not known or not applicable; 0: counted, and there was none.

    Rows: ``rows_read = rows_accepted + rows_rejected + rows_skipped`` for every promotion. ``rows_warned`` counts accepted rows in which a
    transform error made a column null.
    """

    bytes_read: int | None = None
    bytes_written: int | None = None
    files_read: int | None = None
    files_written: int | None = None
    rows_read: int | None = None
    rows_accepted: int | None = None
    rows_rejected: int | None = None
    rows_skipped: int | None = None
    rows_warned: int | None = None

    def plus(self, other: "Figures") -> "Figures":
        """Return the sums, field by field; None counts as nothing."""
        sums = {}
        for item in fields(self):
            mine, theirs = getattr(self, item.name), getattr(other, item.name)
            sums[item.name] = mine if theirs is None else theirs if mine is None else mine + theirs
        return Figures(**sums)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed: the code, and the caller's message. ``label`` is its name in the words of a door or of who reported it, if it has one."""

    code: Code
    message: str
    fields: tuple[FieldError, ...] = ()
    label: str = ""

    @property
    def blame(self) -> Blame:
        """Who has to act."""
        return BLAME[self.code]

    @classmethod
    def of(cls, problem: Problem) -> "Failure":
        """Return the failure that ``problem`` is."""
        return cls(problem.code, problem.message, problem.fields)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many rows one reason concerns; a row counts once under each distinct reason that it has.

    ``code`` is one of ``RejectCode``, ``column`` the target column (None: the row as a whole).
    """

    code: str
    column: str | None
    count: int
    message: str


@dataclass(frozen=True, slots=True)
class CodeSet:
    """How many rows have exactly these codes (of ``RejectCode``, each once, in order), in whichever columns."""

    codes: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What one promotion did, whether it was committed or not.

    ``batch_id`` is derived from the activity (so a repeated attempt reports the same batch). ``table`` is the target's path below the lake,
    ``version`` the Delta version that holds the rows (None: nothing was committed). ``diagnostics``: names of files below the
    quarantine's folder of this batch (``row_errors/parsing_errors_0.json`` …). ``rejects``/``warnings``: rows by code and column.
    """

    batch_id: str
    table: str
    commit_key: str
    version: int | None
    figures: Figures
    rejects: tuple[ReasonCount, ...] = ()
    warnings: tuple[ReasonCount, ...] = ()
    diagnostics: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Data files of the commit, relative to the table's root."""
    code_sets: tuple[CodeSet, ...] = ()
    """The rejected rows by all the codes that each has: their sum is the number of rejected rows."""


@dataclass(frozen=True, slots=True)
class VariableChange:
    """A change of one of the run's variables, written in the transaction that ends the activity.

    ``append``: ``value`` is put behind its elements, which are those of the list ``base`` (its default) where nothing has set it yet.
    """

    name: str
    value: Json
    append: bool = False
    base: Json = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an activity ended, as a value. ``failure`` None: it succeeded.

    ``output`` is what downstream activities and the doors read (for copies: ``landing``, see ``core.landing``). A failed outcome can
    still have figures, output and a batch: the diagnostics of a promotion with too many rejects are there all the same.
    """

    output: Mapping[str, Json] = field(default_factory=dict)
    figures: Figures = Figures()
    failure: Failure | None = None
    batch: BatchReport | None = None
    changes: tuple[VariableChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """An activity waits, and holds no thread meanwhile; then its function is called again, with ``state`` (``Task.resumed``).

    That is when ``seconds`` from now are over, or, with ``hears``, when somebody has sent a signal to this attempt (also one sent before it
    paused). ``output`` is what its row shows meanwhile. An attempt's time (its policy's timeout) runs on while it pauses.
    """

    seconds: float | None = None
    hears: bool = False
    state: Mapping[str, Json] = field(default_factory=dict)
    output: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expansion:
    """A container says what of it is to be run: its body named ``body`` (one that its plan does not have is empty, and succeeds).

    ``items`` given: once for each, the i-th at ``<path>/<i>``, dealt out in turn to ``lanes`` that go on side by side, each in order.
    ``number`` given (a loop that counts its passes): once, at ``<path>/<number>``. Neither: once, at ``<path>/<body>``.
    When a body failed, the container fails, after all of them have ended. Else it succeeds with ``output``, or, with ``again``, its function is
    called again with ``state``.
    """

    body: str
    items: tuple[Json, ...] | None = None
    lanes: int = 1
    number: int | None = None
    again: bool = False
    state: Mapping[str, Json] = field(default_factory=dict)
    output: Mapping[str, Json] = field(default_factory=dict)
