"""Look happenings up, acknowledge them, and tell of some from outside."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.happening import Happening
from headrace.core.job import Actor, Job
from headrace.core.short_ids import EVENT, short_id
from headrace.service.happenings.announce import callback_url_of
from headrace.service.happenings.desk import HappeningDesk
from headrace.store import happenings, jobs
from headrace.store.database import Transaction
from headrace.store.happenings import HappeningQuery
from headrace.store.places import place_of

_THINGS = {"workbookId": "Workbook", "sheetId": "Sheet", "fileId": "File", "documentId": "Document"}
_RECORDS = re.compile(r"v1/sheets/([0-9A-Za-z_]{1,100})/records(?:\?[^#]*)?")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Happenings in order, and the number that the next ones come behind."""

    happenings: tuple[Happening, ...]
    number: int


def page(desk: HappeningDesk, actor: Actor, query: HappeningQuery, size: int, number: int) -> Delivery:
    """Return page ``number`` (from 1) of what ``query`` selects and ``actor`` may see, oldest first.

    A list is a delivery: a job whose readiness is in it has to be acknowledged from now on. ``Delivery.number`` is the newest number that the list
    has seen (of a space that ``actor`` does not reach: one that nothing comes behind).

    Raises:
        Problem: ``UNAVAILABLE``.
    """
    if desk.dispatcher.asked():
        desk.dispatcher.hand_out()
    seen = replace(query, scope=actor.scope)
    if actor.space_id is not None:
        if seen.space_id not in {None, actor.space_id}:
            return Delivery((), happenings.BEYOND)
        seen = replace(seen, space_id=actor.space_id)
    with desk.database.reading() as tx:
        newest = happenings.newest_numbers(tx, [actor.scope])[actor.scope]
        found = happenings.page(tx, seen, size, (number - 1) * size)
    note_delivered(desk, found)
    return Delivery(tuple(found), newest)


def after(desk: HappeningDesk, scope: str, number: int, spaces: Collection[str] | None, limit: int) -> Delivery:
    """Return what follows ``number``: at most ``limit``, of these spaces or (None) of the whole environment.

    A number that was not given yet (the ledger was put back to an older state) counts as the newest.

    Raises:
        Problem: ``UNAVAILABLE``.
    """
    with desk.database.reading() as tx:
        newest = happenings.newest_numbers(tx, [scope])[scope]
        found = happenings.after(tx, scope, min(number, newest), spaces, limit)
    note_delivered(desk, found)
    # There may be more of them: as many as were asked for, or as many as are taken along at once.
    return Delivery(tuple(found), found[-1].number or newest if found else newest)


def newest(desk: HappeningDesk, scope: str) -> int:
    """Return the newest number of ``scope``: who begins to listen hears what comes behind it."""
    with desk.database.reading() as tx:
        return happenings.newest_numbers(tx, [scope])[scope]


def get(desk: HappeningDesk, actor: Actor, happening_id: str) -> Happening:
    """Return one, whether it has been handed out or not: only who has made it can know its id before.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        return _visible(actor, happenings.find(tx, actor.scope, happening_id))


def acknowledge(desk: HappeningDesk, actor: Actor, happening_id: str) -> None:
    """Note that ``actor`` has dealt with it. The first one counts.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        _visible(actor, happenings.find(tx, actor.scope, happening_id))
        happenings.acknowledge(tx, happening_id, actor.id, desk.clock.now())


def post(desk: HappeningDesk, actor: Actor, draft: Happening) -> Happening:
    """Tell of what somebody outside says has happened; return it. What ``draft`` has for id, scope, actor and times is not looked at.

    Raises:
        Problem: ``NOT_FOUND``: it is in a space that ``actor`` does not reach, or (of a member of a space) names things that are not in its space.
            ``INVALID``: a member of a space names addresses that are not about its sheets.
    """
    if actor.space_id is not None and draft.space_id not in {None, actor.space_id}:
        raise _missing("Space", "context.spaceId")
    identity, now = short_id(EVENT, desk.ids), desk.clock.now()
    space_id = actor.space_id or draft.space_id
    context = {**draft.context, "accountId": actor.account_id, "environmentId": actor.environment_id}
    context["actorId"] = actor.id
    if space_id is not None:
        context["spaceId"] = space_id
    told = replace(
        draft,
        id=identity,
        scope=actor.scope,
        context=context,
        created_at=now,
        actor_id=actor.id,
        space_id=space_id,
        callback_url=draft.callback_url or callback_url_of(identity),
        origin=draft.origin or {"id": actor.id},
    )
    with desk.database.transaction() as tx:
        if actor.space_id is not None:
            _check_member(tx, actor, draft, actor.space_id)
        if told.job_id is not None and _job(tx, actor, told.job_id) is None:
            # Listeners may make of the context what they like; we take it for no word about a job that is not theirs.
            told = replace(told, job_id=None)
        happenings.insert(tx, told, actor.request)
    return told


def note_delivered(desk: HappeningDesk, found: Sequence[Happening]) -> None:
    """Say of each attempt at a job of whose readiness ``found`` tells that a listener knows, before one does."""
    ready = desk.delivered.unseen(found)
    if not ready:
        return
    with desk.database.transaction() as tx:
        now = desk.clock.now()
        for item in ready:
            jobs.delivered(tx, item.job_id or "", item.run_id or "", now, desk.limits.ack_timeout)
    desk.delivered.saw(ready)


def _visible(actor: Actor, found: Happening | None) -> Happening:
    if found is None or (actor.space_id is not None and found.space_id != actor.space_id):
        raise _missing("Event", "eventId")
    return found


def _check_member(tx: Transaction, actor: Actor, draft: Happening, space_id: str) -> None:
    """Refuse what would lead listeners, who ask with keys of their own, out of the space that ``actor`` reaches."""
    for key, what in _THINGS.items():
        named = draft.context.get(key)
        if isinstance(named, str):
            place = place_of(tx, actor.scope, named)
            if place is None or place.space_id != space_id:
                raise _missing(what, f"context.{key}")
    if draft.job_id is not None and _job(tx, actor, draft.job_id) is None:
        raise _missing("Job", "context.jobId")
    if draft.data_url is not None:
        found = _RECORDS.fullmatch(draft.data_url)
        place = None if found is None else place_of(tx, actor.scope, found[1])
        if place is None or place.space_id != space_id:
            raise _refused("dataUrl", "of a member of a space: v1/sheets/<id of a sheet of the space>/records?…")
    if draft.callback_url is not None:
        raise _refused("callbackUrl", "members of a space give none")


def _job(tx: Transaction, actor: Actor, job_id: str) -> Job | None:
    job = jobs.find(tx, job_id)
    if job is None or job.scope != actor.scope or actor.space_id not in {None, job.space_id}:
        return None
    return job


def _refused(key: str, message: str) -> Problem:
    return Problem(Code.INVALID, message, (FieldError(key, message),))


def _missing(what: str, key: str) -> Problem:
    message = f"{what} not found"
    return Problem(Code.NOT_FOUND, message, (FieldError(key, message),))
