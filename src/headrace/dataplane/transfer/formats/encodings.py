"""Encodings of text files: the names that .NET and Python have for them, byte order marks, and files brought into UTF-8."""

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headrace.core.errors import Code
from headrace.core.task import Cancellation
from headrace.dataplane.limits import MIB
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem

UTF_8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHER_NAMES = {
    "utf-8-sig": UTF_8,
    "utf-8 without bom": UTF_8,
    "utf-8-without-bom": UTF_8,
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "unicode": "utf-16-le",
    "unicodefffe": "utf-16-be",
    "utf-32": "utf-32-le",
    "utf-32le": "utf-32-le",
    "utf-32be": "utf-32-be",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "gb2312": "gbk",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "cp950",
    "windows-874": "cp874",
    "ibm00858": "cp858",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-greek": "mac_greek",
    "x-mac-turkish": "mac_turkish",
}
"""Names of .NET that Python does not know, or means something narrower by."""
_NO_TEXT = frozenset({"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "mbcs", "oem"})


def codec_of(name: str, side: Side) -> str:
    """Return Python's name of an encoding, ``utf-8`` for every form of UTF-8.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: nobody knows it.
    """
    asked = name.strip().lower() or UTF_8
    asked = _OTHER_NAMES.get(asked, asked)
    if asked.startswith("ibm") and asked[3:].isdigit():
        asked = f"cp{int(asked[3:]):03d}"
    try:
        found = codecs.lookup(asked)
    except (LookupError, ValueError):
        found = None
    if found is None or not getattr(found, "_is_text_encoding", True) or found.name in _NO_TEXT:
        message = f"no encoding is called {name!r}; take one like UTF-8, UTF-16, ISO-8859-1, windows-1252, SHIFT-JIS or GB18030"
        raise TransferProblem(Reason.REQUEST_INVALID, side, message)
    return UTF_8 if found.name == UTF_8 else found.name


def marked(path: Path, encoding: str) -> tuple[str, int]:
    """Return the encoding of a file, and the bytes of its byte order mark: what the mark says, else ``encoding`` (as ``codec_of`` gives it)."""
    with path.open("rb") as stream:
        first = stream.read(4)
    return next(((codec, len(mark)) for mark, codec in _MARKS if first.startswith(mark)), (encoding, 0))


@contextmanager
def as_utf8(
    path: Path, name: str, encoding: str, target: Path, cancellation: Cancellation
) -> Iterator[tuple[Path, int]]:
    """Give a file of the same text in UTF-8, and where its text begins: ``path`` itself, or ``target``, which is removed afterwards.

    What claims to be UTF-8 is taken as it is, also where it is not. ``encoding`` is as in ``codec_of``; a byte order mark wins.

    Raises:
        TransferProblem: ``UNREADABLE``: bytes that the encoding does not have, with their place; ``REQUEST_INVALID``.
        Problem: ``DISK_FULL``, or what the cancellation says.
    """
    codec, start = marked(path, codec_of(encoding, Side.SOURCE))
    if codec == UTF_8:
        yield path, start
        return
    try:
        _rewrite(path, name, codec, start, target, cancellation)
        yield target, 0
    finally:
        target.unlink(missing_ok=True)


def _rewrite(path: Path, name: str, codec: str, start: int, target: Path, cancellation: Cancellation) -> None:
    decoder: Any = codecs.getincrementaldecoder(codec)()
    done, held = start, 0
    try:
        with path.open("rb") as stream, target.open("wb") as out:
            stream.seek(start)
            while True:
                cancellation.check()
                data = stream.read(MIB)
                held = len(decoder.getstate()[0])
                out.write(decoder.decode(data, final=not data).encode(UTF_8))
                done += len(data)
                if not data:
                    return
    except UnicodeError as error:
        at = done - held + error.start if isinstance(error, UnicodeDecodeError) else done
        message = f"{name!r} is no {codec} text: bad bytes at byte {at:,}; is the encoding another one?"
        raise TransferProblem(Reason.UNREADABLE, Side.SOURCE, message, Code.SOURCE_UNREADABLE) from error
    except OSError as error:
        raise disk_full(error, target.parent) or error from error
