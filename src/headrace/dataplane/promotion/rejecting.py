"""The second pass, only when rows are missing: which ones were rejected, and why.

What is found lies in two tables of the session, numbered through: ``PARSING`` (what is no row: ``number``, ``filename``, ``line``, ``text``,
``message``) and ``CONVERSION`` (the source's columns, and ``NUMBER``, ``FILENAME``, ``LINE``, ``ERRORS`` beside them). The quarantine's files, the
counts by reason and the samples are all made from them, so they cannot disagree.
"""

from dataclasses import dataclass

from headrace.core.outcome import CodeSet, ReasonCount
from headrace.core.run import RejectCode
from headrace.dataplane.promotion.mapping import REJECTED, Mapped
from headrace.dataplane.promotion.reading import CORRUPT, FILE, LINE, ORDINAL, Source
from headrace.dataplane.promotion.session import REJECTS, SCANS, Session, identifier, literal

PARSING = "parsing_errors"
CONVERSION = "conversion_errors"
NUMBER, FILENAME, ERRORS = "\u0001number", "\u0001filename", "\u0001errors"

_OBJECT = 1024 * 1024
_FOUND = "found_rows"
_FILES = "read_files"
_PLACES = "places"
_GAPS = "gaps"
_MESSAGES = {
    "MISSING COLUMNS": "the row has too few fields",
    "TOO MANY COLUMNS": "the row has too many fields",
    "UNQUOTED VALUE": "a quote stands where none may stand, or is not closed",
    "LINE SIZE OVER MAXIMUM": "the row is longer than max_row_bytes",
    "INVALID ENCODING": "the row is not valid UTF-8",
    "INVALID STATE": "the row is not well-formed",
}
_ERROR_TYPE = 'STRUCT(code VARCHAR, "column" VARCHAR, message VARCHAR)[]'


_JOINS = f"""
    JOIN {_PLACES} r ON r.path = f.{identifier(FILE)}
    ASOF LEFT JOIN {_GAPS} g ON g.file = r.number AND g.after < f.{identifier(ORDINAL)} - r.before"""
_LINE = f"COALESCE(f.{identifier(LINE)}, r.first_line + f.{identifier(ORDINAL)} - r.before - 1 + COALESCE(g.gaps, 0))"


@dataclass(frozen=True, slots=True)
class Rejected:
    """How many rows were rejected: ``parsing`` were no rows, ``conversion`` broke a rule; ``reasons`` counts rows by code and column."""

    parsing: int
    conversion: int
    reasons: tuple[ReasonCount, ...]
    code_sets: tuple[CodeSet, ...] = ()

    @property
    def total(self) -> int:
        """Return the number of rejected rows."""
        return self.parsing + self.conversion


def find_rejected(session: Session, source: Source, mapped: Mapped, *, look_again: bool) -> Rejected:
    """Fill ``PARSING`` and ``CONVERSION``; ``look_again`` False: no row but the unreadable ones is missing.

    Raises:
        Problem: ``DISK_FULL``, ``LIMIT_EXCEEDED``, what the cancellation says.
    """
    for table in (PARSING, CONVERSION, _FOUND, _FILES, _PLACES, _GAPS):
        session.rows(f"DROP TABLE IF EXISTS {table}")
    _note_files(session, source)
    _take_damaged(session, source)
    _take_unreadable(session, source)
    _find(session, source, mapped, look_again=look_again)
    _number(session, source)
    parsing = int(session.one(f"SELECT count(*) FROM {PARSING}"))
    conversion = int(session.one(f"SELECT count(*) FROM {CONVERSION}"))
    return Rejected(parsing, conversion, _reasons(session), _code_sets(session, parsing))


