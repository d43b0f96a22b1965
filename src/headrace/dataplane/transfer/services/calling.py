"""Requests to one service: who sends them is proved, what fails is said in a transfer's words, and nothing of a secret is repeated."""

import base64
import errno
import io
import json
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import httpx

from headrace.core.errors import Code, Problem
from headrace.core.source import Compression
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.certificates import tls_context
from headrace.dataplane.connectors.web import WebAnswer, WebClient, WebRequest, for_others, origin
from headrace.dataplane.storage import no_room
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Login
from headrace.dataplane.transfer.rows import Working
from headrace.dataplane.unpacking import Budget, Unpacked

MAX_URL = 32_768
"""Letters of a URL: marks of where a service's pages go on are long."""
MAX_REDIRECTS = 10
_MAX_ANSWER = 1 << 20
_SHOWN = 300
_UNAUTHENTICATED, _FORBIDDEN, _NOT_FOUND, _TIMEOUT, _GONE, _TOO_MANY = 401, 403, 404, 408, 410, 429
_EARLY_SECONDS = 60.0
"""A token is asked for anew so long before it ends."""
_CODES: Mapping[Side, Mapping[int, Code]] = {
    Side.SOURCE: {
        _UNAUTHENTICATED: Code.SOURCE_UNAUTHENTICATED,
        _FORBIDDEN: Code.SOURCE_DENIED,
        _NOT_FOUND: Code.SOURCE_NOT_FOUND,
        _GONE: Code.SOURCE_NOT_FOUND,
        _TIMEOUT: Code.SOURCE_TIMEOUT,
        _TOO_MANY: Code.SOURCE_UNAVAILABLE,
    },
    Side.SINK: {
        _UNAUTHENTICATED: Code.TARGET_DENIED,
        _FORBIDDEN: Code.TARGET_DENIED,
        _TIMEOUT: Code.TARGET_UNAVAILABLE,
        _TOO_MANY: Code.TARGET_UNAVAILABLE,
    },
}
_NOT_ITS_FAULT = frozenset({Code.DISK_FULL, Code.LIMIT_EXCEEDED})
_PACKED = {"gzip": Compression.GZIP, "x-gzip": Compression.GZIP, "deflate": Compression.DEFLATE}
_AS_SINK: Mapping[Code, Code] = {
    Code.SOURCE_DENIED: Code.TARGET_DENIED,
    Code.SOURCE_UNAVAILABLE: Code.TARGET_UNAVAILABLE,
    Code.SOURCE_TIMEOUT: Code.TARGET_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Speaking:
    """How one service is spoken to: ``url`` is where its login is meant for; another origin is never told of it."""

    url: str = field(repr=False)
    login: Login
    timeout_seconds: float
    side: Side
    reason: Reason
    redirects: int = MAX_REDIRECTS


class Caller:
    """Sends requests to one service; several threads may."""

    def __init__(self, speaking: Speaking, work: Working) -> None:
        self._speaking, self._work = speaking, work
        login = speaking.login
        self._digest = httpx.DigestAuth(login.user, login.password) if login.kind == "digest" else None
        self._tls = self._context(login)
        self._token = _Token()
        self._origin = origin(plain_url(speaking.url))

    def send(self, request: WebRequest) -> WebAnswer:
        """Return the answer of a request that was taken (2xx), with the beginning of its body.

        Raises:
            TransferProblem: of the reason that the service has: any other answer, or none. Problem: what the cancellation says.
        """
        return self._sent(request, None)

    def download(self, request: WebRequest, to: Path) -> WebAnswer:
        """Return the answer of a request that was taken; its body is in the file ``to``, unpacked where the service has packed it unasked.

        Raises:
            TransferProblem: as ``send``. Problem: what the cancellation says; ``DISK_FULL``; ``LIMIT_EXCEEDED``: it unpacks to more than archives
                may.
        """
        answer = self._sent(request, to)
        coding = answer.headers.get("content-encoding", "").strip().lower()
        if coding not in {"", "identity"}:
            self._unpack(to, coding, request)
        return answer

    def problem(self, message: str, code: Code | None = None) -> TransferProblem:
        """Return the problem of this service; ``code`` None: the request is at fault."""
        speaking = self._speaking
        found = Code.INVALID if code is None else code
        if speaking.side is Side.SINK:
            found = _AS_SINK.get(found, found)
        return TransferProblem(speaking.reason, speaking.side, message, found)

    def _unpack(self, path: Path, coding: str, request: WebRequest) -> None:
        kind, name = _PACKED.get(coding), shown(request.url)
        if kind is None:
            raise self.problem(f"{name} packs its answers with {coding!r} unasked; gzip and deflate are understood")
        packed = path.with_name(f"{path.name}.packed")
        path.replace(packed)
        limits, cancellation = self._work.limits, self._work.context.cancellation
        try:
            with packed.open("rb") as raw, path.open("wb") as plain, _noticing_a_full_disk(path.parent):
                budget = Budget(name, packed.stat().st_size, limits, cancellation)
                shutil.copyfileobj(io.BufferedReader(Unpacked(raw, kind, name, budget)), plain, limits.read_chunk)
        except Problem as problem:
            raise self._meant(problem, request, cancellation) from problem
        finally:
            packed.unlink(missing_ok=True)

    def _sent(self, request: WebRequest, to: Path | None) -> WebAnswer:
        answer = self._once(request, to)
        if answer.status == _UNAUTHENTICATED and self._speaking.login.kind == "oauth2":
            # It may have been taken back before its time.
            self._token.forget()
            answer = self._once(request, to)
        if not 200 <= answer.status < 300:
            raise self._refusal(request, answer)
        return answer

    def _once(self, request: WebRequest, to: Path | None) -> WebAnswer:
        url = plain_url(request.url)
        own = origin(url) == self._origin
        # A page that another origin has is one that this service names: it could name any.
        headers = {**self._proof(), **request.headers} if own else for_others(request.headers)
        return self._exchange(WebRequest(request.method, url, headers, request.body), to, own=own)

    def _exchange(self, request: WebRequest, to: Path | None, *, own: bool) -> WebAnswer:
        speaking, cancellation = self._speaking, self._work.context.cancellation
        client = WebClient(
            self._work.egress,
            speaking.timeout_seconds,
            _MAX_ANSWER,
            speaking.redirects,
            self._tls,
            self._digest if own else None,
            MAX_URL,
        )
        try:
            with _noticing_a_full_disk(self._work.folder):
                return client.send(request, cancellation) if to is None else client.download(request, to, cancellation)
        except Problem as problem:
            raise self._meant(problem, request, cancellation) from problem

    def _meant(self, problem: Problem, request: WebRequest, cancellation: Cancellation) -> Problem:
        if cancellation.problem is not None or isinstance(problem, TransferProblem) or problem.code in _NOT_ITS_FAULT:
            return problem
        return self.problem(f"{request.method} {shown(request.url)}: {problem.message}", problem.code)

    def _refusal(self, request: WebRequest, answer: WebAnswer) -> TransferProblem:
        side = self._speaking.side
        code = _CODES[side].get(answer.status, Code.INVALID)
        if answer.status >= 500:
            code = Code.TARGET_UNAVAILABLE if side is Side.SINK else Code.SOURCE_UNAVAILABLE
        said = " ".join(answer.body[: 4 * _SHOWN].decode("utf-8", "replace").split())[:_SHOWN]
        what = f"{request.method} {shown(request.url)} was answered with {answer.status}"
        return self.problem(f"{what}: {said}" if said else what, code)

    def _proof(self) -> Mapping[str, str]:
        login = self._speaking.login
        headers = dict(login.headers)
        if login.kind == "basic":
            pair = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif login.kind == "oauth2":
            headers["Authorization"] = f"Bearer {self._token.get(self._new_token)}"
        return headers

    def _new_token(self) -> tuple[str, float]:
        login = self._speaking.login
        asked = {"grant_type": "client_credentials", "client_id": login.client_id, "client_secret": login.client_secret}
        asked |= {name: value for name, value in (("scope", login.scope), ("resource", login.resource)) if value}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        request = WebRequest("POST", plain_url(login.token_url), headers, urlencode(asked).encode())
        answer = self._exchange(request, None, own=False)
        denied = Code.TARGET_DENIED if self._speaking.side is Side.SINK else Code.SOURCE_UNAUTHENTICATED
        if answer.status != httpx.codes.OK:
            raise self.problem(f"{shown(login.token_url)} gave no token: it answered with {answer.status}", denied)
        try:
            found = json.loads(answer.body)
            return str(found["access_token"]), float(found.get("expires_in", 3600))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self.problem(f"{shown(login.token_url)} gave no access_token", denied) from error

    def _context(self, login: Login) -> ssl.SSLContext | None:
        if login.verify and not login.certificate:
            return None
        try:
            return tls_context(verify=login.verify, pfx=login.certificate, password=login.password)
        except Problem as problem:
            raise self.problem(problem.message, problem.code) from problem


@contextmanager
def _noticing_a_full_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise no_room(folder) from error


class _Token:
    """A token, until shortly before it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text, self._ends = "", 0.0

    def get(self, ask: Callable[[], tuple[str, float]]) -> str:
        with self._lock:
            if not self._text or time.monotonic() >= self._ends:
                self._text, seconds = ask()
                self._ends = time.monotonic() + max(seconds - _EARLY_SECONDS, seconds / 2)
            return self._text

    def forget(self) -> None:
        with self._lock:
            self._text = ""


def plain_url(url: str) -> str:
    """Return a URL with blanks and letters beyond ASCII written as URLs have them."""
    return quote(url.strip(), safe="%/:?#[]@!$&'()*+,;=~")


def shown(url: str) -> str:
    """Return what may be said of a URL: queries may hold keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:500]


def pause(seconds: float, cancellation: Cancellation) -> None:
    """Wait between two requests.

    Raises:
        Problem: what the cancellation says.
    """
    stopped = threading.Event()
    forget = cancellation.on_stop(stopped.set)
    try:
        stopped.wait(seconds)
    finally:
        forget()
    cancellation.check()
