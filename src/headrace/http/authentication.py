"""Default-deny: a door's one dependency that stands before every route.

A route is open only when its own route object was named when the door was made; names, paths and prefixes do not count.
"""

from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

Check = Callable[[Request], Any]
"""Says who calls, or raises the door's refusal. It may block: it is called in a thread."""


def default_deny(check: Check, *, open_routes: Iterable[BaseRoute]) -> Callable[[Request], None]:
    """Return the dependency for all of a door's routes: it leaves what ``check`` returns in ``request.state.caller``."""
    opened = list(open_routes)

    def authenticated(request: Request) -> None:
        route = request.scope.get("route")
        if any(route is candidate for candidate in opened):
            return
        request.state.caller = check(request)

    return authenticated
