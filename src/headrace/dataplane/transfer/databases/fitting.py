"""What drivers hand over, as values of transfers. A value that its type cannot hold is a faulty row, which is told apart from the others."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.rows import RefusedRow
from headrace.dataplane.transfer.values import Field, ValueType

_CLOCK = r"^(?P<sign>-?)(?P<hours>\d+):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d+)?))?$"
_SECOND = 1_000_000
_FIRST_INSTANT, _LAST_INSTANT = -62_135_596_800_000_000, 253_402_300_799_999_999
_UNFIT = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError)


def schema_of(fields: Sequence[Field]) -> Any:
    """Return the Arrow schema of rows with these columns."""
    return pa.schema([pa.field(field.name, field.arrow) for field in fields])


class Fitter:
    """Makes batches of one slice fit their fields. Rows that do not are kept in ``refused``, or end the reading where it is not ``tolerant``."""

    def __init__(self, fields: tuple[Field, ...], where: str, *, tolerant: bool) -> None:
        self.fields, self.where, self.tolerant = fields, where, tolerant
        self.schema = schema_of(fields)
        self.refused: list[RefusedRow] = []
        self._rows = 0

    def batch(self, arrays: Sequence[Any]) -> Any:
        """Return the batch.

        Raises:
            TransferProblem: ``VALUE_INVALID``: a value does not fit, and the reading is not tolerant.
        """
        count = len(arrays[0]) if arrays else 0
        fitted, faults = [], dict[int, str]()
        for array, field in zip(arrays, self.fields, strict=True):
            try:
                fitted.append(converted(array, field))
            except _UNFIT:
                found = list(_faulty(array, field))
                faults.update(dict.fromkeys(found, field.name))
                keep = pa.array([row not in set(found) for row in range(count)], pa.bool_())
                # Where a value is out of the way, a null keeps its place until the whole row goes.
                fitted.append(converted(pc.if_else(keep, array, pa.scalar(None, array.type)), field))
        batch = pa.RecordBatch.from_arrays(fitted, schema=self.schema)
        if faults:
            self._tell(faults, arrays)
            batch = batch.filter(pa.array([row not in faults for row in range(count)], pa.bool_()))
        self._rows += count
        return batch

    def _tell(self, faults: dict[int, str], arrays: Sequence[Any]) -> None:
        by_name = {field.name: (field, array) for field, array in zip(self.fields, arrays, strict=True)}
        for row, name in sorted(faults.items()):
            field, array = by_name[name]
            number = self._rows + row + 1
            message = f"{self.where}: row {number}: {_told(array[row])!r} in the column {name!r} is no {field.type}"
            if not self.tolerant:
                raise TransferProblem(Reason.VALUE_INVALID, Side.SOURCE, message)
            cells = tuple(_told(one[row]) for one in arrays)
            self.refused.append(RefusedRow(Reason.VALUE_INVALID, message, cells, number, name))


def _told(scalar: Any) -> str | None:
    value = scalar.as_py()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)


def _faulty(array: Any, field: Field) -> Iterator[int]:
    """Yield the rows that do not convert."""
    stack = [(0, len(array))]
    while stack:
        at, count = stack.pop()
        try:
            converted(array.slice(at, count), field)
        except _UNFIT:
            if count == 1:
                yield at
            else:
                half = count // 2
                stack += [(at + half, count - half), (at, half)]


def converted(array: Any, field: Field) -> Any:
    """Return an array of a driver in the type of its field; raise one of Arrow's errors where a value does not fit."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if _is_bytes(array.type) and field.type is not ValueType.BYTES:
        array = pc.cast(array, pa.string())  # what a driver handed over as it came; checked to be UTF-8
    if array.type == field.arrow and field.type not in _CONVERTERS:
        return array
    made = _CONVERTERS.get(field.type, _cast)(array, field)
    return made if made.type == field.arrow else pc.cast(made, field.arrow)


def _cast(array: Any, field: Field) -> Any:
    return pc.cast(array, field.arrow)


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _boolean(array: Any, _: Field) -> Any:
    if pa.types.is_boolean(array.type):
        return array
    # What MySQL calls a boolean is a small number, each of which but 0 is true.
    return pc.not_equal(pc.cast(array, pa.int64()), 0)


def _single(array: Any, _: Field) -> Any:
    return pc.cast(pc.cast(array, pa.float64()), pa.float32(), safe=False)


def _instant(array: Any, field: Field) -> Any:
    if pa.types.is_string(array.type):
        array = pc.cast(array, pa.timestamp("us"))
    if field.arrow.tz and getattr(array.type, "tz", None) is None:
        array = pc.assume_timezone(pc.cast(array, pa.timestamp("us")), field.arrow.tz)
    array = (
        pc.cast(array, field.arrow, safe=False) if pa.types.is_timestamp(array.type) else pc.cast(array, field.arrow)
    )
    ends = pc.min_max(array.view(pa.int64())).as_py()
    if ends["min"] is not None and not (ends["min"] >= _FIRST_INSTANT and ends["max"] <= _LAST_INSTANT):
        raise pa.ArrowInvalid("out of the years 1 to 9999")
    return array


def _timespan(array: Any, _: Field) -> Any:
    kind = array.type
    if pa.types.is_time(kind):
        return pc.cast(array.cast(pa.time64("us"), safe=False), pa.int64())
    if pa.types.is_duration(kind):
        return pc.cast(array.cast(pa.duration("us"), safe=False), pa.int64())
    if not pa.types.is_string(kind):
        return pc.cast(array, pa.int64())
    cut = pc.extract_regex(array, _CLOCK)
    if cut.null_count != array.null_count:
        raise pa.ArrowInvalid("not a time")
    parts = {name: pc.struct_field(cut, name) for name in ("sign", "hours", "minutes", "seconds")}
    whole = pc.add(
        pc.multiply(pc.cast(parts["hours"], pa.int64()), 3600 * _SECOND),
        pc.multiply(pc.cast(parts["minutes"], pa.int64()), 60 * _SECOND),
    )
    # A time without seconds has an empty text in their place.
    seconds = pc.if_else(pc.equal(parts["seconds"], ""), "0", parts["seconds"])
    micros = pc.cast(pc.round(pc.multiply(pc.cast(seconds, pa.float64()), float(_SECOND))), pa.int64())
    total = pc.add(whole, micros)
    return pc.if_else(pc.equal(parts["sign"], "-"), pc.negate(total), total)


def _guid(array: Any, _: Field) -> Any:
    return pc.utf8_lower(pc.cast(array, pa.string()))


_CONVERTERS: dict[ValueType, Callable[[Any, Field], Any]] = {
    ValueType.BOOLEAN: _boolean,
    ValueType.SINGLE: _single,
    ValueType.DATETIME: _instant,
    ValueType.DATETIME_OFFSET: _instant,
    ValueType.TIMESPAN: _timespan,
    ValueType.GUID: _guid,
}
