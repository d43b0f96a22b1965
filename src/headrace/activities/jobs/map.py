"""``workbook:map`` (contract 11.3): the records of one sheet are appended to another, as a plan or as rules say.

A chunk of the source is read, built column by column, and written together with the place from which it goes on: so it may be cut anywhere. Records
that come to the source meanwhile are left alone, else a sheet that is mapped onto itself would never come to its end.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.activities.jobs.figures import BEGUN
from headrace.activities.jobs.planning import keep_plan, sheet_of
from headrace.activities.jobs.words import counted
from headrace.activities.jobs.working import Done, Work
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.mapping_columns import Building, Column
from headrace.core.mapping_plans import program_of
from headrace.core.mapping_rules import Program, read_rules
from headrace.core.record import Record, RecordChange, Selection
from headrace.core.workspace import Sheet
from headrace.language.ffql.parser import parse
from headrace.service.records import writing
from headrace.store import record_pages, record_scans
from headrace.store.database import Transaction
from headrace.store.record_rows import values_of

RULES = "mappingRules"
_SOURCE, _DESTINATION = "sourceSheetId", "destinationSheetId"
_WHAT = "records mapped"
_TEXT, _GROUPS = "text", "groups"
_SCRIPT_RECORDS = 1_000
"""Texts in which an expression is looked for before word of progress is given."""


def operate(work: Work) -> Done:
    """Map the records of the job's source sheet."""
    plan = keep_plan(work)
    with work.desks.jobs.database.reading() as tx:
        program = _program(work, plan, sheet_of(tx, work.job, _SOURCE), sheet_of(tx, work.job, _DESTINATION))
    total = _begin(work)
    while (built := _next(work, program, total)) is not None:
        crash_point("jobs-map-built")
        _write(work, built, total)
    read, written = _number(work.position, "read"), _number(work.position, "written")
    return Done(
        result={"recordsRead": read, "recordsWritten": written},
        message=f"{written:,} of {counted(read, 'record')} mapped",
    )


@dataclass(frozen=True, slots=True)
class _Built:
    """The columns of ``size`` new records, made of those behind position ``after`` up to ``last``."""

    after: int | None
    last: int
    size: int
    columns: Mapping[str, Column]


def _program(work: Work, plan: Mapping[str, Json], source: Sheet, destination: Sheet) -> Program:
    for name, holder in (("config", work.config), ("input", work.input)):
        # Clients for Node drop rules from the configuration, so they may stand in the input.
        if rules := holder.get(RULES):
            path = f"{name}.{RULES}"

            def filtering(text: str) -> None:
                parse(text, source.blueprint)

            return read_rules(rules, source.blueprint, destination.blueprint, path, filtering)
    return program_of(plan, source.blueprint, destination.blueprint)


def _begin(work: Work) -> int:
    """Write down where to begin, or go on where an attempt before has ended; return how many records there are to map."""
    if "read" not in work.position:
        with work.chunk() as chunk:
            earlier = chunk.position.pop("earlier", None)
            source = sheet_of(chunk.tx, work.job, _SOURCE)
            if isinstance(earlier, Mapping) and "read" in earlier:
                chunk.position.update({**earlier, BEGUN: earlier["read"]})
            elif "read" not in chunk.position:
                chunk.position.update({"after": None, "read": 0, "written": 0})
            chunk.position["until"] = source.next_position
    with work.desks.jobs.database.reading() as tx:
        return record_pages.counts(tx, sheet_of(tx, work.job, _SOURCE), Selection()).total


def _next(work: Work, program: Program, total: int) -> _Built | None:
    """Return what the next records of the source become; None: there are no more."""
    after = work.position.get("after")
    after = after if isinstance(after, int) else None
    first, until = 0 if after is None else after + 1, _number(work.position, "until")
    width = work.desks.records.limits.commit_records
    with work.desks.jobs.database.reading() as tx:
        source = sheet_of(tx, work.job, _SOURCE)
        # Where many records were removed, several ranges have none at all.
        while not (rows := record_scans.values_between(tx, source, first, min(first + width, until))):
            first += width
            if first >= until:
                return None
        values = [values_of(text) for _, text in rows]
        columns: dict[str, Column] = {
            field.key: [record.get(field.key) for record in values] for field in source.blueprint.fields
        }
        masks = _Masks(tx, source, [position for position, _ in rows])
        built = program.run(Building(len(rows), columns, _Extractor(work, total), masks))
    return _Built(after, rows[-1][0], len(rows), built)


def _write(work: Work, built: _Built, total: int) -> None:
    with work.chunk() as chunk:
        if chunk.position.get("after") != built.after:
            raise Problem(Code.FENCED, "another worker has gone on with this job")
        sheet = work.hold_sheet(chunk.tx, work.sheet_id(_DESTINATION))
        writing.insert_columns_in(chunk.tx, work.desks.records, sheet, built.columns, built.size, work.wish, chunk.now)
        read = _number(chunk.position, "read") + built.size
        written = _number(chunk.position, "written") + built.size
        chunk.position.update({"after": built.last, "read": read, "written": written})
        chunk.report(read, total, _WHAT)


def _number(position: Mapping[str, Json], name: str) -> int:
    value = position.get(name)
    return value if isinstance(value, int) else 0


@dataclass(frozen=True, slots=True)
class _Masks:
    """Says which of the records that are being mapped a filter selects: the database does, so it is the same as everywhere."""

    tx: Transaction
    source: Sheet
    positions: Sequence[int]

    def __call__(self, text: str) -> list[bool]:
        where = Selection(where=parse(text, self.source.blueprint))
        first, last = self.positions[0], self.positions[-1]
        chosen = set(record_pages.positions_between(self.tx, self.source, where, first, last + 1))
        return [position in chosen for position in self.positions]


@dataclass(frozen=True, slots=True)
class _Extractor:
    """Finds regular expressions as JavaScript has them, where one that takes too long can be stopped (``core.mapping_columns.Extract``)."""

    work: Work
    total: int

    def __call__(self, pattern: str, texts: Sequence[str]) -> list[list[str | None] | None]:
        script = (
            "(record) => {\n"
            f"  const found = new RegExp({json.dumps(pattern)}).exec(record.values.{_TEXT}.value);\n"
            f"  if (found) record.values.{_GROUPS}.value = found.length > 1 ? found.slice(1).map(one => one ?? null) : [found[0]];\n"
            "}"
        )
        distinct = list(dict.fromkeys(texts))
        records = [
            Record(place, f"value {place + 1}", {_TEXT: text}, {}, True, {}, {}, 0, Instant(0))
            for place, text in enumerate(distinct)
        ]
        changes: list[RecordChange | None] = []
        for start in range(0, len(records), _SCRIPT_RECORDS):
            self.work.tick(_number(self.work.position, "read"), self.total, _WHAT)
            part = records[start : start + _SCRIPT_RECORDS]
            try:
                changes += self.work.desks.scripts(script, (_TEXT, _GROUPS), part, self.work.context.cancellation)
            except Problem as problem:
                if problem.code is not Code.INVALID:
                    raise
                message = f"the regular expression {pattern!r} cannot be used: {problem.message}"
                raise Problem(Code.INVALID, message) from problem
        groups = [None if change is None else change.values.get(_GROUPS) for change in changes]
        found = {
            text: list(map(_text_or_none, given)) if isinstance(given, list | tuple) else None
            for text, given in zip(distinct, groups, strict=True)
        }
        return [found[text] for text in texts]


def _text_or_none(value: Json) -> str | None:
    return value if isinstance(value, str) else None
