"""Who calls, in which organisation and sandbox (1.3 to 1.6): checked before anything else, in the contract's order."""

import re
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends
from starlette.requests import Request

from headrace.api.flowservice.door import AUDIENCE, DEFAULT_SANDBOX, FlowServiceDoor
from headrace.api.flowservice.errors import Fault, GatewayRefusal, Refusal
from headrace.api.flowservice.translate.batch import Place
from headrace.api.flowservice.wire import stable_uuid
from headrace.core.client import Identity, Role, digest_of
from headrace.core.errors import Code, Problem
from headrace.http.links import base_url
from headrace.service import clients
from headrace.service.tokens import verify_token

_ORG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(@[A-Za-z0-9][A-Za-z0-9_.-]{0,99})?")
_FILES = re.compile(r"/data/foundation/(import/batches/[^/]+/datasets/[^/]+|connectors/landingzone)/files/.+")
"""Paths that take the bytes of a file, of whatever content type; their own handlers look at it."""
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an identity, the API key that was shown, the organisation."""

    door: FlowServiceDoor
    identity: Identity
    key: str
    org: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """A caller in a sandbox: everything that is read or written belongs to ``scope``."""

    door: FlowServiceDoor
    scope: str
    place: Place
    identity: Identity
    client: str
    request_id: str
    given_request_id: str | None

    @property
    def user(self) -> str:
        """Return who is shown as the maker of things."""
        return f"{self.identity.client_id}@AdobeID"


def door_of(request: Request) -> FlowServiceDoor:
    """Return the door that the request came through."""
    door: FlowServiceDoor = request.app.state.door
    return door


def authenticate(request: Request) -> Caller:
    """Return who calls; the gateway's checks of 1.4 in their order.

    Raises:
        GatewayRefusal: the body of the first check that fails. Refusal: an empty token or organisation; 429: the client asks too often.
    """
    door = door_of(request)
    identity = _identity(door, request.headers.get("authorization"))
    if not door.rates.admit(identity.client_id):
        raise Refusal(Fault.TOO_MANY, f"the client {identity.client_id} asks too often; come again in some seconds")
    key = _api_key(door, identity, request.headers.get("x-api-key"))
    org = _organisation(door, identity, request.headers.get("x-gw-ims-org-id"))
    _check_content_type(request)
    return Caller(door, identity, key, org)


def flow_tenant(request: Request) -> Tenant:
    """Return the tenant of a Flow Service request, which must name its sandbox.

    Raises:
        Refusal: 2105-400, 2110-400, 2111-403, 2100-404; 2118-403: the role may not change anything.
    """
    if not request.headers.get("x-sandbox-name", "").strip():
        raise Refusal(Fault.NO_SANDBOX, "the header x-sandbox-name is missing; name a sandbox such as prod")
    return neighbour_tenant(request)


def neighbour_tenant(request: Request) -> Tenant:
    """Return the tenant of a request to a neighbour service, where the sandbox falls back to ``prod``.

    Raises:
        Refusal: as ``flow_tenant``, without 2105-400.
    """
    caller: Caller = request.state.caller
    door = caller.door
    sandbox = request.headers.get("x-sandbox-name", "").strip() or DEFAULT_SANDBOX
    given_id = request.headers.get("x-sandbox-id")
    if given_id is not None and not caller.identity.service:
        raise Refusal(Fault.SANDBOX_ID_HEADER, "the header x-sandbox-id is not for users; send x-sandbox-name")
    if sandbox == "*":
        raise Refusal(Fault.SANDBOX_STAR, "queries across sandboxes are not allowed; name one in x-sandbox-name")
    scope = f"{AUDIENCE}/{caller.org}/{sandbox}"
    if sandbox not in door.sandboxes or not caller.identity.reaches(scope):
        raise Refusal(Fault.SANDBOX_UNKNOWN, f"the sandbox {sandbox[:100]!r} does not exist")
    if given_id is not None and given_id.strip().lower() != sandbox_id(caller.org, sandbox):
        raise Refusal(Fault.SANDBOX_ID_OTHER, f"x-sandbox-id is not the id of the sandbox {sandbox}")
    if request.method in _CHANGING and not caller.identity.role.includes(Role.OPERATOR):
        raise Refusal(Fault.NO_WRITE, f"the client {caller.identity.client_id} may read, not change")
    place = Place(caller.org, sandbox, sandbox_id(caller.org, sandbox), base_url(request, door.public_url))
    state = request.state
    return Tenant(door, scope, place, caller.identity, caller.key, state.request_id, state.given_request_id)


FlowTenant: TypeAlias = Annotated[Tenant, Depends(flow_tenant)]
NeighbourTenant: TypeAlias = Annotated[Tenant, Depends(neighbour_tenant)]


def sandbox_id(org: str, sandbox: str) -> str:
    """Return the UUID of an organisation's sandbox."""
    return stable_uuid("sandbox", org, sandbox)


