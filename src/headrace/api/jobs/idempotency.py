"""``Idempotency-Key`` (contract 1.3): who repeats a creation with the same key within a day gets the same answer, and nothing is made twice.

``admit`` stands where callers are let in: it claims the key, or ends the request with the answer that is kept. ``Once`` keeps the answer before it is
sent. A server that dies in between has made the thing and not kept the answer: then a repetition makes it once more.
"""

import hashlib
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headrace.api.jobs.door import JobsDoor
from headrace.api.jobs.errors import TOO_MANY, Refusal, bad_request
from headrace.api.jobs.gateway import Caller, authenticate
from headrace.api.jobs.mounts import API
from headrace.api.jobs.wire import told
from headrace.core.clock import DAY, Instant
from headrace.store import idempotency as store

HEADER = "idempotency-key"
PATHS = frozenset(API + path for path in ("/jobs", "/files", "/workbooks", "/spaces"))
"""What is made once, where the caller asks for it."""
KEPT = DAY
_LONGEST = 255
_PLACE = "idempotency"
_STATE = "once"


class Repeated(Exception):
    """Ends a request with the answer that an earlier one of the same key got."""

    def __init__(self, status: int, raw: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.raw = raw


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that this request has taken."""

    scope: str
    key: str


def admit(request: Request) -> Caller:
    """Return who calls, as ``gateway.authenticate`` does, and claim the key of its request if it has one.

    Raises:
        Refusal: as ``authenticate``; 400: the key is too long; 429: a request of this key is being answered.
        Repeated: it was answered.
    """
    caller = authenticate(request)
    given = request.headers.get(HEADER)
    if given and request.method == "POST" and request.scope["path"] in PATHS:
        if len(given) > _LONGEST:
            raise bad_request(f"The key has more than {_LONGEST} characters.", "Idempotency-Key")
        _claim(request, caller, given)
    return caller


def repeat(_: Request, error: Exception) -> Response:
    """Return the answer that is kept."""
    if not isinstance(error, Repeated):
        raise error
    return told(error.raw, error.status)


class Once:
    """Keeps the answers to requests that have claimed a key: good ones are kept and then sent, others let the key go."""

    def __init__(self, app: ASGIApp, *, door: JobsDoor) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
            return
        waiting = _Waiting()
        try:
            await self._app(scope, receive, waiting)
        finally:
            claim: Claim | None = scope["state"].get(_STATE)
            if claim is not None:
                await run_in_threadpool(self._end, claim, waiting)
        for message in waiting.messages:
            await send(message)

    def _end(self, claim: Claim, answered: "_Waiting") -> None:
        with self._door.database.transaction() as tx:
            if answered.is_good:
                text = self._door.sealer.seal(answered.text, _PLACE, claim.scope, claim.key)
                store.keep(tx, claim.scope, claim.key, answered.status, text)
            else:
                store.drop(tx, claim.scope, claim.key)


@dataclass(slots=True)
class _Waiting:
    """An answer that is not sent yet."""

    messages: list[Message] = field(default_factory=list)
    status: int = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.messages.append(message)

    @property
    def is_good(self) -> bool:
        return bool(self.messages) and self.status == 200

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()


def _claim(request: Request, caller: Caller, given: str) -> None:
    door, word, now = caller.door, request.state.open_request, caller.door.clock.now()
    text = f"{caller.actor_id}\x1f{request.scope['path']}\x1f{given}"
    claim = Claim(caller.scope, hashlib.sha256(text.encode()).hexdigest())
    with door.database.transaction() as tx:
        store.forget(tx, Instant(now - KEPT))
        found = store.claim(tx, claim.scope, claim.key, word, now)
        if found is not None and found.status == store.UNANSWERED and _is_dead(door, found):
            # Its server died over it.
            found = None if store.take_over(tx, claim.scope, claim.key, found.text, word, now) else found
    if found is None:
        setattr(request.state, _STATE, claim)
        return
    if found.status == store.UNANSWERED:
        message = "A request with this Idempotency-Key is being answered; come again in a second."
        raise Refusal(TOO_MANY, message, "Idempotency-Key", {"Retry-After": "1"})
    raise Repeated(found.status, door.sealer.open(found.text, _PLACE, claim.scope, claim.key).encode())


def _is_dead(door: JobsDoor, found: store.Answered) -> bool:
    released = door.open_requests.released_at(found.text, found.created_at, 0)
    return released is not None and released <= door.clock.now()
