"""Upkeep: what is old enough to be removed, on disk and in the ledger; the engine decides, the data plane removes."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import structlog

from headrace.bootstrap.application import Application
from headrace.bootstrap.jobs import keep_up_jobs
from headrace.core.clock import DAY, HOUR, Instant
from headrace.core.codec import decode
from headrace.core.errors import Code, Problem
from headrace.core.landing import Landing
from headrace.core.upload import UploadState
from headrace.dataplane import landing, landing_zone
from headrace.dataplane import uploads as disk
from headrace.dataplane.lake import garbage
from headrace.dataplane.quarantine import layout
from headrace.dataplane.transfer import journal
from headrace.engine.retention import Files, Removed, Retention
from headrace.service.triggers.forgetting import forget_trigger_runs
from headrace.store import activity_runs, audit, batches, runs, settings, tokens, uploads

_log = structlog.get_logger(__name__)

_SWEPT = "upkeep.swept_at"
ABANDONED_DAYS = 7
"""Days after which an upload that is not completed is given up."""
_UPLOADS_AT_ONCE = 10_000
GRACE = HOUR
"""How young files are left alone unless somebody asks for less."""


def sweep_if_due(application: Application, every: int) -> Removed | None:
    """Remove what is old if nobody did so for ``every`` microseconds; return what was removed, or None.

    A sweep that fails is reported and done by the next one: upkeep must not end the process that does runs.
    """
    try:
        now = application.clock.now()
        with application.database.transaction() as tx:
            last = settings.get(tx, _SWEPT)
            if isinstance(last, int) and now - last < every:
                return None
            settings.put(tx, _SWEPT, now, now)
        return sweep(application) if last is not None else None
    except (Problem, OSError) as error:
        _log.warning("upkeep failed; it is done again later", problem=str(error))
        return None


def sweep(application: Application, grace: int = GRACE) -> Removed:
    """Remove expired runs, landings, journals of transfers, diagnostics, and files that nothing refers to; return how much that was.

    Files younger than ``grace`` (microseconds) stay, whatever the ledger knows of their run: it may be about to be written there. Safe while runs go
    on, unless the grace is shorter than it takes from a file's making to its row in the ledger.
    """
    set_to, roots = application.settings, application.roots
    before = Instant(application.clock.now() - grace)
    files = Files(
        landed=lambda: [folder.name for folder in _old_folders(roots.landing, before)],
        remove_landing=lambda run_id: landing.remove(roots, run_id),
        remove_diagnostics=lambda batch_id: layout.remove(roots, batch_id),
        remove_orphans=lambda is_live: remove_orphans(application, is_live, grace),
    )
    retention = Retention(
        application.database,
        files,
        application.clock,
        run_days=set_to.retention_days,
        landing_days=set_to.landing_days,
    )
    removed = retention.sweep()
    dropped = Instant(application.clock.now() - set_to.landing_zone_days * DAY)
    landing_zone.sweep(set_to.landing_zone, dropped)
    remove_uploads(application, grace)
    journal.sweep(roots, Instant(application.clock.now() - max(grace, set_to.landing_days * DAY)))
    expired = Instant(application.clock.now() - set_to.retention_days * DAY)
    forget_trigger_runs(application.database, expired)
    keep_up_jobs(application)
    with application.database.transaction() as tx:
        audit.forget(tx, expired)
        tokens.forget(tx, Instant(application.clock.now() - DAY))
    return removed


def remove_uploads(application: Application, grace: int = GRACE) -> None:
    """Remove what clients have sent and nobody needs any more.

    An upload to which nothing has happened for ``ABANDONED_DAYS`` is aborted. Files go when their upload has ended, or its run has laid them down
    and ended; what was given up without a run is forgotten with the runs of its age.
    """
    database, roots, now = application.database, application.roots, application.clock.now()
    with database.transaction() as tx:
        for upload in uploads.page(tx, [UploadState.LOADING], Instant(now - ABANDONED_DAYS * DAY), _UPLOADS_AT_ONCE):
            uploads.move(tx, upload, UploadState.ABORTED, now)
            audit.record(tx, upload.scope, "upkeep", "upload.abandon", upload.id, now)
        expired = Instant(now - application.settings.retention_days * DAY)
        for upload in uploads.page(tx, [UploadState.FAILED, UploadState.ABORTED], expired, _UPLOADS_AT_ONCE):
            uploads.delete(tx, upload)
    for scope in _old_folders(roots.uploads, now):
        for folder in _old_folders(scope, Instant(now - grace)):
            if not _is_needed(application, folder.name):
                disk.remove(roots, f"{scope.name}/{folder.name}")


def _is_needed(application: Application, upload_id: str) -> bool:
    """Say whether files of the upload may still arrive, or are to be laid down by a run."""
    with application.database.reading() as tx:
        upload = uploads.find(tx, None, upload_id)
        if upload is None or upload.run_id is None:
            return upload is not None and upload.state is UploadState.LOADING
        status = runs.statuses(tx, [upload.run_id]).get(upload.run_id)
    return status is not None and not status.is_final


def remove_orphans(application: Application, is_live: Callable[[str], bool], grace: int = GRACE) -> None:
    """Remove what tries left behind that no outcome and no commit refers to, in landing, lake, quarantine and work folder."""
    roots, now = application.roots, application.clock.now()
    before = Instant(now - grace)
    old = {folder.name for folder in _old_folders(roots.landing, before)}
    referred = {run_id: _referred(application, run_id) for run_id in old}
    # A run that is not among the old ones keeps everything.
    for name in landing.orphans(roots, is_live, lambda name: name in referred.get(name.partition("/")[0], {name})):
        landing.remove_try(roots, name)
    garbage.collect(roots, is_live, now, timedelta(microseconds=grace))
    for folder in _old_folders(roots.quarantine, before):
        if not _is_batch(application, folder.name):
            layout.remove(roots, folder.name)
    for folder in _old_folders(roots.work, before):
        if not is_live(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _referred(application: Application, run_id: str) -> frozenset[str]:
    """Return the tries' folders of a run that the ledger refers to; none: it does not know the run."""
    try:
        with application.database.reading() as tx:
            run = runs.get(tx, None, run_id)
            rows = activity_runs.of_run(tx, run_id)
    except Problem as problem:
        if problem.code is Code.NOT_FOUND:
            return frozenset()
        raise
    outputs = [row.output for row in rows]
    partial = {str(output[landing.PARTIAL]) for output in outputs if landing.PARTIAL in output}
    landed = [output["landing"] for output in outputs if "landing" in output]
    landed += [activity.settings["landing"] for activity in run.definition.activities if activity.kind == "replay"]
    files = [file for value in landed for file in decode(Landing, value, what="a landing in the ledger").files]
    return frozenset(partial | {landing.folder_of(file) for file in files})


def _is_batch(application: Application, batch_id: str) -> bool:
    try:
        with application.database.reading() as tx:
            batches.get(tx, None, batch_id)
    except Problem as problem:
        if problem.code is Code.NOT_FOUND:
            return False
        raise
    return True


def _old_folders(folder: Path, before: Instant) -> Iterator[Path]:
    for child in sorted(folder.iterdir()):
        try:
            if child.is_dir() and child.stat().st_mtime_ns // 1000 <= before:
                yield child
        except FileNotFoundError:
            continue