def _identity(door: FlowServiceDoor, header: str | None) -> Identity:
    if header is None:
        raise GatewayRefusal(403, {"error_code": "403010", "message": "Oauth token is missing."})
    kind, _, token = header.strip().partition(" ")
    if not token.strip() and (kind.lower() == "bearer" or not kind):
        raise Refusal(Fault.TOKEN_EMPTY, "the header Authorization has an empty token")
    invalid = GatewayRefusal(401, {"error_code": "401013", "message": "Oauth token is not valid"})
    if kind.lower() != "bearer":
        raise invalid
    if door.dev:
        # So that what services may do can be tried as well.
        return Identity("dev", Role.ADMIN, service=token.strip().startswith("service"))
    static = door.static_tokens.get(digest_of(token.strip()))
    if static is not None:
        return static
    try:
        return verify_token(door.tokens, token.strip(), AUDIENCE)
    except Problem as problem:
        if problem.code is not Code.UNAUTHENTICATED:
            raise
        raise invalid from problem


def _api_key(door: FlowServiceDoor, identity: Identity, key: str | None) -> str:
    if not key:
        raise GatewayRefusal(403, {"error_code": "403000", "message": "Api Key is required"})
    if door.dev or key == identity.client_id or _is_client(door, key):
        return key
    raise GatewayRefusal(403, {"error_code": "403003", "message": "Api Key is invalid"})


def _is_client(door: FlowServiceDoor, key: str) -> bool:
    if any(key == identity.client_id for identity in door.static_tokens.values()):
        return True
    try:
        found = clients.find_client(door.database, key)
    except Problem as problem:
        # A key with characters that no id has.
        if problem.code is not Code.INVALID:
            raise
        return False
    return found is not None and found.revoked_at is None


def _organisation(door: FlowServiceDoor, identity: Identity, org: str | None) -> str:
    if org is None:
        raise GatewayRefusal(400, {"error_code": "400003", "message": "Missing header"})
    if not org.strip():
        raise Refusal(Fault.ORG_EMPTY, "the header x-gw-ims-org-id is empty")
    reached = any(identity.reaches(f"{AUDIENCE}/{org}/{sandbox}") for sandbox in door.sandboxes)
    known = _ORG.fullmatch(org) and (door.dev or org.endswith("@AdobeOrg"))
    if not known or not reached:
        raise GatewayRefusal(403, {"error_code": "403025", "message": "Profile is not valid"})
    return org


def _check_content_type(request: Request) -> None:
    length = request.headers.get("content-length", "0").strip()
    has_body = length not in {"", "0"} or "transfer-encoding" in request.headers
    if request.method not in {"POST", "PUT", "PATCH"} or not has_body or _FILES.fullmatch(request.url.path):
        return
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given != "application/json" and not re.fullmatch(r"application/[\w.+-]+\+json", given):
        detail = "A valid content-type must be specified"
        raise GatewayRefusal(
            400, {"type": "/placeholder/type/uri", "status": 400, "title": "BadRequestError", "detail": detail}
        )
