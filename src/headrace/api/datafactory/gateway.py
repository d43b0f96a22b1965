"""Who calls, what it may do, and in which factory (contract 1 and 5): looked at before anything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends
from starlette.requests import Request

from headrace.api.datafactory.door import AUDIENCE, DataFactoryDoor
from headrace.api.datafactory.errors import Fault, Refusal, missing_factory
from headrace.api.datafactory.names import check_place, check_subscription, key_of
from headrace.api.datafactory.paths import SUBSCRIPTIONS
from headrace.api.datafactory.wire import Item
from headrace.core.client import EVERYWHERE, Identity, Role, digest_of
from headrace.core.errors import Code, Problem
from headrace.http.links import is_loopback
from headrace.service.documents import Document
from headrace.service.tokens import verify_token
from headrace.store import documents
from headrace.store.database import Transaction

API_VERSION = "2018-06-01"
"""The one version of the API that there is."""
FACTORY_KIND = "factory"
"""The kind of the documents that are factories; they are kept in the scope of their subscription."""
ANONYMOUS = Identity("anonymous", Role.ADMIN)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""What proxies say: with one of these, who asks is not on this machine, whatever address the request comes from."""
"""Who calls without a token, where that is allowed."""
_ROLE_OF_ACTION: Mapping[str, Role] = {
    **dict.fromkeys(
        (
            "querypipelineruns",
            "queryactivityruns",
            "querytriggerruns",
            "querytriggers",
            "geteventsubscriptionstatus",
            "getdataplaneaccess",
            "planrun",
        ),
        Role.READER,
    ),
    **dict.fromkeys(
        ("createrun", "cancel", "rerun", "start", "stop", "subscribetoevents", "unsubscribefromevents", "events"),
        Role.OPERATOR,
    ),
}
"""What a POST needs, by its last segment; an admin may do all others."""
_WORDS: Mapping[str, str] = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    door: DataFactoryDoor
    identity: Identity


@dataclass(frozen=True, slots=True)
class Place:
    """A subscription, or a resource group in it, and who calls. ``scope`` is where its factories are."""

    door: DataFactoryDoor
    identity: Identity
    subscription: str
    group: str | None

    @property
    def scope(self) -> str:
        """Return the scope that the documents of factories are kept in."""
        return factories_scope(self.subscription)


@dataclass(frozen=True, slots=True)
class Factory:
    """A factory that is there, and who calls. Everything in it is in ``scope``."""

    door: DataFactoryDoor
    identity: Identity
    document: Document

    @property
    def scope(self) -> str:
        """Return the scope of all that is in the factory."""
        return f"{self.document.scope}/{self.document.id}"

    @property
    def name(self) -> str:
        """Return the name, in the case of its first PUT."""
        return self.document.name

    @property
    def path(self) -> str:
        """Return the resource id: ``/subscriptions/…/factories/{name}``."""
        return path_of(self.document)

    @property
    def who(self) -> str:
        """Return who is written down as the maker of things."""
        return self.identity.client_id


def factory_at(door: DataFactoryDoor, scope: str, who: str) -> Factory | None:
    """Return the factory whose things are in ``scope``, for somebody who did not come through the door and may act there; None: it is gone."""
    subscription, _, subject = scope.removeprefix(f"{AUDIENCE}/").partition("/")
    with door.database.reading() as tx:
        document = documents.find(tx, factories_scope(subscription), FACTORY_KIND, subject)
    return None if document is None else Factory(door, Identity(who, Role.OPERATOR, (scope,)), document)


def factories_scope(subscription: str) -> str:
    """Return the scope of a subscription's factories."""
    return f"{AUDIENCE}/{key_of(subscription)}"


def factory_id(group: str, name: str) -> str:
    """Return the id of a factory's document."""
    return f"{key_of(group)}/{key_of(name)}"


def path_of(document: Document) -> str:
    """Return the resource id of a factory, in the case of its first PUT."""
    place: Item = dict(document.body)
    return factory_path(place["subscription"], place["group"], document.name)


