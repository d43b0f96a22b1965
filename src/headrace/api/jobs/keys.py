"""Keys of an environment, and personal access tokens of the account (contract 12.1). A token is shown when it is made, and never again."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.errors import forbidden, missing
from headrace.api.jobs.gateway import AtDoor, ByActor, ByCaller, Caller, Kind
from headrace.api.jobs.members import Members
from headrace.api.jobs.queries import Query
from headrace.api.jobs.wire import Item, data, date, date_or_none, present, success
from headrace.core.job import Actor
from headrace.core.workspace import KeyKind, Resource
from headrace.service.workspace.keys import create_key, find_key, kind_of, last_used, list_keys, revoke_key

router = APIRouter()

_KINDS = {"SECRET": KeyKind.SECRET, "PUBLISHABLE": KeyKind.PUBLISHABLE}
_WORDS = {kind: word for word, kind in _KINDS.items()}
_OF_ENVIRONMENTS = tuple(_WORDS)


@router.get("/auth/api-keys")
def list_api_keys(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """List the keys of an environment, without their tokens."""
    _environment(request, actor)
    return data([_item(key) for key in list_keys(door.database, actor.scope, _OF_ENVIRONMENTS)])


@router.get("/auth/publishable-key")
def get_publishable_key(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Show the newest publishable key of an environment."""
    _environment(request, actor)
    found = list_keys(door.database, actor.scope, (KeyKind.PUBLISHABLE,))
    if not found:
        raise missing("Publishable key", "environmentId")
    return data(_item(found[-1]))


@router.post("/auth/api-key")
def create_api_key(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Make a key; the answer has all keys of the environment, the new one first and with its token."""
    _environment(request, actor)
    asked = Query(request)
    kind = asked.one_of("type", _KINDS) or "SECRET"
    asked.done()
    made = create_key(door.keys, actor.scope, _KINDS[kind], actor.id)
    others = [key for key in list_keys(door.database, actor.scope, _OF_ENVIRONMENTS) if key.id != made.key.id]
    return data([{**_item(made.key), "rawKey": made.token}, *map(_item, reversed(others))])


@router.delete("/auth/api-key")
def delete_api_key(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Make a key worthless; it is named by its id or its token."""
    _environment(request, actor)
    asked = Query(request)
    named = asked.required("key")
    asked.done()
    key = find_key(door.keys, named)
    revoke_key(door.keys, (actor.scope,), named if key is None else key.id, actor.id)
    return success()


@router.get("/auth/personal-access-tokens")
def list_personal_tokens(door: AtDoor, caller: ByCaller) -> Response:
    """List the personal access tokens of the account, without the tokens."""
    _only_account(caller)
    return data([_personal(key) for key in list_keys(door.database, door.account.scope)])


@router.post("/auth/personal-access-tokens")
def create_personal_token(door: AtDoor, caller: ByCaller, body: Object) -> Response:
    """Make a personal access token."""
    _only_account(caller)
    asked = Members(body)
    name = asked.required_text("name", longest=255)
    asked.done()
    made = create_key(door.keys, door.account.scope, KeyKind.PERSONAL, caller.actor_id, name)
    return data({"token": made.token, "personalAccessToken": _personal(made.key)})


@router.delete("/auth/personal-access-tokens/{token_id}")
def delete_personal_token(token_id: str, door: AtDoor, caller: ByCaller) -> Response:
    """Make a personal access token worthless."""
    _only_account(caller)
    revoke_key(door.keys, (door.account.scope,), token_id, caller.actor_id)
    return success()


def _item(key: Resource) -> Item:
    _, account, environment = key.scope.split("/")
    return present(
        {
            "id": key.id,
            "type": _WORDS[kind_of(key)],
            "environmentId": environment,
            "accountId": account,
            "operations": key.body.get("operations") or [],
            "createdAt": date(key.created_at),
            "updatedAt": date(key.updated_at),
        }
    )


def _personal(key: Resource) -> Item:
    return present(
        {
            "id": key.id,
            "name": key.body.get("name"),
            "createdAt": date(key.created_at),
            "lastUsedAt": date_or_none(last_used(key)),
        }
    )


def _environment(request: Request, actor: Actor) -> None:
    """Refuse an environment that is not the caller's, or not there."""
    named = request.query_params.get("environmentId")
    if named and named != actor.environment_id:
        raise missing("Environment", "environmentId")


def _only_account(caller: Caller) -> None:
    if caller.kind is not Kind.ACCOUNT:
        raise forbidden("Personal access tokens are for callers of the account, not for a key of one environment.")
    if not caller.identity.reaches(caller.door.account.scope):
        raise forbidden("Personal access tokens reach the whole account, and this caller does not.")
