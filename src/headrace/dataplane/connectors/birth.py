"""When files of this machine were made: the system knows it, and Python does not ask."""

import ctypes
import os
import platform
import struct

from headrace.core.clock import SECOND, Instant

_FOLLOW_FROM_HERE = -100
_BIRTH = 0x800
_SIZE = 256
_MASK_AT = 0
_BIRTH_AT = 80
"""Where the time stands in the system's answer, by linux/stat.h."""


def born_at(path: str) -> Instant:
    """Return when the file at ``path`` was made; where nobody knows, the earliest time that is known of it.

    Raises:
        OSError: it is not there.
    """
    status = os.stat(path)  # noqa: PTH116 — a text, whose bytes may be no UTF-8
    known = _born(os.fsencode(path)) if platform.system() == "Linux" else None
    return Instant(min(status.st_mtime_ns, status.st_ctime_ns) // 1000) if known is None else known


def _born(path: bytes) -> Instant | None:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "statx"):
        return None
    answer = ctypes.create_string_buffer(_SIZE)
    if libc.statx(_FOLLOW_FROM_HERE, path, 0, _BIRTH, answer) != 0:
        return None
    (mask,) = struct.unpack_from("=I", answer, _MASK_AT)
    seconds, nanoseconds = struct.unpack_from("=qI", answer, _BIRTH_AT)
    return Instant(seconds * SECOND + nanoseconds // 1000) if mask & _BIRTH else None
