"""Where data go, and how many rejected rows are borne."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from headrace.core.errors import Code, FieldError, Problem


class WriteMode(StrEnum):
    """What a commit does with the rows that are there already."""

    APPEND = "append"
    OVERWRITE = "overwrite"
    """Replaces all rows, in the same commit; an empty selection of the source leaves the target alone."""


@dataclass(frozen=True, slots=True)
class DeltaTarget:
    """A Delta table. ``table`` is its path below the lake's root (``flights``, ``prod/65f1…``)."""

    KIND: ClassVar[str] = "delta"

    table: str
    mode: WriteMode = WriteMode.APPEND


@dataclass(frozen=True, slots=True)
class RejectRule:
    """How many rejected rows a batch bears.

    The batch fails when ``rejected * 100 > at_most_percent * read``; reaching the threshold exactly is allowed. 0: no row may be
    rejected. ``diagnostics``: keep the rejected rows with reasons (else they are only counted).
    """

    at_most_percent: float = 0.0
    diagnostics: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.at_most_percent <= 100:
            error = FieldError("at_most_percent", f"{self.at_most_percent} is no percentage", "0 to 100")
            raise Problem(Code.INVALID, error.message, (error,))
