"""Names of tables, and the folders that they are."""

import re
from pathlib import Path

from headrace.core.errors import Code, FieldError, Problem

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,254}")


def table_folder(lake: Path, table: str) -> Path:
    """Return the folder of ``table`` (``flights``, ``prod/65f1``) below the lake's root.

    Raises:
        Problem: ``TARGET_DENIED``: the name could lead elsewhere, or a link does; ``INVALID``: it has other characters.
    """
    segments = table.split("/")
    if table.startswith("/") or "" in segments or any(set(segment) <= {"."} for segment in segments):
        raise _refused(Code.TARGET_DENIED, table)
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise _refused(Code.INVALID, table)
    folder = lake.joinpath(*segments)
    if not folder.resolve().is_relative_to(lake.resolve()):
        raise _refused(Code.TARGET_DENIED, table)
    return folder


def _refused(code: Code, table: str) -> Problem:
    hint = "letters, digits, _, - and ., in folders with /, as in sales/orders"
    return Problem(
        code,
        f"{table!r} is no name of a table: it is made of {hint}",
        (FieldError("target.table", "is no name of a table", hint),),
    )
