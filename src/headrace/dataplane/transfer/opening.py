"""One slice opened: its rows in a session, landed first where they cannot be read twice and have to be."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from headrace.core.codec import Json, decode, encode
from headrace.core.crashpoints import crash_point
from headrace.dataplane.storage import make_durable
from headrace.dataplane.transfer.conducting import Conducting, digest
from headrace.dataplane.transfer.counting import Counted, Refusals
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.mapping.stream import SinkShape, mapped
from headrace.dataplane.transfer.refusing.spool import Spool
from headrace.dataplane.transfer.rows import RefusedRow, Rows, Slice, SourceReader
from headrace.dataplane.transfer.session import TransferSession, literal
from headrace.dataplane.transfer.values import Field


@contextmanager
def opened(item: Slice, source: SourceReader, session: TransferSession, conducting: Conducting) -> Iterator[Rows]:
    """Open a slice of the source.

    Raises:
        TransferProblem: it cannot be read.
    """
    with conducting.tally.sources.one_more():
        begun = time.monotonic()
        with source.open(item, session) as rows:
            conducting.tally.spent("reading", time.monotonic() - begun)
            yield rows


@contextmanager
def opened_for_good(
    item: Slice, source: SourceReader, session: TransferSession, conducting: Conducting
) -> Iterator[Rows]:
    """Open a slice so that a later try reads the same rows: those of a query are laid down first, beside the journal.

    Raises:
        TransferProblem: it cannot be read. Problem: ``DISK_FULL``.
    """
    journal = conducting.journal
    found = journal.landed.get(item.id)
    if found is None or not (journal.folder / str(found["file"])).is_file():
        with opened(item, source, session, conducting) as rows:
            if rows.repeatable:
                yield rows
                return
            found = _land(item, rows, session, conducting)
        crash_point("transfer-before-landed-noted")
        journal.note_landed(item.id, found)
        crash_point("transfer-after-landed-noted")
    yield _landed(found, journal.folder)


def counted(
    item: Slice, rows: Rows, shape: SinkShape, spool: Spool, session: TransferSession, conducting: Conducting
) -> Counted:
    """Map opened rows, and count them; refused ones go into ``spool``.

    Raises:
        TransferProblem: the mapping does not fit.
    """
    request = conducting.request
    refusals = Refusals(spool, item.name, tolerant=request.tolerance.skip_rows)
    stream = mapped(
        rows, request.mapping, shape, session, refusals, conducting.work, path=item.path, added=request.added
    )
    spool.begin(item, (one.name for one in rows.fields), (one.name for one in stream.fields))
    return Counted(stream, refusals, conducting.tally)


def _land(item: Slice, rows: Rows, session: TransferSession, conducting: Conducting) -> Mapping[str, Json]:
    name = f"landed-{digest(item.id)}-{conducting.journal.tried}"
    path = conducting.journal.folder / f"{name}.parquet"
    path.unlink(missing_ok=True)
    with conducting.tally.spending("reading"):
        session.rows(f"COPY (SELECT * FROM {rows.relation}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION lz4)")
    conducting.tally.came()
    refused = [[row.reason.value, row.message, list(row.cells), row.number, row.column] for row in rows.refused()]
    beside = path.with_suffix(".refused.json")
    beside.write_text(json.dumps(refused), encoding="utf-8", errors="surrogatepass")
    make_durable(path)
    make_durable(beside)
    taken = rows.taken() if rows.taken is not None else item.bytes
    fields = [encode(field) for field in rows.fields]
    return {"file": path.name, "beside": beside.name, "fields": fields, "documents": rows.documents, "bytes": taken}


def _landed(found: Mapping[str, Json], folder: Path) -> Rows:
    fields = found["fields"]
    known = tuple(decode(Field, one, what="the journal") for one in fields) if isinstance(fields, list) else ()
    taken = found.get("bytes")

    def refused() -> Iterable[RefusedRow]:
        text = (folder / str(found["beside"])).read_text(encoding="utf-8", errors="surrogatepass")
        for reason, message, cells, number, column in json.loads(text):
            yield RefusedRow(Reason(reason), message, tuple(cells), number, column)

    relation = f"read_parquet({literal(str(folder / str(found['file'])))})"
    return Rows(
        relation, known, bool(found["documents"]), refused=refused, taken=lambda: taken if isinstance(taken, int) else 0
    )