def _note_files(session: Session, source: Source) -> None:
    """Note the files: their places in the order of reading, and how a row's ordinal in its scan becomes a line."""
    session.rows(
        f"CREATE TEMP TABLE {_FILES} (path VARCHAR, number BIGINT, scan BIGINT, name VARCHAR, rows BIGINT, first_line BIGINT)"
    )
    number = 0
    for scan_number, scan in enumerate(source.scans):
        for file in scan.files:
            row = [str(file.path), number, scan_number, file.name, file.rows, file.first_line]
            session.rows(f"INSERT INTO {_FILES} VALUES (?, ?, ?, ?, ?, ?)", row)
            number += 1


def _take_damaged(session: Session, source: Source) -> None:
    """Take what was found unreadable before DuckDB read anything."""
    session.rows(f"CREATE TEMP TABLE {PARSING} (file BIGINT, line BIGINT, text VARCHAR, message VARCHAR)")
    for number, file in enumerate(source.files):
        if file.delimited is not None and file.delimited.rest is not None:
            columns = "{line: 'BIGINT', text: 'VARCHAR', message: 'VARCHAR'}"
            size = f"maximum_object_size = {max(_OBJECT, file.delimited.longest + 1)}"
            reader = f"read_ndjson({literal(str(file.delimited.rest))}, columns = {columns}, {size})"
            session.rows(f"INSERT INTO {PARSING} SELECT {number}, line, text, message FROM {reader}")


def _take_unreadable(session: Session, source: Source) -> None:
    """Take the lines that the first pass could not read, each once however much is wrong with it."""
    if not any(scan.stores_rejects for scan in source.scans):
        return
    numbered = [str(file.path) for scan in source.scans if scan.numbered for file in scan.files]
    of_file = f"list_contains([{', '.join(map(literal, numbered))}]::VARCHAR[], path)"
    delimiter = literal(source.delimiter)
    cases = " ".join(f"WHEN {literal(kind)} THEN {literal(text)}" for kind, text in _MESSAGES.items())
    session.rows(f"""
        INSERT INTO {PARSING}
        SELECT number,
            CASE WHEN {of_file} THEN TRY_CAST(split_part(csv_line, {delimiter}, 1) AS BIGINT) ELSE line END,
            CASE WHEN {of_file} THEN substr(csv_line, strpos(csv_line, {delimiter}) + {len(source.delimiter)}) ELSE csv_line END,
            CASE error_type {cases} END
        FROM (
            SELECT s.file_path AS path, any_value(line) AS line, rtrim(any_value(csv_line), chr(13) || chr(10)) AS csv_line,
                CAST(first(error_type ORDER BY column_idx) AS VARCHAR) AS error_type
            FROM {REJECTS} r JOIN {SCANS} s USING (scan_id, file_id)
            GROUP BY s.file_path, scan_id, file_id, line_byte_position
        ) JOIN {_FILES} USING (path)""")


def _find(session: Session, source: Source, mapped: Mapped, *, look_again: bool) -> None:
    columns = "".join(f"{identifier(name)}, " for name in source.columns)
    selected = f"{columns}{identifier(CORRUPT)}, {identifier(FILE)}, {identifier(LINE)}, {identifier(ORDINAL)}"
    session.keep_order(keep=True)
    for number, scan in enumerate(source.scans):
        rows = mapped.judged(scan.located(source.types))
        query = f"SELECT {selected}, {number} AS scan, {errors_of(mapped)} AS {identifier(ERRORS)} FROM ({rows}) WHERE {identifier(REJECTED)}"
        if number and not look_again:
            break
        # Planning a large mapping takes seconds: the table is made by the query that fills it.
        into = f"CREATE TEMP TABLE {_FOUND} AS" if number == 0 else f"INSERT INTO {_FOUND}"
        with session.reporting(None):
            session.rows(f"{into} {query}{'' if look_again else ' LIMIT 0'}")


