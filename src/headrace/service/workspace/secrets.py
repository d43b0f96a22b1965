"""Secrets of environments, spaces and actors: sealed in the ledger, opened for those who may read them.

One name may have a secret in several scopes; lists have the wide ones first, so that who reads them in order ends with the narrowest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headrace.core.codec import Json
from headrace.core.happening import Place
from headrace.core.job import Actor
from headrace.core.shapes import Shapes
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.workspace.desk import Hand, WorkspaceDesk, resource_of, space_of
from headrace.store import resources
from headrace.store.database import Transaction
from headrace.store.places import place_of_resource
from headrace.store.resources import ResourceQuery

MAX_SECRETS = 1_000
"""Of one environment, in one list."""


@dataclass(frozen=True, slots=True)
class OpenSecret:
    """A secret with its value. ``secret.slug``: the actor whose secret it is (None: everybody's)."""

    secret: Resource
    value: str


def list_all(desk: WorkspaceDesk, actor: Actor, space_id: str | None, actor_id: str | None) -> list[OpenSecret]:
    """Return the secrets of the environment, and those of a space and of an actor, opened; the wide scopes first."""
    with desk.database.reading() as tx:
        return _listed(tx, desk, actor, space_id, actor_id)


def put(desk: WorkspaceDesk, actor: Actor, raw: Mapping[str, Json]) -> list[OpenSecret]:
    """Write a secret, new or in the place of the one with its name and scope, and return those of the scope.

    Raises:
        Problem: ``NOT_FOUND``: the space; ``INVALID``: something in ``raw`` is wrong.
    """
    shapes = Shapes()
    name = shapes.text(raw, "name", required=True) or ""
    value = raw.get("value")
    if not isinstance(value, str):
        shapes.wrong("value", "value is required")
    space_id, actor_id = shapes.text(raw, "spaceId"), shapes.text(raw, "actorId")
    shapes.finish("the secret")
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        if space_id:
            space_of(tx, actor, space_id, hold=True)
        # Whoever writes a secret of the environment comes after the one before: there is never one twice.
        resources.find(tx, actor.scope, ResourceKind.ENVIRONMENT, actor.environment_id, hold=True)
        there = [
            item for item in _of(tx, actor, name) if (item.space_id, item.slug) == (space_id or None, actor_id or None)
        ]
        secret = (
            replace(there[0], updated_at=now)
            if there
            else Resource(
                scope=actor.scope,
                kind=ResourceKind.SECRET,
                id=short_id("sec", desk.ids),
                name=name,
                slug=actor_id or None,
                body={},
                created_by=actor.id,
                created_at=now,
                updated_at=now,
                parent_id=space_id or None,
                space_id=space_id or None,
            )
        )
        sealed = desk.sealer.seal(str(value), *_place(secret)).encode("ascii")
        if there:
            secret = resources.replace(tx, secret, sealed)
        else:
            resources.insert(tx, secret, sealed)
        _tell(Hand(tx, desk, actor, now), secret, "secret:updated" if there else "secret:created")
        return _listed(tx, desk, actor, secret.space_id, secret.slug)


def remove(desk: WorkspaceDesk, actor: Actor, secret_id: str) -> list[OpenSecret]:
    """Remove a secret, and return those of its scope that are left.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        secret = resource_of(tx, actor, ResourceKind.SECRET, secret_id, hold=True)
        resources.remove(tx, secret.id)
        _tell(Hand(tx, desk, actor, desk.clock.now()), secret, "secret:deleted")
        return _listed(tx, desk, actor, secret.space_id, secret.slug)


def _listed(
    tx: Transaction, desk: WorkspaceDesk, actor: Actor, space_id: str | None, actor_id: str | None
) -> list[OpenSecret]:
    found = [item for item in _of(tx, actor) if item.space_id in {None, space_id} and item.slug in {None, actor_id}]
    found.sort(key=lambda item: (item.slug is not None, item.space_id is not None, item.name, item.id))
    sealed = resources.sealed_of(tx, [item.id for item in found])
    return [OpenSecret(item, desk.sealer.open(sealed[item.id].decode("ascii"), *_place(item))) for item in found]


def _of(tx: Transaction, actor: Actor, name: str | None = None) -> list[Resource]:
    query = ResourceQuery(scope=actor.scope, kind=ResourceKind.SECRET, name=name, order="name")
    return resources.page(tx, query, MAX_SECRETS)[0]


def _place(secret: Resource) -> tuple[str, str, str]:
    return secret.scope, "secret", secret.id


def _tell(hand: Hand, secret: Resource, topic: str) -> None:
    place = Place(scope=secret.scope)
    payload: dict[str, Json] = {"secretId": secret.id, "environmentId": hand.actor.environment_id}
    if secret.space_id is not None:
        payload["spaceId"] = secret.space_id
        place = place_of_resource(hand.tx, secret)
    hand.tell(place, topic, payload)
