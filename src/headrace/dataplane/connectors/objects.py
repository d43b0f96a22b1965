"""Object stores as a file store: Amazon S3 and compatible ones, Google Cloud Storage, Azure Blob Storage.

A key is a path; ``/`` in it makes folders. Every object is read in the version that was listed (``If-Match``), so one that is replaced meanwhile
is ``SOURCE_CHANGED``, and one that broke off is read on at its offset. What the connection leaves open (the bucket) is the first segment of
every path; its ``folder`` goes before every key.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TypeVar

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import ANY_DEPTH, Child, Entry, Listing, Selection, shown, similar
from headrace.dataplane.connectors.object_server import Answer, Body, Server
from headrace.dataplane.connectors.object_services import (
    Ask,
    Item,
    Page,
    Service,
    error_code,
    http_date,
    refusal,
)
from headrace.dataplane.connectors.resuming import Resumed, attempt
from headrace.dataplane.connectors.signing import encoded_query
from headrace.dataplane.connectors.walking import Found, literal_folder, walk
from headrace.dataplane.limits import Limits

T = TypeVar("T")

_SCRATCH = 64 * 1024
_OK = 200
_PARTIAL = 206
_REDIRECTS = range(300, 400)
_AMAZON = re.compile(r"s3(\.[a-z0-9-]+)?\.amazonaws\.com")
_REGION = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(slots=True)
class Regional:
    """The servers of Amazon's regions that were met."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    servers: dict[str, Server] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of one account, bucket, or folder. ``folder`` is empty or ends in ``/``; ``bucket`` empty: it is the first segment."""

    server: Server
    service: Service
    limits: Limits
    bucket: str = ""
    folder: str = ""
    regional: Regional = field(default_factory=Regional)

    def list(self, selection: Selection, cancellation: Cancellation) -> Listing:
        """Return the objects that ``selection`` names; see ``FileStore.list``."""
        found = Found(self.limits, cancellation)
        place, depth = literal_folder(selection)
        if selection.single:
            found.take(self._named("/".join((*selection.folders, selection.name or ""))))
            if found.refused:
                raise found.refused[0].problem
        elif (selection.recursive or ANY_DEPTH in selection.folders) and (self.bucket or depth):
            self._flat(selection, place, found)
        else:
            walk(self, selection, found)
        return found.listing()

    def children(self, folder: str, cancellation: Cancellation) -> Iterator[Child]:
        """Yield what lies in ``folder``; see ``FileStore.children``."""
        if not folder and not self.bucket:
            yield from self._buckets(cancellation)
            return
        is_there = self.located(folder)[1] == ""
        for child in self._with_markers(folder, cancellation, flat=False):
            is_there = True
            if child.place != folder or child.size:  # an empty object of the folder's own name marks it
                yield child
        if not is_there:
            raise self._no_folder(folder)

    def keys(self, prefix: str, cancellation: Cancellation, *, flat: bool = True) -> Iterator[Child]:
        """Yield the objects whose places begin with ``prefix``, by name; not ``flat``: folders for what lies deeper than that.

        Empty objects that mark folders are left out. Nothing there is no error, but for a bucket.

        Raises:
            Problem: as ``list``.
        """
        if not self.bucket and "/" not in prefix:
            yield from (child for child in self._buckets(cancellation) if child.name.startswith(prefix))
            return
        for child in self._with_markers(prefix, cancellation, flat=flat):
            if child.is_folder or child.size or not child.place.endswith("/"):
                yield child

    def _with_markers(self, prefix: str, cancellation: Cancellation, *, flat: bool) -> Iterator[Child]:
        bucket, key = self.located(prefix)
        for page in self._pages(bucket, key, flat=flat):
            for item in page.items:
                cancellation.check()
                yield self._child(bucket, item, item.key.rpartition("/")[2])
            for below in page.folders:
                cancellation.check()
                yield self._folder(bucket, below, below[:-1].rpartition("/")[2])

    def _buckets(self, cancellation: Cancellation) -> Iterator[Child]:
        marker = ""
        while True:
            names, marker = self._read(self.service.buckets(marker), self.service.read_buckets, "the list of buckets")
            for name in names:
                cancellation.check()
                yield Child(name, f"{name}/", True)
            if not marker:
                return

    def _flat(self, selection: Selection, place: str, found: Found) -> None:
        """Take what is wanted of all that lies below ``place``: one request for a thousand objects, whatever their folders are."""
        bucket, prefix = self.located(place)
        is_there = prefix == ""
        for page in self._pages(bucket, prefix, flat=True):
            for item in page.items:
                found.look()
                is_there = True
                child = self._child(bucket, item, item.key.rpartition("/")[2])
                is_marker = item.key.endswith("/") and not item.size
                if not is_marker and selection.takes_path(tuple(child.place.split("/"))):
                    found.take(child)
        if not is_there:
            raise self._no_folder(place)

    def _named(self, place: str) -> Child:
        """Return the object that ``place`` names.

        Raises:
            Problem: ``SOURCE_NOT_FOUND``, and what keeps it from being taken.
        """
        key = self.located(place)[1]
        if not key or (not self.bucket and "/" not in place):
            raise Problem(
                Code.SOURCE_NOT_FOUND, f"{place!r} is a bucket, not a file; write '{place}/' for the files in it"
            )
        child = self.find(place)
        if child is not None and child.is_folder:
            message = f"{place!r} is a folder, not a file; write '{place}/' for the files in it"
            raise Problem(Code.SOURCE_NOT_FOUND, message)
        if child is None:
            raise Problem(Code.SOURCE_NOT_FOUND, f"there is no file {place!r}{self._like(place)}")
        return child

    def find(self, place: str) -> Child | None:
        """Return the object or folder at ``place``, without a trailing ``/``; None: there is none. An object comes before a folder of its name.

        Raises:
            Problem: as ``list``.
        """
        bucket, key = self.located(place)
        name = key.rpartition("/")[2]
        try:
            page = next(self._pages(bucket, key, flat=False))
        except Problem as problem:
            # Whoever may read an object need not be allowed to list its bucket.
            if problem.code is not Code.SOURCE_DENIED:
                raise
            try:
                return self._child(bucket, self._head(bucket, key, place), name)
            except Problem as missing:
                if missing.code is not Code.SOURCE_NOT_FOUND:
                    raise
                return None
        # The key itself comes before all longer ones that begin with it.
        item = next((item for item in page.items if item.key == key), None)
        if item is not None:
            return self._child(bucket, item, name)
        if page.marker and f"{key}/" not in page.folders:
            page = next(self._pages(bucket, f"{key}/", flat=True))
            return self._folder(bucket, f"{key}/", name) if page.items else None
        return self._folder(bucket, f"{key}/", name) if f"{key}/" in page.folders else None

    def _head(self, bucket: str, key: str, place: str) -> Item:
        answer = self.send("HEAD", self.service.object(bucket, key, "", 0))
        try:
            if answer.status != _OK:
                raise self.problem_of(answer, repr(shown(place)))
            modified = http_date(answer.header("Last-Modified"))
            size = answer.header("Content-Length")
            if modified is None or not size.isdecimal():
                raise Problem(
                    Code.SOURCE_UNREADABLE, f"{self.server.name} does not say how long {place!r} is, and how old"
                )
            return Item(key, int(size), modified, answer.header("ETag").strip('"'))
        finally:
            answer.close()

    def _pages(self, bucket: str, prefix: str, *, flat: bool) -> Iterator[Page]:
        marker = ""
        while True:
            ask = self.service.page(bucket, prefix, marker, flat=flat)
            page = self._read(ask, self.service.read_page, f"the bucket {bucket!r}")
            yield page
            if not page.marker:
                return
            if page.marker == marker:
                raise Problem(Code.SOURCE_UNREADABLE, f"{self.server.name} gives the same page of a listing twice")
            marker = page.marker

    def _read(self, ask: Ask, read: Callable[[bytes], T], what: str) -> T:
        """Return what ``read`` makes of the answer, trying again as the limits say."""

        def once() -> T:
            answer = self.send("GET", ask)
            try:
                if answer.status != _OK:
                    raise self.problem_of(answer, what)
                document = answer.document()
            finally:
                answer.close()
            try:
                return read(document)
            except (ValueError, TypeError, KeyError) as error:
                if answer.may_be_cut:
                    raise Problem(Code.SOURCE_UNAVAILABLE, f"{self.server.name} broke off its answer") from error
                message = f"{self.server.name} does not answer as an object store does (asked for {what})"
                raise Problem(Code.SOURCE_UNREADABLE, message) from error

        return attempt(self.server.sockets, once)

    @contextmanager
    def open(self, entry: Entry, at: int = 0) -> Iterator[Resumed]:
        """Open the object that ``entry`` is; see ``FileStore.open``."""
        file = Resumed(self.server.sockets, partial(self._begin, entry), at)
        try:
            yield file
        finally:
            file.close()

    def _begin(self, entry: Entry, offset: int) -> "_Stream":
        if offset and offset >= entry.size:
            return _Stream(self, None, entry, offset)
        bucket, key = self.located(entry.place)
        answer = self.send("GET", self.service.object(bucket, key, entry.version, offset))
        try:
            self._check_version(answer, entry, offset)
            stream = _Stream(self, answer, entry, offset)
            if offset and answer.status == _OK:
                stream.skip(offset)
        except BaseException:
            answer.close()
            raise
        return stream

    def _check_version(self, answer: Answer, entry: Entry, offset: int) -> None:
        if answer.status not in {_OK, _PARTIAL}:
            problem = self.problem_of(answer, repr(entry.name))
            if problem.code in {Code.SOURCE_NOT_FOUND, Code.SOURCE_CHANGED}:
                message = (
                    f"{entry.name!r} was replaced or removed while it was read; try again when nobody writes to it"
                )
                problem = Problem(Code.SOURCE_CHANGED, message)
            raise problem
        etag, length = answer.header("ETag").strip('"'), answer.header("Content-Length")
        left = entry.size - (offset if answer.status == _PARTIAL else 0)
        differs = self.service.version_is_etag and entry.version and etag and etag != entry.version
        if differs or (length and length != str(left)):
            message = f"{entry.name!r} changed while it was read (it had {entry.size} bytes); try again when nobody writes to it"
            raise Problem(Code.SOURCE_CHANGED, message)

    def check_still(self, entry: Entry) -> None:
        """Raise ``SOURCE_CHANGED`` when an object has another version than the listed one.

        Where the request for it named its version by ``If-Match``, that has been done.
        """
        if self.service.version_is_etag:
            return
        bucket, key = self.located(entry.place)
        page = next(self._pages(bucket, key, flat=False))
        if not any((item.key, item.version) == (key, entry.version) for item in page.items):
            message = f"{entry.name!r} was replaced or removed while it was read; try again when nobody writes to it"
            raise Problem(Code.SOURCE_CHANGED, message)

    def horizon(self, now: Instant) -> Instant:
        """Return the whole second before which no new object will be dated, by the server's clock where it is behind ours."""
        ask = self.service.page(self.bucket, self.folder, "", flat=False) if self.bucket else self.service.buckets("")
        answer = attempt(self.server.sockets, partial(self.send, "GET", ask))
        try:
            theirs = http_date(answer.header("Date"))
        finally:
            answer.close()
        earlier = now if theirs is None else min(now, theirs)
        return Instant(earlier - earlier % SECOND)

    def close(self) -> None:
        """Cut all connections; see ``FileStore.close``."""
        self.server.sockets.close()
        self.server.close()

    def send(self, method: str, ask: Ask, body: Body = ()) -> Answer:
        """Return the answer to a request, following a bucket to its region, and nothing else."""
        server = self._server_of(ask.bucket)
        at = datetime.fromtimestamp(time.time(), UTC)
        signed = self.service.signed(method, server.host, ask, at)
        target = f"{signed.path}?{encoded_query(signed.query)}" if signed.query else signed.path
        answer = server.send(method, target, {"Accept-Encoding": self.service.encoding, **signed.headers}, body)
        region = answer.header("x-amz-bucket-region")
        if (
            answer.status in {_OK, _PARTIAL}
            or not _REGION.fullmatch(region)
            or not self.service.moved(ask.bucket, region)
        ):
            return answer
        answer.close()
        return self.send(method, ask, body)

    def _server_of(self, bucket: str) -> Server:
        """Return the server that has ``bucket``: only Amazon itself has one for each region."""
        region = self.service.region_of(bucket)
        if not region or not _AMAZON.fullmatch(self.server.host):
            return self.server
        with self.regional.lock:
            host = f"s3.{region}.amazonaws.com"
            if host not in self.regional.servers:
                self.regional.servers[host] = Server(f"https://{host}", self.server.sockets)
            return self.regional.servers[host]

    def problem_of(self, answer: Answer, what: str, asked: str = "read") -> Problem:
        """Return what an answer that is no success means for ``what``, which was to be ``asked``; ``context["code"]`` is the service's own word."""
        code = answer.header("x-ms-error-code")
        with suppress(Problem):
            code = code or error_code(answer.document())
        said = f"{answer.status} {code}".strip()
        if answer.status in _REDIRECTS:
            return Problem(
                Code.SOURCE_UNREADABLE, f"{self.server.name} redirects elsewhere ({said}), which is not followed"
            )
        kind = refusal(answer.status, code)
        words = {
            Code.SOURCE_UNAUTHENTICATED: f"{self.server.name} does not accept the credentials ({said})",
            Code.SOURCE_DENIED: f"{what} may not be {asked} with these credentials ({said})",
            Code.SOURCE_NOT_FOUND: f"there is no such thing as {what} ({said})",
            Code.SOURCE_TIMEOUT: f"{self.server.name} took too long ({said})",
            Code.SOURCE_UNAVAILABLE: f"{self.server.name} cannot answer now ({said})",
        }
        return Problem(kind, words.get(kind, f"{what} cannot be {asked} ({said})"), context={"code": code})

    def located(self, place: str) -> tuple[str, str]:
        """Return the bucket and the key that a place stands for."""
        bucket, key = (self.bucket, place) if self.bucket else place.partition("/")[::2]
        return bucket, f"{self.folder}{key}"

    def _place(self, bucket: str, key: str) -> str:
        return key[len(self.folder) :] if self.bucket else f"{bucket}/{key[len(self.folder) :]}"

    def _child(self, bucket: str, item: Item, name: str) -> Child:
        place = self._place(bucket, item.key)
        stamp = int.from_bytes(sha256(f"{item.version} {item.modified_at}".encode()).digest()[:7])
        problem = None
        if item.key.endswith("/"):
            problem = Problem(Code.SOURCE_UNREADABLE, f"the name {place!r} ends in '/', as a folder's does")
        elif {".", ".."} & set(item.key.split("/")):
            problem = _odd(place)
        return Child(name, place, False, item.size, item.modified_at, stamp, item.version, problem)

    def _folder(self, bucket: str, key: str, name: str) -> Child:
        place = self._place(bucket, key)
        return Child(name, place, True, problem=_odd(place) if name in {".", ".."} else None)

    def _no_folder(self, place: str) -> Problem:
        folder = place.rstrip("/")
        return Problem(Code.SOURCE_NOT_FOUND, f"there is no folder {folder!r}{self._like(folder)}")

    def _like(self, place: str) -> str:
        """Return a hint to names like the last segment of ``place``, of the first page of its folder."""
        above, slash, name = place.rpartition("/")
        try:
            page = next(self._pages(*self.located(above + slash), flat=False))
        except Problem:
            return ""
        keys = [*(item.key for item in page.items), *page.folders]
        return similar(name, [key.rstrip("/").rpartition("/")[2] for key in keys])


@dataclass(slots=True)
class _Stream:
    """An object that is being read; ``answer`` None: it has been read to its end."""

    store: Objects
    answer: Answer | None
    entry: Entry
    at: int

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer``; see ``Stream.readinto``."""
        if self.answer is None:
            return 0
        count = self.answer.readinto(buffer)
        self.at += count
        if not count and self.at < self.entry.size:
            message = f"{self.answer.server.name} broke off {self.entry.name!r} after {self.at:,} of {self.entry.size:,} bytes"
            raise Problem(Code.SOURCE_UNAVAILABLE, message)
        return count

    def skip(self, count: int) -> None:
        """Read ``count`` bytes for nothing: the server gives no ranges."""
        self.at = 0
        scratch = memoryview(bytearray(_SCRATCH))
        while self.at < count:
            self.readinto(scratch[: count - self.at])

    def finish(self) -> None:
        """Check that the object is still there in its version, where answers do not tell which version they are."""
        self.store.check_still(self.entry)

    def close(self) -> None:
        """Give the connection back."""
        if self.answer is not None:
            self.answer.close()


def _odd(place: str) -> Problem:
    return Problem(Code.SOURCE_DENIED, f"the name {place!r} has a segment '.' or '..', which could lead elsewhere")
