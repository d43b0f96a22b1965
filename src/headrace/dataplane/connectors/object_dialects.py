"""How objects are written in each dialect: what is asked, and what the answers say. Nothing is sent here (see ``object_services``).

S3Writing      one request, or a multipart upload
AzureWriting   Put Blob, or Put Block and Put Block List
"""

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from xml.sax.saxutils import escape

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.object_server import Answer
from headrace.dataplane.connectors.object_services import Ask, AzureService, S3Service, field_of
from headrace.dataplane.limits import MIB


@dataclass(frozen=True, slots=True)
class ObjectTarget:
    """An object to be written. ``md5``: of all of its bytes."""

    bucket: str
    key: str
    metadata: Mapping[str, str]
    md5: bytes


class Writing(Protocol):
    """One dialect. A part's request lacks what says how its body is (``with_body``)."""

    @property
    def least_part(self) -> int:
        """Return the bytes that every part but the last has at least."""
        ...

    @property
    def most_parts(self) -> int:
        """Return how many parts an object may have."""
        ...

    def whole(self, target: ObjectTarget) -> Ask:
        """Return the request that writes an object at once."""
        ...

    def begin(self, target: ObjectTarget) -> Ask | None:
        """Return the request that begins an object in parts; None: nothing is asked."""
        ...

    def upload_of(self, document: bytes) -> str:
        """Return the name of the upload that has begun; ``document`` is the answer.

        Raises:
            ValueError: there is none in it.
        """
        ...

    def part(self, target: ObjectTarget, upload: str, number: int) -> Ask:
        """Return the request that sends the part ``number`` (from 1)."""
        ...

    def tag_of(self, answer: Answer, upload: str, number: int) -> str:
        """Return what the part that was sent is called at the end.

        Raises:
            ValueError: the answer does not say.
        """
        ...

    def finish(self, target: ObjectTarget, upload: str, tags: Sequence[str]) -> tuple[Ask, bytes]:
        """Return the request that makes an object of the parts, and its body."""
        ...

    def abort(self, target: ObjectTarget, upload: str) -> Ask | None:
        """Return the request that drops the parts; None: the service does it by itself."""
        ...

    def remove(self, bucket: str, key: str) -> Ask:
        """Return the request that removes an object."""
        ...

    @property
    def signs_bodies(self) -> bool:
        """Say whether requests are signed with the SHA-256 of their bodies, which the service then checks; else it is given their MD5."""
        ...


