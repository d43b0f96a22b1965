"""Addresses of the console's pages, put together so that whatever stands in a name stays one segment or one value."""

from collections.abc import Iterable
from urllib.parse import quote, urlencode


def href(*segments: str, **query: str | bool | float | Iterable[str] | None) -> str:
    """Return the path of ``segments`` with a query of what is given.

    None and False are left out, True is ``true``, an empty text stays, and what is several texts comes several times.
    """
    path = "/" + "/".join(quote(segment, safe="") for segment in segments)
    pairs = [(name, text) for name, value in query.items() for text in _texts(value)]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _texts(value: str | bool | float | Iterable[str] | None) -> Iterable[str]:
    if value is None or value is False:
        return ()
    if value is True:
        return ("true",)
    return (str(value),) if isinstance(value, str | int | float) else tuple(value)
