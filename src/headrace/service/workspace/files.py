"""Files of spaces: what was uploaded, and what was exported. The bytes are on disk (``dataplane.space_files``), all else is a row.

The bytes come first: a file is there, and listeners are told of it, when its bytes have survived. They go last.
"""

import mimetypes
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from headrace.core.blueprint_reading import check_actions
from headrace.core.clock import DAY, Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.job import Actor, JobTrigger
from headrace.core.shapes import Shapes, without_nulls
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind
from headrace.dataplane import space_files as disk
from headrace.dataplane.space_files import Incoming
from headrace.service.jobs.making import JobRequest, create_in
from headrace.service.workspace.desk import Hand, WorkspaceDesk, resource_of, space_of
from headrace.store import jobs, resources
from headrace.store.database import Transaction
from headrace.store.places import place_of_resource
from headrace.store.resources import ResourceQuery

IMPORT, EXPORT = "import", "export"
PARTIAL, COMPLETE = "partial", "complete"
MODES = (IMPORT, EXPORT)
STATUSES = ("partial", "analyzing", "analyzed", "complete", "archived", "purged", "failed")
MAX_NAME = 255
"""Characters of a file's name; of longer ones the end stays, which has the extension."""

_PLAIN = "application/octet-stream"
_MAX_EXTENSION = 20
# What this machine's own tables say is no business of a server that is to say the same everywhere.
_TYPES = mimetypes.MimeTypes()
_FURTHER = {
    "jsonl": "application/jsonl",
    "ndjson": "application/x-ndjson",
    "psv": "text/plain",
    "tsv": "text/tab-separated-values",
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_CHANGED = ("actions", "sheetId", "status", "treatments", "workbookId")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file to be made. ``name``: what its sender calls it, however that looks."""

    name: str
    mode: str = IMPORT
    origin: str | None = None
    actions: Sequence[Json] = ()
    treatments: Sequence[Json] = ()


def check_new(raw: Mapping[str, Json]) -> None:
    """Look whether the fields of an upload are right.

    Raises:
        Problem: ``INVALID``.
    """
    shapes = Shapes()
    shapes.one_of(raw, "mode", MODES)
    shapes.text(raw, "origin")
    check_actions(shapes, raw)
    shapes.finish("the file")


def store(desk: WorkspaceDesk, actor: Actor, space_id: str, new: NewFile, incoming: Incoming) -> Resource:
    """Return a new file of a space, with the bytes that have come; what can be extracted at once is.

    Raises:
        Problem: ``NOT_FOUND``: the space.
    """
    with desk.database.reading() as tx:
        space_of(tx, actor, space_id)
    file_id = short_id("fl", desk.ids)
    size = incoming.size
    incoming.keep(file_id)
    return _stored(desk, actor, space_id, new, (file_id, size))


def store_in(  # noqa: PLR0913, PLR0917 — a transaction, a desk and a moment beside what is made
    tx: Transaction,
    desk: WorkspaceDesk,
    actor: Actor,
    space_id: str,
    name: str,
    mode: str,
    size: int,
    now: Instant,
    *,
    file_id: str,
    status: str = PARTIAL,
) -> Resource:
    """Return a new file whose bytes are where ``path`` says, in the caller's transaction.

    Raises:
        Problem: ``NOT_FOUND``: the space.
    """
    hand = Hand(tx, desk, actor, now)
    return _insert(hand, space_id, NewFile(name=name, mode=mode), (file_id, size), status)


def path(desk: WorkspaceDesk, file_id: str) -> Path:
    """Return where the bytes of a file are, or have to be before it is made."""
    return disk.place(desk.roots, file_id)


def get(desk: WorkspaceDesk, actor: Actor, file_id: str) -> Resource:
    """Return the file.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        return resource_of(tx, actor, ResourceKind.FILE, file_id)


def page(desk: WorkspaceDesk, query: ResourceQuery, limit: int, page_number: int) -> tuple[list[Resource], int]:
    """Return one page of files, and how many there are."""
    with desk.database.reading() as tx:
        return resources.page(tx, query, limit, page_number)


def patch(desk: WorkspaceDesk, actor: Actor, file_id: str, raw: Mapping[str, Json]) -> Resource:
    """Change name, mode, status, workbook or actions of a file.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: something in ``raw`` is wrong.
    """
    shapes = Shapes()
    shapes.one_of(raw, "mode", MODES)
    shapes.one_of(raw, "status", STATUSES)
    for name in ("name", "workbookId", "sheetId"):
        shapes.text(raw, name)
    shapes.texts(raw, "treatments")
    check_actions(shapes, raw)
    shapes.finish("the file")
    with desk.database.transaction() as tx:
        return change(Hand(tx, desk, actor, desk.clock.now()), file_id, raw)


def change(hand: Hand, file_id: str, raw: Mapping[str, Json]) -> Resource:
    """Write what ``raw`` has of name, mode, status, workbook and actions, in the caller's transaction.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    before = resource_of(hand.tx, hand.actor, ResourceKind.FILE, file_id, hold=True)
    given = without_nulls(raw)
    after = replace(
        before,
        name=clean_name(str(given.get("name") or before.name)),
        slug=str(given.get("mode", before.slug)),
        body={**before.body, **{name: given[name] for name in _CHANGED if name in given}},
    )
    if after == before:
        return before
    written = resources.replace(hand.tx, replace(after, updated_at=hand.now))
    payload: dict[str, Json] = {"status": written.body["status"]}
    if "workbookId" in written.body:
        payload["workbookId"] = written.body["workbookId"]
    hand.tell(place_of_resource(hand.tx, written), "file:updated", payload)
    return written


def finish(  # noqa: PLR0913 — a transaction, a desk and a moment beside what is changed
    tx: Transaction,
    desk: WorkspaceDesk,
    actor: Actor,
    file_id: str,
    now: Instant,
    *,
    status: str = COMPLETE,
    workbook_id: str | None = None,
) -> Resource:
    """Write what became of a file that was extracted, in the caller's transaction: before its job is complete, since clients look then.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    return change(Hand(tx, desk, actor, now), file_id, {"status": status, "workbookId": workbook_id})


def clone(desk: WorkspaceDesk, actor: Actor, file_id: str, prefix: str = "") -> Resource:
    """Return a new file with the same bytes, in the same space.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    original = get(desk, actor, file_id)
    actions = original.body.get("actions")
    new = NewFile(
        name=prefix + original.name,
        mode=str(original.slug),
        actions=actions if isinstance(actions, list) else (),
    )
    copy_id = short_id("fl", desk.ids)
    disk.copy(desk.roots, original.id, copy_id)
    return _stored(desk, actor, str(original.space_id), new, (copy_id, int(str(original.body["size"]))))


def remove(desk: WorkspaceDesk, actor: Actor, file_id: str) -> None:
    """Remove a file; the workbook that was made of it stays.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        file = resource_of(tx, actor, ResourceKind.FILE, file_id, hold=True)
        place = place_of_resource(tx, file)
        resources.remove_of_parent(tx, [file.id])
        resources.remove(tx, file.id)
        Hand(tx, desk, actor, desk.clock.now()).tell(place, "file:deleted", {})
    disk.discard(desk.roots, [file.id])


def collect(desk: WorkspaceDesk) -> int:
    """Remove bytes that a crash left without a file, a day after, and return how many files that were."""

    def known(file_ids: Collection[str]) -> set[str]:
        with desk.database.reading() as tx:
            return resources.present(tx, file_ids)

    return disk.collect(desk.roots, known, Instant(desk.clock.now() - DAY))


def clean_name(name: str) -> str:
    """Return a name without folders and control characters, and not too long; it is shown, and never becomes a path."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable()).strip()
    return shown[-MAX_NAME:] if shown.strip(".") else "file"


def extension(name: str) -> str:
    """Return the extension of a name, in lower case, without its dot; empty: it has none."""
    stem, dot, ext = name.rpartition(".")
    return ext.lower() if dot and stem and len(ext) <= _MAX_EXTENSION and ext.isalnum() else ""


def media_type(ext: str) -> str:
    """Return the media type of an extension."""
    return _FURTHER.get(ext) or _TYPES.guess_type(f"file.{ext}")[0] or _PLAIN


def _stored(desk: WorkspaceDesk, actor: Actor, space_id: str, new: NewFile, there: tuple[str, int]) -> Resource:
    """Write the row of a file whose bytes are there; if it is refused, they go."""
    try:
        with desk.database.transaction() as tx:
            jobs.hold_environment(tx, actor.scope)
            hand = Hand(tx, desk, actor, desk.clock.now())
            file = _insert(hand, space_id, new, there, PARTIAL if new.mode == IMPORT else COMPLETE)
            if new.mode == IMPORT and file.body["ext"] in desk.limits.auto_extract:
                create_in(tx, desk.jobs, actor, _extracting(file), hand.now)
            return file
    except Problem as problem:
        # Who cannot reach the ledger does not know whether the row is there: then the bytes stay, until they are collected.
        if problem.code is not Code.UNAVAILABLE:
            disk.discard(desk.roots, [there[0]])
        raise


def _insert(hand: Hand, space_id: str, new: NewFile, there: tuple[str, int], status: str) -> Resource:
    space = space_of(hand.tx, hand.actor, space_id, hold=True)
    file_id, size = there
    name = clean_name(new.name)
    ext = extension(name)
    body: dict[str, Json] = {"ext": ext, "mimetype": media_type(ext), "encoding": "7bit", "status": status}
    body |= {"size": size, "bytesReceived": size}
    if new.origin is not None:
        body["origin"] = new.origin
    if new.actions:
        body["actions"] = list(new.actions)
    if new.treatments:
        body["treatments"] = list(new.treatments)
    file = Resource(
        scope=space.scope,
        kind=ResourceKind.FILE,
        id=file_id,
        name=name,
        slug=new.mode,
        body=body,
        created_by=hand.actor.id,
        created_at=hand.now,
        updated_at=hand.now,
        parent_id=space.id,
        space_id=space.id,
    )
    resources.insert(hand.tx, file)
    hand.tell(place_of_resource(hand.tx, file), "file:created", {})
    return file


def _extracting(file: Resource) -> JobRequest:
    return JobRequest(
        type="file",
        operation="extract",
        source=file.id,
        file_id=file.id,
        space_id=file.space_id,
        trigger=JobTrigger.IMMEDIATE,
        managed=True,
        config={"driver": "csv", "options": {}},
    )
