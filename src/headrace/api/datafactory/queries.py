"""Query strings and continuation tokens of the operations on runs."""

from starlette.requests import Request

from headrace.api.datafactory.errors import bad_request
from headrace.core.errors import Code, Problem
from headrace.core.query import Cursor
from headrace.store.keysets import Position

PAGE = 100
"""Items of a page (1)."""


def words_in(request: Request) -> dict[str, str]:
    """Return the query by its names in lower case; a value that is empty counts as absent."""
    return {name.lower(): value.strip() for name, value in request.query_params.multi_items() if value.strip()}


def flag_in(request: Request, name: str) -> bool | None:
    """Return a switch of the query; None: it is not given.

    Raises:
        Refusal: 400: it is neither true nor false.
    """
    given = words_in(request).get(name.lower())
    if given is None:
        return None
    if given.lower() not in {"true", "false"}:
        raise bad_request(f"The query parameter {name} is '{given[:100]}'; true or false is expected.")
    return given.lower() == "true"


def token_of(position: Position, order: str) -> str:
    """Return the continuation token for what lies behind ``position`` in ``order``."""
    return Cursor(position, {"order": order}).token()


def position_of(token: object, order: str) -> Position | None:
    """Return the position that a token of a list in ``order`` stands for; None: there is no token.

    Raises:
        Refusal: 400: it is none, or that of a list in another order.
    """
    if token is None or token == "":
        return None
    try:
        cursor = Cursor.parse(token) if isinstance(token, str) else None
    except Problem as problem:
        if problem.code is not Code.INVALID:
            raise
        cursor = None
    if cursor is None or cursor.query.get("order") != order:
        raise bad_token()
    return cursor.position


def bad_token() -> Problem:
    """Return 400 for a continuation token that cannot be read."""
    return bad_request(
        "The continuation token cannot be read; send it exactly as the page before gave it, with the same query."
    )
