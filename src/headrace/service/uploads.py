"""Uploads: clients send the files of a batch themselves; a run of the engine promotes them. And batches that are taken back.

An upload is loading until its client says that it is complete; then a run is made in the same transaction, and from there on it is as safe
as every other run. No flow has made such runs (``core.upload.OF_UPLOADS`` stands in its place), and no list of runs shows them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from headrace.core.clock import MINUTE, Clock, Instant
from headrace.core.codec import Json, JsonObject, encode
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Plan
from headrace.core.ids import Ids
from headrace.core.planning import PlanRequest, plan_run
from headrace.core.run import Batch, BatchStatus, Run, RunKind
from headrace.core.settings import RevertSettings, UploadSettings
from headrace.core.upload import OF_UPLOADS, Upload, UploadState
from headrace.dataplane import uploads as disk
from headrace.dataplane.storage import Roots
from headrace.dataplane.uploads import Incoming, Sent
from headrace.service.runs import as_object, once, pending, queue_run
from headrace.store import audit, batches, runs, uploads
from headrace.store.database import Database, Transaction

__all__ = [
    "Completion",
    "Incoming",
    "Sent",
    "UploadDesk",
    "UploadDraft",
    "begin_parts",
    "beginning_of_first",
    "complete_parts",
    "complete_upload",
    "create_upload",
    "end_upload",
    "find_upload",
    "keep",
    "look",
    "receive",
    "revert_batch",
    "revert_settings",
]

REVERT = "revert"
"""The name, and the kind, of the activity that takes batches back."""
MAX_BYTES = 1_099_511_627_776
"""Bytes of one upload, all files together."""

_SAME_REQUEST = 1 * MINUTE


@dataclass(frozen=True, slots=True)
class UploadDesk:
    """What uploads need."""

    database: Database
    roots: Roots
    clock: Clock
    ids: Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadDraft:
    """An upload as it is asked for; ``body`` are the door's own facts, ``who`` its caller."""

    scope: str
    dataset: str
    table: str
    body: Mapping[str, Json]
    who: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What completing an upload came to: the upload, and its run (None: it has failed without one)."""

    upload: Upload
    run: Run | None


def create_upload(desk: UploadDesk, draft: UploadDraft) -> Upload:
    """Return a new upload, which takes files from now on."""
    now = desk.clock.now()
    upload = Upload(
        id=desk.ids.ulid(),
        scope=draft.scope,
        dataset=draft.dataset,
        table=draft.table,
        created_at=now,
        updated_at=now,
        body=draft.body,
    )
    with desk.database.transaction() as tx:
        uploads.insert(tx, upload)
        audit.record(tx, draft.scope, draft.who, "upload.create", upload.id, now)
    return upload


def find_upload(database: Database, scope: str, upload_id: str) -> Upload | None:
    """Return the upload, or None."""
    with database.reading() as tx:
        return uploads.find(tx, scope, upload_id)


def receive(desk: UploadDesk, upload: Upload, name: str, part: tuple[int, int] | None = None) -> Incoming:
    """Return where the bytes of a file go (``part``: of this half-open range of it); hand it to ``keep`` when all have come.

    Raises:
        Problem: ``INVALID``: that is no name of a file; ``NOT_FOUND``: a part of a file that was not begun; ``ILLEGAL_STATE``: the upload takes
            no files any more.
    """
    folder = _folder(desk, upload, name)
    if part is not None and not disk.is_begun(folder, name):
        raise Problem(
            Code.NOT_FOUND, f"no file {name[:100]!r} was begun in batch {upload.id}; send action=INITIALIZE first"
        )
    return Incoming(folder, name, part)


def keep(desk: UploadDesk, upload: Upload, incoming: Incoming) -> bool:
    """Let the bytes that have come count; return whether they took the place of others.

    Raises:
        Problem: ``ILLEGAL_STATE``: the upload was completed or given up meanwhile; ``INVALID``: a part of another length than it was said to have.
    """
    incoming.settle()
    with desk.database.transaction() as tx:
        # The row is held, so that nobody completes the upload between the look and the file's appearance.
        uploads.touch(tx, upload, desk.clock.now())
        return incoming.finish()


def begin_parts(desk: UploadDesk, upload: Upload, name: str) -> None:
    """Begin a large file that comes in parts, or begin it anew.

    Raises:
        Problem: ``INVALID``, ``ILLEGAL_STATE`` as ``receive``.
    """
    folder = _folder(desk, upload, name)
    with desk.database.transaction() as tx:
        uploads.touch(tx, upload, desk.clock.now())
        disk.initialize(folder, name)


def complete_parts(desk: UploadDesk, upload: Upload, name: str) -> bool:
    """Make a file of its parts; return whether it took the place of another.

    Raises:
        Problem: ``INVALID``: parts are missing, each named; ``NOT_FOUND``: it was never begun; ``ILLEGAL_STATE``.
    """
    folder = _folder(desk, upload, name)
    with desk.database.transaction() as tx:
        uploads.touch(tx, upload, desk.clock.now())
        return disk.complete(folder, name)


def look(desk: UploadDesk, upload: Upload, name: str) -> Sent | None:
    """Return what has come of a file; None: nothing is known of it."""
    disk.check_name(name)
    return disk.look(_place(desk, upload), name)


def beginning_of_first(desk: UploadDesk, upload: Upload, most: int) -> bytes | None:
    """Return the first ``most`` bytes of the upload's first file, by name; None: no file is there whole."""
    folder = _place(desk, upload)
    files = disk.list_files(folder)
    if not files:
        return None
    with (folder / files[0].file).open("rb") as stream:
        return stream.read(most)


