"""Object stores: keys that are no paths, signatures, and servers that would lead elsewhere."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]  # it has none
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # it has none
from botocore.credentials import Credentials  # type: ignore[import-untyped]  # it has none

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import Listing, select
from headrace.dataplane.connectors.object_services import S3Service, error_code
from headrace.dataplane.connectors.signing import AccessKey, aws_headers, encoded_path, encoded_query
from headrace.dataplane.connectors.stores import open_store
from headrace.dataplane.limits import Limits
from stores import Shelf, certified

FAST = Limits(store_pause_seconds=0.01)
KEYS = {"access_key": "key", "secret_key": "secret", "bucket": "b"}


@contextmanager
def answering(
    status: int, headers: dict[str, str], body: bytes = b"", tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Run a server that gives one answer to everything; yield its URL, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def find(url: str, path: str = "", **options: str) -> Listing:
    """List a path of an S3 store at ``url``."""
    with closing(open_store("", ConnectionInfo("s3", url, {**KEYS, **options}), None, FAST)) as store:
        return store.list(select(path), Cancellation())


def page(*keys: str) -> bytes:
    """Return a listing of S3."""
    told = "<Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
    return f"<R>{''.join(f'<Contents><Key>{key}</Key>{told}</Contents>' for key in keys)}</R>".encode()


@pytest.mark.parametrize("token", ["", "token"])
def test_requests_are_signed_as_amazons_own_library_signs_them(token: str) -> None:
    """Paths and queries with every kind of letter."""
    query = (("prefix", "a b/ü+&=~"), ("list-type", "2"), ("delimiter", "/"))
    path = encoded_path("/bucket/dir ü/it's (50%) + more.csv")
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ours = aws_headers(AccessKey("AK", "SK", token, "eu-west-1"), "GET", "host:9000", path, query, at)
    request = AWSRequest("GET", f"http://host:9000{path}?{encoded_query(query)}", headers={"Host": "host:9000"})
    request.context["timestamp"] = ours["x-amz-date"]
    request.headers["X-Amz-Content-SHA256"] = ours["x-amz-content-sha256"]
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    theirs = S3SigV4Auth(Credentials("AK", "SK", token or None), "s3", "eu-west-1")
    canonical = theirs.canonical_request(request)
    signature = theirs.signature(theirs.string_to_sign(request, canonical), request)
    assert ours["Authorization"].endswith(f"Signature={signature}")


def test_keys_that_are_no_paths_are_taken_or_refused_by_name(s3_store: Shelf) -> None:
    """One odd name does not keep the others from being listed; a marker of a folder is no file."""
    shelf = s3_store.fresh()
    for key, data in (("a.csv", b"1"), ("dir/", b""), ("dir//b.csv", b"1"), ("full/", b"1")):
        shelf.put(key, data)
    with closing(open_store("", shelf.info, None, FAST)) as store:
        flat = store.list(select("", recursive=True), Cancellation())
        assert [entry.name for entry in flat.entries] == ["a.csv", "dir//b.csv"]
        refused = [(refusal.name, refusal.problem.code) for refusal in flat.refused]
        assert refused == [("full/", Code.SOURCE_UNREADABLE)]
        with store.open(flat.entries[1]) as file:
            assert file.readinto(memoryview(bytearray(5))) == 1
        assert store.list(select("dir/"), Cancellation()).entries == ()


def test_a_key_that_could_lead_upwards_is_refused_by_name() -> None:
    """Servers and proxies may take the segments for what they are in paths."""
    with answering(200, {}, page("a.csv", "dir/../c.csv", "./d.csv")) as (url, _):
        assert [entry.name for entry in find(url, "**").entries] == ["a.csv"]
        listing = find(url, "**/.*/*")
    assert {refusal.name: refusal.problem.code for refusal in listing.refused} == {
        "dir/../c.csv": Code.SOURCE_DENIED,
        "./d.csv": Code.SOURCE_DENIED,
    }


def test_a_bucket_that_the_connection_leaves_open_is_the_first_segment(s3_store: Shelf) -> None:
    """The connection's folder holds in every bucket."""
    shelf = s3_store.fresh()
    shelf.put("x/a.csv", b"1")
    with closing(open_store("", shelf.with_options(bucket=""), None, FAST)) as store:
        for path, recursive in (("shelf/", True), ("sh*/x/*.csv", False), ("**/a.csv", False)):
            listing = store.list(select(path, recursive=recursive), Cancellation())
            assert "shelf/x/a.csv" in [entry.name for entry in listing.entries]
        (entry,) = store.list(select("shelf/x/a.csv"), Cancellation()).entries
        with store.open(entry) as file:
            assert file.readinto(memoryview(bytearray(5))) == 1
        with pytest.raises(Problem, match="is a bucket, not a file"):
            store.list(select("shelf"), Cancellation())
        with pytest.raises(Problem, match="no such thing as the bucket 'shell'"):
            store.list(select("shell/"), Cancellation())


