"""Lists (contract 1): 100 items a page, with a link to the next one."""

from collections.abc import Sequence
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.errors import bad_request
from headrace.api.datafactory.gateway import API_VERSION
from headrace.api.datafactory.wire import Item, answer
from headrace.core.errors import Code, Problem
from headrace.core.query import Cursor, Order
from headrace.http.links import base_url

PAGE = 100
"""Items of a page."""
BY_NAME = Order("name")
"""The order of lists of resources."""
_TOKEN = "$skiptoken"  # noqa: S105 — the name of the query parameter, not a secret


def given_cursor(request: Request) -> Cursor | None:
    """Return where the page that a request asks for begins; None: at the beginning.

    Raises:
        Refusal: 400: a token that no page gave out.
    """
    given = [value for name, value in request.query_params.multi_items() if name.lower() == _TOKEN]
    return read_token(given[0]) if given else None


def read_token(token: object) -> Cursor:
    """Return the position that a token of ours is.

    Raises:
        Refusal: 400: it is none, or none of a list of resources.
    """
    try:
        cursor = Cursor.parse(token) if isinstance(token, str) else None
    except Problem as problem:
        if problem.code is not Code.INVALID:
            raise
        cursor = None
    if cursor is None or len(cursor.position) != 2 or not all(isinstance(part, str) for part in cursor.position):
        raise bad_request("The continuation token cannot be read; pass it on exactly as the page before gave it.")
    return cursor


def listed(request: Request, items: Sequence[Item], cursor: Cursor | None) -> Response:
    """Return a page; ``cursor`` is where the next one begins (None: this was the last)."""
    body: Item = {"value": list(items)}
    if cursor is not None:
        raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
        path = raw.decode("ascii", "replace").partition("?")[0]
        body["nextLink"] = f"{base_url(request, None)}{path}?api-version={API_VERSION}&{quote(_TOKEN)}={cursor.token()}"
    return answer(body)
