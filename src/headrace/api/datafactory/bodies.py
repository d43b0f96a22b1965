"""Bodies of requests: strict JSON, in which no key of an object comes twice."""

import json
from typing import Annotated, Any, TypeAlias

from fastapi import Depends
from starlette.requests import Request

from headrace.api.datafactory.errors import DUPLICATE_KEYS, bad_request
from headrace.api.datafactory.wire import Item
from headrace.http.bodies import Body, Missing, read_json


async def read_document(request: Request) -> Body:
    """Return the request's body as JSON, or ``MISSING``.

    Raises:
        Refusal: 400: a key comes twice. Problem: ``MALFORMED`` or ``LIMIT_EXCEEDED``, as ``http.bodies.read_json``.
    """
    return await read_json(request, _unique)


DocumentBody: TypeAlias = Annotated[Body, Depends(read_document)]
"""What a handler that takes a body declares."""


def object_of(body: Body, *, optional: bool = False) -> Item:
    """Return a body that has to be an object; ``optional``: one that was not sent counts as ``{}``.

    Raises:
        Refusal: 400: there is none, or it is something else.
    """
    if isinstance(body, dict):
        return body
    if isinstance(body, Missing):
        if optional:
            return {}
        raise bad_request("The request has no body; a JSON object is expected.")
    raise bad_request(f"The body of the request is {shown(body)}; a JSON object is expected.")


def shown(value: object, length: int = 80) -> str:
    """Return a value of a request as text for a message, cut to ``length``."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= length else text[: length - 1] + "…"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise bad_request(DUPLICATE_KEYS)
    return made
