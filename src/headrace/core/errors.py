"""Everything that can be wrong, in one closed set of codes.

    Problem                    an expected failure, with the caller's message and the operator's context
      .code: Code              what kind of thing is wrong; each door maps every code to its own status and body
      .message                 what, where, and what would be right: safe to show to the caller
      .fields: FieldError...   all field errors at once, not the first only
      .context                 for the operator's log; never shown to a caller

Anything else that is raised is a bug in Headrace, and is reported as ``Code.INTERNAL`` at the outermost edge.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self


class Blame(StrEnum):
    """Whose problem a failure is, in words that a person understands."""

    YOURS = "yours"
    """The request, the flow's definition or an expression is wrong: change it and try again."""
    SOURCE = "source"
    """The place that the data comes from failed or refused."""
    TARGET = "target"
    """The place that the data goes to failed or refused."""
    SCHEMA = "schema"
    """The data does not fit what the target schema demands."""
    PLATFORM = "platform"
    """Headrace itself or its machine: a lost worker, a full disk, a bug."""


class Code(StrEnum):
    """The closed set of problems; the value is what logs, the ledger and the CLI show."""

    # the request
    INVALID = "invalid"
    """A value has the wrong type, form or range."""
    MALFORMED = "malformed"
    """A document could not be parsed at all (YAML, JSON, an expression)."""
    UNKNOWN_FIELD = "unknown_field"
    """A document has a field that nothing reads."""
    NOT_FOUND = "not_found"
    """The named thing does not exist in this scope."""
    CONFLICT = "conflict"
    """The thing exists already, or is in use."""
    STALE = "stale"
    """The caller's etag or revision is not the newest."""
    ILLEGAL_STATE = "illegal_state"
    """The thing's present state does not allow what was asked."""
    UNAUTHENTICATED = "unauthenticated"
    """No credential, or one that is unknown, expired or revoked."""
    FORBIDDEN = "forbidden"
    """The credential does not allow this."""
    LIMIT_EXCEEDED = "limit_exceeded"
    """A documented limit was reached; the message names the limit and the value."""
    UNSUPPORTED = "unsupported"
    """A thing that the contract knows and this installation cannot do."""
    UNAVAILABLE = "unavailable"
    """The ledger or a needed service cannot be reached now; safe to repeat."""

    # the language
    EXPRESSION_SYNTAX = "expression_syntax"
    """An expression cannot be parsed; the message gives the position and what was expected."""
    UNKNOWN_FUNCTION = "unknown_function"
    """An expression names a function that is not in the table."""
    UNKNOWN_COLUMN = "unknown_column"
    """An expression, a filter or a window names a column that the source does not have."""
    EXPRESSION_TYPE = "expression_type"
    """An argument count or type that the function does not take."""

    # reading
    SOURCE_NOT_FOUND = "source_not_found"
    """The file, folder or table does not exist."""
    SOURCE_UNAUTHENTICATED = "source_unauthenticated"
    """The source does not know the credentials, or they have expired."""
    SOURCE_DENIED = "source_denied"
    """Permissions were refused, or the path is outside of the allowed roots."""
    SOURCE_UNAVAILABLE = "source_unavailable"
    """The source cannot be reached, or broke off while it was read."""
    SOURCE_TIMEOUT = "source_timeout"
    """The source did not answer in time."""
    SOURCE_UNREADABLE = "source_unreadable"
    """The bytes are not what the format says (broken archive, wrong encoding, bad header)."""
    SOURCE_CHANGED = "source_changed"
    """The source changed while it was read."""
    SOURCE_EMPTY = "source_empty"
    """A file of no bytes."""
    SOURCE_HEADERLESS = "source_headerless"
    """A file without the header that the format demands."""

    # promoting
    TOO_MANY_REJECTS = "too_many_rejects"
    """More rows were rejected than the flow allows; nothing was committed."""
    COUNTS_DIFFER = "counts_differ"
    """read = accepted + rejected + skipped does not hold; nothing was committed."""
    LANDING_GONE = "landing_gone"
    """The landed data that should be promoted have been removed."""

    # writing
    TARGET_UNAVAILABLE = "target_unavailable"
    """The target cannot be reached or written."""
    TARGET_MISMATCH = "target_mismatch"
    """The target's existing schema cannot take the rows."""
    TARGET_DENIED = "target_denied"
    """The target refused the credentials or the path."""

    # running
    TIMED_OUT = "timed_out"
    """An activity or an external completion did not end by its deadline."""
    CANCELLED = "cancelled"
    """Stopped since somebody asked for it."""
    WORKER_LOST = "worker_lost"
    """The worker died again and again while it ran this."""
    FENCED = "fenced"
    """This worker was declared dead, or a newer attempt took over: its writes do not count."""
    EXTERNAL_FAILED = "external_failed"
    """The outside party that had to complete the activity reported a failure."""
    DISK_FULL = "disk_full"
    """No room left for landing, spilling, or Parquet files."""
    INTERNAL = "internal"
    """A bug in Headrace; the operator's log has the trace under the same id."""


