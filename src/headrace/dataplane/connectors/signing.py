"""How requests to object stores are signed: AWS Signature Version 4 and Azure's Shared Key, both for requests without a body.

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


def aws_headers(keys: AccessKey, method: str, host: str, path: str, query: Query, at: datetime) -> dict[str, str]:
    """Return the headers that sign a request; ``path`` is encoded, ``at`` in UTC."""
    moment = at.strftime("%Y%m%dT%H%M%SZ")
    day = moment[:8]
    signed = {"host": host, "x-amz-content-sha256": NOTHING, "x-amz-date": moment}
    if keys.token:
        signed["x-amz-security-token"] = keys.token
    names = ";".join(signed)
    headers = "".join(f"{name}:{value}\n" for name, value in signed.items())
    canonical = "\n".join((method, path, encoded_query(query), headers, names, NOTHING))
    scope = f"{day}/{keys.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    secret = f"AWS4{keys.secret}".encode()
    for part in (day, keys.region, "s3", "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential={keys.key}/{scope},SignedHeaders={names},Signature={signature}"
    del signed["host"]
    return {**signed, "Authorization": authorization}


def azure_headers(  # noqa: PLR0913, PLR0917 — what a signature is made of
    account: str, key: bytes, method: str, path: str, query: Query, headers: Mapping[str, str], at: datetime
) -> dict[str, str]:
    """Return the headers that sign a request; ``headers`` are those that it has already, ``path`` is encoded, ``at`` in UTC."""
    own = {"x-ms-date": format_datetime(at, usegmt=True), "x-ms-version": "2021-12-02"}
    # Content-Encoding, -Language, -Length, -MD5, -Type and Date are empty; then these:
    conditions = [
        headers.get(name, "")
        for name in ("If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range")
    ]
    resource = f"/{account}{path}" + "".join(f"\n{name.lower()}:{value}" for name, value in sorted(query))
    lines = [
        method,
        "",
        "",
        "",
        "",
        "",
        "",
        *conditions,
        *(f"{name}:{value}" for name, value in sorted(own.items())),
        resource,
    ]
    digest = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()
    return {**own, "Authorization": f"SharedKey {account}:{base64.b64encode(digest).decode()}"}
