"""What the address of a page asks for, as a dataclass of ``core.native``."""

from collections.abc import Collection
from typing import TypeVar

from starlette.requests import Request

from headrace.core.native.wire import from_query

T = TypeVar("T")


def asked_in(
    request: Request, cls: type[T], *, passing: Collection[str] = (), keeping: Collection[str] = (), **given: str
) -> T:
    """Return the query as an instance of ``cls``: fields of forms that were left empty are not there, but for names in ``keeping``.

    Names in ``passing`` are the page's own. ``given``: members that stand elsewhere (in the path).

    Raises:
        Problem: ``INVALID``, ``UNKNOWN_FIELD``: with every error.
    """
    pairs = [
        (name, text)
        for name, text in request.query_params.multi_items()
        if (text or name in keeping) and name not in passing
    ]
    return from_query(cls, [*pairs, *given.items()], what="the page's address")
