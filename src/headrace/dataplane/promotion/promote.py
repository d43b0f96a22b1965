"""The whole way of one promotion; every branch of it stands here."""

import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import structlog

from headrace.core.codec import Json, decode, encode
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.landing import Landing
from headrace.core.mapping import MappingLanguage
from headrace.core.outcome import BatchReport, Failure, Figures, Outcome, ReasonCount
from headrace.core.run import RejectCode
from headrace.core.settings import PromoteSettings
from headrace.core.target import RejectRule
from headrace.core.task import Context, Task
from headrace.dataplane.lake import delta
from headrace.dataplane.lake.garbage import part_prefix
from headrace.dataplane.lake.tables import table_folder
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.diagnostics import write_diagnostics
from headrace.dataplane.promotion.mapping import Mapped, compile_mapping, schema_of
from headrace.dataplane.promotion.reading import Source
from headrace.dataplane.promotion.rejecting import Rejected, find_rejected
from headrace.dataplane.promotion.session import Session
from headrace.dataplane.promotion.sources import open_source
from headrace.dataplane.promotion.staging import Fallible
from headrace.dataplane.promotion.writing import Written, remove_parts, write_accepted
from headrace.dataplane.storage import Roots, disk_full

_log = structlog.get_logger(__name__)

_TOP = 3


@dataclass(frozen=True, slots=True)
class Promotion:
    """What one promotion is about."""

    settings: PromoteSettings
    landing: Landing
    task: Task
    context: Context
    batch_id: str
    roots: Roots
    limits: Limits
    language: MappingLanguage

    @property
    def table(self) -> Path:
        """Return the folder of the target's table."""
        return table_folder(self.roots.lake, self.settings.target.table)


@dataclass(frozen=True, slots=True)
class Split:
    """The rows of a landing, told apart, with figures that add up."""

    source: Source
    mapped: Mapped
    written: Written
    rejected: Rejected

    @property
    def adds_up(self) -> bool:
        """Say whether every row that was read is accepted or rejected, and none is both."""
        return self.source.read == self.written.accepted + self.rejected.total


def promote(  # noqa: PLR0913 — what an activity is handed, and where it may write
    settings: PromoteSettings,
    landing: Landing,
    task: Task,
    context: Context,
    *,
    batch_id: str,
    roots: Roots,
    limits: Limits,
    language: MappingLanguage,
) -> Outcome:
    """Bring a landing's rows into the target: all that is accepted in one commit, all that is rejected to the quarantine.

    Safe to repeat: where the table already has the commit key nothing is written, and the outcome tells what that commit was. An empty
    landing (no files, or files without rows) leaves the target alone and makes no batch.

    Returns:
        The outcome. ``output``: ``batch_id``, ``table``, ``version`` (None: nothing was committed), ``already_committed``, and for a replay
        ``resolved``. ``TOO_MANY_REJECTS`` is an outcome with a failure and a batch; every other failure is raised.

    Raises:
        Problem: codes of the language, of reading, promoting and writing; ``LIMIT_EXCEEDED``, ``DISK_FULL``, what the cancellation says.
    """
    promotion = Promotion(settings, landing, task, context, batch_id, roots, limits, language)
    context.cancellation.check()
    found = delta.committed(promotion.table, task.commit_key)
    if found is not None:
        _log.info("the batch had been committed before", table=settings.target.table)
        return _outcome_of_commit(promotion, found)
    if not landing.files:
        return _nothing(promotion)
    work = roots.work / task.folder
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with contextlib.ExitStack() as cleaning:
            cleaning.callback(shutil.rmtree, work, ignore_errors=True)
            folders = (roots.landing, promotion.table, roots.quarantine)
            with Session(context, limits, work, folders, promotion.language.natives) as session:
                return _promoted(promotion, session)
    except OSError as error:
        raise disk_full(error, work.parent) or error from error


