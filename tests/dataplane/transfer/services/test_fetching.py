"""Files of HTTP servers."""

import gzip
from contextlib import closing
from pathlib import Path

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.files import read_files
from headrace.dataplane.transfer.request import (
    Bytes,
    Choice,
    Delimited,
    FilesSource,
    HttpRequestOptions,
    Login,
    Place,
    StoreType,
)
from headrace.dataplane.transfer.services.fetching import fetch_http
from listeners import listening
from transfer_files import session_in, working


def source(options: HttpRequestOptions) -> FilesSource:
    """Return the source of one request."""
    return FilesSource(Place(StoreType.HTTP), Choice(), Bytes(), http=options)


def test_the_answer_is_the_file(tmp_path: Path) -> None:
    """Whatever the size, with its name and age; a redirect is followed, and nothing stays behind."""
    content = bytes(range(256)) * 8000
    with listening() as server:
        moved = server.url.replace("/hook", "/a%20b.bin")
        server.answer = lambda heard: (
            (302, {"location": "/x"}, b"")
            if "a%20b" in heard.path
            else (200, {"last-modified": "Thu, 29 Feb 2024 01:02:03 GMT"}, content)
        )
        with fetch_http(source(HttpRequestOptions(url=moved + "?sig=1")), tmp_path, working(tmp_path)) as file:
            assert (file.name, file.bytes, file.path.read_bytes()) == ("a b.bin", len(content), content)
            assert file.modified_at == Instant(1_709_168_523_000_000)
        assert not file.path.exists()


def test_the_bytes_of_an_answer_are_known_when_it_is_here(tmp_path: Path) -> None:
    """They are what was read, as the output tells it: nobody knows the size before."""
    with listening() as server:
        server.answer = lambda _: (200, {}, b"a,b\n1,2\n")
        asked = FilesSource(
            Place(StoreType.HTTP), Choice(), Delimited(header=True), http=HttpRequestOptions(url=server.url)
        )
        with closing(read_files(asked, working(tmp_path))) as reader, session_in(tmp_path) as session:
            (item,) = reader.slices()
            with reader.open(item, session) as rows:
                assert rows.taken is not None
                assert rows.taken() == 8


def test_a_request_has_its_method_body_and_login(tmp_path: Path) -> None:
    """A GET has no body."""
    with listening() as server:
        server.answer = lambda _: (200, {"content-encoding": "gzip"}, gzip.compress(b"x"))
        options = HttpRequestOptions(
            "POST", server.url, {"x-a": "1"}, b"body", login=Login("basic", "a", "b", headers={"x-b": "2"})
        )
        with fetch_http(source(options), tmp_path, working(tmp_path)) as file:
            assert file.path.read_bytes() == b"x"
    heard = server.heard[0]
    assert (heard.method, heard.body, heard.headers["x-a"], heard.headers["x-b"]) == ("POST", b"body", "1", "2")
    assert heard.headers["authorization"] == "Basic YTpi"


@pytest.mark.parametrize(("status", "code"), [(404, Code.SOURCE_NOT_FOUND), (500, Code.SOURCE_UNAVAILABLE)])
def test_a_file_that_is_not_there_is_told_with_its_address(tmp_path: Path, status: int, code: Code) -> None:
    """Without its query, which may have keys."""
    with listening() as server:
        server.answer = lambda _: (status, {}, b"gone")
        options = HttpRequestOptions(url=server.url + "/f.csv?sig=secret")
        with (
            pytest.raises(TransferProblem, match=r"/f\.csv was answered with") as caught,
            fetch_http(source(options), tmp_path, working(tmp_path)),
        ):
            pass
    assert (caught.value.reason, caught.value.code) == (Reason.HTTP_CLIENT_ERROR, code)
    assert "secret" not in caught.value.message


def test_a_server_that_breaks_off_is_told(tmp_path: Path) -> None:
    """Half a file is none."""
    with listening() as server:
        server.answer = lambda _: (200, {"content-length": "100", "connection": "close"}, b"half")
        options = HttpRequestOptions(url=server.url, timeout_seconds=2)
        with (
            pytest.raises(TransferProblem, match=r"broke off|did not answer") as caught,
            fetch_http(source(options), tmp_path, working(tmp_path)),
        ):
            pass
    assert caught.value.code in {Code.SOURCE_UNAVAILABLE, Code.SOURCE_TIMEOUT}
    assert not (tmp_path / "fetched").exists()