def complete_upload(
    desk: UploadDesk, upload: Upload, plan_of: Callable[[UploadSettings], Plan], details: Mapping[str, Json], who: str
) -> Completion:
    """Return the run that promotes the upload's files, made together with the end of its loading; asked again, the same one.

    ``plan_of`` makes the run's plan of the files. An upload without files, or over a limit, fails; its body says why under ``failure``.

    Raises:
        Problem: ``ILLEGAL_STATE``: it was given up; ``INVALID``: a large file is not whole, each named; what ``plan_of`` raises.
    """
    now = desk.clock.now()
    folder = disk.folder_name(upload.scope, upload.id)
    with desk.database.transaction() as tx:
        current = uploads.find(tx, upload.scope, upload.id) or upload
        if current.run_id is not None:
            return Completion(current, runs.get(tx, upload.scope, current.run_id))
        uploads.touch(tx, upload, now)
        begun = disk.unfinished(_place(desk, upload))
        if begun:
            names = ", ".join(repr(name[:100]) for name in begun[:10])
            raise Problem(Code.INVALID, f"batch {upload.id} has files that are not whole: {names}; complete them first")
        files = disk.list_files(_place(desk, upload))
        failure = _unfit(files_count=len(files), total=sum(file.bytes for file in files))
        if failure is not None:
            body = {**upload.body, "failure": failure}
            uploads.move(tx, upload, UploadState.FAILED, now, body=body)
            audit.record(tx, upload.scope, who, "upload.fail", upload.id, now)
            return Completion(replace(upload, state=UploadState.FAILED, updated_at=now, body=body), None)
        run = _run(desk, upload.scope, plan_of(UploadSettings(folder, files)), details, (who, now))
        queue_run(tx, run, pending(run, plan_run(run.definition, (), PlanRequest(run.id))))
        uploads.move(tx, upload, UploadState.LOADED, now, run_id=run.id)
        audit.record(tx, upload.scope, who, "upload.complete", upload.id, now)
    crash_point("upload-completed")
    return Completion(replace(upload, state=UploadState.LOADED, run_id=run.id, updated_at=now), run)