def factory_path(subscription: str, group: str, name: str) -> str:
    """Return the resource id of a factory."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataFactory/factories/{name}"


def door_of(request: Request) -> DataFactoryDoor:
    """Return the door that the request came through."""
    door: DataFactoryDoor = request.app.state.door
    return door


def authenticate(request: Request) -> Caller:
    """Return who calls, if it may do what it asks for.

    Raises:
        Refusal: 401, 429, 400 for the version, 403, 400 for a subscription or resource group that cannot be one, in this order.
    """
    door = door_of(request)
    identity = _identity(door, request)
    if not door.rates.admit(identity.client_id):
        raise Refusal(Fault.TOO_MANY, f"The client '{identity.client_id}' asks too often; come again in some seconds.")
    if request.state.segments[0].lower() == SUBSCRIPTIONS:
        _check_version(request)
    _authorize(request, identity)
    return Caller(door, identity)


def place_of(request: Request) -> Place:
    """Return the subscription or resource group that a request is about; a dependency of handlers."""
    caller: Caller = request.state.caller
    given = request.path_params
    return Place(caller.door, caller.identity, given["subscription"], given.get("group"))


def factory_of(request: Request) -> Factory:
    """Return the factory that a request is about; a dependency of handlers.

    Raises:
        Refusal: 404 ``ResourceNotFound``.
    """
    caller: Caller = request.state.caller
    with caller.door.database.reading() as tx:
        found = find_factory(tx, request)
    return Factory(caller.door, caller.identity, found)


def hold_factory(tx: Transaction, factory: Factory, *, share: bool = False) -> None:
    """Keep the factory, and thereby all that is in it, from being changed by others until the end of the transaction.

    ``share``: others may do the same at the same time; the factory is only kept from being removed.

    Raises:
        Refusal: 404 ``ResourceNotFound``: it was removed meanwhile.
    """
    document = factory.document
    if documents.find(tx, document.scope, FACTORY_KIND, document.id, hold=not share, share=share) is None:
        raise missing_factory(document.name, str(document.body["group"]))


def find_factory(tx: Transaction, request: Request) -> Document:
    """Return the document of the factory that a request is about.

    Raises:
        Refusal: 404 ``ResourceNotFound``.
    """
    given = request.path_params
    scope, subject = factories_scope(given["subscription"]), factory_id(given["group"], given["factory"])
    found = documents.find(tx, scope, FACTORY_KIND, subject)
    if found is None:
        raise missing_factory(given["factory"], given["group"])
    return found


AtPlace: TypeAlias = Annotated[Place, Depends(place_of)]
InFactory: TypeAlias = Annotated[Factory, Depends(factory_of)]


def _identity(door: DataFactoryDoor, request: Request) -> Identity:
    header = request.headers.get("authorization", "").strip()
    kind, _, token = header.partition(" ")
    known = _holder(door, token.strip()) if kind.lower() == "bearer" and token.strip() else None
    if known is not None:
        return known
    if door.anonymous:
        return _only_from_here(request)
    if not header:
        raise Refusal(Fault.UNAUTHENTICATED, "Authentication failed. The 'Authorization' header is missing.")
    raise Refusal(Fault.TOKEN, "The access token is invalid, has expired or was revoked.")


def _holder(door: DataFactoryDoor, token: str) -> Identity | None:
    static = door.static_tokens.get(digest_of(token))
    if static is not None:
        return static
    try:
        return verify_token(door.tokens, token, AUDIENCE)
    except Problem as problem:
        if problem.code is not Code.UNAUTHENTICATED:
            raise
        return None


def _only_from_here(request: Request) -> Identity:
    """Return who calls without a token; neither a page of another site, which a browser of this machine shows, nor who comes by a proxy may."""
    if any(name in request.headers for name in _FORWARDED):
        raise Refusal(Fault.UNAUTHENTICATED, "Authentication failed. Through a proxy, a token is needed.")
    origin = request.headers.get("origin")
    if origin is not None and not is_loopback(_host_of(origin)):
        raise Refusal(Fault.FORBIDDEN, "Without a token, pages of other sites are not answered.")
    return ANONYMOUS


def _host_of(origin: str) -> str:
    try:
        return (urlsplit(origin).hostname or "").lower()
    except ValueError:
        return ""


def _check_version(request: Request) -> None:
    given = [value for name, value in request.query_params.multi_items() if name.lower() == "api-version"]
    if not given or not given[0].strip():
        raise Refusal(Fault.NO_VERSION, "The api-version query parameter (?api-version=) is required for all requests.")
    if given[0].strip() != API_VERSION:
        raise Refusal(
            Fault.VERSION,
            f"The api-version '{given[0][:100]}' is invalid. The supported versions are '{API_VERSION}'.",
        )


def _authorize(request: Request, identity: Identity) -> None:
    given = request.path_params
    subscription, group, name = (given.get(part) for part in ("subscription", "group", "factory"))
    if subscription is None:
        return
    if group is None:
        check_subscription(subscription)
    else:
        check_place(subscription, group)
    scope = "/".join([AUDIENCE, *(key_of(part) for part in (subscription, group, name) if part is not None)])
    reached = identity.reaches(scope) if name else reaches_into(identity, scope)
    segments: tuple[str, ...] = request.state.segments
    needed = _needed(request.method, segments[-1].lower())
    if not reached or not identity.role.includes(needed):
        raise Refusal(
            Fault.FORBIDDEN,
            f"The client '{identity.client_id}' does not have authorization to perform action "
            f"'{_action(request.method, segments)}' over scope '{_scope(request.method, segments)}'.",
        )


def reaches_into(identity: Identity, scope: str) -> bool:
    """Say whether a client may see something at or below ``scope``."""
    return identity.reaches(scope) or any(
        pattern == EVERYWHERE or pattern.startswith(f"{scope}/") for pattern in identity.scopes
    )


def _needed(method: str, last: str) -> Role:
    if method in {"GET", "HEAD"}:
        return Role.READER
    return _ROLE_OF_ACTION.get(last, Role.ADMIN) if method == "POST" else Role.ADMIN


def _scope(method: str, segments: tuple[str, ...]) -> str:
    """Return the resource id that a request is about: without the word that says what to do with it."""
    return "/" + "/".join(segments[:-1] if method == "POST" else segments)


def _action(method: str, segments: tuple[str, ...]) -> str:
    lowered = [segment.lower() for segment in segments]
    begin = lowered.index("providers") + 2 if "providers" in lowered else 0
    kinds = segments[begin::2]
    if method == "POST":
        return "/".join(["Microsoft.DataFactory", *kinds, "action"])
    return "/".join(["Microsoft.DataFactory", *kinds, _WORDS.get(method, "action")])
