"""What is read from a database: tables and queries found, described, and listed."""

from dataclasses import dataclass

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.source import TableSource
from headrace.dataplane.connectors.databases.conditions import condition_sql
from headrace.dataplane.connectors.databases.dialect import Column, Dialect
from headrace.dataplane.connectors.databases.session import Session
from headrace.dataplane.connectors.databases.similar import similar_column, similar_tables

_MOST_COMPARED = 10_000


@dataclass(frozen=True, slots=True)
class Relation:
    """What is read: its name for people, its SQL in a FROM clause, its columns, and the condition on its rows (``""``: none)."""

    name: str
    sql: str
    columns: tuple[Column, ...]
    condition: str = ""

    @property
    def by_name(self) -> dict[str, Column]:
        """Return the columns by their names."""
        return {column.name: column for column in self.columns}

    def rest(self, *conditions: str) -> str:
        """Return what follows ``SELECT …`` where the relation's rows fulfil the ``conditions`` too; empty ones are left out."""
        where = " AND ".join(filter(None, (self.condition, *conditions)))
        return f"FROM {self.sql} AS source" + (f" WHERE {where}" if where else "")


def relation_of(session: Session, source: TableSource, most_columns: int) -> Relation:
    """Return the described table or query, with its condition.

    Raises:
        Problem: ``SOURCE_NOT_FOUND``, ``INVALID`` (more than one statement, two columns of one name, a condition's values), ``UNKNOWN_COLUMN``,
            ``LIMIT_EXCEEDED``, and what the database says.
    """
    if source.table is not None:
        name, sql = source.table, find_table(session, source.table)
    else:
        name, query = "query", (source.query or "").strip().rstrip(";")
        session.check_query(query)
        sql = f"(\n{query}\n)"
    columns = session.columns(sql, name if source.table else "the query")
    names = [column.name for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise Problem(Code.INVALID, f"the query has more than one column named {twice[0]!r}; give each its own name")
    if len(columns) > most_columns:
        message = f"{name!r} has {len(columns)} columns; at most {most_columns} are allowed (max_columns)"
        raise Problem(Code.LIMIT_EXCEEDED, message)
    relation = Relation(name, sql, columns)
    check_columns(source, relation)
    if source.where is None:
        return relation
    return Relation(name, sql, columns, condition_sql(source.where, relation.by_name, session.dialect, name))


def check_columns(source: TableSource, relation: Relation) -> None:
    """Check that the wanted columns, the delta column and the partition column exist.

    Raises:
        Problem: ``UNKNOWN_COLUMN``, with every one that does not, and similar names.
    """
    known = relation.by_name
    wanted = [(f"columns[{number}]", name) for number, name in enumerate(source.columns)]
    wanted += [("delta.name", source.delta.name)] if source.delta else []
    wanted += [("partition_column", source.partition_column)] if source.partition_column else []
    errors = tuple(
        FieldError(path, f"{relation.name!r} has no column {name!r}", similar_column(name, list(known)))
        for path, name in wanted
        if name not in known
    )
    if errors:
        raise Problem.of_fields(Code.UNKNOWN_COLUMN, f"the source {relation.name!r}", errors)


def find_table(session: Session, text: str) -> str:
    """Return the quoted name of the table or view that ``text`` names.

    Raises:
        Problem: ``SOURCE_NOT_FOUND``, with similar names; ``INVALID``: it has not the form of a name.
    """
    dialect = session.dialect
    parsed = dialect.table(text)
    if parsed is None:
        quotes = f"{dialect.quotes[0]}…{dialect.quotes[-1]}"
        raise Problem(
            Code.INVALID,
            f"{text!r} is no table; write schema.table, with {quotes} around names that have a dot in them",
        )
    for place, name in _spellings(parsed, dialect):
        found = session.tables(place, name, 1)
        if found:
            return ".".join(dialect.quoted(part) for part in found[0] if part)
    known = (f"{place}.{name}" for place, name in session.tables(None, None, _MOST_COMPARED))
    full = text if "." in text or not dialect.default_place else f"{dialect.default_place}.{text}"
    raise Problem(Code.SOURCE_NOT_FOUND, f"there is no table {text!r} in the database{similar_tables(full, known)}")


def _spellings(parsed: tuple[str | None, str], dialect: Dialect) -> list[tuple[str | None, str]]:
    """Return the name as it was given, and as the database reads names without quotes, where that differs."""
    if dialect.fold is None:
        return [parsed]
    place, name = parsed
    folded = (None if place is None else dialect.fold(place), dialect.fold(name))
    return [parsed, folded] if folded != parsed else [parsed]
