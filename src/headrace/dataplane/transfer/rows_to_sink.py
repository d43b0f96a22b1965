"""Rows into a table or a service: slices side by side, each in the sink once."""

import threading
import time
from dataclasses import dataclass, field

from headrace.core.codec import decode, encode
from headrace.core.crashpoints import crash_point
from headrace.core.outcome import Figures
from headrace.dataplane.transfer.conducting import Conducting
from headrace.dataplane.transfer.counting import Counted
from headrace.dataplane.transfer.journal import Done
from headrace.dataplane.transfer.mapping.stream import SinkShape
from headrace.dataplane.transfer.opening import counted, opened, opened_for_good
from headrace.dataplane.transfer.request import ServiceSink
from headrace.dataplane.transfer.rows import Rows, SinkWriter, Slice, SourceReader
from headrace.dataplane.transfer.values import Field

_FIELDS = "fields of the sink"


@dataclass
class RowSink:
    """The sink of one transfer that is no file. Its methods may be called from several threads."""

    writer: SinkWriter
    conducting: Conducting
    fields: tuple[Field, ...] | None = None
    begun: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def needs_repeatable(self) -> bool:
        """Say whether a later try must find the same rows."""
        return bool(getattr(self.writer, "needs_repeatable", False))

    def goes_on(self, item: Slice) -> bool:
        """Say whether the sink may have rows of the slice already, so that no others may follow them; it tells by ``has_begun``."""
        has_begun = getattr(self.writer, "has_begun", None)
        return has_begun is None or bool(has_begun(item))

    def begin(self, fields: tuple[Field, ...]) -> None:
        """Prepare the sink, once in each try, before the first row of the first slice."""
        with self._lock:
            if not self.begun:
                crash_point("transfer-before-begin")
                with self.conducting.tally.spending("before"):
                    self.writer.begin(fields)
                crash_point("transfer-after-begin")
                self.conducting.journal.tell(_FIELDS, [encode(field) for field in fields])
                self.begun = True

    def is_begun(self) -> bool:
        """Say whether there is anything to finish; where earlier tries have done all slices, the sink is prepared first."""
        told = self.conducting.journal.told.get(_FIELDS)
        if not self.begun and isinstance(told, list):
            self.begin(tuple(decode(Field, one, what="the journal") for one in told))
        return self.begun


def write_slice(item: Slice, source: SourceReader, sink: RowSink, conducting: Conducting) -> None:
    """Write one slice: the sink has it when this returns, and it is noted.

    Raises:
        TransferProblem: what is wrong. Problem: ``COUNTS_DIFFER``, ``DISK_FULL``, what the cancellation says.
    """
    crash_point("transfer-before-slice")
    opening = opened_for_good if sink.needs_repeatable else opened
    if item.id in conducting.journal.landed and not sink.goes_on(item):
        # Nothing of what was laid down has come through: the source may have been corrected since.
        conducting.journal.forget_landed(item.id)
    with conducting.engine.session() as session, opening(item, source, session, conducting) as rows:
        if not rows.fields and not rows.documents:
            conducting.finish(_nothing(item))
            return
        spool = conducting.spool(item.id, earlier=True)
        shape = SinkShape(sink.fields, isinstance(conducting.request.sink, ServiceSink))
        stream = counted(item, rows, shape, spool, session, conducting)
        try:
            done = _written(item, rows, stream, sink, conducting)
        finally:
            stream.leave()
            stream.refusals.spool.close()
    conducting.finish(done)
    crash_point("transfer-after-noted")


def _written(item: Slice, rows: Rows, stream: Counted, sink: RowSink, conducting: Conducting) -> Done:
    began = conducting.means.clock.now()
    spool, tally = stream.refusals.spool, conducting.tally
    sink.begin(stream.fields)

    def so_far() -> Figures:
        return Figures(rows_read=stream.read, bytes_read=rows.taken() if rows.taken is not None else 0)

    begun = time.monotonic()
    with tally.watching(so_far), tally.sinks.one_more():
        written = sink.writer.write(item, stream)
    tally.spent("reading", stream.waited)
    tally.spent("writing", time.monotonic() - begun - stream.waited)
    crash_point("transfer-after-write")
    stream.check(item, (0, 0), written.rows)
    return Done(
        item.id,
        (item.id,),
        (item.path,) if item.path else (),
        stream.read,
        written.rows,
        spool.refused,
        (rows.taken() if rows.taken is not None else item.bytes) or 0,
        written.bytes,
        written.files,
        spool.close(),
        spool.reasons(),
        began=began,
        ended=conducting.means.clock.now(),
        durable=True,
    )


def _nothing(item: Slice) -> Done:
    """Return what a file of no bytes gives."""
    return Done(item.id, (item.id,), (item.path,) if item.path else (), 0, 0, 0, durable=True)
