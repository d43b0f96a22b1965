"""Object stores that can be written to.

A file is sent at once, or in parts when it is large; no part of it is ever held in memory, and nobody sees an object before it is whole. The
service checks every body against its digest.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.files import Child, shown
from headrace.dataplane.connectors.object_dialects import AzureWriting, ObjectTarget, S3Writing, Writing
from headrace.dataplane.connectors.object_server import Answer
from headrace.dataplane.connectors.object_services import Ask, AzureService, S3Service, error_code, field_of, http_date
from headrace.dataplane.connectors.objects import Objects
from headrace.dataplane.connectors.resuming import attempt
from headrace.dataplane.connectors.sockets import Sockets
from headrace.dataplane.connectors.writing import (
    PLAIN,
    Described,
    PutOptions,
    Stored,
    checked_path,
    for_target,
    invalid_name,
)
from headrace.dataplane.limits import KIB, MIB

T = TypeVar("T")

_PART = 16 * MIB
_LONGEST_KEY = 1024
_CHUNK = 256 * KIB
_ABORT_SECONDS = 5.0
_OK = 200
_BAD_NAMES = frozenset(
    {"KeyTooLongError", "InvalidURI", "InvalidUri", "InvalidResourceName", "OutOfRangeInput", "XMinioInvalidObjectName"}
)


def writable(store: Objects) -> "ObjectFolder":
    """Return an object store as one that can be written to.

    Raises:
        Problem: ``UNSUPPORTED``: its dialect has no writing here.
    """
    if not isinstance(store.service, S3Service | AzureService):
        raise Problem(Code.UNSUPPORTED, "files cannot be written by Google's JSON API; connect with an HMAC key")
    return ObjectFolder(store.server, store.service, store.limits, store.bucket, store.folder)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some bytes of a file, to be sent, and sent again."""

    path: Path
    offset: int
    size: int
    cancellation: Cancellation

    def __iter__(self) -> Iterator[bytes]:
        left = self.size
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            while left:
                self.cancellation.check()
                data = file.read(min(_CHUNK, left))
                if not data:
                    raise Problem(Code.SOURCE_CHANGED, f"{self.path.name!r} became shorter while it was sent")
                left -= len(data)
                yield data


