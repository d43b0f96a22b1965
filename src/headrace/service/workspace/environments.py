"""Environments: the parts of an account that know nothing of one another. What lies in one has a scope of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.happening import Place
from headrace.core.job import Actor, scope_of
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.happenings.announce import tell
from headrace.service.workspace.accounts import Account
from headrace.service.workspace.keys import KeyDesk
from headrace.store import audit, keys, resources
from headrace.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDraft:
    """What is asked for; None: absent. ``body``: everything but the name, as it was sent."""

    name: str | None
    body: Mapping[str, Json]


def list_environments(database: Database, account: Account) -> list[Resource]:
    """Return the environments of the account, the oldest first."""
    with database.reading() as tx:
        return resources.of_parent(tx, account.id, ResourceKind.ENVIRONMENT)


def get_environment(database: Database, account: Account, environment_id: str) -> Resource:
    """Return an environment.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        return resources.get(tx, scope_of(account.id, environment_id), ResourceKind.ENVIRONMENT, environment_id)


def find_environment(database: Database, account: Account, name: str | None) -> Resource:
    """Return the environment of that name or id; None: the one that every installation has.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    wanted = account.environment_id if name is None else name
    for environment in list_environments(database, account):
        if wanted in {environment.id, environment.name}:
            return environment
    raise Problem(Code.NOT_FOUND, f"there is no environment {wanted!r}")


def create_environment(desk: KeyDesk, account: Account, actor: Actor, draft: EnvironmentDraft) -> Resource:
    """Return a new environment."""
    now, identity = desk.clock.now(), short_id("env", desk.ids)
    made = Resource(
        scope=scope_of(account.id, identity),
        kind=ResourceKind.ENVIRONMENT,
        id=identity,
        name=draft.name or "",
        body=draft.body,
        created_by=actor.id,
        created_at=now,
        updated_at=now,
        parent_id=account.id,
    )
    with desk.database.transaction() as tx:
        resources.insert(tx, made)
        audit.record(tx, made.scope, actor.id, "environment.create", made.id, now)
        tell(tx, desk.ids, now, actor, Place(scope=made.scope), "environment:created", _payload(made))
    return made


def update_environment(
    desk: KeyDesk, account: Account, actor: Actor, environment_id: str, draft: EnvironmentDraft
) -> Resource:
    """Return the environment after its change; what the draft does not name stays.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    now, scope = desk.clock.now(), scope_of(account.id, environment_id)
    with desk.database.transaction() as tx:
        found = resources.get(tx, scope, ResourceKind.ENVIRONMENT, environment_id, hold=True)
        changed = replace(found, name=draft.name or found.name, body={**found.body, **draft.body}, updated_at=now)
        written = resources.replace(tx, changed)
        tell(tx, desk.ids, now, actor, Place(scope=scope), "environment:updated", _payload(written))
    return written


def delete_environment(desk: KeyDesk, account: Account, actor: Actor, environment_id: str) -> None:
    """Remove an environment with its keys and secrets.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it has spaces, or is the one that every installation has.
    """
    now, scope = desk.clock.now(), scope_of(account.id, environment_id)
    with desk.database.transaction() as tx:
        found = resources.get(tx, scope, ResourceKind.ENVIRONMENT, environment_id, hold=True)
        if environment_id == account.environment_id:
            raise _kept("The first environment of an account cannot be deleted.")
        if keys.has_space(tx, scope):
            raise _kept("The environment has spaces; delete them first.")
        keys.remove_scope(tx, scope)
        audit.record(tx, scope, actor.id, "environment.delete", environment_id, now)
        tell(tx, desk.ids, now, actor, Place(scope=scope), "environment:deleted", _payload(found))


def is_production(environment: Resource) -> bool:
    """Say whether an environment is one of production."""
    return environment.body.get("isProd") is True


def _payload(environment: Resource) -> dict[str, Json]:
    return {"environmentId": environment.id, "name": environment.name, "isProd": is_production(environment)}


def _kept(message: str) -> Problem:
    return Problem(Code.ILLEGAL_STATE, message, (FieldError("environmentId", message),))
