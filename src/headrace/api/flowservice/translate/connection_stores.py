"""File stores, in: auth parameters become the URLs and options that their connectors take."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.specs import AuthSpec
from headrace.api.flowservice.translate.connection_databases import check_host, check_port
from headrace.api.flowservice.translate.connection_strings import read_pairs
from headrace.api.flowservice.wire import text_in

S3_ENDPOINT = "https://s3.amazonaws.com"
GCS_ENDPOINT = "https://storage.googleapis.com"

# The account and the key that Azure's storage emulator has everywhere: published, and worth nothing anywhere else.
_EMULATOR = "devstoreaccount1"
_EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_CONTAINER = re.compile(r"\$?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_STRING = "auth.params.connectionString"


def s3_address(_: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the endpoint of an S3 server, with keys, bucket and folder."""
    return _endpoint(text_in(params, "serviceUrl"), "serviceUrl") or S3_ENDPOINT, {
        "access_key": text_in(params, "s3AccessKey"),
        "secret_key": text_in(params, "s3SecretKey"),
        "session_token": text_in(params, "s3SessionToken"),
        "bucket": _container(params, "bucketName"),
        "folder": _folder(params),
    }


def gcs_address(_: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the endpoint of Google Cloud Storage, with the HMAC key, bucket and folder."""
    return _endpoint(text_in(params, "serviceUrl"), "serviceUrl") or GCS_ENDPOINT, {
        "access_key": text_in(params, "accessKeyId"),
        "secret_key": text_in(params, "secretAccessKey"),
        "bucket": _container(params, "bucketName"),
        "folder": _folder(params),
    }


def azure_address(auth: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the blob endpoint of a storage account, with its key or signature, container and folder."""
    by_string = auth.parameter("connectionString") is not None
    url, options = _azure_string(params) if by_string else _azure_sas(params)
    container = _container(params, "container") or options.get("container", "")
    return url, {**options, "container": container, "folder": _folder(params)}


def sftp_address(_: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the URL of an SFTP server, with password or private key."""
    options = {
        "folder": _folder(params),
        "max_connections": _number(params, "maxConcurrentConnections", ""),
        "host_key": text_in(params, "hostKeyFingerprint"),
    }
    if params.get("privateKeyContent"):
        key = _private_key(text_in(params, "privateKeyContent"))
        return _url("sftp", params, "22"), {
            **options,
            "private_key": key,
            "passphrase": text_in(params, "passPhrase"),
        }
    return _url("sftp", params, "22"), {**options, "password": text_in(params, "password")}


def ftp_address(_: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the URL of an FTP server, with its password."""
    return _url("ftp", params, "21"), {"password": text_in(params, "password"), "folder": _folder(params)}


def _url(scheme: str, params: Mapping[str, Any], default_port: str) -> str:
    host = check_host(text_in(params, "host").strip(), "auth.params.host")
    port = check_port(_number(params, "port", default_port), "auth.params.port")
    return f"{scheme}://{quote(text_in(params, 'userName'), safe='')}@{host}:{port}"


def _number(params: Mapping[str, Any], name: str, default: str) -> str:
    value = params.get(name)
    return default if value in (None, "") else str(value).strip().partition(".")[0]


def _endpoint(text: str, name: str) -> str:
    """Return an http or https URL without what does not belong to an endpoint; empty stays empty."""
    if not text.strip():
        return ""
    wrong = Refusal(Fault.VALUE, f"auth.params.{name} is no http or https URL of a server, without a login")
    try:
        parts = urlsplit(text.strip())
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError as error:
        raise wrong from error
    if not good or not text.isprintable() or "@" in parts.netloc or parts.query or parts.fragment:
        raise wrong
    check_host((parts.hostname or "").strip(), f"auth.params.{name}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _container(params: Mapping[str, Any], name: str) -> str:
    value = text_in(params, name).strip()
    if value and not _CONTAINER.fullmatch(value):
        raise Refusal(Fault.VALUE, f"auth.params.{name} {value[:80]!r} cannot be the name of one")
    return value


def _folder(params: Mapping[str, Any]) -> str:
    value = text_in(params, "folderPath").strip().strip("/")
    if "\\" in value or "//" in value or not value.isprintable() or {".", ".."} & set(value.split("/")):
        raise Refusal(Fault.VALUE, f"auth.params.folderPath {value[:100]!r} is no path of a folder")
    return value


def _private_key(text: str) -> str:
    """Return the PEM text of a private key that comes in base64, as the contract has it, or as it is."""
    if text.lstrip().startswith("-----BEGIN"):
        return text.strip() + "\n"
    try:
        key = base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (ValueError, binascii.Error) as error:
        raise Refusal(Fault.VALUE, "auth.params.privateKeyContent is no base64 of a private key") from error
    if not key.lstrip().startswith("-----BEGIN"):
        raise Refusal(Fault.VALUE, "auth.params.privateKeyContent is base64 of something else than a PEM private key")
    return key


def _azure_string(params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return endpoint and login of an Azure connection string: an account's, with ``BlobEndpoint``, or ``UseDevelopmentStorage``."""
    given = {key.lower(): value for key, value in read_pairs(text_in(params, "connectionString")).items()}
    if given.get("usedevelopmentstorage", "").lower() == "true":
        proxy = _endpoint(given.get("developmentstorageproxyuri", ""), "connectionString") or "http://127.0.0.1"
        return f"{proxy}:10000/{_EMULATOR}", {"account": _EMULATOR, "account_key": _EMULATOR_KEY}
    account = given.get("accountname", "")
    endpoint = _endpoint(given.get("blobendpoint", ""), "connectionString")
    if not endpoint and not account:
        raise Refusal(Fault.VALUE, f"{_STRING} names neither AccountName nor BlobEndpoint")
    if not endpoint:
        protocol = given.get("defaultendpointsprotocol", "https").lower()
        suffix = given.get("endpointsuffix", "core.windows.net")
        endpoint = _endpoint(f"{protocol}://{check_host(account, _STRING)}.blob.{suffix}", "connectionString")
    if given.get("sharedaccesssignature"):
        return endpoint, {
            "account": account or _account_of(endpoint),
            "sas": given["sharedaccesssignature"].lstrip("?"),
        }
    if not account or not given.get("accountkey"):
        raise Refusal(Fault.VALUE, f"{_STRING} does not say AccountName with AccountKey, nor SharedAccessSignature")
    return endpoint, {"account": account, "account_key": given["accountkey"]}


def _azure_sas(params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return endpoint and signature of ``https://{account}.blob.core.windows.net/{container}?{signature}``."""
    address, _, signature = text_in(params, "sasUri").strip().partition("?")
    if "sig" not in dict(parse_qsl(signature)):
        raise Refusal(Fault.VALUE, "auth.params.sasUri has no signature (sig=…) after a question mark")
    url = urlsplit(_endpoint(address, "sasUri"))
    segments = [segment for segment in url.path.split("/") if segment]
    base = f"{url.scheme}://{url.netloc}"
    # An emulator has its account in the path, the service in the host's name.
    if segments and not (url.hostname or "").endswith(".windows.net") and ".blob." not in (url.hostname or ""):
        base, segments = f"{base}/{segments[0]}", segments[1:]
    if len(segments) > 1:
        raise Refusal(
            Fault.VALUE, "auth.params.sasUri leads below a container; give the address of an account or container"
        )
    container = segments[0] if segments else ""
    return base, {"account": _account_of(base), "sas": signature, "container": container}


def _account_of(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return parts.path.strip("/") or (parts.hostname or "").partition(".")[0]
