"""What tests of mappings need: rows that are mapped, and a model of conversions, written from the contract without SQL."""

import base64
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.dataplane.transfer.mapping.stream import MappedStream, SinkShape, mapped
from headrace.dataplane.transfer.request import AddedColumn, ColumnMap, ColumnMapping, Conversion, End
from headrace.dataplane.transfer.rows import RefusedRow, Rows
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field, ValueType
from transfer_files import working

FAILED = "it does not convert"
WHOLE = {
    ValueType.BYTE: (0, 2**8 - 1),
    ValueType.SBYTE: (-(2**7), 2**7 - 1),
    ValueType.INT16: (-(2**15), 2**15 - 1),
    ValueType.UINT16: (0, 2**16 - 1),
    ValueType.INT32: (-(2**31), 2**31 - 1),
    ValueType.UINT32: (0, 2**32 - 1),
    ValueType.INT64: (-(2**63), 2**63 - 1),
    ValueType.UINT64: (0, 2**64 - 1),
}
FLOATING = {ValueType.SINGLE, ValueType.DOUBLE}
NUMBERS = {*WHOLE, *FLOATING, ValueType.DECIMAL}
MOMENTS = {ValueType.DATETIME, ValueType.DATETIME_OFFSET}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Mapped:
    """What came of rows that were mapped: the stream, rows of batches, rows that were refused."""

    stream: MappedStream
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Return rows read, delivered, refused."""
        return self.stream.read, self.stream.delivered, self.stream.refused


@dataclass
class Desk:
    """A session with a folder."""

    session: TransferSession
    folder: Path

    def mapped(
        self,
        rows: Rows,
        mapping: ColumnMap | None = None,
        sink: SinkShape | None = None,
        *,
        added: tuple[AddedColumn, ...] = (),
        path: str = "",
        skip: int = 0,
        size: int = 1000,
    ) -> Mapped:
        """Map rows, and take them in batches."""
        refused: list[RefusedRow] = []
        shape = sink or SinkShape()
        stream = mapped(
            rows,
            mapping or ColumnMap(),
            shape,
            self.session,
            refused.append,
            working(self.folder),
            path=path,
            added=added,
        )
        found = Mapped(stream, [], refused)
        for batch in stream.batches(size, skip):
            assert [(name, kind) for name, kind in zip(batch.schema.names, batch.schema.types, strict=True)] == [
                (one.name, one.arrow) for one in stream.fields
            ]
            found.rows += list(zip(*(plain(column) for column in batch.columns), strict=True))
        return found

    def table(self, fields: Sequence[Field], rows: Sequence[Sequence[Any]]) -> Rows:
        """Return rows of Python values."""
        columns = [[row[at] for row in rows] for at in range(len(fields))]
        arrays = [pa.array(column, one.arrow) for one, column in zip(fields, columns, strict=True)]
        table = pa.Table.from_arrays(arrays, schema=pa.schema([pa.field(one.name, one.arrow) for one in fields]))
        return Rows(self.session.register(table), tuple(fields))

    def converted(
        self, source: Field, sink: Field, values: Sequence[Any], conversion: Conversion | None = None, **ends: Any
    ) -> list[Any]:
        """Return each value as the sink's type, ``FAILED`` where it does not convert. ``ends``: members of the mapping's two ends."""
        rows = self.table(
            [Field("n", ValueType.INT64), source], [(number, value) for number, value in enumerate(values)]
        )
        columns = tuple(
            ColumnMapping(
                End(name=name, **(ends.get("source", {}) if name == source.name else {})),
                End(name=name, **(ends.get("sink", {}) if name == source.name else {})),
            )
            for name in ("n", source.name)
        )
        shape = SinkShape((Field("n", ValueType.INT64), sink)) if not ends.get("files") else SinkShape()
        found = self.mapped(rows, ColumnMap(columns, conversion=conversion or Conversion()), shape)
        results = [FAILED] * len(values)
        for number, value in found.rows:
            results[number] = value
        assert {row.number - 1 for row in found.refused} == {n for n, value in enumerate(results) if value is FAILED}
        return results


def plain(column: Any) -> list[Any]:
    """Return values of an Arrow column; times as microseconds since 1970, which hold more than Python's."""
    return list((column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist())


def micros(moment: datetime) -> int:
    """Return a time as microseconds since 1970."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


# The model: one value at a time, in Python.


def model(value: Any, source: Field, sink: Field, conversion: Conversion) -> Any:
    """Return what a value becomes; ``FAILED`` where it does not convert."""
    if value is None:
        return None
    if source.type is ValueType.SINGLE:
        value = single(value)
    if source.type is ValueType.STRING:
        return _of_text(value, sink, conversion)
    if sink.type is ValueType.STRING:
        return _text(value, source, conversion)
    if source.type in NUMBERS or source.type is ValueType.BOOLEAN:
        return _of_number(value, source, sink, conversion)
    if source.type in MOMENTS:
        lost = source.type is not sink.type and sink.type is ValueType.DATETIME and not conversion.allow_truncation
        return FAILED if lost else micros(value)
    return value


def _of_number(value: Any, source: Field, sink: Field, conversion: Conversion) -> Any:
    if sink.type is ValueType.BOOLEAN:
        return value != 0
    if sink.type in WHOLE:
        if isinstance(value, float) and not math.isfinite(value):
            return FAILED
        whole = int(value)
        low, high = WHOLE[sink.type]
        lost = whole != value and not conversion.allow_truncation
        return FAILED if lost or not low <= whole <= high else whole
    if sink.type is ValueType.DECIMAL:
        return _to_decimal(value, source, sink, conversion)
    if sink.type is ValueType.SINGLE:
        return _to_single(value, source, conversion)
    return float(value)


def _to_decimal(value: Any, source: Field, sink: Field, conversion: Conversion) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return FAILED
        exact = Decimal(shortest(value, source))
    else:
        exact = Decimal(int(value)) if isinstance(value, bool) else Decimal(value)
    found = _scaled(exact, sink)
    if found is FAILED or conversion.allow_truncation:
        return found
    if isinstance(value, float):
        back = single(float(found)) if source.type is ValueType.SINGLE else float(found)
        return found if back == value else FAILED
    return found if found == exact else FAILED


def _scaled(exact: Decimal, sink: Field) -> Any:
    if exact.adjusted() > sink.precision:
        return FAILED
    with localcontext() as context:
        context.prec = 100
        found = exact.quantize(Decimal(1).scaleb(-sink.scale), ROUND_HALF_UP) + 0
        return found if abs(found) < Decimal(10) ** (sink.precision - sink.scale) else FAILED


def single(value: float) -> float:
    """Return the nearest number of 32 bits."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _to_single(value: Any, source: Field, conversion: Conversion) -> Any:
    try:
        found = single(float(value))
    except OverflowError:
        return FAILED
    if source.type is ValueType.DOUBLE and not conversion.allow_truncation and found != value and not math.isnan(value):
        return FAILED
    return found


def shortest(value: float, source: Field) -> str:
    """Return the shortest digits that read back the same."""
    if source.type is not ValueType.SINGLE:
        return repr(value)
    return next(text for text in (f"{value:.{digits}g}" for digits in range(1, 18)) if single(float(text)) == value)


def _of_text(text: str, sink: Field, conversion: Conversion) -> Any:
    stripped = text.strip(" \t\n\v\f\r")
    match sink.type:
        case ValueType.STRING:
            return text
        case ValueType.BOOLEAN:
            words = {"true": True, "false": False} | ({"1": True, "0": False} if conversion.boolean_as_number else {})
            return words.get(stripped.lower(), FAILED)
        case ValueType.GUID:
            digits = re.fullmatch(
                r"(?:([{(]?)([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})([)}]?))|[0-9a-f]{32}",
                stripped.lower(),
            )
            if digits is None or (digits[1] or "") + (digits[7] or "") not in {"", "{}", "()"}:
                return FAILED
            plain_digits = re.sub("[^0-9a-f]", "", stripped.lower())
            return "-".join(plain_digits[first:last] for first, last in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
        case ValueType.BYTES:
            try:
                return base64.b64decode(re.sub(r"[ \t\n\v\f\r]", "", text), validate=True)
            except ValueError:
                return FAILED
        case _:
            return _number_of_text(stripped, sink, conversion)


def _number_of_text(text: str, sink: Field, conversion: Conversion) -> Any:
    """Return a number of a text in English."""
    plain_number = re.fullmatch(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)", text)
    if sink.type in WHOLE:
        low, high = WHOLE[sink.type]
        return (
            FAILED if not plain_number or not low <= int(text.replace(",", "")) <= high else int(text.replace(",", ""))
        )
    before = r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)"
    if sink.type in FLOATING:
        words = {"nan": math.nan, "infinity": math.inf, "+infinity": math.inf, "-infinity": -math.inf}
        if text.lower() in words:
            return words[text.lower()]
    if not re.fullmatch(rf"[+-]?(?:{before}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", text):
        return FAILED
    digits = text.replace(",", "")
    if sink.type in FLOATING:
        try:
            found = float(digits) if sink.type is ValueType.DOUBLE else single(float(digits))
        except OverflowError:
            return FAILED
        return found if math.isfinite(found) else FAILED
    try:
        exact = Decimal(digits)
    except InvalidOperation:
        return FAILED
    found = _scaled(exact, sink)
    return found if conversion.allow_truncation or found is FAILED or found == exact else FAILED


def _text(value: Any, source: Field, conversion: Conversion) -> str:
    match source.type:
        case ValueType.BOOLEAN:
            return str(int(value)) if conversion.boolean_as_number else str(value)
        case ValueType.BYTES:
            return base64.b64encode(value).decode()
        case ValueType.SINGLE | ValueType.DOUBLE:
            return floating_text(value, source)
        case ValueType.DECIMAL:
            return format(value, "f")
        case ValueType.DATETIME | ValueType.DATETIME_OFFSET:
            zone = " +00:00" if source.type is ValueType.DATETIME_OFFSET else ""
            return f"{value.year:04}-{value:%m-%d %H:%M:%S.%f}0{zone}"
        case ValueType.TIMESPAN:
            days, rest = divmod(abs(value), 86_400_000_000)
            clock, micro = f"{timedelta(seconds=rest // 1_000_000)}".rjust(8, "0"), rest % 1_000_000
            return f"{'-' if value < 0 else ''}{f'{days}.' if days else ''}{clock}{f'.{micro:06}0' if micro else ''}"
        case _:
            return str(value)


def floating_text(value: float, source: Field) -> str:
    """Return a floating number's text as section 11.3 of the contract has it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    digits = Decimal(shortest(value, source))
    exponent = digits.adjusted() if digits else 0
    if exponent >= 17 or exponent < -4:
        mantissa = "".join(map(str, digits.as_tuple().digits)).rstrip("0") or "0"
        sign = "-" if value < 0 else ""
        point = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
        return f"{sign}{mantissa[0]}{point}E{'-' if exponent < 0 else '+'}{abs(exponent):02}"
    text = format(digits, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
