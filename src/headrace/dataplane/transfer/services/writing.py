"""An HTTP service as a sink: JSON arrays, a request each.

A worker that dies between a request and the note that its slice is finished sends the slice's requests again: over HTTP nothing can be known of the
answer that did not come. Each request therefore has the header ``Idempotency-Key``, the same whenever the same rows of the same slice are sent again
in the same transfer; a service that remembers these keys has every row once, any other at least once. PUT and PATCH are the same when repeated by
what they mean.
"""

import gzip
from collections.abc import Iterator, Sequence
from hashlib import sha256

from headrace.dataplane.connectors.web import WebRequest
from headrace.dataplane.limits import MIB
from headrace.dataplane.transfer.faults import Reason, Side
from headrace.dataplane.transfer.request import ServiceSink
from headrace.dataplane.transfer.rows import SinkWriter, Slice, Stream, Working, Written
from headrace.dataplane.transfer.services.calling import Caller, Speaking, pause
from headrace.dataplane.transfer.services.pages import accepting_json
from headrace.dataplane.transfer.values import Field

_MOST_BYTES = 64 * MIB
"""Of one request, before it is packed: wide rows make smaller arrays than were asked for."""
_READ_ROWS = 2_000


def write_service(sink: ServiceSink, work: Working) -> SinkWriter:
    """Return the writer of a service.

    Raises:
        TransferProblem: ``REST_CLIENT_ERROR``: the certificate cannot be used.
    """
    return ServiceWriter(sink, work)


class ServiceWriter:
    """A ``SinkWriter``; ``needs_repeatable``, so that a batch that is sent again has the same rows under the same key."""

    needs_repeatable = True

    def __init__(self, sink: ServiceSink, work: Working) -> None:
        self._sink, self._work = sink, work
        speaking = Speaking(
            sink.url, sink.login, sink.timeout_seconds, Side.SINK, Reason.REST_CLIENT_ERROR, redirects=0
        )
        self._caller = Caller(speaking, work)

    def columns(self) -> tuple[Field, ...] | None:
        """Return None: it takes what comes."""
        return None

    def expect(self, items: Sequence[Slice]) -> None:
        """Do nothing: each slice is sent by itself."""

    def begin(self, fields: tuple[Field, ...]) -> None:
        """Do nothing."""

    def write(self, item: Slice, stream: Stream) -> Written:
        """Send the rows of one slice.

        Raises:
            TransferProblem: ``REST_CLIENT_ERROR``; what the stream says. Problem: what the cancellation says.
        """
        rows = size = 0
        for number, objects in enumerate(self._arrays(stream)):
            if number and self._sink.pause_seconds:
                pause(self._sink.pause_seconds, self._work.context.cancellation)
            size += self._send(item, number, objects)
            rows += len(objects)
        return Written(rows, size)

    def finish(self) -> None:
        """Do nothing: all is sent."""

    def close(self) -> None:
        """Do nothing: requests are broken off by the cancellation."""

    def _arrays(self, stream: Stream) -> Iterator[list[str]]:
        gathered: list[str] = []
        size = 0
        for batch in stream.batches(min(self._sink.batch_rows, _READ_ROWS)):
            for text in batch.column(0).to_pylist():
                if gathered and (len(gathered) >= self._sink.batch_rows or size + len(text) > _MOST_BYTES):
                    yield gathered
                    gathered, size = [], 0
                gathered.append(text)
                size += len(text)
        if gathered:
            yield gathered

    def _send(self, item: Slice, number: int, objects: list[str]) -> int:
        sink = self._sink
        body = f"[{','.join(objects)}]".encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": self._key(item, number)}
        if sink.gzip:
            # Without the time in it, the same rows are the same bytes.
            body = gzip.compress(body, 6, mtime=0)
            headers["Content-Encoding"] = "gzip"
        given = {name.lower() for name in sink.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in given}
        self._caller.send(WebRequest(sink.method, sink.url, accepting_json({**headers, **sink.headers}), body))
        return len(body)

    def _key(self, item: Slice, number: int) -> str:
        said = f"{self._work.key}\n{self._work.asked}\n{item.id}\n{number}"
        return sha256(said.encode("utf-8", "backslashreplace")).hexdigest()[:40]
