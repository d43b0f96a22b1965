"""How requests to object stores are signed: AWS Signature Version 4 and Azure's Shared Key.

Sources: "Signature Version 4 signing process" (Amazon S3 API reference; Google Cloud Storage takes the same with HMAC keys) and
"Authorize with Shared Key" (Azure Storage REST reference). Pure functions; the tests hold the first against Amazon's own library, and let
moto's and Azurite's servers check both.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

NOTHING = hashlib.sha256(b"").hexdigest()
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Keys of Amazon's kind, and the region that requests are signed for."""

    key: str
    secret: str
    token: str = ""
    region: str = "us-east-1"


def encoded_path(path: str) -> str:
    """Return a path as it stands in a request."""
    return quote(path, safe="/-_.~")


def encoded_query(query: Query) -> str:
    """Return a query as it stands in a request: sorted, as signatures demand it."""
    return "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in query))


def aws_headers(  # noqa: PLR0913, PLR0917 — what a signature is made of
    keys: AccessKey,
    method: str,
    host: str,
    path: str,
    query: Query,
    at: datetime,
    headers: Mapping[str, str] | None = None,
    payload: str = NOTHING,
) -> dict[str, str]:
    """Return the headers that sign a request; ``path`` is encoded, ``at`` in UTC.

    ``headers`` are those that it has already, of which ``x-amz-…`` are signed; ``payload`` is the SHA-256 of the body, in hexadecimal.
    """
    moment = at.strftime("%Y%m%dT%H%M%SZ")
    day = moment[:8]
    own = {"x-amz-content-sha256": payload, "x-amz-date": moment}
    if keys.token:
        own["x-amz-security-token"] = keys.token
    given = {name.lower(): " ".join(value.split()) for name, value in (headers or {}).items()}
    theirs = {name: value for name, value in given.items() if name.startswith("x-amz-")}
    signed = dict(sorted({"host": host, **theirs, **own}.items()))
    names = ";".join(signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
    canonical = "\n".join((method, path, encoded_query(query), lines, names, payload))
    scope = f"{day}/{keys.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    secret = f"AWS4{keys.secret}".encode()
    for part in (day, keys.region, "s3", "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential={keys.key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**own, "Authorization": authorization}


def azure_headers(  # noqa: PLR0913, PLR0917 — what a signature is made of
    account: str, key: bytes, method: str, path: str, query: Query, headers: Mapping[str, str], at: datetime
) -> dict[str, str]:
    """Return the headers that sign a request; ``headers`` are those that it has already, ``path`` is encoded, ``at`` in UTC."""
    own = {"x-ms-date": format_datetime(at, usegmt=True), "x-ms-version": "2021-12-02"}
    length = headers.get("Content-Length", "")
    about = [
        *("", ""),
        "" if length == "0" else length,
        headers.get("Content-MD5", ""),
        headers.get("Content-Type", ""),
    ]
    # Content-Encoding and -Language are empty, and so is Date, for x-ms-date; then these:
    conditions = [
        headers.get(name, "")
        for name in ("If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range")
    ]
    theirs = {name.lower(): value.strip() for name, value in headers.items() if name.lower().startswith("x-ms-")}
    resource = f"/{account}{path}" + "".join(f"\n{name.lower()}:{value}" for name, value in sorted(query))
    lines = [
        method,
        *about,
        "",
        *conditions,
        *(f"{name}:{value}" for name, value in sorted({**theirs, **own}.items())),
        resource,
    ]
    digest = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()
    return {**own, "Authorization": f"SharedKey {account}:{base64.b64encode(digest).decode()}"}