class ObjectFolder(Objects):
    """The objects of one account, bucket, or folder."""

    __slots__ = ()

    @property
    def writing(self) -> Writing:
        """Return the dialect."""
        if isinstance(self.service, AzureService):
            return AzureWriting(self.service)
        return S3Writing(cast("S3Service", self.service))  # ``writable`` lets no other in

    def put(self, path: str, source: Path, cancellation: Cancellation, options: PutOptions = PLAIN) -> Stored:
        """Write an object; see ``WritableStore.put``."""
        cancellation.check()
        checked_path(path)
        bucket, key = self.located(path)
        if not key or len(key.encode("utf-8", "surrogateescape")) > _LONGEST_KEY:
            raise invalid_name(path, f"has more than {_LONGEST_KEY} bytes, or none")
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise invalid_name(path, "is no UTF-8") from error
        writing, size = self.writing, source.stat().st_size
        part = max(options.block_bytes or _PART, writing.least_part, -(-size // writing.most_parts))
        pieces = [_Piece(source, at, min(part, size - at), cancellation) for at in range(0, max(size, 1), part)]
        with for_target():
            if len(pieces) == 1:
                return self._at_once(bucket, key, options, pieces[0])
            return self._in_parts(bucket, key, options, pieces)

    def _at_once(self, bucket: str, key: str, options: PutOptions, piece: _Piece) -> Stored:
        whole = hashlib.md5(usedforsecurity=False)
        sha256 = _digest(piece, self._sha256(), whole)
        md5 = whole.digest()
        ask = self.writing.whole(ObjectTarget(bucket, key, options.metadata, md5))
        etag = self._ask("PUT", self._with_body(ask, piece.size, sha256 or md5), key, lambda a: a.header("ETag"), piece)
        return Stored(piece.size, md5, etag.strip('"'))

    def _in_parts(self, bucket: str, key: str, options: PutOptions, pieces: Sequence[_Piece]) -> Stored:
        writing = self.writing
        target = ObjectTarget(bucket, key, options.metadata, b"")
        begin = writing.begin(target)
        if begin is None:
            upload = writing.upload_of(b"")
        else:
            upload = self._ask("POST", _empty(begin), key, lambda answer: writing.upload_of(answer.document()))
        try:
            tags, whole = self._parts(target, upload, pieces)
            target = replace(target, md5=whole)
            etag = self._finished(target, upload, tags)
        except BaseException:
            self._abort(target, upload)
            raise
        return Stored(sum(piece.size for piece in pieces), whole, etag)

    def _parts(self, target: ObjectTarget, upload: str, pieces: Sequence[_Piece]) -> tuple[list[str], bytes]:
        """Send all parts; return their tags, and the MD5 of all of them."""
        writing, whole, tags = self.writing, hashlib.md5(usedforsecurity=False), []
        for number, piece in enumerate(pieces, 1):
            digest = _digest(piece, self._sha256() or hashlib.md5(usedforsecurity=False), whole)
            ask = self._with_body(writing.part(target, upload, number), piece.size, digest)
            tag_of = partial(writing.tag_of, upload=upload, number=number)
            tags.append(self._ask("PUT", ask, target.key, tag_of, piece))
        return tags, whole.digest()

    def _finished(self, target: ObjectTarget, upload: str, tags: Sequence[str]) -> str:
        """Make one object of the parts; return its etag."""
        ask, body = self.writing.finish(target, upload, tags)
        digest = hashlib.new("sha256" if self.writing.signs_bodies else "md5", body, usedforsecurity=False).digest()
        method = "POST" if isinstance(self.service, S3Service) else "PUT"

        def etag_of(answer: Answer) -> str:
            document = answer.document()
            # Amazon says that it was successful before it is, and may tell of a failure afterwards.
            code = error_code(document) if b"<Error" in document else ""
            if code:
                raise Problem(Code.SOURCE_UNAVAILABLE, f"{self.server.name} could not put the parts together ({code})")
            return answer.header("ETag").strip('"') or (field_of(document, "ETag").strip('"') if document else "")

        try:
            return self._ask(method, self._with_body(ask, len(body), digest), target.key, etag_of, [body])
        except Problem as problem:
            # The answer to the first attempt may have been lost: then the upload is no more, and the object is there.
            found = self.find(self._path_of(target)) if problem.code is Code.SOURCE_NOT_FOUND else None
            if found is None or not _is_of(found, tags):
                raise
            return found.version

    def _path_of(self, target: ObjectTarget) -> str:
        return self._place(target.bucket, target.key)

    def _abort(self, target: ObjectTarget, upload: str) -> None:
        """Drop the parts, as far as the server can be reached: over a connection of its own, since the store may be closed by now."""
        ask = self.writing.abort(target, upload)
        if ask is None:
            return
        limits = replace(
            self.limits, store_connect_seconds=_ABORT_SECONDS, store_read_seconds=_ABORT_SECONDS, store_attempts=1
        )
        fresh = ObjectFolder(self.server.again(Sockets(limits)), self.service, limits, self.bucket, self.folder)
        with suppress(Problem):
            fresh.send("DELETE", _empty(ask)).close()
        fresh.close()

    def look(self, path: str, cancellation: Cancellation) -> Child | None:
        """Return the object or folder at ``path``; see ``WritableStore.look``."""
        cancellation.check()
        place = path.strip("/")
        bucket, key = self.located(place)
        if not bucket:
            return Child("", "", True)
        if key.rstrip("/") == self.folder.rstrip("/") and not place:
            next(self._pages(bucket, self.folder, flat=False))
            return Child("", "", True)
        if not key:
            next(self._pages(bucket, "", flat=False))
            return Child(bucket, f"{bucket}/", True)
        return self.find(place)

    def describe(self, path: str, cancellation: Cancellation) -> Described:
        """Return what else is known of an object; see ``WritableStore.describe``."""
        cancellation.check()
        bucket, key = self.located(path.strip("/"))
        answer = attempt(self.server.sockets, lambda: self.send("HEAD", self.service.object(bucket, key, "", 0)))
        try:
            if answer.status != _OK:
                return Described()
            md5: bytes | None = None
            with suppress(binascii.Error):
                md5 = base64.b64decode(answer.header("Content-MD5"), validate=True) or None
            return Described(http_date(answer.header("x-ms-creation-time")), md5)
        finally:
            answer.close()

    def remove(self, path: str, cancellation: Cancellation) -> bool:
        """Remove an object; see ``WritableStore.remove``."""
        cancellation.check()
        bucket, key = self.located(path)
        with for_target():
            try:
                self._ask("DELETE", self.writing.remove(bucket, key), key, lambda _: None)
            except Problem as problem:
                if problem.code is Code.SOURCE_NOT_FOUND and self.find(path) is None:
                    return False
                raise
        return True

    def remove_folder(self, path: str, cancellation: Cancellation) -> None:
        """Remove the empty object that marks a folder, if it is all that the folder has; see ``WritableStore.remove_folder``."""
        cancellation.check()
        bucket, key = self.located(f"{path.rstrip('/')}/")
        page = next(self._pages(bucket, key, flat=True))
        if len(page.items) == 1 and page.items[0].key == key and not page.items[0].size:
            with for_target():
                self._ask("DELETE", self.writing.remove(bucket, key), key, lambda _: None)

    def staging(self, path: str, cancellation: Cancellation) -> Path | None:
        """Return None: objects lie elsewhere."""
        del path, cancellation
        return None

    def _sha256(self) -> "hashlib._Hash | None":
        return hashlib.sha256() if self.writing.signs_bodies else None

    def _with_body(self, ask: Ask, size: int, digest: bytes) -> Ask:
        """Return a request with what lets the service check its body: ``digest`` is its SHA-256 where bodies are signed, else its MD5."""
        headers = {**ask.headers, "Content-Length": str(size)}
        if self.writing.signs_bodies:
            return replace(ask, headers=headers, payload=digest.hex())
        return replace(ask, headers={**headers, "Content-MD5": base64.b64encode(digest).decode()})

    def _ask(self, method: str, ask: Ask, key: str, read: Callable[[Answer], T], body: Iterable[bytes] = ()) -> T:
        """Return what ``read`` makes of the answer, trying again as the limits say."""

        def once() -> T:
            answer = self.send(method, ask, body)
            try:
                if answer.status // 100 != _OK // 100:
                    raise self._refused(answer, key)
                found = read(answer)
                answer.document()
            except ValueError as error:
                if answer.may_be_cut:
                    raise Problem(Code.SOURCE_UNAVAILABLE, f"{self.server.name} broke off its answer") from error
                message = f"{self.server.name} does not answer as an object store does (asked to write {shown(key)!r})"
                raise Problem(Code.SOURCE_UNREADABLE, message) from error
            finally:
                answer.close()
            return found

        return attempt(self.server.sockets, once)

    def _refused(self, answer: Answer, key: str) -> Problem:
        problem = self.problem_of(answer, repr(shown(key)), "written")
        code = problem.context.get("code", "")
        return invalid_name(key, f"is none that {self.server.name} takes ({code})") if code in _BAD_NAMES else problem


def _empty(ask: Ask) -> Ask:
    return replace(ask, headers={**ask.headers, "Content-Length": "0"})


def _digest(piece: _Piece, own: "hashlib._Hash | None", whole: "hashlib._Hash") -> bytes:
    """Return what ``own`` says of some bytes (nothing, where there is none); ``whole`` goes on with them."""
    for data in piece:
        whole.update(data)
        if own is not None:
            own.update(data)
    return b"" if own is None else own.digest()


def _is_of(found: Child, tags: Sequence[str]) -> bool:
    """Say whether an object is the one that these parts make: its etag is made of theirs."""
    try:
        joined = b"".join(bytes.fromhex(tag.strip('"')) for tag in tags)
    except ValueError:
        return False
    return found.version == f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(tags)}"
