"""Mapped rows of one slice: values converted, and rows that do not convert told apart.

Everything is SQL in layers, each a SELECT over the one below, so that no value is computed twice:

    s0, s1, …      what comes from the source          over Plan.relation
    p0_0, …        texts as DuckDB reads them          where a conversion has use for it
    v0_0, …        converted values                    null where they do not convert
    the columns    the last values under their names   documents: all in one text

``select`` fails at the first row that does not convert; ``batches`` marks such rows, takes them out and tells of them. Rows that cannot be read
again are given as batches only.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.mapping.chains import SinkShape
from headrace.dataplane.transfer.mapping.columns import Column, Plan, plan
from headrace.dataplane.transfer.mapping.conversions import converted
from headrace.dataplane.transfer.mapping.documents import object_of
from headrace.dataplane.transfer.mapping.forms import json_sql, text_sql
from headrace.dataplane.transfer.request import AddedColumn, ColumnMap
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN, RefusedRow, Rows, Working
from headrace.dataplane.transfer.session import TransferSession, identifier, literal
from headrace.dataplane.transfer.values import Field, ValueType

__all__ = ["MappedStream", "SinkShape", "mapped"]

_LONGEST = 100
"""Characters of a value that a message shows."""
_WHOLE = Field(DOCUMENT_COLUMN, ValueType.DOCUMENT)
_MARK, _SHOWN, _CELLS = "\u0001mark", "\u0001shown", "\u0001cells"


def mapped(  # noqa: PLR0913 — what one slice of a transfer consists of
    rows: Rows,
    mapping: ColumnMap,
    sink: SinkShape,
    session: TransferSession,
    refusals: Callable[[RefusedRow], None],
    work: Working,
    *,
    path: str = "",
    added: tuple[AddedColumn, ...] = (),
) -> "MappedStream":
    """Return ``rows`` as the sink takes them.

    ``refusals`` is told of every row that is left out; it raises when none may be. ``path``: of the file that the rows come from.

    Raises:
        TransferProblem: ``COLUMN_UNKNOWN`` (with similar names), ``VALUE_INVALID`` (types that do not convert at all), ``REQUEST_INVALID``;
            and what reading raises, where types in documents have to be looked for.
    """
    work.context.cancellation.check()
    return MappedStream(rows, plan(rows, mapping, sink, session, path, added), mapping, sink, session, refusals)


class MappedStream:
    """A ``rows.Stream``.

    ``read`` counts rows of the source, those that cannot be read included; ``delivered`` those that were handed on, ``refused`` the others.
    ``conversion``: how values become text.
    """

    def __init__(
        self,
        rows: Rows,
        planned: Plan,
        mapping: ColumnMap,
        sink: SinkShape,
        session: TransferSession,
        refusals: Callable[[RefusedRow], None],
    ) -> None:
        self.read = self.delivered = self.refused = 0
        self.conversion = mapping.conversion
        self.documents = sink.documents
        self.session = session
        self.repeatable = rows.repeatable
        self._rows, self._plan, self._refusals = rows, planned, refusals
        self.fields = (_WHOLE,) if self.documents else tuple(column.field for column in planned.columns)
        self._layers = _Layers(planned)

    def select(self) -> str | None:
        """Return the query of all rows; None where they can be read only once, or there are no columns."""
        if not self.repeatable or not self.fields:
            return None
        return self._layers.strict(documents=self.documents)

    def took(self, count: int) -> None:
        """Count rows that DuckDB has written, and tell of those that could not be read."""
        self.read += count
        self.delivered += count
        self._tell_unreadable()

    def batches(self, rows: int, skip: int = 0) -> Iterator[Any]:
        """Yield batches of rows that convert; tell of the others."""
        self.read = self.delivered = self.refused = 0
        if not self.fields:
            self._tell_unreadable()
            return
        schema = pa.schema([pa.field(field.name, field.arrow) for field in self.fields])
        for batch in self.session.batches(self._layers.marked(documents=self.documents), rows):
            good = self._without_refused(batch) if self._layers.can_fail else batch
            self.read += batch.num_rows
            self.delivered += good.num_rows
            over, skip = good.slice(min(skip, good.num_rows)), max(0, skip - good.num_rows)
            if over.num_rows:
                yield _typed(over, schema)
        self._tell_unreadable()

    def refuse(self, row: RefusedRow) -> None:
        """Take a row from the delivered ones that the sink does not take."""
        self.delivered -= 1
        self._refuse(row)

    def _refuse(self, row: RefusedRow) -> None:
        self.refused += 1
        self._refusals(row)

    def _tell_unreadable(self) -> None:
        for row in self._rows.refused():
            self.read += 1
            self._refuse(row)

    def _without_refused(self, batch: Any) -> Any:
        """Tell of the marked rows of a batch; return the others."""
        width = batch.num_columns - 3
        marks, shown, cells = (batch.column(width + at) for at in range(3))
        kept = batch.select(range(width))
        if marks.null_count == len(marks):
            return kept
        for at in pc.indices_nonzero(pc.is_valid(marks)).to_pylist():
            column = self._plan.columns[marks[at].as_py()]
            name = column.field.name
            message = f"column {name!r}: {_cut(shown[at].as_py())!r} is no {column.field.type}{_holding(column)}"
            row = RefusedRow(Reason.VALUE_INVALID, message, tuple(cells[at].as_py()), self.read + at + 1, name)
            self._refuse(row)
        return kept.filter(pc.is_null(marks))


def _holding(column: Column) -> str:
    """Say what is special about the type that a value did not become."""
    field = column.field
    return f"({field.precision},{field.scale})" if field.type is ValueType.DECIMAL else ""


def _cut(text: str | None) -> str:
    known = text or ""
    return known if len(known) <= _LONGEST else known[: _LONGEST - 1] + "…"


def _typed(batch: Any, schema: Any) -> Any:
    if batch.schema.equals(schema):
        return batch
    arrays = [
        column if column.type.equals(field.type) else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class _Layers:
    """The SELECTs of a plan."""

    def __init__(self, planned: Plan) -> None:
        self._plan = planned
        self._values: list[str] = []
        """Names of the last values, by column."""
        self._fallible: dict[int, str] = {}
        """Conditions that a value has failed, by place of its column."""
        self._below = self._stacked(planned.columns)

    @property
    def can_fail(self) -> bool:
        """Say whether any row may be refused."""
        return bool(self._fallible)

    def strict(self, *, documents: bool) -> str:
        """Return the query that fails at the first row that does not convert."""
        checked = [
            f"CASE WHEN {self._fallible[at]} THEN error({literal(f'column {column.field.name!r} has a value that is no {column.field.type}')}) "
            f"ELSE {value} END"
            if at in self._fallible
            else value
            for at, (column, value) in enumerate(zip(self._plan.columns, self._values, strict=True))
        ]
        if not documents:
            return f"SELECT {_named(checked, self._plan.columns)} FROM {self._below}"
        named = ", ".join(f"{sql} AS {name}" for sql, name in zip(checked, self._values, strict=True))
        below = f"(SELECT {named} FROM {self._below})" if self._fallible else self._below
        return f"SELECT {self._document()} AS {identifier(DOCUMENT_COLUMN)} FROM {below}"

    def marked(self, *, documents: bool) -> str:
        """Return the query of all rows.

        Where any may be refused, it has three more columns: the number of the column that is at fault (null: none is), its value as text, and the
        cells as texts.
        """
        columns = self._plan.columns
        selected = (
            f"{self._document()} AS {identifier(DOCUMENT_COLUMN)}" if documents else _named(self._values, columns)
        )
        if not self._fallible:
            return f"SELECT {selected} FROM {self._below}"
        marks = " ".join(f"WHEN {failed} THEN {at}" for at, failed in self._fallible.items())
        shown = " ".join(f"WHEN {at} THEN {_text(columns[at].chain.types[0], f's{at}')}" for at in self._fallible)
        cells = ", ".join(_text(field, name) for field, name in self._plan.cells)
        marked = f"(SELECT *, CASE {marks} END AS mark FROM {self._below})"
        return (
            f"SELECT {selected}, mark AS {identifier(_MARK)}, CASE mark {shown} END AS {identifier(_SHOWN)}, "
            f"CASE WHEN mark IS NOT NULL THEN [{cells}] END AS {identifier(_CELLS)} FROM {marked}"
        )

    def _document(self) -> str:
        if self._plan.whole:
            return self._plan.whole
        members = []
        for column, value in zip(self._plan.columns, self._values, strict=True):
            sql = json_sql(column.field, value)
            members.append((column.steps, sql if column.omitted else f"coalesce({sql}, 'null')"))
        return object_of(members)

    def _stacked(self, columns: Sequence[Column]) -> str:
        below = self._plan.relation
        if not columns:
            return below
        below = f"(SELECT *, {', '.join(f'{column.sql} AS s{at}' for at, column in enumerate(columns))} FROM {below})"
        self._values = [f"s{at}" for at in range(len(columns))]
        sure = [True] * len(columns)
        for step in range(max(len(column.chain.hows) for column in columns)):
            parses, values = [], []
            for at, column in enumerate(columns):
                if step >= len(column.chain.hows):
                    continue
                source, target = column.chain.types[step : step + 2]
                value = converted(source, target, self._values[at], f"p{at}_{step}", column.chain.hows[step])
                if value.parse:
                    parses.append(f"{value.parse} AS p{at}_{step}")
                values.append(f"{value.sql} AS v{at}_{step}")
                sure[at] = sure[at] and value.sure
                self._values[at] = f"v{at}_{step}"
            for layer in (parses, values):
                if layer:
                    below = f"(SELECT *, {', '.join(layer)} FROM {below})"
        self._fallible = {
            at: f"{self._values[at]} IS NULL AND s{at} IS NOT NULL" for at in range(len(columns)) if not sure[at]
        }
        return below


def _named(values: Sequence[str], columns: Sequence[Column]) -> str:
    return ", ".join(
        f"{value} AS {identifier(column.field.name)}" for value, column in zip(values, columns, strict=True)
    )


def _text(field: Field, name: str) -> str:
    return f"CAST({text_sql(field, name)} AS VARCHAR)"