def _promoted(promotion: Promotion, session: Session) -> Outcome:
    prefix = part_prefix(promotion.task.folder, promotion.task.commit_key)
    try:
        split = _split(promotion, session, prefix)
        if split.source.read == 0:
            return _nothing(promotion)
        diagnostics: tuple[str, ...] = ()
        if split.rejected.total and promotion.settings.rejects.diagnostics:
            diagnostics = write_diagnostics(session, split.source, split.rejected, promotion.roots, promotion.batch_id)
        if (failure := _over_threshold(split, promotion.settings.rejects)) is not None:
            return _rejected(promotion, split, diagnostics, failure)
        warned, warnings = _warnings(session, split)
        return _committed(promotion, split, diagnostics, warned, warnings)
    finally:
        _remove_uncommitted(promotion, prefix)


def _split(promotion: Promotion, session: Session, prefix: str) -> Split:
    """Write what is accepted, find what is not, and make sure that it is all there is.

    Raises:
        Problem: ``COUNTS_DIFFER``: rows are missing or too many, however exactly the files are read.
    """
    split = None
    with contextlib.suppress(duckdb.InvalidInputException):
        split = _told_apart(promotion, session, prefix, exactly=False)
    if split is None or not split.adds_up:
        # The reader guessed wrong, or gave up, where the look at the bytes did not foresee it.
        split = _told_apart(promotion, session, prefix, exactly=True)
    if not split.adds_up:
        counts = f"{split.source.read:,} rows were read, {split.written.accepted:,} accepted and {split.rejected.total:,} rejected"
        raise Problem(Code.COUNTS_DIFFER, f"{counts}; nothing was committed")
    return split


def _told_apart(promotion: Promotion, session: Session, prefix: str, *, exactly: bool) -> Split:
    source = open_source(session, promotion.settings, promotion.landing, promotion.roots, exactly=exactly)
    mapped = compile_mapping(promotion.settings, source, promotion.language, session)
    delta.check_schema(promotion.table, schema_of(mapped), promotion.settings.target.mode)
    crash_point("promote-before-parquet")
    written = write_accepted(session, source, mapped, promotion.table, prefix)
    crash_point("promote-after-parquet")
    missing = source.read - written.accepted - written.unreadable - source.damaged
    if not (missing or written.unreadable or source.damaged):
        return Split(source, mapped, written, Rejected(0, 0, ()))
    return Split(source, mapped, written, find_rejected(session, source, mapped, look_again=missing != 0))


def _over_threshold(split: Split, rule: RejectRule) -> Failure | None:
    rejected, read = split.rejected.total, split.source.read
    if rejected * 100 <= rule.at_most_percent * read:
        return None
    reasons = ", ".join(f"{_named(reason)} {reason.count:,}" for reason in split.rejected.reasons[:_TOP])
    share = f"{rejected * 100 / read:.4g} %"
    message = (
        f"{rejected:,} of {read:,} rows were rejected ({share}), more than the {rule.at_most_percent:g} % that the flow allows; "
        f"nothing was committed. Most frequent: {reasons}"
    )
    return Failure(Code.TOO_MANY_REJECTS, message)


def _named(reason: ReasonCount) -> str:
    return reason.code if reason.column is None else f"{reason.code} ({reason.column})"


def _warnings(session: Session, split: Split) -> tuple[int, tuple[ReasonCount, ...]]:
    """Count accepted rows in which an expression failed: only where nulls make it possible."""
    fallible = split.mapped.fallible
    if not any(_may_have_failed(split, place) for place in fallible):
        return 0, ()
    counts = session.rows(split.mapped.warnings(split.source.rows()))[0]
    found = [
        ReasonCount(RejectCode.TRANSFORM, place.path, count, f"{place.expression} could not be evaluated")
        for place, count in zip(fallible, counts[1:], strict=True)
        if count
    ]
    return int(counts[0]), tuple(sorted(found, key=lambda reason: -reason.count))


def _may_have_failed(split: Split, place: Fallible) -> bool:
    return place.has_default or any(file.nulls.get(place.path) != 0 for file in split.written.files)


