"""Pages of what went wrong."""

import pytest
from starlette.requests import Request

from headrace.core.errors import Code, Problem
from headrace.web.failures import answer_bare


def asked(method: str) -> Request:
    """Return a request of a browser for a page."""
    request = Request({"type": "http", "method": method, "path": "/runs", "query_string": b"", "headers": []})
    request.state.request_id = "request-1"
    return request


@pytest.mark.parametrize(
    ("method", "code", "again"),
    [("GET", Code.UNAVAILABLE, True), ("POST", Code.UNAVAILABLE, False), ("GET", Code.NOT_FOUND, False)],
)
def test_a_page_that_is_away_for_the_moment_comes_back_by_itself(method: str, code: Code, again: bool) -> None:
    """Whoever met an outage sees the page after it, with or without a script; a form is not sent twice."""
    page = bytes(answer_bare(asked(method), Problem(code, "the ledger cannot be reached now; try again")).body).decode()
    assert "ledger cannot be reached now" in page
    assert ('<meta http-equiv="refresh" content="5">' in page) is again
