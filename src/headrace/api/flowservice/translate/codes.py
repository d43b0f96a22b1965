"""Codes of the ledger in the dialect's words (5.5): run level, activity level, row level; every match is exhaustive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from headrace.core.errors import Code
from headrace.core.outcome import CodeSet, ReasonCount
from headrace.core.run import RejectCode

COPY_FAILED = "CONNECTOR-1001-500"
PROMOTION_FAILED = "CONNECTOR-2001-500"
BATCH_FAILED = "CONNECTOR-3001-500"
REJECTED = "INGEST-1212-400"
REJECTED_UNDIAGNOSED = "INGEST-1211-400"
MAPPER = "MAPPER-3700-400"

MESSAGES: Mapping[str, str] = {
    COPY_FAILED: "Error occurred at copy activity.",
    PROMOTION_FAILED: "Error occurred at promotion activity.",
    BATCH_FAILED: "The batch could not be created or registered.",
    "INGEST-1401-400": "Rows could not be read.",
    "INGEST-1555-400": "A required field is missing or null.",
    MAPPER: "Mapper Transform Error",
    "DCVS-1103-400": "A value does not match its field's pattern.",
    "DCVS-1104-400": "A value has the wrong type.",
    "DCVS-1105-400": "A value does not have its field's format.",
    "DCVS-1111-400": "A value is not among those that its field allows.",
}
"""What stands beside each code."""


def reject_code(code: RejectCode, *, mapped: bool) -> str:
    """Return the activity-level code of a reason; ``mapped``: the row went through a mapping."""
    match code:
        case RejectCode.UNREADABLE:
            return "INGEST-1401-400"
        case RejectCode.REQUIRED:
            return "INGEST-1555-400"
        case RejectCode.TRANSFORM:
            return MAPPER
        case RejectCode.TYPE:
            return MAPPER if mapped else "DCVS-1104-400"
        case RejectCode.PATTERN:
            return "DCVS-1103-400"
        case RejectCode.FORMAT:
            return "DCVS-1105-400"
        case RejectCode.ENUM | RejectCode.MINIMUM | RejectCode.MAXIMUM | RejectCode.MIN_LENGTH | RejectCode.MAX_LENGTH:
            return "DCVS-1111-400"
        case _:
            assert_never(code)


def row_code(code: str, *, mapped: bool) -> str:
    """Return the code in the error files: the middle number for INGEST and MAPPER, all of it for DCVS. What is no reason stays as it is."""
    try:
        long = reject_code(RejectCode(code), mapped=mapped)
    except ValueError:
        return code
    return long if long.startswith("DCVS") else long.split("-")[1]


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How many rows have a code of the dialect."""

    code: str
    message: str
    count: int


def count_by_code(
    reasons: Sequence[ReasonCount], rows: int, *, mapped: bool, sets: Sequence[CodeSet] = ()
) -> tuple[CodeCount, ...]:
    """Return how many rows have each code, most rows first; a row counts once under each.

    ``sets`` count rows by all their codes, so the counts are exact. Without them (batches of earlier versions; warnings, which have one code only)
    there are counts by reason and column: a row with one code in two columns would count twice under the sum, so a sum never exceeds ``rows``,
    the number of rows concerned in all.
    """
    sums: dict[str, int] = {}
    for one in sets:
        for code in {_dialect_code(code, mapped=mapped) for code in one.codes}:
            sums[code] = sums.get(code, 0) + one.count
    for reason in () if sets else reasons:
        code = _dialect_code(reason.code, mapped=mapped)
        sums[code] = sums.get(code, 0) + reason.count
    ordered = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(CodeCount(code, MESSAGES.get(code, code), min(count, rows)) for code, count in ordered)


def _dialect_code(code: str, *, mapped: bool) -> str:
    return reject_code(RejectCode(code), mapped=mapped) if code in set(RejectCode) else code


def run_code(code: Code, *, copying: bool) -> str:
    """Return the one run-level code of a failed run; ``copying``: its copy activity failed."""
    if code in {Code.TARGET_UNAVAILABLE, Code.TARGET_DENIED, Code.TARGET_MISMATCH, Code.LIMIT_EXCEEDED}:
        return BATCH_FAILED
    return COPY_FAILED if copying else PROMOTION_FAILED


def cause_code(code: Code, *, copying: bool) -> str | None:
    """Return the cause of a failed copy (``SRC-…``) or promotion (``106``, ``118``); None: the run-level code says it all.

    ``copying``: its copy activity failed; what has no code of its own is 1006 then.
    """
    other = "SRC-1006-500" if copying and run_code(code, copying=True) == COPY_FAILED else None
    return {
        Code.SOURCE_UNAUTHENTICATED: "SRC-1001-401",
        Code.SOURCE_DENIED: "SRC-1002-403",
        Code.FORBIDDEN: "SRC-1002-403",
        Code.UNAUTHENTICATED: "SRC-1001-401",
        Code.SOURCE_NOT_FOUND: "SRC-1003-404",
        Code.NOT_FOUND: "SRC-1003-404",
        Code.SOURCE_TIMEOUT: "SRC-1004-408",
        Code.TIMED_OUT: "SRC-1004-408",
        Code.SOURCE_UNAVAILABLE: "SRC-1005-503",
        Code.UNAVAILABLE: "SRC-1005-503",
        Code.SOURCE_UNREADABLE: "SRC-1007-400",
        Code.SOURCE_EMPTY: "106",
        Code.SOURCE_HEADERLESS: "118",
    }.get(code, other)