def _rejected(promotion: Promotion, split: Split, diagnostics: tuple[str, ...], failure: Failure) -> Outcome:
    figures = Figures(
        rows_read=split.source.read,
        rows_accepted=0,
        rows_rejected=split.rejected.total,
        rows_skipped=split.written.accepted,
        rows_warned=0,
        bytes_written=0,
        files_written=0,
    )
    report = _report(promotion, figures, split, diagnostics)
    return Outcome(_output(promotion, None, already=False), figures, failure, report)


def _committed(
    promotion: Promotion, split: Split, diagnostics: tuple[str, ...], warned: int, warnings: tuple[ReasonCount, ...]
) -> Outcome:
    figures = Figures(
        rows_read=split.source.read,
        rows_accepted=split.written.accepted,
        rows_rejected=split.rejected.total,
        rows_skipped=0,
        rows_warned=warned,
        bytes_written=split.written.bytes,
        files_written=len(split.written.files),
    )
    promotion.context.progress(figures)
    report = replace(_report(promotion, figures, split, diagnostics), warnings=warnings)
    if not split.written.accepted:
        # Nothing was accepted: as with an empty selection the target is left alone, also where it would be overwritten.
        return Outcome(_output(promotion, None, already=False), figures, None, report)
    promotion.context.cancellation.check()
    what = delta.Commit(
        promotion.task.commit_key,
        split.written.files,
        schema_of(split.mapped),
        promotion.settings.target.mode,
        {"run_id": promotion.task.run_id, "path": promotion.task.path, "batch": encode(report)},
    )
    crash_point("promote-before-commit")
    found, already = delta.commit(promotion.table, what)
    crash_point("promote-after-commit")
    if already:
        return _outcome_of_commit(promotion, found)
    report = replace(report, version=found.version, files=tuple(file.path for file in split.written.files))
    return Outcome(_output(promotion, found.version, already=False), figures, None, report)


def _report(promotion: Promotion, figures: Figures, split: Split, diagnostics: tuple[str, ...]) -> BatchReport:
    return BatchReport(
        promotion.batch_id,
        promotion.settings.target.table,
        promotion.task.commit_key,
        None,
        figures,
        split.rejected.reasons,
        (),
        diagnostics,
        code_sets=split.rejected.code_sets,
    )


def _output(promotion: Promotion, version: int | None, *, already: bool) -> dict[str, Json]:
    return {
        "batch_id": promotion.batch_id,
        "table": promotion.settings.target.table,
        "version": version,
        "already_committed": already,
    }


def _outcome_of_commit(promotion: Promotion, found: delta.Committed) -> Outcome:
    """Tell what an earlier try committed under this key, as it stands in the commit."""
    batch = found.details.get("batch")
    report = BatchReport(
        promotion.batch_id, promotion.settings.target.table, promotion.task.commit_key, None, Figures()
    )
    if isinstance(batch, Mapping):
        report = decode(BatchReport, batch, what="the commit's own report")
    report = replace(report, version=found.version, files=delta.files_in(promotion.table, found.version))
    output = {**_output(promotion, found.version, already=True), "batch_id": report.batch_id}
    return Outcome(output, report.figures, None, report)


def _nothing(promotion: Promotion) -> Outcome:
    figures = Figures(
        rows_read=0,
        rows_accepted=0,
        rows_rejected=0,
        rows_skipped=0,
        rows_warned=0,
        bytes_written=0,
        files_written=0,
    )
    return Outcome({**_output(promotion, None, already=False), "batch_id": None}, figures)


def _remove_uncommitted(promotion: Promotion, prefix: str) -> None:
    """Remove this try's data files unless a commit refers to them; when that cannot be told, garbage collection will see to it."""
    with contextlib.suppress(Problem):
        found = delta.committed(promotion.table, promotion.task.commit_key)
        if found is None or not any(path.startswith(prefix) for path in delta.files_in(promotion.table, found.version)):
            remove_parts(promotion.table, prefix)
            with contextlib.suppress(OSError):
                promotion.table.rmdir()  # when nothing at all is in it
