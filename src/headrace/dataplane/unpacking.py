"""The streams that archives are read through: they count, they stop at limits, and they tell where something is broken."""

import bz2
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from headrace.core.errors import Code, Problem
from headrace.core.source import Compression
from headrace.core.task import Cancellation
from headrace.dataplane.limits import Limits

BROKEN = (
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    RuntimeError,
    UnicodeError,
    ValueError,
)
"""What the libraries raise for bytes that are not what they should be; ``OSError`` of bz2 apart."""

_ZERO_BLOCK = 512
_HEAD = 512
_INPUT = 1 << 16


@dataclass(slots=True)
class Budget:
    """What one landed file may still unpack to. ``one_layer``: what is packed inside of it stays packed, and hidden files are taken, too."""

    name: str
    packed: int
    limits: Limits
    cancellation: Cancellation
    scratch: Path | None = None
    one_layer: bool = False
    members: int = 0
    unpacked: int = 0

    def member(self) -> None:
        """Count a member.

        Raises:
            Problem: ``LIMIT_EXCEEDED``.
        """
        self.members += 1
        if self.members > self.limits.max_archive_members:
            raise self.exceeded(
                f"{self.name!r} has more than {self.limits.max_archive_members:,} members (max_archive_members)"
            )

    def spend(self, count: int) -> None:
        """Count unpacked bytes, and stop when asked to.

        Raises:
            Problem: ``LIMIT_EXCEEDED``, or what the cancellation says.
        """
        self.cancellation.check()
        self.unpacked += count
        if self.unpacked > self.limits.max_archive_bytes:
            raise self.exceeded(
                f"{self.name!r} unpacks to more than {self.limits.max_archive_bytes:,} bytes (max_archive_bytes)"
            )
        most = max(self.limits.archive_ratio_from, int(self.packed * self.limits.max_archive_ratio))
        if self.unpacked > most:
            ratio = f"{self.limits.max_archive_ratio:g} times its {self.packed:,} bytes (max_archive_ratio)"
            raise self.exceeded(
                f"{self.name!r} unpacks to more than {ratio}: it looks like an archive made to fill disks"
            )

    def exceeded(self, message: str) -> Problem:
        """Return a problem of code ``LIMIT_EXCEEDED``."""
        return Problem(Code.LIMIT_EXCEEDED, message)


@contextmanager
def broken(label: str, what: str) -> Iterator[None]:
    """Turn what the libraries raise for broken bytes into ``SOURCE_UNREADABLE``."""
    try:
        yield
    except BROKEN as error:
        raise Problem(Code.SOURCE_UNREADABLE, f"{label!r}: {what} is broken or cut off: {_said(error)}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise Problem(Code.SOURCE_UNREADABLE, f"{label!r}: {what} is broken: {_said(error)}") from error


def _said(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text.encode("ascii", "backslashreplace").decode()[:200]


class Unpacked(io.RawIOBase):
    """The content of a gzip, bzip2 or deflate stream; concatenated gzip and bzip2 streams are one."""

    def __init__(self, packed: BinaryIO, kind: Compression, label: str, budget: Budget) -> None:
        super().__init__()
        self._packed = packed
        self._kind = kind
        self._label = label
        self._budget = budget
        self._input = b""
        self._read = 0
        self._written = 0
        self._machine: Any = None
        self._started = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; see ``io.RawIOBase``."""
        view = memoryview(buffer).cast("B")
        with broken(self._label, f"the content after byte {self._read:,} ({self._written:,} unpacked)"):
            data = self._some(len(view))
            while len(data) < min(_HEAD, len(view)) and (more := self._some(len(view) - len(data))):
                data += more  # whoever peeks at the first bytes needs them all
        view[: len(data)] = data
        self._written += len(data)
        self._budget.spend(len(data))
        return len(data)

    def _some(self, most: int) -> bytes:
        while True:
            if self._machine is None and not self._next_stream():
                return b""
            data = self._step(most)
            if self._machine.eof:
                self._input = self._machine.unused_data
                self._machine = None
            if data:
                return data

    def _step(self, most: int) -> bytes:
        if self._kind is Compression.BZIP2:
            if self._machine.needs_input:
                return bytes(self._machine.decompress(self._more(), most))
            return bytes(self._machine.decompress(b"", most))
        data = self._machine.decompress(self._input, most)
        self._input = self._machine.unconsumed_tail
        if not data and not self._machine.eof and not self._input:
            self._input = self._more()
        return bytes(data)

    def _more(self) -> bytes:
        if self._input:
            data, self._input = self._input, b""
            return data
        data = self._packed.read(_INPUT)
        if not data:
            raise EOFError("it ends in the middle")
        self._read += len(data)
        return data

    def _next_stream(self) -> bool:
        """Begin the next concatenated stream; return whether there is one. Zeros behind the last are padding."""
        if not self._input:
            self._input = self._packed.read(_INPUT)
            self._read += len(self._input)
        if self._started:
            self._input = self._input.lstrip(b"\0")
            while not self._input and (data := self._packed.read(_INPUT)):
                self._read += len(data)
                self._input = data.lstrip(b"\0")
        if not self._input:
            return False
        if self._started and (self._kind is Compression.DEFLATE or not self._looks_right()):
            raise ValueError("there are other bytes behind its end")
        self._machine = self._new_machine()
        self._started = True
        return True

    def _looks_right(self) -> bool:
        magic = b"BZ" if self._kind is Compression.BZIP2 else b"\x1f\x8b"
        return magic.startswith(self._input[:2])

    def _new_machine(self) -> Any:
        if self._kind is Compression.BZIP2:
            return bz2.BZ2Decompressor()
        if self._kind is Compression.GZIP:
            return zlib.decompressobj(wbits=31)
        first, second = (*self._input[:2], 0, 0)[:2]
        has_header = first & 0x0F == 8 and (first * 256 + second) % 31 == 0
        return zlib.decompressobj(wbits=15 if has_header else -15)


class Guarded(io.RawIOBase):
    """A stream of a library, read with a budget; it raises problems only."""

    def __init__(self, raw: IO[bytes], label: str, budget: Budget, *, expands: bool) -> None:
        super().__init__()
        self._raw = raw
        self._label = label
        self._budget = budget
        self._expands = expands
        self._allowed: int | None = None
        self._last = b""
        self.handed = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def allow(self, count: int | None) -> None:
        """Allow ``count`` further bytes to be read (None: any number): headers are read whole into memory by tarfile."""
        self._allowed = None if count is None else count

    @property
    def ends_in_zeros(self) -> bool:
        """Say whether the last block that was handed over is empty."""
        return len(self._last) == _ZERO_BLOCK and not self._last.strip(b"\0")

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; see ``io.RawIOBase``."""
        view = memoryview(buffer).cast("B")
        with broken(self._label, f"the content after {self.handed:,} bytes"):
            data = self._raw.read(len(view))
        view[: len(data)] = data
        self.handed += len(data)
        self._last = (self._last + data[-_ZERO_BLOCK:])[-_ZERO_BLOCK:]
        self._budget.spend(len(data) if self._expands else 0)
        if self._allowed is not None:
            self._allowed -= len(data)
            if self._allowed < 0:
                raise self._budget.exceeded(f"{self._label!r} has a header of more than 4 MiB")
        return len(data)
