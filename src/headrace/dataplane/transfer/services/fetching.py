"""A file of an HTTP server: the answer to one request."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headrace.core.clock import Instant, from_datetime
from headrace.dataplane.connectors.web import WebAnswer, WebRequest
from headrace.dataplane.transfer.faults import Reason, Side
from headrace.dataplane.transfer.request import FilesSource, HttpRequestOptions
from headrace.dataplane.transfer.rows import LocalFile, Working
from headrace.dataplane.transfer.services.calling import Caller, Speaking


@contextmanager
def fetch_http(source: FilesSource, folder: Path, work: Working) -> Iterator[LocalFile]:
    """Yield the file that ``source.http`` is answered with; it lies in ``folder``, and is removed at the end.

    Raises:
        TransferProblem: ``HTTP_CLIENT_ERROR``: it is not answered with a file. Problem: what the cancellation says; ``DISK_FULL``.
    """
    asked = source.http or HttpRequestOptions()
    speaking = Speaking(asked.url, asked.login, asked.timeout_seconds, Side.SOURCE, Reason.HTTP_CLIENT_ERROR)
    path = folder / "fetched"
    try:
        path.write_bytes(b"")
        body = asked.body if asked.method != "GET" else b""
        answer = Caller(speaking, work).download(WebRequest(asked.method, asked.url, asked.headers, body), path)
        yield LocalFile(path, _name(asked.url), path.stat().st_size, _modified(answer))
    finally:
        path.unlink(missing_ok=True)


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2] or "data"


def _modified(answer: WebAnswer) -> Instant | None:
    try:
        return from_datetime(parsedate_to_datetime(answer.headers["last-modified"]))
    except (KeyError, ValueError):
        return None
