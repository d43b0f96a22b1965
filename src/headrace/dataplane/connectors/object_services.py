"""The dialects of object stores: what is asked, and what the answers say. Nothing is sent here.

S3Service      Amazon S3, what is compatible with it, and Google Cloud Storage through its XML API (HMAC keys)
AzureService   Azure Blob Storage, with an account key or a shared access signature
GoogleJson     Google's JSON API without credentials: what its emulators speak (a URL that ends in ``/storage/v1``)
"""

import base64
import binascii
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.signing import NOTHING, AccessKey, aws_headers, azure_headers, encoded_path

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSED: Mapping[str, Code] = {
    **dict.fromkeys(
        (
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "InvalidToken",
            "InvalidSecurity",
            "InvalidClientTokenId",
            "TokenRefreshRequired",
            "RequestTimeTooSkewed",
            "AuthorizationHeaderMalformed",
            "AuthenticationFailed",
            "InvalidAuthenticationInfo",
            "NoAuthenticationInformation",
        ),
        Code.SOURCE_UNAUTHENTICATED,
    ),
    "InvalidObjectState": Code.SOURCE_UNREADABLE,
    "BlobArchived": Code.SOURCE_UNREADABLE,
    "BlobBeingRehydrated": Code.SOURCE_UNREADABLE,
    "RequestTimeout": Code.SOURCE_TIMEOUT,
}
_BY_STATUS: Mapping[int, Code] = {
    401: Code.SOURCE_UNAUTHENTICATED,
    403: Code.SOURCE_DENIED,
    404: Code.SOURCE_NOT_FOUND,
    408: Code.SOURCE_TIMEOUT,
    412: Code.SOURCE_CHANGED,
    416: Code.SOURCE_CHANGED,
    429: Code.SOURCE_UNAVAILABLE,
    504: Code.SOURCE_TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: an encoded path, and a query of plain texts. ``payload``: the SHA-256 of its body, in hexadecimal."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    bucket: str = ""
    payload: str = NOTHING


@dataclass(frozen=True, slots=True)
class Item:
    """An object of a listing."""

    key: str
    size: int
    modified_at: Instant
    version: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing: objects, the folders below (with a trailing ``/``), and where the next page begins (empty: it is the last)."""

    items: tuple[Item, ...]
    folders: tuple[str, ...]
    marker: str = ""


class Service(Protocol):
    """One dialect."""

    @property
    def encoding(self) -> str:
        """Return what ``Accept-Encoding`` has to say so that objects come as they are stored."""
        ...

    @property
    def version_is_etag(self) -> bool:
        """Say whether what a listing calls an object's version is the header ``ETag`` of its answers."""
        ...

    def buckets(self, marker: str) -> Ask:
        """Return the request for the buckets (containers) of the account."""
        ...

    def page(self, bucket: str, prefix: str, marker: str, *, flat: bool) -> Ask:
        """Return the request for a page of the objects whose keys begin with ``prefix``; not ``flat``: with folders for what lies deeper."""
        ...

    def object(self, bucket: str, key: str, version: str, offset: int) -> Ask:
        """Return the request for an object, from ``offset`` on, in this version only."""
        ...

    def signed(self, method: str, host: str, ask: Ask, at: datetime) -> Ask:
        """Return the request with what proves who asks."""
        ...

    def moved(self, bucket: str, region: str) -> bool:
        """Take note that ``bucket`` lies in another region; return whether that is news."""
        ...

    def region_of(self, bucket: str) -> str:
        """Return the region that ``bucket`` was found to lie in; empty: as everything."""
        ...

    def read_buckets(self, document: bytes) -> tuple[tuple[str, ...], str]:
        """Return the names of a page of buckets, and where the next begins."""
        ...

    def read_page(self, document: bytes) -> Page:
        """Return a page of a listing.

        Raises:
            ValueError: it is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class S3Service:
    """Amazon's dialect, with paths for buckets. ``base``: the path of the endpoint."""

    keys: AccessKey
    base: str = ""
    encoding: str = "identity"
    version_is_etag: bool = True
    page_size: int = 1000
    regions: dict[str, str] = field(default_factory=dict)

    def buckets(self, marker: str) -> Ask:
        """Return the request; see ``Service``."""
        return Ask(f"{self.base}/", (("continuation-token", marker),) if marker else ())

    def page(self, bucket: str, prefix: str, marker: str, *, flat: bool) -> Ask:
        """Return the request; see ``Service``."""
        query = [("list-type", "2"), ("prefix", prefix), ("max-keys", str(self.page_size)), ("encoding-type", "url")]
        query += [] if flat else [("delimiter", "/")]
        query += [("continuation-token", marker)] if marker else []
        return Ask(f"{self.base}/{encoded_path(bucket)}", tuple(query), bucket=bucket)

    def object(self, bucket: str, key: str, version: str, offset: int) -> Ask:
        """Return the request; see ``Service``."""
        return Ask(f"{self.base}/{encoded_path(bucket)}/{encoded_path(key)}", (), _conditions(version, offset), bucket)

    def signed(self, method: str, host: str, ask: Ask, at: datetime) -> Ask:
        """Return the signed request; see ``Service``."""
        keys = replace(self.keys, region=self.regions.get(ask.bucket, self.keys.region))
        signed = aws_headers(keys, method, host, ask.path, ask.query, at, ask.headers, ask.payload)
        return replace(ask, headers={**ask.headers, **signed})

    def moved(self, bucket: str, region: str) -> bool:
        """Take note of a region; see ``Service``."""
        if not region or region == self.regions.get(bucket, self.keys.region):
            return False
        self.regions[bucket] = region
        return True

    def region_of(self, bucket: str) -> str:
        """Return the region; see ``Service``."""
        return self.regions.get(bucket, "")

    def read_buckets(self, document: bytes) -> tuple[tuple[str, ...], str]:
        """Return names; see ``Service``."""
        root = _xml(document)
        names = tuple(_text(bucket, "Name") for bucket in _all(root, "Bucket"))
        return names, _text(root, "ContinuationToken")

    def read_page(self, document: bytes) -> Page:
        """Return the page; see ``Service``."""
        root = _xml(document)
        is_encoded = _text(root, "EncodingType") == "url"
        decoded = unquote_plus if is_encoded else str
        items = (
            Item(
                decoded(_text(found, "Key")),
                int(_text(found, "Size")),
                _iso(_text(found, "LastModified")),
                _text(found, "ETag").strip('"'),
            )
            for found in _all(root, "Contents")
        )
        folders = tuple(decoded(_text(found, "Prefix")) for found in _all(root, "CommonPrefixes"))
        marker = _text(root, "NextContinuationToken") if _text(root, "IsTruncated") == "true" else ""
        return Page(tuple(items), folders, marker)


@dataclass(frozen=True, slots=True)
class AzureService:
    """Azure's dialect. ``base``: the path of the endpoint. Either ``key`` or ``sas`` (a query string) proves who asks."""

    account: str
    base: str = ""
    key: bytes = b""
    sas: tuple[tuple[str, str], ...] = ()
    encoding: str = "identity"
    version_is_etag: bool = True
    page_size: int = 1000

    def buckets(self, marker: str) -> Ask:
        """Return the request; see ``Service``."""
        return Ask(f"{self.base}/", (("comp", "list"), *((("marker", marker),) if marker else ())))

    def page(self, bucket: str, prefix: str, marker: str, *, flat: bool) -> Ask:
        """Return the request; see ``Service``."""
        query = [("restype", "container"), ("comp", "list"), ("maxresults", str(self.page_size))]
        query += [("prefix", prefix)] if prefix else []
        query += [] if flat else [("delimiter", "/")]
        query += [("marker", marker)] if marker else []
        return Ask(f"{self.base}/{encoded_path(bucket)}", tuple(query))

    def object(self, bucket: str, key: str, version: str, offset: int) -> Ask:
        """Return the request; see ``Service``."""
        return Ask(f"{self.base}/{encoded_path(bucket)}/{encoded_path(key)}", (), _conditions(version, offset))

    def signed(self, method: str, host: str, ask: Ask, at: datetime) -> Ask:
        """Return the signed request; see ``Service``."""
        del host
        if not self.key:
            return replace(ask, query=(*ask.query, *self.sas), headers={**ask.headers, "x-ms-version": "2021-12-02"})
        signed = azure_headers(self.account, self.key, method, ask.path, ask.query, ask.headers, at)
        return replace(ask, headers={**ask.headers, **signed})

    def moved(self, bucket: str, region: str) -> bool:
        """Return False: containers do not move."""
        del bucket, region
        return False

    def region_of(self, bucket: str) -> str:
        """Return nothing."""
        del bucket
        return ""

    def read_buckets(self, document: bytes) -> tuple[tuple[str, ...], str]:
        """Return names; see ``Service``."""
        root = _xml(document)
        return tuple(_text(found, "Name") for found in _all(root, "Container")), _text(root, "NextMarker")

    def read_page(self, document: bytes) -> Page:
        """Return the page; see ``Service``."""
        root = _xml(document)
        folders = tuple(_azure_name(found) for found in _all(root, "BlobPrefix"))
        items = (
            Item(
                _azure_name(found),
                int(_text(found, "Content-Length")),
                _rfc(_text(found, "Last-Modified")),
                _text(found, "Etag").strip('"'),
            )
            for found in _all(root, "Blob")
            if _text(found, "ResourceType") != "directory"
        )
        return Page(tuple(items), folders, _text(root, "NextMarker"))


@dataclass(frozen=True, slots=True)
class GoogleJson:
    """Google's JSON API, without credentials. ``base``: the path of the endpoint, ``/storage/v1``."""

    base: str
    encoding: str = "gzip"
    """Google unpacks objects that say that they are gzipped for whoever does not take gzip."""
    version_is_etag: bool = False
    page_size: int = 1000

    def buckets(self, marker: str) -> Ask:
        """Return the request; see ``Service``."""
        return Ask(f"{self.base}/b", (("project", "-"), *((("pageToken", marker),) if marker else ())))

    def page(self, bucket: str, prefix: str, marker: str, *, flat: bool) -> Ask:
        """Return the request; see ``Service``."""
        query = [("maxResults", str(self.page_size)), ("prefix", prefix)]
        query += [] if flat else [("delimiter", "/")]
        query += [("pageToken", marker)] if marker else []
        return Ask(f"{self.base}/b/{_quoted(bucket)}/o", tuple(query))

    def object(self, bucket: str, key: str, version: str, offset: int) -> Ask:
        """Return the request; see ``Service``."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        query = (("alt", "media"), *((("ifGenerationMatch", version),) if version else ()))
        return Ask(f"{self.base}/b/{_quoted(bucket)}/o/{_quoted(key)}", query, headers)

    def signed(self, method: str, host: str, ask: Ask, at: datetime) -> Ask:
        """Return the request as it is: emulators ask for nothing."""
        del method, host, at
        return ask

    def moved(self, bucket: str, region: str) -> bool:
        """Return False: there is one place for all buckets."""
        del bucket, region
        return False

    def region_of(self, bucket: str) -> str:
        """Return nothing."""
        del bucket
        return ""

    def read_buckets(self, document: bytes) -> tuple[tuple[str, ...], str]:
        """Return names; see ``Service``."""
        found = _object(document)
        return tuple(str(item["name"]) for item in found.get("items", ())), str(found.get("nextPageToken", ""))

    def read_page(self, document: bytes) -> Page:
        """Return the page; see ``Service``."""
        found = _object(document)
        items = (
            Item(str(item["name"]), int(item["size"]), _iso(str(item["updated"])), str(item.get("generation", "")))
            for item in found.get("items", ())
        )
        return Page(tuple(items), tuple(map(str, found.get("prefixes", ()))), str(found.get("nextPageToken", "")))


def refusal(status: int, code: str) -> Code:
    """Return what an answer that is no success means; ``code`` is the service's own word for it."""
    if code in _REFUSED:
        return _REFUSED[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Code.SOURCE_UNAVAILABLE if status >= 500 else Code.SOURCE_UNREADABLE


def error_code(document: bytes) -> str:
    """Return the service's own word in an error's body; empty when there is none, or none that is fit for a message."""
    try:
        code = _text(_xml(document), "Code")
    except ValueError:
        return ""
    return code if code.isalnum() and code.isascii() and len(code) <= 60 else ""


def field_of(document: bytes, name: str) -> str:
    """Return the text of the first element called ``name`` in an answer; empty when there is none.

    Raises:
        ValueError: it is no XML.
    """
    return _text(_xml(document), name)


def azure_service(base: str, account: str, key: str, sas: str) -> AzureService:
    """Return the service of a connection's options.

    Raises:
        Problem: ``INVALID``: the key is no base64, or there is neither a key nor a signature.
    """
    if not key and not sas:
        raise Problem(Code.INVALID, "the connection has neither an account key nor a shared access signature")
    try:
        secret = base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise Problem(Code.INVALID, "the account key is no base64") from error
    return AzureService(account, base, secret, tuple(parse_qsl(sas.lstrip("?"), keep_blank_values=True)))


def http_date(text: str) -> Instant | None:
    """Return the instant of a header such as ``Last-Modified``; None when it is none."""
    try:
        return _rfc(text)
    except ValueError:
        return None


def _conditions(version: str, offset: int) -> dict[str, str]:
    headers = {"If-Match": f'"{version}"'} if version else {}
    return {**headers, "Range": f"bytes={offset}-"} if offset else headers


def _quoted(name: str) -> str:
    return quote(name, safe="-_.~")


def _iso(text: str) -> Instant:
    return _instant(datetime.fromisoformat(text))


def _rfc(text: str) -> Instant:
    return _instant(parsedate_to_datetime(text))


def _instant(moment: datetime) -> Instant:
    at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = at - _EPOCH
    return Instant((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds)


def _object(document: bytes) -> Mapping[str, Any]:
    found = json.loads(document)
    if not isinstance(found, dict):
        raise TypeError("no JSON object")
    return found


def _xml(document: bytes) -> ET.Element:
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise ValueError("it defines entities")
    try:
        return ET.fromstring(document)  # noqa: S314 — bounded in size, and without entities
    except ET.ParseError as error:
        raise ValueError("it is no XML") from error


def _all(root: ET.Element, name: str) -> list[ET.Element]:
    return [found for found in root.iter() if found.tag.rpartition("}")[2] == name]


def _text(root: ET.Element, name: str) -> str:
    # The first in document order; namespaces differ between the services that speak this dialect.
    return next((found.text or "" for found in root.iter() if found.tag.rpartition("}")[2] == name), "")


def _azure_name(found: ET.Element) -> str:
    name = next((part for part in found if part.tag.rpartition("}")[2] == "Name"), None)
    if name is None or name.text is None:
        raise ValueError("a blob has no name")
    return unquote(name.text) if name.get("Encoded") == "true" else name.text
