"""Which module reads and writes which format, and what files are called."""

import pytest

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats import delimited, documents, extension_of, reader_of, writer_of
from headrace.dataplane.transfer.request import (
    Avro,
    Bytes,
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


@pytest.mark.parametrize("form", [Delimited(), Documents(), Parquet(), Orc(), Avro(), Workbook(), Markup()])
def test_every_format_with_rows_is_read(form: Format) -> None:
    """By a module of its own."""
    assert callable(reader_of(form))


@pytest.mark.parametrize("form", [Delimited(), Documents(), Parquet(), Orc(), Avro()])
def test_the_formats_of_sinks_are_written(form: Format) -> None:
    """By the same module."""
    assert callable(writer_of(form))


@pytest.mark.parametrize("form", [Workbook(), Markup(), Bytes()])
def test_others_cannot_be_written(form: Format) -> None:
    """It is said on which side."""
    with pytest.raises(TransferProblem) as caught:
        writer_of(form)
    assert (caught.value.reason, caught.value.side) == (Reason.REQUEST_INVALID, Side.SINK)


def test_text_goes_by_its_own_modules() -> None:
    """The names are those of the classes."""
    assert reader_of(Delimited()) is delimited.read
    assert writer_of(Documents()) is documents.write


@pytest.mark.parametrize(
    ("form", "packing", "ending"),
    [
        (Delimited(), Packing.NONE, ".txt"),
        (Delimited(extension=".csv"), Packing.GZIP, ".csv.gz"),
        (Documents(), Packing.TAR_GZIP, ".json.tar.gz"),
        (Parquet(), Packing.NONE, ".parquet"),
        (Bytes(), Packing.ZIP, ".zip"),
        (Bytes(), Packing.NONE, ""),
    ],
)
def test_names_end_with_the_format_and_then_the_packing(form: Format, packing: Packing, ending: str) -> None:
    """As the contract decides."""
    assert extension_of(form, Pack(packing)) == ending