@dataclass(frozen=True, slots=True)
class S3Writing:
    """Amazon's dialect."""

    service: S3Service
    least_part: int = 5 * MIB
    most_parts: int = 10_000
    signs_bodies: bool = True

    def whole(self, target: ObjectTarget) -> Ask:
        """Return the request; see ``Writing``."""
        ask = self.service.object(target.bucket, target.key, "", 0)
        return replace(ask, headers=self._metadata(target))

    def begin(self, target: ObjectTarget) -> Ask | None:
        """Return the request; see ``Writing``."""
        return replace(self.whole(target), query=(("uploads", ""),))

    def upload_of(self, document: bytes) -> str:
        """Return the name; see ``Writing``."""
        found = field_of(document, "UploadId")
        if not found:
            raise ValueError("no upload has begun")
        return found

    def part(self, target: ObjectTarget, upload: str, number: int) -> Ask:
        """Return the request; see ``Writing``."""
        return self._asked(target, ("partNumber", str(number)), ("uploadId", upload))

    def tag_of(self, answer: Answer, upload: str, number: int) -> str:
        """Return the tag; see ``Writing``."""
        del upload
        tag = answer.header("ETag")
        if not tag:
            raise ValueError(f"part {number} has no tag")
        return tag

    def finish(self, target: ObjectTarget, upload: str, tags: Sequence[str]) -> tuple[Ask, bytes]:
        """Return the request; see ``Writing``."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
            for number, tag in enumerate(tags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        return self._asked(target, ("uploadId", upload)), body.encode()

    def abort(self, target: ObjectTarget, upload: str) -> Ask | None:
        """Return the request; see ``Writing``."""
        return self._asked(target, ("uploadId", upload))

    def remove(self, bucket: str, key: str) -> Ask:
        """Return the request; see ``Writing``."""
        return self.service.object(bucket, key, "", 0)

    def _asked(self, target: ObjectTarget, *query: tuple[str, str]) -> Ask:
        return replace(self.service.object(target.bucket, target.key, "", 0), query=query)

    @staticmethod
    def _metadata(target: ObjectTarget) -> dict[str, str]:
        return {f"x-amz-meta-{name.lower()}": value for name, value in checked(target.metadata).items()}


@dataclass(frozen=True, slots=True)
class AzureWriting:
    """Azure's dialect. Blocks that no list names are dropped by the service after a week, and nobody sees them."""

    service: AzureService
    least_part: int = 1
    most_parts: int = 50_000
    signs_bodies: bool = False

    def whole(self, target: ObjectTarget) -> Ask:
        """Return the request; see ``Writing``."""
        ask = self.service.object(target.bucket, target.key, "", 0)
        return replace(ask, headers={"x-ms-blob-type": "BlockBlob", **self._metadata(target)})

    def begin(self, target: ObjectTarget) -> Ask | None:
        """Return nothing: blocks may be sent at once."""
        del target
        return None

    def upload_of(self, document: bytes) -> str:
        """Return a name that no other upload has, so that blocks of two are not mixed."""
        del document
        return uuid.uuid4().hex

    def part(self, target: ObjectTarget, upload: str, number: int) -> Ask:
        """Return the request; see ``Writing``."""
        ask = self.service.object(target.bucket, target.key, "", 0)
        return replace(ask, query=(("comp", "block"), ("blockid", _block(upload, number))))

    def tag_of(self, answer: Answer, upload: str, number: int) -> str:
        """Return the name of the block."""
        del answer
        return _block(upload, number)

    def finish(self, target: ObjectTarget, upload: str, tags: Sequence[str]) -> tuple[Ask, bytes]:
        """Return the request; see ``Writing``."""
        del upload
        ask = self.service.object(target.bucket, target.key, "", 0)
        headers = {"x-ms-blob-content-md5": base64.b64encode(target.md5).decode(), **self._metadata(target)}
        names = "".join(f"<Latest>{tag}</Latest>" for tag in tags)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{names}</BlockList>'
        return replace(ask, query=(("comp", "blocklist"),), headers=headers), body.encode()

    def abort(self, target: ObjectTarget, upload: str) -> Ask | None:
        """Return nothing; see above."""
        del target, upload
        return None

    def remove(self, bucket: str, key: str) -> Ask:
        """Return the request; see ``Writing``."""
        return replace(self.service.object(bucket, key, "", 0), headers={"x-ms-delete-snapshots": "include"})

    @staticmethod
    def _metadata(target: ObjectTarget) -> dict[str, str]:
        metadata = checked(target.metadata)
        for name in metadata:
            if not name.isidentifier():
                raise Problem(Code.INVALID, f"the metadata name {name!r} is none; give letters, digits and '_'")
        return {f"x-ms-meta-{name}": value for name, value in metadata.items()}


def _block(upload: str, number: int) -> str:
    # All names of the blocks of a blob have the same length.
    return base64.b64encode(f"{upload}{number:06}".encode()).decode()


def checked(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Return ``metadata`` that can stand in headers.

    Raises:
        Problem: ``INVALID``: a name or a value has a letter that none can have.
    """
    for name, value in metadata.items():
        fits = all(part.isascii() and part.isprintable() for part in (name, value))
        if not fits or not name or any(letter in ' :;,"/()<>@=?{}[]\\' for letter in name):
            message = f"the metadata {name!r} cannot be kept: names and values are ASCII, names without blanks or signs"
            raise Problem(Code.INVALID, message)
    return metadata
