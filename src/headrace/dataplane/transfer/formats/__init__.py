"""Formats: files to rows, and rows to files. Each has a module of its own, which is loaded when it is first needed.

delimited   lines of cells
documents   JSON
parquet, orc, avro, workbook (Excel), markup (XML)
"""

import importlib
from collections.abc import Mapping
from typing import Any, cast

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import (
    Avro,
    Delimited,
    Documents,
    Format,
    Markup,
    Orc,
    Pack,
    Packing,
    Parquet,
    Workbook,
)
from headrace.dataplane.transfer.rows import Reader, WriterMaker

_MODULES: Mapping[type, str] = {
    Delimited: "delimited",
    Documents: "documents",
    Parquet: "parquet",
    Orc: "orc",
    Avro: "avro",
    Workbook: "workbook",
    Markup: "markup",
}
_EXTENSIONS: Mapping[type, str] = {Documents: ".json", Parquet: ".parquet", Orc: ".orc", Avro: ".avro"}
_PACKED: Mapping[Packing, str] = {
    Packing.NONE: "",
    Packing.GZIP: ".gz",
    Packing.BZIP2: ".bz2",
    Packing.DEFLATE: ".deflate",
    Packing.ZIP: ".zip",
    Packing.TAR: ".tar",
    Packing.TAR_GZIP: ".tar.gz",
}


def reader_of(form: Format) -> Reader:
    """Return what reads files of a format.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: its rows cannot be read, since it has none (bytes).
    """
    found = getattr(_module(form, Side.SOURCE), "read", None)
    if found is None:
        raise _cannot(form, Side.SOURCE, "read as rows")
    return cast("Reader", found)


def writer_of(form: Format) -> WriterMaker:
    """Return what writes files of a format.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: it can only be read.
    """
    found = getattr(_module(form, Side.SINK), "write", None)
    if found is None:
        raise _cannot(form, Side.SINK, "written")
    return cast("WriterMaker", found)


def extension_of(form: Format, pack: Pack) -> str:
    """Return how names of files of a format end, with the dot; that of their packing comes last. Empty for bytes that are not packed."""
    own = form.extension if isinstance(form, Delimited) else _EXTENSIONS.get(type(form), "")
    return own + _PACKED[pack.type]


def _module(form: Format, side: Side) -> Any:
    name = _MODULES.get(type(form))
    if name is None:
        raise _cannot(form, side, "read or written as rows")
    return importlib.import_module(f"{__name__}.{name}")


def _cannot(form: Format, side: Side, what: str) -> TransferProblem:
    name = type(form).__name__.lower()
    return TransferProblem(
        Reason.REQUEST_INVALID, side, f"files of the format {name} cannot be {what}; take another one"
    )
