"""Operations that a server does: asked over its native API, told as if they had been done here."""

import dataclasses
import json
import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, BinaryIO, Self, cast
from urllib.parse import quote, unquote, urlencode, urlsplit

import httpx

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.operation import Asked, Download, Nothing, Operation, Told
from headrace.core.native.runs import AskRun
from headrace.core.native.table import SHOW_RUN
from headrace.core.native.wire import from_wire, to_query, to_wire
from headrace.http.links import is_loopback

PREFIX = "/native/v1"
REQUEST_KEY = "request_key"
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_STREAM_SECONDS = 45.0
"""Longer than a server is silent on a stream: it sends comments."""
_PAUSES = (0.2, 0.5)
"""Seconds before what is safe to repeat is asked again; after the last one, the failure is told."""
_LONGEST_PAUSE = 5.0
_CHUNK = 1 << 16
LONGEST_ANSWER = 256 << 20
"""Bytes of an answer that is no download; no answer of ours comes near."""
_LONGEST_LINE = 1 << 20
"""Bytes of a line of a stream of events."""
_PATIENCE = 20
"""So often in a row a server that is being watched may fail to answer: it may be starting again."""
_LATER = frozenset({429, 503})
_CODE_OF_STATUS: Mapping[int, Code] = {
    401: Code.UNAUTHENTICATED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    413: Code.LIMIT_EXCEEDED,
    429: Code.LIMIT_EXCEEDED,
}
_FILE_NAME = re.compile(r"filename\*=UTF-8''([^;]+)")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is shown to a server: a token, or a client's id and secret, which get one; nothing at all for a server of development."""

    token: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    @property
    def can_get_token(self) -> bool:
        """Say whether a token can be asked for."""
        return bool(self.client_id and self.client_secret)


