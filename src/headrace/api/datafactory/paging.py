"""Lists (contract 1): 100 items a page, with a link to the next one, or a token."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.errors import bad_request
from headrace.api.datafactory.gateway import API_VERSION
from headrace.api.datafactory.wire import Item, json_text, told
from headrace.core.errors import Code, Problem
from headrace.core.query import Cursor, Order
from headrace.http.links import base_url
from headrace.service.documents import Document, DocumentQuery
from headrace.store import documents
from headrace.store.database import Transaction

PAGE = 100
"""Items of a page."""
PAGE_BYTES = 8 << 20
"""Characters of JSON after which a page ends early: documents may have 4 MB each."""
_READ_AT_ONCE = 25
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


@dataclass(frozen=True, slots=True)
class Listed:
    """The items of a page as JSON, and where the next one begins (None: this was the last)."""

    texts: tuple[str, ...]
    next: Cursor | None

    def linked(self, request: Request) -> Response:
        """Return the page with a link to the next one."""
        return self._answer("nextLink", lambda token: _link(request, token))

    def continued(self) -> Response:
        """Return the page with a token for the next one."""
        return self._answer("continuationToken", lambda token: token)

    def _answer(self, name: str, value: Callable[[str], str]) -> Response:
        further = "" if self.next is None else f",{json_text(name)}:{json_text(value(self.next.token()))}"
        return told(f'{{"value":[{",".join(self.texts)}]{further}}}')


def gather(
    tx: Transaction, query: DocumentQuery, cursor: Cursor | None, shown: Callable[[Document], Item | None]
) -> Listed:
    """Return the next page of the documents that ``shown`` shows; those for which it gives None are passed over.

    There is a next page only if something is on it, and its position is that of a document that was shown.
    """
    texts: list[str] = []
    size, last = 0, None
    while True:
        page = documents.page(tx, query, _READ_AT_ONCE, cursor)
        for document in page.items:
            item = shown(document)
            if item is None:
                continue
            if last is not None and (len(texts) == PAGE or size > PAGE_BYTES):
                return Listed(tuple(texts), last)
            texts.append(json_text(item))
            size += len(texts[-1])
            last = Cursor((document.name, document.id))
        cursor = page.next
        if cursor is None:
            return Listed(tuple(texts), None)


def _link(request: Request, token: str) -> str:
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    path = raw.decode("ascii", "replace").partition("?")[0]
    return f"{base_url(request, None)}{path}?api-version={API_VERSION}&{quote(_TOKEN)}={token}"
