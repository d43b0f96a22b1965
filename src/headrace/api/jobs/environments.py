"""Environments (contract 12.1). A key sees its own; only tokens of the account make and remove them."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.errors import forbidden, missing
from headrace.api.jobs.gateway import AtDoor, ByActor, ByCaller, Caller, Kind
from headrace.api.jobs.members import Members
from headrace.api.jobs.queries import Query
from headrace.api.jobs.wire import Item, answer, data, page, present, success
from headrace.core.job import scope_of
from headrace.core.workspace import Resource
from headrace.service.workspace import environments as service
from headrace.service.workspace.environments import EnvironmentDraft

router = APIRouter()

PAGE = 10
_GUESTS = ("shared_link", "magic_link")


@router.get("/environments")
def list_environments(request: Request, door: AtDoor, caller: ByCaller) -> Response:
    """List environments, the oldest first."""
    asked = Query(request)
    size, number = asked.page(PAGE)
    asked.done()
    found = [
        environment
        for environment in service.list_environments(door.database, door.account)
        if _sees(caller, environment.scope)
    ]
    items = [environment_item(environment) for environment in found[(number - 1) * size : number * size]]
    return page(items, len(found), number, size)


@router.post("/environments")
def create_environment(door: AtDoor, caller: ByCaller, actor: ByActor, body: Object) -> Response:
    """Make an environment."""
    _only_account(caller)
    if not caller.identity.reaches(door.account.scope):
        raise forbidden("A caller of some environments cannot make others.")
    draft = _draft(body, new=True)
    return data(environment_item(service.create_environment(door.keys, door.account, actor, draft)))


@router.get("/environments/{environment_id}")
def get_environment(environment_id: str, door: AtDoor, caller: ByCaller) -> Response:
    """Show an environment."""
    _check(caller, environment_id)
    return data(environment_item(service.get_environment(door.database, door.account, environment_id)))


@router.patch("/environments/{environment_id}")
def update_environment(environment_id: str, door: AtDoor, caller: ByCaller, actor: ByActor, body: Object) -> Response:
    """Change an environment; the answer has no envelope."""
    _check(caller, environment_id)
    draft = _draft(body, new=False)
    return answer(environment_item(service.update_environment(door.keys, door.account, actor, environment_id, draft)))


@router.delete("/environments/{environment_id}")
def delete_environment(environment_id: str, door: AtDoor, caller: ByCaller, actor: ByActor) -> Response:
    """Remove an environment without spaces."""
    _check(caller, environment_id)
    _only_account(caller)
    service.delete_environment(door.keys, door.account, actor, environment_id)
    return success()


def environment_item(environment: Resource) -> Item:
    """Return an environment as clients read it."""
    body = environment.body
    return present(
        {
            "id": environment.id,
            "accountId": environment.parent_id,
            "name": environment.name,
            "isProd": service.is_production(environment),
            "guestAuthentication": body.get("guestAuthentication") or [],
            "features": {},
            "metadata": body.get("metadata") or {},
            "namespaces": body.get("namespaces"),
            "translationsPath": body.get("translationsPath"),
            "languageOverride": body.get("languageOverride"),
        }
    )


def _draft(body: Mapping[str, Any], *, new: bool) -> EnvironmentDraft:
    asked = Members(body)
    name = asked.required_text("name", longest=255) if new else asked.text("name", longest=255)
    guests = asked.texts("guestAuthentication")
    if guests is not None and not set(guests) <= set(_GUESTS):
        asked.wrong("guestAuthentication", f"must have only {', '.join(_GUESTS)}")
    sent = {
        "isProd": asked.flag("isProd"),
        "guestAuthentication": None if guests is None else list(guests),
        "metadata": asked.object("metadata"),
        "namespaces": None if (names := asked.texts("namespaces")) is None else list(names),
        "translationsPath": asked.text("translationsPath"),
        "languageOverride": asked.text("languageOverride"),
    }
    asked.done("the environment")
    return EnvironmentDraft(name=name, body=present(sent))


def _sees(caller: Caller, scope: str) -> bool:
    return caller.identity.reaches(scope) if caller.kind is Kind.ACCOUNT else scope == caller.scope


def _check(caller: Caller, environment_id: str) -> None:
    if not _sees(caller, scope_of(caller.door.account.id, environment_id)):
        raise missing("Environment", "environmentId")


def _only_account(caller: Caller) -> None:
    if caller.kind is not Kind.ACCOUNT:
        raise forbidden("A key of one environment can neither make nor delete environments.")