BLAME: Mapping[Code, Blame] = {
    **dict.fromkeys(Code, Blame.YOURS),
    Code.SOURCE_NOT_FOUND: Blame.SOURCE,
    Code.SOURCE_UNAUTHENTICATED: Blame.SOURCE,
    Code.SOURCE_DENIED: Blame.SOURCE,
    Code.SOURCE_UNAVAILABLE: Blame.SOURCE,
    Code.SOURCE_TIMEOUT: Blame.SOURCE,
    Code.SOURCE_UNREADABLE: Blame.SOURCE,
    Code.SOURCE_CHANGED: Blame.SOURCE,
    Code.SOURCE_EMPTY: Blame.SOURCE,
    Code.SOURCE_HEADERLESS: Blame.SOURCE,
    Code.TOO_MANY_REJECTS: Blame.SCHEMA,
    Code.COUNTS_DIFFER: Blame.PLATFORM,
    Code.LANDING_GONE: Blame.PLATFORM,
    Code.TARGET_UNAVAILABLE: Blame.TARGET,
    Code.TARGET_MISMATCH: Blame.TARGET,
    Code.TARGET_DENIED: Blame.TARGET,
    Code.TIMED_OUT: Blame.PLATFORM,
    Code.WORKER_LOST: Blame.PLATFORM,
    Code.FENCED: Blame.PLATFORM,
    Code.EXTERNAL_FAILED: Blame.TARGET,
    Code.UNAVAILABLE: Blame.PLATFORM,
    Code.DISK_FULL: Blame.PLATFORM,
    Code.INTERNAL: Blame.PLATFORM,
}
"""Who has to act, for every code."""

TRANSIENT: frozenset[Code] = frozenset(
    {Code.SOURCE_UNAVAILABLE, Code.SOURCE_TIMEOUT, Code.SOURCE_CHANGED, Code.TARGET_UNAVAILABLE, Code.UNAVAILABLE},
)
"""Codes for which trying the same thing again by itself may help."""

RETRYABLE: frozenset[Code] = TRANSIENT | {Code.INTERNAL, Code.TIMED_OUT, Code.EXTERNAL_FAILED, Code.DISK_FULL}
"""Codes to which an activity's retry policy applies; every other failure is final until somebody changes something."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong in a document.

    ``path`` is dotted with ``[n]`` for elements (``mapping.carrier``, ``activities[2].kind``), ``""`` for the whole.
    ``hint`` says what would be right, or is empty.
    """

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{hint}"


@dataclass(eq=False)
class Problem(Exception):
    """An expected failure.

    ``message`` is for the caller and must not carry secrets or rows. ``context`` is for the operator.
    """

    code: Code
    message: str
    fields: tuple[FieldError, ...] = ()
    context: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.fields:
            return self.message
        # A problem of one field has its message twice, with the place and without: once is enough to read.
        further = [str(error) for error in self.fields if self.message not in {error.message, str(error)}]
        return "\n".join([self.message, *(f"  {error}" for error in further)])

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """Keep a problem whole when it crosses a process boundary."""
        return type(self), (self.code, self.message, self.fields, dict(self.context))

    @property
    def blame(self) -> Blame:
        """Who has to act."""
        return BLAME[self.code]

    @classmethod
    def of_fields(cls, code: Code, what: str, fields: tuple[FieldError, ...]) -> Self:
        """Return one problem for all that is wrong in ``what`` (``"the flow file"``)."""
        count = "1 error" if len(fields) == 1 else f"{len(fields)} errors"
        return cls(code, f"{what} has {count}:", fields)
