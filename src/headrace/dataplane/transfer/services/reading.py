"""An HTTP service as a source: page after page is asked for, laid down in one local file, and read as documents."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from headrace.dataplane.connectors.web import WebAnswer, WebRequest
from headrace.dataplane.transfer.combining import nothing
from headrace.dataplane.transfer.faults import Reason, Side
from headrace.dataplane.transfer.formats import reader_of
from headrace.dataplane.transfer.formats.landed import empty_file
from headrace.dataplane.transfer.request import Documents, ServiceSource
from headrace.dataplane.transfer.rows import LocalFile, Rows, Slice, SourceReader, Working
from headrace.dataplane.transfer.services.calling import Caller, Speaking, pause, shown
from headrace.dataplane.transfer.services.pages import PageText, accepting_json
from headrace.dataplane.transfer.services.paging import Ask, Page, Pager
from headrace.dataplane.transfer.session import TransferSession


def read_service(source: ServiceSource, work: Working) -> SourceReader:
    """Return the reader of a service. It has one slice: nobody knows where a page begins before the one before it was read.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: a pagination rule cannot be used; ``REST_CLIENT_ERROR``: the certificate cannot be used.
    """
    return _ServiceReader(source, work)


class _ServiceReader:
    """One service."""

    def __init__(self, source: ServiceSource, work: Working) -> None:
        self._source, self._work = source, work
        Pager(source.url, {}, source.pagination)  # its rules are looked at before anything is done
        speaking = Speaking(source.url, source.login, source.timeout_seconds, Side.SOURCE, Reason.REST_CLIENT_ERROR)
        self._caller = Caller(speaking, work)

    def slices(self) -> Sequence[Slice]:
        """Return the one slice."""
        source = self._source
        said = "\n".join(
            (source.method, source.url, source.body, *(f"{key}={value}" for key, value in source.pagination.items()))
        )
        return [Slice(sha256(said.encode("utf-8", "backslashreplace")).hexdigest()[:32], shown(source.url))]

    @contextmanager
    def open(self, item: Slice, session: TransferSession) -> Iterator[Rows]:
        """Read all pages; their rows are those of another moment the next time, so they are not repeatable.

        Raises:
            TransferProblem: ``REST_CLIENT_ERROR``, ``UNREADABLE``. Problem: what the cancellation says; ``DISK_FULL``, ``LIMIT_EXCEEDED``.
        """
        lines, page = empty_file(self._work, ".ndjson"), empty_file(self._work, ".page")
        try:
            taken = self._gather(lines, page)
            page.unlink(missing_ok=True)
            file = LocalFile(lines, item.name, lines.stat().st_size)
            if not file.bytes:
                yield replace(nothing(), repeatable=False, taken=lambda: taken)
                return
            read = reader_of(Documents())
            with read(file, Documents(), session, self._work) as rows:
                yield replace(rows, repeatable=False, taken=lambda: taken)
        finally:
            lines.unlink(missing_ok=True)
            page.unlink(missing_ok=True)

    def close(self) -> None:
        """Do nothing: requests are broken off by the cancellation."""

    def _gather(self, lines: Path, page: Path) -> int:
        """Write the rows of all pages to ``lines``; return the bytes that came."""
        source, taken = self._source, 0
        pager = Pager(source.url, dict(source.headers), source.pagination)
        ask = pager.first()
        with lines.open("wb") as file:
            while ask is not None:
                answer = self._page(ask, page)
                taken += page.stat().st_size
                text = PageText(page, answer.headers.get("content-type", ""), shown(ask.url), self._work)
                text.append_to(file)
                ask = pager.after(Page(answer.status, answer.headers, text.value))
                if ask is not None and source.pause_seconds:
                    pause(source.pause_seconds, self._work.context.cancellation)
        return taken

    def _page(self, ask: Ask, page: Path) -> WebAnswer:
        source = self._source
        headers = accepting_json(dict(ask.headers))
        body = source.body.encode() if source.method == "POST" else b""
        if body and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        page.write_bytes(b"")
        return self._caller.download(WebRequest(source.method, ask.url, headers, body), page)
