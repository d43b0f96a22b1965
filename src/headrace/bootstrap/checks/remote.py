"""A server, asked from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from headrace import __version__
from headrace.bootstrap.checks import asking
from headrace.bootstrap.checks.finding import Check, Finding, Unknown, fail, ok, warn
from headrace.bootstrap.checks.ledger import apart_finding
from headrace.core.client import EVERYWHERE
from headrace.core.clock import SECOND, Clock
from headrace.core.errors import Code, Problem
from headrace.core.native.installation import About, Me

_WORKERS_DIE = 6.0


@dataclass(slots=True)
class Server:
    """A server at ``url`` (without a slash at the end). ``me`` and ``about`` ask it who we are and how it stands; both raise ``Problem``."""

    url: str
    me: Callable[[], Me]
    about: Callable[[], About]
    clock: Clock
    out_of_reach: str = ""


def _reachable(server: Server) -> Finding:
    health = asking.get(f"{server.url}/healthz")
    if health.status == 0:
        server.out_of_reach = "the server cannot be reached"
        remedy = "correct --url or HEADRACE_URL, or start the server on its machine"
        return fail(f"it cannot be reached: {health.why}", remedy, where=server.url, command="headrace serve")
    if not asking.is_headrace(health):
        server.out_of_reach = "that is no server of Headrace"
        return fail(
            f"what answers is no Headrace (status {health.status})", "correct --url or HEADRACE_URL", where=server.url
        )
    return ok("it answers", server.url)


def _ready(server: Server) -> Finding:
    _reached(server)
    problems = asking.problems_of(asking.get(f"{server.url}/readyz"))
    if problems:
        return fail(
            f"it is not ready: {'; '.join(problems)}",
            "look at the server's own machine",
            where=server.url,
            command="headrace doctor",
        )
    return ok("it is ready to take work", server.url)


def _token(server: Server) -> Finding:
    _reached(server)
    try:
        me = server.me()
    except Problem as problem:
        if problem.code not in {Code.UNAUTHENTICATED, Code.FORBIDDEN}:
            raise
        return fail(
            problem.message,
            "set HEADRACE_TOKEN, or HEADRACE_CLIENT_ID and HEADRACE_CLIENT_SECRET, to those of a client of that server",
            where=server.url,
        )
    reach = "all scopes" if EVERYWHERE in me.scopes else ", ".join(me.scopes) or "no scope"
    words = f"{me.name or me.client}: role {me.role}, {reach}"
    return ok(words) if me.scopes else warn(words, "ask an administrator for a scope")


def _version(server: Server) -> Finding:
    theirs = _about(server).version
    if theirs == __version__:
        return ok(f"both are {theirs}")
    return warn(
        f"the server is {theirs}, this command is {__version__}: one may not know what the other asks",
        "install the server's release here",
        command=f'pip install "headrace=={theirs}"',
    )


def _clock(server: Server) -> Finding:
    before = server.clock.now()
    now = _about(server).now
    after = server.clock.now()
    # What the way took is no fault of a clock.
    apart = 0.0 if before <= now <= after else (now - after if now > after else now - before) / SECOND
    return apart_finding(apart, "the server", _WORKERS_DIE)


def _problems(server: Server) -> Finding:
    about = _about(server)
    if not about.problems:
        return ok("it has nothing to complain of")
    return warn(
        " ".join(about.problems), "look at the server's own machine", where=server.url, command="headrace doctor"
    )


def _about(server: Server) -> About:
    _reached(server)
    try:
        return server.about()
    except Problem as problem:
        if problem.code in {Code.UNAUTHENTICATED, Code.FORBIDDEN}:
            why = "the server does not let us ask"
            raise Unknown(why) from problem
        raise


def _reached(server: Server) -> None:
    if server.out_of_reach:
        raise Unknown(server.out_of_reach)


CHECKS = tuple(
    partial(Check, seconds=20.0)(*one)
    for one in (
        ("reachable", "whether a server of Headrace answers `/healthz`", _reachable),
        ("ready", "what `/readyz` says", _ready),
        ("token", "the token's role and scopes", _token),
        ("version", "the server's release against this one's", _version),
        ("server-clock", "the server's clock against this machine's", _clock),
        ("problems", "what the server itself says is wrong", _problems),
    )
)
