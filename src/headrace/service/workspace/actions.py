"""Actions that stand for themselves, beside those in the definitions of workbooks, sheets and files: what may be asked for, and of what.

One with a schedule is done again and again: ``service.jobs.scheduling`` makes its jobs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headrace.core.blueprint_reading import check_action
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.happening import Place
from headrace.core.job import Actor
from headrace.core.shapes import Shapes, without_nulls
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.jobs.scheduling import arrange, forget
from headrace.service.workspace.desk import Hand, WorkspaceDesk, resource_of, space_of
from headrace.store import jobs, resources
from headrace.store.places import place_of, place_of_resource

_OWN = frozenset({"id", "targetId", "label", "createdAt", "updatedAt"})
"""What is not kept in the body."""
_SCHEDULES = ("hourly", "daily", "weekly")


def create(
    desk: WorkspaceDesk, actor: Actor, space_id: str, bodies: Sequence[Mapping[str, Json]], *, several: bool = False
) -> list[Resource]:
    """Return new actions of a space, all of them or, if something is wrong with one, none. Without ``targetId`` the target is the space.

    ``several``: they come as a list, and what is wrong is named by its place there.

    Raises:
        Problem: ``NOT_FOUND``: the space; ``INVALID``: something in ``bodies`` is wrong.
    """
    shapes = Shapes()
    paths = [f"[{number}]." if several else "" for number in range(len(bodies))]
    for path, raw in zip(paths, bodies, strict=True):
        _check(shapes, raw, path, changes=False)
    shapes.finish("the action")
    now = desk.clock.now()
    made = []
    with desk.database.transaction() as tx:
        jobs.hold_environment(tx, actor.scope)
        hand = Hand(tx, desk, actor, now)
        space = space_of(tx, actor, space_id, hold=True)
        for number, (path, raw) in enumerate(zip(paths, bodies, strict=True)):
            # A microsecond apart, so that lists have them in the order in which they came.
            made_at = Instant(now + number)
            target = str(raw.get("targetId") or space.id)
            action = Resource(
                scope=space.scope,
                kind=ResourceKind.ACTION,
                id=short_id("ac", desk.ids),
                name=str(raw["label"]),
                body={name: value for name, value in without_nulls(raw).items() if name not in _OWN},
                created_by=actor.id,
                created_at=made_at,
                updated_at=made_at,
                parent_id=target,
                space_id=space.id,
            )
            place = _target_place(hand, space, target, path)
            resources.insert(tx, action)
            _tell(hand, action, place, "action:created")
            arrange(tx, desk.jobs, actor, action, now)
            made.append(action)
    return made


def list_all(desk: WorkspaceDesk, actor: Actor, space_id: str) -> list[Resource]:
    """Return the actions of a space and of all in it, the oldest first.

    Raises:
        Problem: ``NOT_FOUND``: the space.
    """
    with desk.database.reading() as tx:
        space = space_of(tx, actor, space_id)
        return resources.of_space(tx, space.id, ResourceKind.ACTION)


def get(desk: WorkspaceDesk, actor: Actor, action_id: str) -> Resource:
    """Return the action.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        return resource_of(tx, actor, ResourceKind.ACTION, action_id)


def patch(desk: WorkspaceDesk, actor: Actor, action_id: str, raw: Mapping[str, Json]) -> Resource:
    """Replace each key of an action that ``raw`` has.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: something in ``raw`` is wrong.
    """
    shapes = Shapes()
    given = without_nulls(raw)
    _check(shapes, given, "", changes=True)
    shapes.finish("the action")
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        jobs.hold_environment(tx, actor.scope)
        before = resource_of(tx, actor, ResourceKind.ACTION, action_id, hold=True)
        after = replace(
            before,
            name=str(given.get("label", before.name)),
            body={**before.body, **{name: value for name, value in given.items() if name not in _OWN}},
        )
        if after == before:
            return before
        written = resources.replace(tx, replace(after, updated_at=now))
        hand = Hand(tx, desk, actor, now)
        _tell(hand, written, place_of_resource(tx, written), "action:updated")
        arrange(tx, desk.jobs, actor, written, now)
        return written


def remove(desk: WorkspaceDesk, actor: Actor, action_id: str) -> None:
    """Remove an action; it is not done again.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        jobs.hold_environment(tx, actor.scope)
        action = resource_of(tx, actor, ResourceKind.ACTION, action_id, hold=True)
        place = place_of_resource(tx, action)
        forget(tx, desk.jobs, actor, action, now)
        resources.remove(tx, action.id)
        _tell(Hand(tx, desk, actor, now), action, place, "action:deleted")


def _check(shapes: Shapes, raw: Mapping[str, Json], path: str, *, changes: bool) -> None:
    check_action(shapes, raw, path, changes=changes)
    shapes.text(raw, "targetId", path)
    shapes.one_of(raw, "schedule", _SCHEDULES, path)


def _target_place(hand: Hand, space: Resource, target: str, path: str) -> Place:
    found = place_of(hand.tx, space.scope, target)
    if found is None or found.space_id != space.id:
        message = f"the space has no {target!r}"
        raise Problem(Code.INVALID, message, (FieldError(f"{path}targetId", message),))
    return found


def _tell(hand: Hand, action: Resource, place: Place, topic: str) -> None:
    payload: dict[str, Json] = {"actionId": action.id, "name": action.body.get("operation") or action.name}
    payload |= {"label": action.name, "type": action.body.get("type") or _domain_of(place)}
    if "description" in action.body:
        payload["description"] = action.body["description"]
    hand.tell(place, topic, payload, domain=_domain_of(place))


def _domain_of(place: Place) -> str:
    for domain in ("sheet", "file", "document", "workbook"):
        if getattr(place, f"{domain}_id") is not None:
            return domain
    return "space"