def end_upload(desk: UploadDesk, upload: Upload, state: UploadState, who: str) -> None:
    """Give an upload up that is still loading, and remove its files; again changes nothing.

    Raises:
        Problem: ``ILLEGAL_STATE``: it is complete, or ended otherwise.
    """
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        current = uploads.find(tx, upload.scope, upload.id)
        if current is None or current.state is not state:
            uploads.move(tx, upload, state, now)
            audit.record(tx, upload.scope, who, f"upload.{state.value}", upload.id, now)
    disk.remove(desk.roots, disk.folder_name(upload.scope, upload.id))


def revert_batch(desk: UploadDesk, scope: str, batch_id: str, details: Mapping[str, Json], who: str) -> Run | None:
    """Return the run that takes a batch's rows back out of its table; None: they were taken back before.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: nothing of it was committed.
    """
    now = desk.clock.now()
    with desk.database.reading() as tx:
        batch = batches.get(tx, scope, batch_id)
        reverting = revert_settings([batch])
    if batch.reverted_at is not None:
        return None
    plan = Plan((Activity(REVERT, REVERT, cast("JsonObject", encode(reverting))),))

    def make(tx: Transaction) -> Run:
        run = replace(_run(desk, scope, plan, details, (who, now)), request_key=key)
        queue_run(tx, run, pending(run, plan_run(plan, (), PlanRequest(run.id))))
        audit.record(tx, scope, who, "batch.revert", batch_id, now)
        return run

    key = f"revert:{batch_id}"
    return once(desk.database, scope, key, now - _SAME_REQUEST, make)


def revert_settings(found: Sequence[Batch]) -> RevertSettings:
    """Return what takes these batches, of one table, back.

    Raises:
        Problem: ``ILLEGAL_STATE``: nothing of one of them was committed, or they are of several tables.
    """
    for batch in found:
        if batch.status is not BatchStatus.COMMITTED:
            raise Problem(Code.ILLEGAL_STATE, f"batch {batch.id} is {batch.status}: nothing of it can be taken back")
        if batch.table != found[0].table:
            raise Problem(Code.ILLEGAL_STATE, f"batches {found[0].id} and {batch.id} are of several tables")
    files = tuple(file for batch in found for file in batch.files)
    return RevertSettings(found[0].table, tuple(batch.id for batch in found), files)


def _unfit(*, files_count: int, total: int) -> Mapping[str, Json] | None:
    if not files_count:
        return {"code": "empty", "message": "the batch was completed without files"}
    if files_count > disk.MAX_FILES:
        return {"code": "limit", "message": f"the batch has {files_count:,} files; the limit is {disk.MAX_FILES:,}"}
    if total > MAX_BYTES:
        return {"code": "limit", "message": f"the batch has {total:,} bytes; the limit is {MAX_BYTES:,}"}
    return None


def _run(desk: UploadDesk, scope: str, plan: Plan, details: Mapping[str, Json], made: tuple[str, Instant]) -> Run:
    who, now = made
    run_id = desk.ids.uuid()
    return Run(
        id=run_id,
        scope=scope,
        flow_id=OF_UPLOADS,
        flow_name=OF_UPLOADS,
        kind=RunKind.ON_DEMAND,
        group_id=run_id,
        definition=plan,
        created_at=now,
        plan=as_object(plan_run(plan, (), PlanRequest(run_id))),
        created_by=who,
        details=details,
        updated_at=now,
    )


def _folder(desk: UploadDesk, upload: Upload, name: str) -> Path:
    disk.check_name(name)
    if upload.state is not UploadState.LOADING:
        raise Problem(Code.ILLEGAL_STATE, f"batch {upload.id} is {upload.state}: it takes no files any more")
    return _place(desk, upload)


def _place(desk: UploadDesk, upload: Upload) -> Path:
    return disk.folder_of(desk.roots, disk.folder_name(upload.scope, upload.id))
