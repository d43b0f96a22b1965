"""Spaces: made, found, changed and archived. Removing them is in ``removal``."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from headrace.core.blueprint_reading import check_actions
from headrace.core.codec import Json
from headrace.core.job import Actor, JobTrigger
from headrace.core.shapes import Shapes, without_nulls
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.jobs.making import JobRequest, create_in
from headrace.service.workspace.desk import Hand, WorkspaceDesk, space_of
from headrace.store import jobs, resources
from headrace.store.places import place_of_resource
from headrace.store.resources import ResourceQuery, SpaceFigures

UNNAMED = "Untitled space"
"""The name of a space that was given none."""
_BODY = (
    "access",
    "actions",
    "appId",
    "autoConfigure",
    "displayOrder",
    "guestAuthentication",
    "isAppTemplate",
    "labels",
    "languageOverride",
    "metadata",
    "primaryWorkbookId",
    "settings",
    "spaceConfigId",
    "translationsPath",
)
_GUESTS: tuple[Json, ...] = ("shared_link",)


def create(desk: WorkspaceDesk, actor: Actor, raw: Mapping[str, Json]) -> Resource:
    """Return a new space; with ``autoConfigure``, a listener is asked to configure it.

    Raises:
        Problem: ``INVALID``: something in ``raw`` is wrong.
    """
    _check(raw)
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        jobs.hold_environment(tx, actor.scope)
        body = {name: raw[name] for name in _BODY if raw.get(name) is not None}
        if "guestAuthentication" not in body:
            body["guestAuthentication"] = _guests_of_environment(Hand(tx, desk, actor, now))
        space = Resource(
            scope=actor.scope,
            kind=ResourceKind.SPACE,
            id=short_id("sp", desk.ids),
            name=str(raw.get("name") or UNNAMED),
            slug=_text(raw, "namespace"),
            body=body,
            created_by=actor.id,
            created_at=now,
            updated_at=now,
        )
        resources.insert(tx, space)
        hand = Hand(tx, desk, actor, now)
        payload: dict[str, Json] = {"spaceId": space.id, "environmentId": actor.environment_id, "name": space.name}
        hand.tell(place_of_resource(tx, space), "space:created", payload)
        if raw.get("autoConfigure") is True:
            create_in(tx, desk.jobs, actor, _configuring(space), now)
    return space


def get(desk: WorkspaceDesk, actor: Actor, space_id: str) -> tuple[Resource, SpaceFigures]:
    """Return the space, and what is in it.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        space = space_of(tx, actor, space_id)
        return space, resources.figures_of_spaces(tx, [space.id])[space.id]


def page(
    desk: WorkspaceDesk, query: ResourceQuery, limit: int, page_number: int
) -> tuple[list[Resource], int, Mapping[str, SpaceFigures]]:
    """Return one page of spaces, how many there are, and what is in those of the page."""
    with desk.database.reading() as tx:
        found, total = resources.page(tx, query, limit, page_number)
        return found, total, resources.figures_of_spaces(tx, [space.id for space in found])


def patch(desk: WorkspaceDesk, actor: Actor, space_id: str, raw: Mapping[str, Json]) -> Resource:
    """Replace each key of a space that ``raw`` has.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: something in ``raw`` is wrong.
    """
    _check(raw)
    given = {name: value for name, value in without_nulls(raw).items() if name in {*_BODY, "name", "namespace"}}
    # It acts when a space is made, and at no other time.
    given.pop("autoConfigure", None)
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        before = space_of(tx, actor, space_id, hold=True)
        after = replace(
            before,
            name=str(given.get("name", before.name)),
            slug=_text(given, "namespace") or before.slug,
            body={**before.body, **{name: value for name, value in given.items() if name in _BODY}},
        )
        changes = _changes(before, after)
        if not changes:
            return before
        written = resources.replace(tx, replace(after, updated_at=now))
        _tell_changes(Hand(tx, desk, actor, now), written, changes)
        return written


def archive(desk: WorkspaceDesk, actor: Actor, space_id: str, *, archived: bool) -> None:
    """Archive a space, or take it back; one that is as it should be stays so, and nobody is told.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        before = space_of(tx, actor, space_id, hold=True)
        if archived == (before.archived_at is not None):
            return
        written = resources.replace(tx, replace(before, archived_at=now if archived else None, updated_at=now))
        hand = Hand(tx, desk, actor, now)
        if archived:
            hand.tell(place_of_resource(tx, written), "space:archived", {})
        else:
            _tell_changes(hand, written, [{"field": "archived", "previousValue": True, "newValue": False}])


def _check(raw: Mapping[str, Json]) -> None:
    shapes = Shapes()
    for name in ("name", "namespace", "primaryWorkbookId", "translationsPath", "languageOverride", "appId"):
        shapes.text(raw, name)
    for name in ("labels", "access", "guestAuthentication"):
        shapes.texts(raw, name)
    for name in ("autoConfigure", "isAppTemplate"):
        shapes.flag(raw, name)
    shapes.whole(raw, "displayOrder")
    settings = shapes.object(raw, "settings") or {}
    sidebar = shapes.object(settings, "sidebarConfig", "settings.") or {}
    shapes.texts(sidebar, "workbookSidebarOrder", "settings.sidebarConfig.")
    shapes.object(settings, "extractionOptions", "settings.")
    check_actions(shapes, raw)
    shapes.finish("the space")


def _guests_of_environment(hand: Hand) -> Json:
    actor = hand.actor
    environment = resources.find(hand.tx, actor.scope, ResourceKind.ENVIRONMENT, actor.environment_id)
    chosen = None if environment is None else environment.body.get("guestAuthentication")
    return list(_GUESTS) if chosen is None else chosen


def _configuring(space: Resource) -> JobRequest:
    return JobRequest(
        type="space",
        operation="configure",
        source=space.id,
        space_id=space.id,
        trigger=JobTrigger.IMMEDIATE,
        managed=True,
    )


def _changes(before: Resource, after: Resource) -> list[Json]:
    earlier = {"name": before.name, "namespace": before.slug, **before.body}
    later = {"name": after.name, "namespace": after.slug, **after.body}
    return [
        {"field": name, "previousValue": earlier.get(name), "newValue": value}
        for name, value in later.items()
        if earlier.get(name) != value
    ]


def _tell_changes(hand: Hand, space: Resource, changes: Collection[Json]) -> None:
    payload: dict[str, Json] = {
        "spaceId": space.id,
        "environmentId": hand.actor.environment_id,
        "changes": list(changes),
    }
    hand.tell(place_of_resource(hand.tx, space), "space:updated", payload)


def _text(raw: Mapping[str, Json], name: str) -> str | None:
    value = raw.get(name)
    return value if isinstance(value, str) and value else None
