"""Mappings tried on rows that somebody shows: the way of a promotion, up to where it would write."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.codec import Json, JsonObject
from headrace.core.errors import Code, Problem
from headrace.core.explore import Tried, TriedError, TryMapping
from headrace.core.mapping import MappingLanguage
from headrace.core.run import RejectCode
from headrace.core.schema import Kind
from headrace.core.settings import PromoteSettings
from headrace.core.source import FileFormat, FileType, JsonLayout
from headrace.core.target import DeltaTarget
from headrace.dataplane.exploring.alone import Alone
from headrace.dataplane.exploring.values import document, shown
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.documents import open_json
from headrace.dataplane.promotion.mapping import Mapped, compile_mapping
from headrace.dataplane.promotion.reading import ORDINAL, Source
from headrace.dataplane.promotion.rejecting import errors_of
from headrace.dataplane.promotion.session import Session, identifier
from headrace.dataplane.promotion.staging import failed_name, final_name

MAX_ROWS = 1_000
"""Most rows that a mapping is tried on."""

_LINES = FileFormat(type=FileType.JSON, layout=JsonLayout.LINES)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Rows under a mapping that can be compiled, and what was left out of it with the reason."""

    source: Source
    mapped: Mapped | None
    left_out: Mapping[str, Problem]


def try_mapping(question: TryMapping, language: MappingLanguage, limits: Limits) -> Tried:
    """Return what the mapping makes of the rows, and what goes wrong with each: expressions that fail, rules that the values break.

    A mapping that cannot be compiled at all is told once, for the first row, and left out. No file stays behind.

    Raises:
        Problem: ``LIMIT_EXCEEDED``: more than ``MAX_ROWS`` rows, or too much for the memory; ``INVALID``: a rule of the schema is itself wrong.
    """
    if len(question.rows) > MAX_ROWS:
        raise Problem(
            Code.LIMIT_EXCEEDED, f"{len(question.rows)} rows are more than {MAX_ROWS}, which a mapping is tried on"
        )
    if not question.rows:
        return Tried(())
    with tempfile.TemporaryDirectory(prefix="headrace-try-") as folder:
        work = Path(folder)
        rows = work / "rows.json"
        rows.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in question.rows), encoding="utf-8")
        settings = PromoteSettings("", DeltaTarget("tried"), _LINES, question.mapping, question.schema)
        with Session(Alone(), limits, work, ()) as session:
            source = open_json(session, settings, iter([("rows", rows, None)]), exactly=False)
            trial = _compiled(question, source, language, session)
            if trial.mapped is None:
                return Tried(tuple({} for _ in question.rows), tuple(_left_out(trial.left_out)))
            return _tried(question, trial, trial.mapped, session)


def _compiled(question: TryMapping, source: Source, language: MappingLanguage, session: Session) -> _Trial:
    """Compile the mapping, without what cannot be."""
    mapping = dict(question.mapping)
    left_out: dict[str, Problem] = {}
    while mapping:
        settings = PromoteSettings("", DeltaTarget("tried"), _LINES, mapping, question.schema)
        try:
            return _Trial(source, compile_mapping(settings, source, language, session), left_out)
        except Problem as problem:
            wrong = [error for error in problem.fields if error.path.removeprefix("mapping.") in mapping]
            if not wrong:
                raise
            for error in wrong:
                key = error.path.removeprefix("mapping.")
                left_out[key] = Problem(problem.code, error.message)
                mapping.pop(key, None)
    return _Trial(source, None, left_out)


def _left_out(left_out: Mapping[str, Problem]) -> Iterator[TriedError]:
    for key, problem in left_out.items():
        yield TriedError(0, problem.code.value, problem.message, key)


def _tried(question: TryMapping, trial: _Trial, mapped: Mapped, session: Session) -> Tried:
    values = [f"to_json({final_name(column.name)})" for column in mapped.columns]
    failures = [failed_name(place.key) for place in mapped.fallible]
    made: list[JsonObject] = [{}] * len(question.rows)
    errors = list(_left_out(trial.left_out))
    session.keep_order(keep=True)
    for scan in trial.source.scans:
        rows = mapped.reasoned(scan.located(trial.source.types))
        selected = ", ".join([identifier(ORDINAL), f"to_json({errors_of(mapped)})", *values, *failures])
        for number, reasons, *rest in session.rows(f"SELECT {selected} FROM ({rows})"):
            row = int(number) - 1
            made[row] = _row(rest[: len(values)], mapped)
            failed = [place for place, flag in zip(mapped.fallible, rest[len(values) :], strict=True) if flag]
            errors += [
                TriedError(row, RejectCode.TRANSFORM, f"{place.expression} could not be evaluated", place.key)
                for place in failed
            ]
            errors += _reasons(row, json.loads(reasons), question.mapping)
    return Tried(tuple(made), tuple(sorted(errors, key=lambda error: error.row)))


def _row(values: list[Any], mapped: Mapped) -> JsonObject:
    found: dict[str, Json] = {}
    for column, text in zip(mapped.columns, values, strict=True):
        value = shown(None if text is None else json.loads(text), column.type)
        if column.type.kind is Kind.JSON and isinstance(value, str):
            value = document(value)
        if value is not None:
            found[column.name] = value
    return found


def _reasons(row: int, reasons: list[dict[str, str]], mapping: Mapping[str, str]) -> Iterator[TriedError]:
    """Yield what the rules say; that an expression failed has been told already."""
    for reason in reasons:
        if reason["code"] != RejectCode.TRANSFORM:
            yield TriedError(row, reason["code"], reason["message"], _key_of(reason.get("column"), mapping))


def _key_of(path: str | None, mapping: Mapping[str, str]) -> str | None:
    """Return the mapping that fills the place that a report calls ``path``: itself, an element of it, or the object around it."""
    if path is None or path in mapping:
        return path
    plain = {_plain(key): key for key in mapping}
    wanted = _plain(path)
    while wanted not in plain and "." in wanted:
        wanted = wanted.rpartition(".")[0]
    return plain.get(wanted, path)


def _plain(key: str) -> str:
    """Return a path without the numbers of elements."""
    return ".".join(part.partition("[")[0] for part in key.split("."))