def _warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class RemoteDesk:
    """A server, asked as the desk of the local home is. Close it when done (or use it in a ``with``).

    What is safe to repeat (reading, and whatever has a request key, which is made where there is none) is repeated when an answer is lost.
    Redirections are not followed: a token is for the one address that it was meant for.

    Raises:
        Problem: ``INVALID``: ``url`` is no address of a server.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        warn: Callable[[str], None] = _warn,
        longest_answer: int = LONGEST_ANSWER,
    ) -> None:
        self.url = url.rstrip("/")
        self._credentials = credentials
        self._longest_answer = longest_answer
        self._token = credentials.token
        parts = urlsplit(self.url)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise Problem(
                Code.INVALID,
                "the server's address has the form http://HOST or https://HOST:PORT/PATH, without user and query",
            )
        is_near = is_loopback(parts.hostname or "")
        if parts.scheme == "http" and not is_near and (credentials.token or credentials.can_get_token):
            warn(f"warning: {self.url} is not encrypted: whoever is between can read the token; use https://")
        # No proxy stands between this machine and itself.
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=not is_near)
        self._pause = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    def ask(self, operation: Operation[Asked, Told], asked: Asked, body: BinaryIO | None = None) -> Told:
        """Return what the server tells. The pieces of a ``Download`` come as they are read.

        Raises:
            Problem: what the server refuses, in its words; ``UNAVAILABLE``: it cannot be reached, or is no Headrace.
        """
        asked = _keyed(asked)
        wanted = self._request(operation, asked, body)
        response = self._sent(wanted, is_safe=operation.method == "GET" or hasattr(asked, REQUEST_KEY))
        if operation.told is Download:
            return cast("Told", self._download(response))
        with closing(response):
            if operation.told is Nothing:
                return cast("Told", Nothing())
            return from_wire(operation.told, self._json(response), what=f"the answer of {self.url}")

    def watch(self, run: str, every_seconds: float = 1.0) -> Iterator[str]:
        """Yield the run's revision, now and whenever it has changed, until nothing of it can change any more.

        Where the server's events cannot be had, it is asked again and again.

        Raises:
            Problem: as ``ask``.
        """
        known, failures = "", 0
        while True:
            try:
                for kind, text in self._events(run, known):
                    failures = 0
                    if kind == "ended":
                        # How it has ended is asked for below.
                        break
                    if kind == "changed" and text != known:
                        known = text
                        yield text
            except Problem as problem:
                if problem.code is not Code.UNAVAILABLE:
                    raise
            try:
                view = self.ask(SHOW_RUN, AskRun(run=run))
                failures = 0
            except Problem as problem:
                failures += 1
                if problem.code is not Code.UNAVAILABLE or failures > _PATIENCE:
                    raise
            else:
                if view.revision != known:
                    known = view.revision
                    yield known
                if view.run.status.is_final:
                    return
            self._pause.wait(every_seconds)

    # Requests

    def _request(self, operation: Operation[Any, Any], asked: Any, body: BinaryIO | None) -> "_Wanted":
        path = operation.path
        for name in operation.path_names:
            value = quote(str(getattr(asked, name)), safe="")
            if not value:
                raise Problem.of_fields(Code.INVALID, "the request", (FieldError(name, "is empty"),))
            # Dots alone would lead to another path.
            path = path.replace(f"{{{name}}}", value if value.strip(".") else value.replace(".", "%2E"))
        url = f"{self.url}{PREFIX}{path}"
        if operation.sends or operation.method in {"GET", "DELETE"}:
            pairs = [pair for pair in to_query(asked) if pair[0] not in operation.path_names]
            url += "?" + urlencode(pairs) if pairs else ""
            return _Wanted(operation.method, url, body=body)
        members = _given(asked, without=operation.path_names)
        return _Wanted(operation.method, url, document=json.dumps(members).encode())

    def _sent(self, wanted: "_Wanted", *, is_safe: bool) -> httpx.Response:
        """Return a good answer, its body still to be read."""
        pauses, renewed = iter(_PAUSES), False
        is_safe = is_safe and (wanted.body is None or wanted.body.seekable())
        while True:
            try:
                response = self._once(wanted)
            except httpx.RequestError as error:
                # A connection that never was has carried nothing, whatever was to be asked.
                is_lost = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                pause = None if is_lost and not is_safe else next(pauses, None)
                if pause is None:
                    raise self._unreachable(error) from error
                self._pause.wait(pause)
                continue
            if response.status_code == 401 and self._credentials.can_get_token and not renewed:
                response.close()
                renewed, self._token = True, ""
                continue
            if response.status_code in _LATER and is_safe:
                pause = next(pauses, None)
                if pause is not None:
                    response.close()
                    self._pause.wait(_retry_after(response, pause))
                    continue
            if response.is_success:
                return response
            with closing(response):
                raise self._refused(response)

    def _once(self, wanted: "_Wanted", timeout: httpx.Timeout = _TIMEOUT) -> httpx.Response:
        request = self._http.build_request(
            wanted.method,
            wanted.url,
            content=wanted.content(),
            headers={**self._authorization(), **wanted.headers()},
            timeout=timeout,
        )
        return self._http.send(request, stream=True)

    def _authorization(self) -> Mapping[str, str]:
        if not self._token and self._credentials.can_get_token:
            self._token = self._fetched_token()
        return {"authorization": f"Bearer {self._token}"} if self._token else {}

    def _fetched_token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        request = self._http.build_request("POST", f"{self.url}{PREFIX}/token", data=form)
        with closing(self._http.send(request, stream=True)) as response:
            if not response.is_success:
                raise self._refused(response)
            found = self._json(response)
        token = found.get("access_token") if isinstance(found, dict) else None
        if not isinstance(token, str):
            raise self._no_headrace(response)
        return token

    # Answers

    def _json(self, response: httpx.Response) -> Any:
        try:
            return json.loads(self._bytes(response))
        except (ValueError, RecursionError) as error:
            raise self._no_headrace(response) from error

    def _bytes(self, response: httpx.Response) -> bytes:
        read = bytearray()
        try:
            for chunk in response.iter_bytes():
                read += chunk
                if len(read) > self._longest_answer:
                    raise self._no_headrace(response)
        except httpx.RequestError as error:
            raise self._unreachable(error) from error
        return bytes(read)

    def _refused(self, response: httpx.Response) -> Problem:
        """Return the server's problem as the one that it was there."""
        status = response.status_code
        if response.is_redirect:
            target = response.headers.get("location", "")[:200]
            return Problem(Code.UNAVAILABLE, f"{self.url} sends us on to {target!r}; give that server's own address")
        try:
            error = json.loads(self._bytes(response))["error"]
            fields = tuple(FieldError(one["path"], one["message"], one["hint"]) for one in error["fields"])
            code, message = error["code"], str(error["message"])
            context = {"status": status, "request_id": error.get("request_id", "")}
        except (ValueError, KeyError, TypeError, RecursionError):
            return self._no_headrace(response)
        known = Code(code) if code in set(Code) else _CODE_OF_STATUS.get(status, Code.INTERNAL)
        return Problem(known, message, fields, context)

    def _no_headrace(self, response: httpx.Response) -> Problem:
        words = "is that the address of a Headrace server?"
        return Problem(
            Code.UNAVAILABLE, f"{self.url} answers {response.status_code} in words that are not ours; {words}"
        )

    def _unreachable(self, error: httpx.RequestError) -> Problem:
        why = str(error) or type(error).__name__
        return Problem(
            Code.UNAVAILABLE, f"the server at {self.url} cannot be reached: {why}; does `headrace serve` run there?"
        )

    def _download(self, response: httpx.Response) -> Download:
        found = _FILE_NAME.search(response.headers.get("content-disposition", ""))
        # A name is the server's word; where the file goes is not.
        name = PurePosixPath(unquote(found[1]).replace("\\", "/")).name if found else ""
        media_type = response.headers.get("content-type", "application/octet-stream")
        return Download(name.lstrip(".") or "download", media_type, self._pieces(response))

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        with closing(response):
            try:
                yield from response.iter_bytes()
            except httpx.RequestError as error:
                raise Problem(Code.UNAVAILABLE, f"the answer of {self.url} broke off: {error}") from error

    # Events

    def _events(self, run: str, known: str) -> Iterator[tuple[str, str]]:
        """Yield kind and text of each event until the stream ends.

        Raises:
            Problem: ``UNAVAILABLE``: it cannot be had, or broke off; what the server refuses.
        """
        url = f"{self.url}{PREFIX}/runs/{quote(run, safe='')}/events"
        headers = {"accept": "text/event-stream", **({"last-event-id": known} if known else {})}
        wanted = _Wanted("GET", url, further=headers)
        try:
            response = self._once(wanted, httpx.Timeout(_STREAM_SECONDS, connect=10.0))
            with closing(response):
                if not response.is_success:
                    raise self._refused(response)
                yield from _parsed(self._lines(response))
        except httpx.RequestError as error:
            raise self._unreachable(error) from error

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        held = b""
        for chunk in response.iter_bytes():
            *whole, held = (held + chunk).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
            if len(held) > _LONGEST_LINE:
                raise self._no_headrace(response)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A request, which can be made more than once."""

    method: str
    url: str
    document: bytes | None = None
    body: BinaryIO | None = None
    further: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes | Iterator[bytes] | None:
        """Return the body from its beginning."""
        if self.body is None:
            return self.document
        if self.body.seekable():
            self.body.seek(0)
        return iter(partial(self.body.read, _CHUNK), b"")

    def headers(self) -> Mapping[str, str]:
        """Return what is said of the body, and the further headers."""
        kind = "application/json" if self.document is not None else "application/x-ndjson" if self.body else None
        return {**({"content-type": kind} if kind else {}), **self.further}


def _keyed(asked: Asked) -> Asked:
    """Return what is asked with a request key, if it can have one: then it can be asked again when its answer is lost."""
    if getattr(asked, REQUEST_KEY, "none") is not None:
        return asked
    changes: Any = {REQUEST_KEY: f"cli-{uuid.uuid4()}"}
    return cast("Asked", dataclasses.replace(cast("Any", asked), **changes))


def _given(asked: Any, *, without: tuple[str, ...]) -> dict[str, Any]:
    """Return the members that are no defaults: an older server does not know the newest ones."""
    wire = cast("dict[str, Any]", to_wire(asked))
    for one in dataclasses.fields(asked):
        factory = one.default_factory
        default = factory() if factory is not dataclasses.MISSING else one.default
        if one.name in without or getattr(asked, one.name) == default:
            del wire[one.name]
    return wire


def _retry_after(response: httpx.Response, otherwise: float) -> float:
    text = response.headers.get("retry-after", "")
    return min(float(text), _LONGEST_PAUSE) if text.isdecimal() else otherwise


def _parsed(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    kind, data = "", list[str]()
    for line in lines:
        name, _, text = line.partition(":")
        if not line:
            if kind:
                yield kind, "\n".join(data)
            kind, data = "", []
        elif name == "event":
            kind = text.removeprefix(" ")
        elif name == "data":
            data.append(text.removeprefix(" "))
