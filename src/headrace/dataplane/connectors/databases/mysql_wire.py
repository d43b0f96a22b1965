"""Rows of a MySQL result taken column by column from pymysql's packets, and the columns' types.

pymysql makes a Python value of each field of each row, which takes most of the time of a large read. Here fields stay the bytes that the
server sent, gathered by column; Arrow makes values of them, a batch at a time.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

_NULL, _TWO, _THREE = 251, 252, 253
_END, _END_LENGTH = 0xFE, 9
MOST_ROWS = 20_000


class Result:
    """The result of a query that is being read."""

    def __init__(self, connection: Any, query: str) -> None:
        connection.query(query, unbuffered=True)
        self._connection = connection
        self._result = connection._result  # noqa: SLF001 — pymysql's own unbuffered cursor reads it too, row by row
        self.fields: tuple[Any, ...] = tuple(getattr(self._result, "fields", ()))
        self.ended = not self._result.unbuffered_active

    def batches(self, most_bytes: int) -> Iterator[list[Any]]:
        """Yield arrays of bytes, one for each column, of batches of about ``most_bytes``."""
        while not self.ended:
            columns: list[list[bytes | None]] = [[] for _ in self.fields]
            appends = [column.append for column in columns]
            rows = size = 0
            while rows < MOST_ROWS and size < most_bytes:
                data = self.packet()
                if data is None:
                    break
                _split(data, appends)
                rows += 1
                size += len(data)
            if rows:
                yield [pa.array(column, pa.binary()) for column in columns]

    def packet(self) -> bytes | None:
        """Return the bytes of the next row; None: there is none. After an error no more come."""
        try:
            data: bytes = self._connection._read_packet().get_all_data()  # noqa: SLF001 — as above
        except BaseException:
            self.forget()
            raise
        if data[0] == _END and len(data) < _END_LENGTH:
            self.forget()
            return None
        return data

    def forget(self) -> None:
        """Say that the result is over: else pymysql reads on until its end, however far that is."""
        self.ended = True
        self._result.unbuffered_active = False
        self._result.connection = None


def _split(data: bytes, appends: list[Callable[[bytes | None], None]]) -> None:
    """Hand each field of a row to its column: a length in one to nine bytes (or null), and as many bytes."""
    at = 0
    for append in appends:
        length = data[at]
        at += 1
        if length == _NULL:
            append(None)
            continue
        if length > _NULL:
            width = 2 if length == _TWO else 3 if length == _THREE else 8
            length = int.from_bytes(data[at : at + width], "little")
            at += width
        append(data[at : at + length])
        at += length