def _note_places(session: Session) -> None:
    """Note how many rows DuckDB read before each file of a scan, and after how many rows of a file it left lines out."""
    session.rows(f"""
        CREATE TEMP TABLE {_PLACES} AS
        SELECT path, number, name, first_line, COALESCE(sum(f.rows - COALESCE(u.count, 0)) OVER (
            PARTITION BY scan ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
        FROM {_FILES} f LEFT JOIN (SELECT file, count(*) AS count FROM {PARSING} GROUP BY file) u ON u.file = f.number""")
    session.rows(f"""
        CREATE TEMP TABLE {_GAPS} AS
        SELECT p.file, p.line - f.first_line - row_number() OVER (PARTITION BY p.file ORDER BY p.line) + 1 AS after,
            row_number() OVER (PARTITION BY p.file ORDER BY p.line) AS gaps
        FROM {PARSING} p JOIN {_FILES} f ON f.number = p.file WHERE f.first_line IS NOT NULL""")


def errors_of(mapped: Mapped) -> str:
    """Return SQL of the list of all that is wrong with a row."""
    cases = [
        f"CASE WHEN {rule.condition} THEN {{'code': {literal(rule.code)}, 'column': {literal(rule.column)}, 'message': {literal(rule.message)}}} END"
        for rule in mapped.rules
    ]
    return f"CAST(list_filter([{', '.join(cases)}], lambda e: e IS NOT NULL) AS {_ERROR_TYPE})"


def _number(session: Session, source: Source) -> None:
    """Tell the lines, and number all rejects through: what is no row first, each in the order of files and lines."""
    columns = "".join(f"f.{identifier(name)}, " for name in source.columns)
    _note_places(session)
    session.rows(f"""
        INSERT INTO {PARSING}
        SELECT r.number, {_LINE}, f.{identifier(CORRUPT)}, 'is no valid JSON object'
        FROM {_FOUND} f {_JOINS} WHERE f.{identifier(CORRUPT)} IS NOT NULL""")
    session.rows(f"""
        CREATE OR REPLACE TEMP TABLE {PARSING} AS
        SELECT row_number() OVER (ORDER BY p.file, p.line) AS number, r.name AS filename, p.line, p.text, p.message
        FROM {PARSING} p JOIN {_FILES} r ON p.file = r.number""")
    session.rows(f"""
        CREATE TEMP TABLE {CONVERSION} AS
        SELECT {columns}r.name AS {identifier(FILENAME)}, {_LINE} AS {identifier(LINE)}, f.{identifier(ERRORS)},
            (SELECT count(*) FROM {PARSING}) + row_number() OVER (ORDER BY r.number, f.{identifier(ORDINAL)}) AS {identifier(NUMBER)}
        FROM {_FOUND} f {_JOINS} WHERE f.{identifier(CORRUPT)} IS NULL""")
    session.rows(f"DROP TABLE {_FOUND}")


def _reasons(session: Session) -> tuple[ReasonCount, ...]:
    """Count rows by code and column, the most frequent first; a row counts once under each."""
    rows = session.rows(f"""
        SELECT code, "column", count(*), mode(message) FROM (
            SELECT unnest({identifier(ERRORS)}, recursive := true) FROM {CONVERSION}
            UNION ALL SELECT {literal(RejectCode.UNREADABLE)}, NULL, message FROM {PARSING}
        ) GROUP BY code, "column" ORDER BY 3 DESC, 1, 2""")
    return tuple(ReasonCount(code, column, count, message) for code, column, count, message in rows)


def _code_sets(session: Session, parsing: int) -> tuple[CodeSet, ...]:
    """Count rows by all the codes that each has, the most frequent first."""
    codes = f"list_sort(list_distinct(list_transform({identifier(ERRORS)}, lambda e: e.code)))"
    rows = session.rows(f"SELECT {codes} AS codes, count(*) FROM {CONVERSION} GROUP BY codes ORDER BY 2 DESC, 1")
    unreadable = (CodeSet((RejectCode.UNREADABLE.value,), parsing),) if parsing else ()
    return (*unreadable, *(CodeSet(tuple(found), count) for found, count in rows))
