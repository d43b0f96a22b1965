"""Lines of delimited text as SQL: one expression a row, with the quoting of contract 9.5."""

import re
from collections.abc import Sequence

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.delimited_cutting import Dialect
from headrace.dataplane.transfer.mapping.forms import text_sql
from headrace.dataplane.transfer.request import Conversion, Delimited
from headrace.dataplane.transfer.session import identifier, literal
from headrace.dataplane.transfer.values import Field, ValueType

_WHOLE = frozenset(
    {
        ValueType.BYTE,
        ValueType.SBYTE,
        ValueType.INT16,
        ValueType.UINT16,
        ValueType.INT32,
        ValueType.UINT32,
        ValueType.INT64,
        ValueType.UINT64,
    }
)
_DIGITS = frozenset("-0123456789")
_BLANKS = " \t"


class Lines:
    """Makes lines of rows of ``fields``.

    Quoted are cells with a delimiter, a quote, a line end, or blanks at an end; text that would be read as null; and what is empty where a line of
    nothing would be no row. In quoted cells a quote is preceded by the escape character; escape characters directly before it, or at the end
    of the cell, are doubled, so that they are not taken for escaping ones.
    """

    def __init__(self, form: Delimited, fields: Sequence[Field], conversion: Conversion) -> None:
        self._dialect = Dialect.of(form, Side.SINK)
        self._fields = tuple(fields)
        self._conversion = conversion
        self._all = form.quote_all and bool(form.quote)
        self._end = form.row_delimiter or "\r\n"
        self._alone = len(self._fields) == 1 and bool(form.quote)
        ends = [form.row_delimiter] if form.row_delimiter and not form.quote else [form.row_delimiter, "\r", "\n"]
        self._ends = list(dict.fromkeys(text for text in ends if text))
        self._check(form)

    def _check(self, form: Delimited) -> None:
        special = [text for text in (form.delimiter, form.quote, *self._ends) if text]
        if any(text in form.null for text in special):
            message = (
                f"nullValue {form.null!r} has a delimiter or a quote in it; nulls could not be told from other cells"
            )
            raise TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)
        if not form.delimiter and len(self._fields) > 1:
            message = f"{len(self._fields)} columns cannot be written without a column delimiter; set columnDelimiter"
            raise TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)

    def header(self) -> str:
        """Return the line of the columns' names; empty where there are no columns.

        Raises:
            TransferProblem: ``REQUEST_INVALID``: a name cannot stand there, since nothing is quoted.
        """
        if not self._fields:
            return ""  # a source of no bytes has no columns, and becomes a file of none
        names = [self._name(field.name, last=at == len(self._fields)) for at, field in enumerate(self._fields, 1)]
        return self._dialect.delimiter.join(names) + self._end

    def select(self, relation: str) -> str:
        """Return a query of the lines of a relation's rows. A line is null where the row cannot be written."""
        texts = ", ".join(
            f"{text_sql(field, identifier(field.name), self._conversion)} AS c{at}"
            for at, field in enumerate(self._fields)
        )
        cells = [self._cell(f"c{at}", field, last=at == len(self._fields) - 1) for at, field in enumerate(self._fields)]
        delimiter = literal(self._dialect.delimiter)
        pieces = [*[piece for cell in cells for piece in (cell, delimiter)][:-1], _text(self._end)]
        # Nulls must stay: ``concat`` leaves them out, but is flat, and there are none where all can be quoted.
        line = f"concat({', '.join(pieces)})" if self._dialect.quote else _joined(pieces)
        return f"SELECT {line} AS line FROM (SELECT {texts} FROM {relation})"

    def _name(self, name: str, *, last: bool) -> str:
        dialect = self._dialect
        special = any(text and text in name for text in (dialect.delimiter, dialect.quote, *self._ends))
        if not dialect.quote:
            if any(end in name for end in self._ends) or (special and not dialect.escape):
                message = f"the column name {name!r} holds a delimiter; set quoteChar, or give it another name"
                raise TransferProblem(Reason.REQUEST_INVALID, Side.SINK, message)
            if not dialect.escape:
                return name
            escape, delimiter = re.escape(dialect.escape), re.escape(dialect.delimiter)
            name = re.sub(
                f"({escape}*){delimiter}", lambda found: found[1] * 2 + dialect.escape + dialect.delimiter, name
            )
            return name if last else re.sub(f"({escape}+)$", r"\1\1", name)
        if not (special or self._all or name.strip(_BLANKS) != name or not name):
            return name
        escape, quote = re.escape(dialect.escape), re.escape(dialect.quote)
        if dialect.escape == dialect.quote:
            return dialect.quote + name.replace(dialect.quote, dialect.quote * 2) + dialect.quote
        name = re.sub(f"({escape}*){quote}", lambda found: found[1] * 2 + dialect.escape + dialect.quote, name)
        return dialect.quote + re.sub(f"({escape}+)\\Z", r"\1\1", name) + dialect.quote

    def _cell(self, cell: str, field: Field, *, last: bool) -> str:
        dialect = self._dialect
        null = _text(dialect.null)
        if not dialect.quote:
            return self._bare(cell, null, last=last)
        if (self._all or self._alone) and not dialect.null:
            null = _text(dialect.quote * 2)
        if self._all:
            return f"coalesce({self._quoted(cell)}, {null})"
        if field.type in _WHOLE and not _DIGITS & set(
            dialect.delimiter + dialect.quote + "".join(self._ends) + dialect.null
        ):
            return f"coalesce({cell}, {null})"
        # One expression: with several hundred columns, DuckDB takes long to plan a row of conditions for each.
        found = "|".join(_pattern(text) for text in (dialect.delimiter, dialect.quote, *self._ends) if text)
        special = [f"regexp_matches({cell}, {literal(f'{found}|^[{_BLANKS}]|[{_BLANKS}]$')})"]
        if dialect.null:
            special.append(f"{cell} = {null}")
        if self._alone:
            special.append(f"{cell} = ''")
        return f"CASE WHEN {cell} IS NULL THEN {null} WHEN {' OR '.join(special)} THEN {self._quoted(cell)} ELSE {cell} END"

    def _quoted(self, cell: str) -> str:
        quote, escape = self._dialect.quote, self._dialect.escape
        escaped = f"replace({cell}, {literal(quote)}, {literal(escape + quote)})"
        if escape != quote:
            before = f"regexp_replace({cell}, {literal(f'({re.escape(escape)}*){re.escape(quote)}')}, {_twice(escape + quote)}, 'g')"
            both = f"regexp_replace({before}, {literal(f'({re.escape(escape)}+)$')}, {_twice('')})"
            escaped = f"CASE WHEN contains({cell}, {literal(escape)}) THEN {both} ELSE {escaped} END"
        return f"{literal(quote)} || {escaped} || {literal(quote)}"

    def _bare(self, cell: str, null: str, *, last: bool) -> str:
        delimiter, escape = self._dialect.delimiter, self._dialect.escape
        impossible = [f"contains({cell}, {_text(end)})" for end in self._ends]
        written = cell
        if delimiter and not escape:
            impossible.append(f"contains({cell}, {literal(delimiter)})")
        elif delimiter:
            pattern = literal(f"({re.escape(escape)}*){re.escape(delimiter)}")
            written = f"regexp_replace({cell}, {pattern}, {_twice(escape + delimiter)}, 'g')"
            if not last:
                written = f"regexp_replace({written}, {literal(f'({re.escape(escape)}+)$')}, {_twice('')})"
            written = f"CASE WHEN contains({cell}, {literal(escape)}) OR contains({cell}, {literal(delimiter)}) THEN {written} ELSE {cell} END"
        return f"CASE WHEN {cell} IS NULL THEN {null} WHEN {' OR '.join(impossible)} THEN NULL ELSE {written} END"


def _pattern(text: str) -> str:
    return "".join({"\r": r"\r", "\n": r"\n"}.get(letter, re.escape(letter)) for letter in text)


def _joined(pieces: Sequence[str]) -> str:
    """Return SQL of pieces of text one behind the other, in brackets: DuckDB takes expressions only up to some depth."""
    if len(pieces) == 1:
        return pieces[0]
    middle = len(pieces) // 2
    return f"({_joined(pieces[:middle])} || {_joined(pieces[middle:])})"


def _text(text: str) -> str:
    """Return SQL of a text, with line ends named."""
    named = (
        text.replace("\\", "\\\\").replace("\r", r"\r").replace("\n", r"\n").replace("'", "\\'").replace("\t", r"\t")
    )
    return f"e'{named}'" if named != text else literal(text)


def _twice(text: str) -> str:
    """Return SQL of a replacement: the first group twice, then a text."""
    return literal(r"\1\1" + text.replace("\\", r"\\"))
