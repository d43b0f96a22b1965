"""Linked services that are file stores (contract 15), as connections of the data plane."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from headrace.activities.datafactory.attempt import Attempt, Object, Refused, refused, whole_number
from headrace.activities.datafactory.linked import Definition
from headrace.activities.datafactory.secret_source import SecretSource, resolve_secret
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.codec import Json
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.language.datafactory.values import text_of

_S3 = "https://s3.amazonaws.com"
# The account and the key that Azure's storage emulator has everywhere: published, and worth nothing anywhere else.
_EMULATOR = "devstoreaccount1"
_EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")
_UNUSABLE = "The linked service '{}' {}."


class _Reader:
    """Reads properties of one linked service; secrets are resolved, and shown nowhere."""

    def __init__(self, attempt: Attempt, service: Definition, secrets: SecretSource) -> None:
        self.attempt, self.service, self.secrets = attempt, service, secrets
        self.given = {name.lower(): value for name, value in service.type_properties.items()}

    def text(self, name: str) -> str:
        """Return a property as text; one that is not there is empty."""
        value = self.given.get(name.lower())
        return self.secret(name) if isinstance(value, Mapping) else text_of(value).strip()

    def secret(self, name: str) -> str:
        """Return a secret property; one that is not there is empty."""
        value = self.given.get(name.lower())
        return "" if value is None else resolve_secret(self.attempt, value, self.secrets, name)

    def endpoint(self, text: str, name: str) -> str:
        """Return the URL of a server.

        Raises:
            Refused: it is none, or has a login in it.
        """
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise self.wrong(f"has a '{name}' that is no http or https URL of a server")
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    def wrong(self, what: str) -> Refused:
        """Return the failure of a linked service that cannot be connected to."""
        return refused(BAD_REQUEST, _UNUSABLE.format(self.service.name, what))


def connection_of(
    attempt: Attempt, service: Definition, location: Object, secrets: SecretSource
) -> ConnectionInfo | None:
    """Return the connection to the bucket or container of a dataset's ``location``; None: no file store that is reached over a network.

    Raises:
        Refused: a property makes no sense, or a secret cannot be had.
    """
    read = _KINDS.get(service.type.lower())
    return None if read is None else read(_Reader(attempt, service, secrets), location)


def _s3(reader: _Reader, location: Object) -> ConnectionInfo:
    url = reader.text("serviceUrl")
    options = {
        "access_key": reader.text("accessKeyId"),
        "secret_key": reader.secret("secretAccessKey"),
        "session_token": reader.secret("sessionToken"),
        "bucket": _name(location.get("bucketName")),
    }
    return ConnectionInfo("s3", reader.endpoint(url, "serviceUrl") if url else _S3, _without_empty(options))


def _blob(reader: _Reader, location: Object) -> ConnectionInfo:
    return _azure(reader, _name(location.get("container")))


def _lake(reader: _Reader, location: Object) -> ConnectionInfo:
    return _azure(reader, _name(location.get("fileSystem")))


def _azure(reader: _Reader, container: str) -> ConnectionInfo:
    string = reader.text("connectionString")
    if string:
        url, options = _from_string(reader, string)
    elif reader.text("sasUri"):
        address, _, signature = reader.text("sasUri").partition("?")
        url, options = _account_part(reader.endpoint(address, "sasUri")), {"sas": signature}
    else:
        url = reader.endpoint(reader.text("serviceEndpoint") or reader.text("url"), "serviceEndpoint")
        options = {"account_key": reader.secret("accountKey"), "sas": reader.secret("sasToken").lstrip("?")}
    # The data lake's own endpoint has the blobs' beside it.
    url = url.replace(".dfs.", ".blob.", 1)
    account = options.get("account") or _account_of(url)
    return ConnectionInfo("azure", url, _without_empty({**options, "account": account, "container": container}))


def _from_string(reader: _Reader, string: str) -> tuple[str, dict[str, str]]:
    pairs = (part.partition("=") for part in string.split(";") if part.strip())
    given = {name.strip().lower(): value.strip() for name, _, value in pairs}
    reader.attempt.hide(given.get("accountkey", ""), given.get("sharedaccesssignature", ""))
    if given.get("usedevelopmentstorage", "").lower() == "true":
        return f"http://127.0.0.1:10000/{_EMULATOR}", {"account": _EMULATOR, "account_key": _EMULATOR_KEY}
    account, endpoint = given.get("accountname", ""), given.get("blobendpoint", "")
    if not account and not endpoint:
        raise reader.wrong("has a 'connectionString' that names neither AccountName nor BlobEndpoint")
    if not endpoint:
        suffix = given.get("endpointsuffix") or "core.windows.net"
        endpoint = f"{given.get('defaultendpointsprotocol') or 'https'}://{account}.blob.{suffix}"
    signature = given.get("sharedaccesssignature", "").lstrip("?")
    options = {
        "account": account,
        "account_key": given.get("accountkey") or reader.secret("accountKey"),
        "sas": signature,
    }
    return reader.endpoint(endpoint, "connectionString"), options


def _sftp(reader: _Reader, _location: Object) -> ConnectionInfo:
    host = reader.text("host")
    if not _HOST.fullmatch(host):
        raise reader.wrong("has a 'host' that is no name or address of a server")
    port = whole_number(reader.given.get("port", 22), "port", least=1, most=65_535)
    options = {"password": reader.secret("password"), "host_key": reader.text("hostKeyFingerprint")}
    key = reader.secret("privateKeyContent")
    if key:
        options |= {"password": "", "private_key": _pem(reader, key), "passphrase": reader.secret("passPhrase")}
    return ConnectionInfo(
        "sftp", f"sftp://{quote(reader.text('userName'), safe='')}@{host}:{port}", _without_empty(options)
    )


def _pem(reader: _Reader, text: str) -> str:
    if text.lstrip().startswith("-----BEGIN"):
        return text.strip() + "\n"
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise reader.wrong("has a 'privateKeyContent' that is no base64 of a private key") from None


def _account_part(url: str) -> str:
    """Return the address of an account: a container, which the path may begin with, is the dataset's to say."""
    parts = urlsplit(url)
    steps = [step for step in parts.path.split("/") if step]
    # An emulator has its account in the path, the service in the host's name.
    kept = "" if ".blob." in (parts.hostname or "") or ".dfs." in (parts.hostname or "") else "".join(steps[:1])
    return f"{parts.scheme}://{parts.netloc}{'/' if kept else ''}{kept}"


def _account_of(url: str) -> str:
    parts = urlsplit(url)
    return parts.path.strip("/") or (parts.hostname or "").partition(".")[0]


def _name(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _without_empty(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


_KINDS: Mapping[str, Callable[[_Reader, Object], ConnectionInfo]] = MappingProxyType(
    {
        "amazons3": _s3,
        "amazons3compatible": _s3,
        "azureblobstorage": _blob,
        "azureblobfs": _lake,
        "sftp": _sftp,
    }
)
