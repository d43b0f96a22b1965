"""HTTP to addresses that tenants name: through the guard, with an end in time and size, and nothing from the environment.

A host is resolved and looked at once, for each hop anew, and the connection goes to the address that was looked at; TLS still verifies the host's
name. A redirect is followed only where the caller allows it, and its target is looked at like the first address. Proxies of the environment are not
used: they would go where the guard cannot look.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.egress import EVERYTHING, Egress

T = TypeVar("T")

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 1 << 20
"""What follows in an answer is not read."""
MAX_URL = 2048

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TO_GET = frozenset({301, 302, 303})
_OF_ONE_ORIGIN = re.compile(r"auth|cookie|signature|credential|session|passw|pwd|secret|token|key", re.IGNORECASE)
"""What is in the name of a header that only the host may see that it was meant for; ``idempotency-key`` is none."""


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What is sent. ``body`` and the values of ``headers`` are never logged."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What came back: the status, headers by their names in lower case, and at most ``WebClient.max_bytes`` of the body.

    ``fields`` are the headers as they came: names in their own case, repeated ones each.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class WebClient:
    """Sends requests.

    ``timeout`` (seconds) bounds all of a request, redirects included, but not the look-up of a name. ``redirects``: how many are followed at most;
    with 0, a redirect is an answer like any other. ``tls`` None: the certificates that this machine trusts. ``login`` answers challenges of the
    first origin; others are not told. ``max_url``: letters of an URL.
    """

    egress: Egress
    timeout: float = TIMEOUT_SECONDS
    max_bytes: int = MAX_ANSWER_BYTES
    redirects: int = 0
    tls: ssl.SSLContext | None = None
    login: httpx.Auth | None = None
    max_url: int = MAX_URL

    def send(self, request: WebRequest, cancellation: Cancellation | None = None) -> WebAnswer:
        """Return the answer to ``request``; ``cancellation`` breaks the call off.

        Raises:
            Problem: ``INVALID``: the URL; ``SOURCE_DENIED``: the guard refuses the host; ``SOURCE_UNAVAILABLE``: it cannot be reached, or broke off;
                ``SOURCE_TIMEOUT``; whatever ``cancellation`` says. No message repeats more of the URL than the host.
        """
        if cancellation is None:
            return asyncio.run(self._send(request, None))
        return asyncio.run(unless_stopped(self._send(request, None), cancellation))

    def download(self, request: WebRequest, to: Path, cancellation: Cancellation) -> WebAnswer:
        """Return the answer to ``request``; the whole body of a successful one goes into the file ``to``, and ``body`` is empty.

        ``timeout`` bounds the time until the answer begins, and each wait for more of it.

        Raises:
            Problem: as ``send``. OSError: ``to`` cannot be written.
        """
        return asyncio.run(unless_stopped(self._send(request, to), cancellation))

    async def _send(self, request: WebRequest, to: Path | None) -> WebAnswer:
        host = parse_url(request.url, self.max_url).hostname
        try:
            async with asyncio.timeout(self.timeout) as end:
                return await self._follow(request, _Body(self.max_bytes, to, end))
        except TimeoutError as error:
            raise Problem(Code.SOURCE_TIMEOUT, f"{host} did not answer within {self.timeout:g} s") from error
        # An alert that comes after the handshake is no error of httpx.
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            what = f"{host} cannot be reached, or broke off ({type(error).__name__})"
            raise Problem(Code.SOURCE_UNAVAILABLE, what, context={"error": str(error)}) from error

    async def _follow(self, request: WebRequest, body: "_Body") -> WebAnswer:
        tls = _trusted() if self.tls is None else self.tls
        first = origin(request.url)
        async with httpx.AsyncClient(trust_env=False, verify=tls, timeout=self.timeout) as client:
            for _ in range(self.redirects):
                answer = await self._exchange(client, request, body, first)
                target = answer.headers.get("location")
                if answer.status not in _REDIRECTS or target is None:
                    return answer
                request = redirected(request, answer.status, target, self.max_url)
            return await self._exchange(client, request, body, first)

    async def _exchange(
        self, client: httpx.AsyncClient, request: WebRequest, taking: "_Body", first: tuple[str, str]
    ) -> WebAnswer:
        url = parse_url(request.url, self.max_url)
        host = url.hostname or ""
        address = host if EVERYTHING in self.egress.allow else self.egress.check(host)
        place = f"[{address}]" if ":" in address else address
        port = "" if url.port is None else f":{url.port}"
        given = {name.lower(): value for name, value in request.headers.items()}
        headers = {"user-agent": "headrace", **given, "host": url.netloc, "accept-encoding": "identity"}
        sent = client.build_request(
            request.method,
            url._replace(netloc=place + port, fragment="").geturl(),
            headers=headers,
            content=request.body or None,
            extensions={"sni_hostname": host},
        )
        login = self.login if origin(request.url) == first else None
        answer = await client.send(sent, stream=True, follow_redirects=False, auth=login)
        try:
            body = await taking.of(answer)
        finally:
            await answer.aclose()
        came = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw)
        return WebAnswer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, body, came)


async def unless_stopped(work: Coroutine[Any, Any, T], cancellation: Cancellation) -> T:
    """Return what ``work`` gives; it is broken off when ``cancellation`` says so, from whichever thread.

    Raises:
        Problem: whatever ``cancellation`` says.
    """
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)

    def stop() -> None:
        # The loop may be over by the time that another thread says so.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(task.cancel)

    forget = cancellation.on_stop(stop)
    try:
        return await task
    except asyncio.CancelledError:
        cancellation.check()
        raise
    finally:
        forget()


def parse_url(text: str, most: int = MAX_URL) -> SplitResult:
    """Return the parts of an HTTP URL of at most ``most`` characters.

    Raises:
        Problem: ``INVALID``: another scheme, no host, a login in it, or characters that URLs do not have.
    """
    refusal = Problem(Code.INVALID, f"no URL that can be called; write https://host/path, at most {most} characters")
    if len(text) > most or not text.isascii() or not text.isprintable() or " " in text:
        raise refusal
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        raise refusal from None
    if not usable:
        raise refusal
    if "@" in url.netloc:
        raise Problem(Code.INVALID, "a URL with a login in it is not taken")
    return url


def origin(url: str) -> tuple[str, str]:
    """Return the scheme of a URL, and its host with the port: what a login is meant for."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def redirected(request: WebRequest, status: int, target: str, most: int = MAX_URL) -> WebRequest:
    """Return the request that follows a redirect; what only the first origin may see stays behind when it leads to another one."""
    url = urljoin(request.url, target)
    for each in (request.url, url):
        parse_url(each, most)
    headers = dict(request.headers)
    if origin(request.url) != origin(url):
        headers = for_others(headers)
    if status in _TO_GET and request.method not in {"GET", "HEAD"}:
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
        return WebRequest("GET", url, headers)
    return replace(request, url=url, headers=headers)


def for_others(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that another origin may see than the one that they were written for: those that look like credentials are left out."""
    return {name: value for name, value in headers.items() if not _is_of_one_origin(name)}


def _is_of_one_origin(header: str) -> bool:
    return header.lower() != "idempotency-key" and _OF_ONE_ORIGIN.search(header) is not None


@cache
def _trusted() -> ssl.SSLContext:
    # Reading a machine's certificates takes longer than a request.
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class _Body:
    """What is made of bodies: the beginning of each, or, where one is to be kept whole, a file."""

    most: int
    to: Path | None
    end: asyncio.Timeout

    async def of(self, answer: httpx.Response) -> bytes:
        if self.to is None or not answer.is_success:
            return await _beginning(answer, self.most)
        # A large file takes its time; each wait for more of it is bounded by the client.
        self.end.reschedule(None)
        with self.to.open("wb") as file:
            async for chunk in answer.aiter_raw():
                file.write(chunk)
        return b""


async def _beginning(answer: httpx.Response, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    # What is compressed is not unpacked: a small answer must not become a large one.
    async for chunk in answer.aiter_raw():
        chunks.append(chunk[: limit - size])
        size += len(chunks[-1])
        if size >= limit:
            break
    return b"".join(chunks)
