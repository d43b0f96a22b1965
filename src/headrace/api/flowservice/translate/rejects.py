"""Rows of the quarantine, out: the door's codes and fields, line by line, never a whole file at once (11)."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from headrace.api.flowservice.translate.codes import row_code

MAX_SAMPLES = 100
"""Rows of the samples."""


def translate_row(row: dict[str, Any], *, mapped: bool) -> dict[str, Any]:
    """Return a rejected row as the dialect has it: its codes, and without the number that the quarantine gave it."""
    kept = {key: value for key, value in row.items() if key != "_reject"}
    errors = row.get("_errors")
    if isinstance(errors, list):
        kept["_errors"] = [_error(error, mapped=mapped) for error in errors if isinstance(error, dict)]
    return kept


def translate_lines(lines: Iterable[bytes], *, mapped: bool) -> Iterator[bytes]:
    """Yield the lines of a file of rejected rows, translated; each line is one JSON object."""
    for line in lines:
        if line.strip():
            row = translate_row(json.loads(line), mapped=mapped)
            yield json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def samples(lines: Iterable[bytes], *, mapped: bool) -> Iterator[bytes]:
    """Yield one JSON array of the first rows of ``lines``, at most ``MAX_SAMPLES``."""
    separator = b"["
    for number, line in enumerate(translate_lines(lines, mapped=mapped)):
        if number == MAX_SAMPLES:
            break
        yield separator + line.rstrip(b"\n")
        separator = b",\n"
    yield b"[]" if separator == b"[" else b"]"


def _error(error: dict[str, Any], *, mapped: bool) -> dict[str, Any]:
    shown = {"code": row_code(str(error.get("code", "")), mapped=mapped)}
    if error.get("column") is not None:
        shown["column"] = error["column"]
    return {**shown, "message": str(error.get("message", ""))}
