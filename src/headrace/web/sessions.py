"""Sessions of people: a token in a cookie, and what keeps others from pressing buttons in somebody's name."""

import hashlib
import hmac
import re
import secrets
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from headrace.core.client import Identity, Role
from headrace.core.errors import Code, Problem
from headrace.service.sealing import Sealer
from headrace.service.tokens import Token, TokenDesk, verify_token
from headrace.web.paths import serves

AUDIENCE = "console"
"""What tokens of sessions are good for, and nothing else."""
COOKIE = "headrace_session"
FIELD = "csrf"
HEADER = "x-csrf-token"
DEVELOPER = Identity("dev", Role.ADMIN)
"""Who looks where ``--dev`` lets everybody in."""
_PURPOSE = "console forms"
_TOKEN_BYTES = 32
_TOKEN = re.compile(r"[0-9a-f]{128}")
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x7e]*")
_SAFE = frozenset({"GET", "HEAD"})


def who(request: Request, tokens: TokenDesk, *, dev: bool) -> Identity:
    """Return who asks.

    Raises:
        Problem: ``UNAUTHENTICATED``: there is no session, or it is over.
    """
    if dev:
        return DEVELOPER
    text = request.cookies.get(COOKIE)
    if not text:
        raise Problem(Code.UNAUTHENTICATED, "log in to go on")
    return verify_token(tokens, text, AUDIENCE)


def begin(response: Response, request: Request, token: Token, seconds: int, public_url: str | None) -> None:
    """Give the session to the browser: no script can read it, and other sites' forms do not send it."""
    response.set_cookie(
        COOKIE,
        token.text,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_https(request, public_url),
    )


def end(response: Response, request: Request, public_url: str | None) -> None:
    """Take the session from the browser."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=_is_https(request, public_url))


def form_token(request: Request, sealer: Sealer) -> str:
    """Return what this session's forms have to bring: nobody else can know it, and it is good for no other session.

    It is another text on every page, since pages are packed: from the length of a packed page one could guess what it repeats.
    """
    mask = secrets.token_bytes(_TOKEN_BYTES)
    return (mask + _xor(mask, _digest(request, sealer.signing_keys(_PURPOSE)[0]))).hex()


def require_form_token(request: Request, sealer: Sealer, shown: str) -> None:
    """Refuse what was not sent by a form of this session's own pages.

    Raises:
        Problem: ``FORBIDDEN``.
    """
    brought = bytes.fromhex(shown) if _TOKEN.fullmatch(shown) else b""
    digest = _xor(brought[:_TOKEN_BYTES], brought[_TOKEN_BYTES:])
    if not any(hmac.compare_digest(_digest(request, key), digest) for key in sealer.signing_keys(_PURPOSE)):
        raise Problem(
            Code.FORBIDDEN, "this form does not belong to your session: open the page again, and press once more"
        )


def require_same_origin(request: Request, public_url: str | None) -> None:
    """Refuse what a page of another site sent. Where a browser says nothing of it, the form's token has to do.

    Raises:
        Problem: ``FORBIDDEN``.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        same = site == "same-origin"
    elif origin is not None:
        own = {request.headers.get("host", "").lower(), urlsplit(public_url or "").netloc.lower()}
        same = urlsplit(origin).netloc.lower() in own - {""}
    else:
        same = True
    if not same:
        raise Problem(Code.FORBIDDEN, "this was sent from another site's page; press it on the console's own page")


def is_safe(request: Request) -> bool:
    """Say whether the request only looks."""
    return request.method in _SAFE


def local_path(text: str | None) -> str:
    """Return ``text`` if it is a path of the console, else ``/``: nobody is sent elsewhere after logging in."""
    if not text or len(text) > 2000 or not _LOCAL.fullmatch(text):
        return "/"
    path = urlsplit(text).path
    return text if serves(path) and not path.startswith(("/login", "/logout", "/static")) else "/"


def _digest(request: Request, key: bytes) -> bytes:
    session = hashlib.sha256(request.cookies.get(COOKIE, "").encode(errors="replace")).digest()
    return hmac.digest(key, session, "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))


def _is_https(request: Request, public_url: str | None) -> bool:
    return request.url.scheme == "https" or (public_url or "").lower().startswith("https:")
