"""Functions of a language that DuckDB lacks, as functions of a connection: a batch of rows at a time, and never ending a query."""

import re
from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from headrace.core.mapping import NativeFunction

_CALL = re.compile(r"\bheadrace_\w+(?=\()")


def called(sql: str) -> set[str]:
    """Return the names of native functions that a statement may call."""
    return set(_CALL.findall(sql))


def register(connection: duckdb.DuckDBPyConnection, native: NativeFunction) -> None:
    """Make ``native`` callable on ``connection``, a locked one too.

    A null argument gives null; what the function raises for a row, and a result that is not of its type, are null for that row.
    """
    type_ = connection.sql(f"SELECT CAST(NULL AS {native.returns})").to_arrow_table().schema.types[0]
    connection.create_function(
        native.name,
        _vectorised(native, type_),
        list(native.parameters),
        native.returns,
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )


def _vectorised(native: NativeFunction, type_: pa.DataType) -> Callable[..., pa.Array]:
    def call(*columns: pa.ChunkedArray) -> pa.Array:
        results = list(_results(native.function, columns))
        try:
            return pa.array(results, type_)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            return pa.array([value if _fits(value, type_) else None for value in results], type_)

    # DuckDB counts the parameters.
    parameters = [Parameter(f"p{number}", Parameter.POSITIONAL_ONLY) for number in range(len(native.parameters))]
    call.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what inspect looks at
    return call


def _results(function: Callable[..., object], columns: tuple[pa.ChunkedArray, ...]) -> Iterator[Any]:
    for values in zip(*(column.to_pylist() for column in columns), strict=True):
        if None in values:
            yield None
            continue
        try:
            result = function(*values)
        except Exception:  # noqa: BLE001 — whatever it is, it is this row's transform error, never the end of the run
            result = None
        yield result


def _fits(value: object, type_: pa.DataType) -> bool:
    try:
        pa.array([value], type_)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return False
    return True
