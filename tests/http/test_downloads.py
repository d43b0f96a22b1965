"""Downloads: whole, in parts, never opened by a browser."""

from pathlib import Path

import pytest
from starlette.requests import Request

from headrace.http.downloads import send_file


def ask(method: str, **headers: str) -> Request:
    """Return a request with ``headers``."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "headers": raw, "path": "/"})


@pytest.mark.parametrize(
    ("header", "status", "length", "part"),
    [
        (None, 200, "10", None),
        ("bytes=0-3", 206, "4", "bytes 0-3/10"),
        ("bytes=8-", 206, "2", "bytes 8-9/10"),
        ("bytes=-3", 206, "3", "bytes 7-9/10"),
        ("bytes=5-100", 206, "5", "bytes 5-9/10"),
        ("bytes=10-", 416, "0", "bytes */10"),
        ("bytes=4-2", 200, "10", None),
        ("lines=1-2", 200, "10", None),
        ("bytes=" + "9" * 5000 + "-", 200, "10", None),
        ("bytes=-" + "9" * 5000, 200, "10", None),
        ("bytes=0-" + "9" * 5000, 200, "10", None),
        ("bytes=0-" + "9" * 18, 206, "10", "bytes 0-9/10"),
    ],
)
def test_a_part_is_what_was_asked_for(
    tmp_path: Path, header: str | None, status: int, length: str, part: str | None
) -> None:
    """Ranges follow the standard; one that is not understood gives the whole."""
    file = tmp_path / "x.bin"
    file.write_bytes(b"0123456789")
    request = ask("HEAD", **({"range": header} if header else {}))
    answer = send_file(request, file, media_type="application/octet-stream")
    assert (answer.status_code, answer.headers["content-length"]) == (status, length)
    assert answer.headers.get("content-range") == part
    assert answer.headers["content-disposition"].startswith("attachment")