def test_a_redirect_is_not_followed() -> None:
    """A tenant's server would lead to what the guard has refused."""
    with answering(200, {}, page("secret")) as (inside, asked):
        target = {"Location": f"{inside}/latest/meta-data"}
        with answering(302, target) as (url, _), pytest.raises(Problem, match="redirects elsewhere"):
            find(url)
        assert asked == []


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would go where the guard cannot look."""
    with answering(200, {}, page("by-proxy")) as (proxy, asked), answering(200, {}, page("a.csv")) as (url, _):
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        assert [entry.name for entry in find(url).entries] == ["a.csv"]
        assert asked == []


def test_a_certificate_is_verified_for_the_name_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is what was looked at, the certificate is the name's; an unknown one is told as such."""
    tls, authority = certified("store.example", tmp_path)
    with answering(200, {}, page("a.csv"), tls) as (url, _):
        with pytest.raises(Problem, match="is not trusted"):
            find(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        with pytest.raises(Problem, match="is not trusted"):
            find(url)
        info = ConnectionInfo("s3", url, KEYS, host="store.example")
        with closing(open_store("", info, None, FAST)) as store:
            assert [entry.name for entry in store.list(select(""), Cancellation()).entries] == ["a.csv"]


def test_a_bucket_of_another_region_is_asked_there() -> None:
    """The server says which; the next signature is for it, and no question is asked twice for nothing."""
    with answering(400, {"x-amz-bucket-region": "eu-west-1"}) as (url, asked):
        with pytest.raises(Problem, match="cannot be read"):
            find(url)
        assert len(asked) == 2
    service = S3Service(AccessKey("k", "s"))
    assert service.moved("b", "eu-west-1")
    signed = service.signed("GET", "h", service.page("b", "", "", flat=True), datetime.now(UTC))
    assert "/eu-west-1/s3/" in signed.headers["Authorization"]
    assert not service.moved("b", "eu-west-1")


@pytest.mark.parametrize(
    ("status", "code", "body", "said"),
    [
        (401, Code.SOURCE_UNAUTHENTICATED, b"", "does not accept the credentials"),
        (403, Code.SOURCE_DENIED, b"<Error><Code>AccessDenied</Code></Error>", "may not be read .* .403 AccessDenied"),
        (403, Code.SOURCE_UNAUTHENTICATED, b"<Error><Code>ExpiredToken</Code></Error>", "403 ExpiredToken"),
        (404, Code.SOURCE_NOT_FOUND, b"<Error><Code>NoSuchBucket</Code></Error>", "no such thing as the bucket 'b'"),
        (503, Code.SOURCE_UNAVAILABLE, b"<Error><Code>SlowDown</Code></Error>", "cannot answer now .503 SlowDown"),
        (504, Code.SOURCE_TIMEOUT, b"", "took too long"),
        (418, Code.SOURCE_UNREADABLE, b"<html>", "cannot be read .418"),
        (200, Code.SOURCE_UNREADABLE, b"<html", "does not answer as an object store does"),
        (200, Code.SOURCE_UNREADABLE, b"<!DOCTYPE x [<!ENTITY a 'b'>]><R/>", "does not answer as an object store"),
    ],
)
def test_what_a_server_refuses_is_told_under_its_own_code(status: int, code: Code, body: bytes, said: str) -> None:
    """Credentials, permissions, missing, timeout, unreachable, unreadable: each has its own answer."""
    with answering(status, {}, body) as (url, asked):
        with pytest.raises(Problem, match=said) as caught:
            find(url, "*.csv")
        assert caught.value.code is code
        assert len(asked) == (3 if status in {503, 504} else 1)


def test_an_error_that_is_no_word_is_not_repeated() -> None:
    """What a server writes could be anything, and messages are shown."""
    assert error_code(b"<Error><Code>NoSuchKey</Code></Error>") == "NoSuchKey"
    assert error_code(b"<Error><Code>root:x:0:0</Code></Error>") == ""
    assert error_code(b"\xff\x00 no XML") == ""


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("s3", {}),
        ("gcs", {"access_key": "k"}),
        ("azure", {"account": "a"}),
        ("azure", {"account": "a", "account_key": "no base64!"}),
        ("s3", {**KEYS, "bucket": "../b"}),
        ("s3", {**KEYS, "access_key": "a\r\nHost: b"}),
        ("sftp", {"private_key": "no key"}),
        ("sftp", {"max_connections": "0"}),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_asked(kind: str, options: dict[str, str]) -> None:
    """And their values are not repeated, for they are secrets."""
    url = "sftp://u@127.0.0.1" if kind == "sftp" else "http://127.0.0.1"
    with pytest.raises(Problem) as caught:
        open_store("", ConnectionInfo(kind, url, options), None, FAST)
    assert caught.value.code is Code.INVALID
    assert "no base64!" not in json.dumps(str(caught.value))
    with pytest.raises(Problem, match="kind 'gopher'") as unknown:
        open_store("", ConnectionInfo("gopher", "gopher://127.0.0.1"), None, FAST)
    assert unknown.value.code is Code.UNSUPPORTED


def test_google_is_read_with_its_hmac_keys_by_the_dialect_of_s3(s3_store: Shelf) -> None:
    """Its emulator has no such API: moto's server checks the signature and the questions in its place."""
    shelf = s3_store.fresh()
    shelf.put("a.csv", b"1")
    assert shelf.info is not None
    info = ConnectionInfo("gcs", shelf.info.url, shelf.info.options)
    with closing(open_store("", info, None, FAST)) as store:
        assert [entry.name for entry in store.list(select("", recursive=True), Cancellation()).entries] == ["a.csv"]
