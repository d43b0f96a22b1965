"""Whole rows and documents of the beginning of a file: what the sample has cut in two is left out."""

import json
from collections.abc import Iterator
from itertools import islice

from headrace.core.errors import Code, Problem
from headrace.core.source import Encoding, FileFormat
from headrace.dataplane.exploring.samples import Sample

_CODECS = {Encoding.UTF_8: "utf-8-sig", Encoding.UTF_16: "utf-16"}
_UTF_16 = frozenset({Encoding.UTF_16, Encoding.UTF_16_LE, Encoding.UTF_16_BE})
_BETWEEN = " \t\r\n,"


def whole_rows(sample: Sample, format_: FileFormat) -> bytes:
    """Return the bytes of a delimited sample up to its last line end; all of them where it is whole, or has none."""
    data = sample.data
    if sample.whole:
        return data
    if format_.encoding in _UTF_16 or data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        big = format_.encoding is Encoding.UTF_16_BE or data[:2] == b"\xfe\xff"
        at = data.rfind(b"\0\n" if big else b"\n\0")
        at = at + 2 if at >= 0 else len(data)
        return data[: at - at % 2]
    at = data.rfind(b"\n") + 1
    return data[: at or len(data)]


def whole_documents(sample: Sample, format_: FileFormat, most: int) -> bytes:
    """Return the first ``most`` documents of a JSON sample, one a line, in UTF-8: of lines, of an array, or of one object.

    Raises:
        Problem: ``SOURCE_UNREADABLE``: there is none.
    """
    codec = _CODECS.get(format_.encoding, format_.encoding.value)
    if sample.data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        codec = "utf-16"
    text = sample.data.decode(codec, "strict" if sample.whole else "ignore")
    found = list(islice(_documents(text), most))
    if not found:
        raise Problem(
            Code.SOURCE_UNREADABLE, f"{sample.name!r} has no whole JSON object in its first {len(sample.data):,} bytes"
        )
    return ("\n".join(found) + "\n").encode()


def _documents(text: str) -> Iterator[str]:
    """Yield the texts of whole documents, each on one line."""
    start = _skip(text, 0)
    if text[start : start + 1] == "[":
        yield from _one_after_another(text, start + 1)
        return
    first, _, _ = text[start:].partition("\n")
    if _decoded(first, 0) is None:
        yield from _one_after_another(text, start)
        return
    for line in text[start:].splitlines():
        found = _decoded(line, _skip(line, 0))
        if found is not None:
            yield found[0]


def _one_after_another(text: str, start: int) -> Iterator[str]:
    while (found := _decoded(text, _skip(text, start))) is not None:
        document, start = found
        yield document


def _decoded(text: str, start: int) -> tuple[str, int] | None:
    """Return the text of the JSON document that begins at ``start``, and where it ends; None: there is none."""
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    # Line ends stand only between the parts of a document: in texts they are escaped.
    return text[start:end].replace("\r", " ").replace("\n", " "), end


def _skip(text: str, start: int) -> int:
    while start < len(text) and text[start] in _BETWEEN:
        start += 1
    return start
