"""What a file is, by its name and its first bytes."""

import codecs
import csv
import json
from dataclasses import dataclass

from headrace.core.errors import Code, Problem
from headrace.core.source import Encoding, FileFormat, FileType
from headrace.dataplane.exploring.samples import Sample

PARQUET = b"PAR1"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", Encoding.UTF_8),
    (codecs.BOM_UTF16_LE, "utf-16", Encoding.UTF_16),
    (codecs.BOM_UTF16_BE, "utf-16", Encoding.UTF_16),
)
_DELIMITERS = ",\t;|"
_LINES = 20
_PRINTABLE = frozenset("\t\r\n\f")
_SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".psv", ".dat")
_CUT_CHARACTER = 3


@dataclass(frozen=True, slots=True)
class Guess:
    """How often a delimiter makes rows of equal length: ``fields`` in ``rows`` of the first rows."""

    delimiter: str
    fields: int
    rows: int


def detect_format(sample: Sample) -> FileFormat:
    """Return how to read what ``sample`` is the beginning of.

    Raises:
        Problem: ``SOURCE_UNREADABLE``: it cannot be told; the message says what was seen.
    """
    if sample.data.startswith(PARQUET):
        return FileFormat(FileType.PARQUET, compression=sample.compression)
    text, encoding = _text(sample)
    if _is_json(text, whole=sample.whole):
        return FileFormat(FileType.JSON, encoding=encoding, compression=sample.compression)
    delimiter = _delimiter(text, sample.name)
    if delimiter is None:
        raise _unknown(sample, "it has text, and neither a delimiter of columns nor JSON")
    return FileFormat(FileType.DELIMITED, delimiter=delimiter, encoding=encoding, compression=sample.compression)


def _text(sample: Sample) -> tuple[str, Encoding]:
    codec, encoding = next(
        ((codec, encoding) for mark, codec, encoding in _BOMS if sample.data.startswith(mark)),
        ("utf-8", Encoding.UTF_8),
    )
    try:
        text = codecs.getincrementaldecoder(codec)().decode(sample.data, final=sample.whole)
    except UnicodeDecodeError as error:
        if sample.data.count(b"\0"):
            raise _unknown(sample, "it has bytes that are no text") from error
        text, encoding = sample.data.decode("iso-8859-1"), Encoding.ISO_8859_1
    if any(not letter.isprintable() and letter not in _PRINTABLE and letter < "\x20" for letter in text[:4096]):
        raise _unknown(sample, "it has bytes that are no text")
    return text, encoding


def _is_json(text: str, *, whole: bool) -> bool:
    start = text.lstrip()
    if start[:1] not in {"{", "["}:
        return False
    try:
        json.JSONDecoder().raw_decode(start)
    except ValueError as error:
        # The first value may go on behind the sample.
        at_end = isinstance(error, json.JSONDecodeError) and error.pos >= len(start) - 1
        return not whole or at_end or '"' in start[:200]
    except RecursionError:
        return True
    return True


def _delimiter(text: str, name: str) -> str | None:
    """Return the delimiter that cuts the first rows into the same number of fields; a name may say it for a single column."""
    lines = text.splitlines(keepends=True)[: _LINES + 1]
    guesses = [guess for delimiter in _DELIMITERS if (guess := _guess(lines, delimiter)) is not None]
    if guesses:
        return max(guesses, key=lambda guess: (guess.rows, guess.fields)).delimiter
    lower = name.lower()
    if lower.endswith((".tsv", ".tab")):
        return "\t"
    return "," if lower.endswith(_SUFFIXES) else None


def _guess(lines: list[str], delimiter: str) -> Guess | None:
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return None
    if not rows or len(rows[0]) < 2:
        return None
    fields = len(rows[0])
    return Guess(delimiter, fields, sum(len(row) == fields for row in rows))


def _unknown(sample: Sample, seen: str) -> Problem:
    head = sample.data[:16].hex(" ")
    message = f"what {sample.name!r} is cannot be told: {seen} (its first bytes are {head}); say its format: delimited, json or parquet"
    return Problem(Code.SOURCE_UNREADABLE, message)
