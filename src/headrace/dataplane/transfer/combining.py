"""Rows of several files as the rows of one slice, and columns that their folders give."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN, RefusedRow, Rows
from headrace.dataplane.transfer.session import identifier, literal
from headrace.dataplane.transfer.values import Field, ValueType


def nothing() -> Rows:
    """Return no rows, of no columns."""
    return Rows("(SELECT NULL AS nothing WHERE false)", ())


def one_after_the_other(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts (at least one), in order; columns are told by name, those that a part has not are null in its rows.

    Columns with the same name and different types become text.
    """
    if len(parts) == 1:
        return parts[0]
    fields: dict[str, Field] = {}
    for field in (field for part in parts for field in part.fields):
        known = fields.setdefault(field.name, field)
        if (known.type, known.precision, known.scale) != (field.type, field.precision, field.scale):
            fields[field.name] = Field(field.name, ValueType.STRING)
    documents = any(part.documents for part in parts)
    selects = (_selected(part, tuple(fields.values()), documents=documents) for part in parts)
    relation = "(" + " UNION ALL ".join(selects) + ")"
    repeatable = all(part.repeatable for part in parts)
    return Rows(relation, tuple(fields.values()), documents, repeatable, refused=_all_refused(parts))


def _selected(part: Rows, fields: tuple[Field, ...], *, documents: bool) -> str:
    own = {field.name for field in part.fields}
    columns = [
        f"CAST({identifier(field.name) if field.name in own else 'NULL'} AS {field.sql}) AS {identifier(field.name)}"
        for field in fields
    ]
    columns += [identifier(DOCUMENT_COLUMN)] if documents else []
    return f"SELECT {', '.join(columns)} FROM {part.relation}"


def _all_refused(parts: Sequence[Rows]) -> Callable[[], Iterable[RefusedRow]]:
    return lambda: chain.from_iterable(part.refused() for part in parts)


def with_values(rows: Rows, values: Mapping[str, str | None]) -> Rows:
    """Return ``rows`` with further columns, each with one value in every row; they win over columns of the same name."""
    own = tuple(field for field in rows.fields if field.name not in values)
    added = tuple(Field(name) for name in values)
    columns = [identifier(field.name) for field in own]
    columns += [
        f"CAST({'NULL' if value is None else literal(value)} AS VARCHAR) AS {identifier(name)}"
        for name, value in values.items()
    ]
    if rows.documents:
        whole, patch = identifier(DOCUMENT_COLUMN), literal(json.dumps(dict(values)))
        columns.append(f"CAST(json_merge_patch({whole}, {patch}) AS VARCHAR) AS {whole}")
    return replace(rows, relation=f"(SELECT {', '.join(columns)} FROM {rows.relation})", fields=(*own, *added))
