"""What a transfer is given by whoever asks for it, and how it comes by sources, sinks and formats.

Databases, services and formats are imported when a transfer needs them: their libraries cost memory and time that others need not pay.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from headrace.core.clock import Clock
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.request import (
    FilesSource,
    Format,
    Pack,
    QuerySource,
    ServiceSink,
    Source,
    TableSink,
)
from headrace.dataplane.transfer.rows import SinkWriter, SourceReader, Working, WriterMaker

_HERE = "headrace.dataplane.transfer"


@dataclass(frozen=True, slots=True)
class Ends:
    """How sources are read, how sinks that are no files are written, and how files of a format are written."""

    read: Callable[[Source, Working], SourceReader] = field(default_factory=lambda: open_source)
    write: Callable[[TableSink | ServiceSink, Working], SinkWriter] = field(default_factory=lambda: open_sink)
    writer_of: Callable[[Format], WriterMaker] = field(default_factory=lambda: _writer_of)
    extension_of: Callable[[Format, Pack], str] = field(default_factory=lambda: _extension_of)


@dataclass(frozen=True, slots=True)
class Means:
    """What an installation lends to a transfer.

    ``roots`` have the scope's ``file_roots``. ``batch_id``: of the quarantine, the same for all attempts in one run. ``words``: what a reason is
    called in logs.
    """

    roots: Roots
    limits: Limits
    clock: Clock
    egress: Egress
    batch_id: str = ""
    words: Callable[[Reason], str] = lambda reason: reason.value
    ends: Ends = field(default_factory=Ends)


def open_source(source: Source, work: Working) -> SourceReader:
    """Return the reader of a source; nothing is asked of it yet.

    Raises:
        TransferProblem: nothing here can read it.
    """
    if isinstance(source, FilesSource):
        reader: SourceReader = _call("files", "read_files", source, work)
    elif isinstance(source, QuerySource):
        reader = _call("databases.reading", "read_database", source, work)
    else:
        reader = _call("services.reading", "read_service", source, work)
    return reader


def open_sink(sink: TableSink | ServiceSink, work: Working) -> SinkWriter:
    """Return the writer of a table or a service; nothing is asked of it yet.

    Raises:
        TransferProblem: nothing here can write to it.
    """
    if isinstance(sink, TableSink):
        writer: SinkWriter = _call("databases.writing", "write_database", sink, work)
    else:
        writer = _call("services.writing", "write_service", sink, work)
    return writer


def _call(module: str, function: str, *arguments: object) -> Any:
    return getattr(import_module(f"{_HERE}.{module}"), function)(*arguments)


def _writer_of(form: Format) -> WriterMaker:
    maker: WriterMaker = _call("formats", "writer_of", form)
    return maker


def _extension_of(form: Format, pack: Pack) -> str:
    return str(_call("formats", "extension_of", form, pack))
