"""Long answers are sent smaller to those who take it, and to nobody else."""

import gzip

import pytest
from starlette.requests import Request
from starlette.responses import Response

from headrace.http.compression import LEAST_BYTES, squeeze, takes_gzip


def asking(header: str) -> Request:
    """Return a request with this ``Accept-Encoding``."""
    return Request({"type": "http", "headers": [(b"accept-encoding", header.encode())]})


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("deflate, *", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("xgzip", False),
    ],
)
def test_only_who_takes_gzip_gets_it(header: str, taken: bool) -> None:
    """As the header says, weights included."""
    assert takes_gzip(header) is taken


def test_a_long_answer_comes_out_as_it_went_in() -> None:
    """Smaller on its way, and marked as depending on who asks."""
    body = b"abc" * LEAST_BYTES
    sent = squeeze(asking("gzip"), Response(body))
    assert gzip.decompress(bytes(sent.body)) == body
    assert sent.headers["content-encoding"] == "gzip"
    assert sent.headers["content-length"] == str(len(sent.body))
    assert sent.headers["vary"] == squeeze(asking(""), Response(body)).headers["vary"] == "Accept-Encoding"


def test_short_answers_and_those_that_are_packed_already_stay_as_they_are() -> None:
    """There is nothing to gain."""
    assert squeeze(asking("gzip"), Response(b"abc")).body == b"abc"
    packed = Response(b"x" * LEAST_BYTES, headers={"content-encoding": "br"})
    assert squeeze(asking("gzip"), packed).body == b"x" * LEAST_BYTES
