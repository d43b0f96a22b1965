"""Linked services that are file stores (contract 15), as connections of the data plane."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from headrace.activities.datafactory.attempt import Attempt, Object, refused
from headrace.activities.datafactory.linked import Definition
from headrace.activities.datafactory.secret_source import SecretSource
from headrace.activities.datafactory.service_reader import ServiceReader
from headrace.activities.datafactory.words import ACCESS_DENIED, BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.mapped_folders import mapped_folder
from headrace.dataplane.connectors.connection import ConnectionInfo

_S3 = "https://s3.amazonaws.com"
# The account and the key that Azure's storage emulator has everywhere: published, and worth nothing anywhere else.
_EMULATOR = "devstoreaccount1"
_EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")
_REGION = re.compile(r"s3[.-]([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?")
_BY_KEY = frozenset({"", "anonymous", "accountkey", "sasuri"})
_LONGEST_KEY = 1 << 16


def connection_of(
    attempt: Attempt,
    service: Definition,
    location: Object,
    secrets: SecretSource,
    file_roots: tuple[Path, ...] | None = (),
) -> ConnectionInfo | None:
    """Return the connection to the bucket or container of a dataset's ``location``; None: no file store that is reached over a network.

    ``file_roots``: the directories of this machine that a private key may lie in (None: any).

    Raises:
        Refused: a property makes no sense, or a secret cannot be had.
    """
    read = _KINDS.get(service.type.lower())
    return None if read is None else read(ServiceReader(attempt, service, secrets, file_roots), location)


def folder_url(service: Definition, folders: Mapping[str, str]) -> str:
    """Return the ``file:///`` URL of the directory that a FileServer means; ``folders`` stand for hosts.

    Raises:
        Refused: its ``host`` is none.
    """
    host = service.type_properties.get("host")
    path = mapped_folder(folders, host.removeprefix("file://")) if isinstance(host, str) else ""
    if not PurePosixPath(path).is_absolute():
        raise refused(
            BAD_REQUEST, f"The 'host' of the linked service '{service.name}' is no absolute path of a directory."
        )
    return f"file://{quote(path)}"


def below_roots(path: str, file_roots: tuple[Path, ...] | None) -> Path | None:
    """Return the real path of a file of this machine that lies below one of ``file_roots`` (None: anywhere); None: it does not."""
    if not PurePosixPath(path).is_absolute() or "\0" in path:
        return None
    real = Path(path).resolve()
    return real if file_roots is None or any(real.is_relative_to(root.resolve()) for root in file_roots) else None


def _s3(reader: ServiceReader, location: Object) -> ConnectionInfo:
    url = reader.text("serviceUrl")
    options = {
        "access_key": reader.text("accessKeyId"),
        "secret_key": reader.secret("secretAccessKey"),
        "session_token": reader.secret("sessionToken"),
        "bucket": _name(location.get("bucketName")),
        "region": found[1] if (found := _REGION.search(url)) else "",
    }
    return ConnectionInfo("s3", reader.endpoint(url, "serviceUrl") if url else _S3, _without_empty(options))


def _blob(reader: ServiceReader, location: Object) -> ConnectionInfo:
    return _azure(reader, _name(location.get("container")))


def _lake(reader: ServiceReader, location: Object) -> ConnectionInfo:
    return _azure(reader, _name(location.get("fileSystem")))


def _azure(reader: ServiceReader, container: str) -> ConnectionInfo:
    kind = reader.text("authenticationType").lower()
    if kind not in _BY_KEY or any(map(reader.has, ("servicePrincipalId", "credential"))):
        raise reader.unsupported("proves itself with an identity; keys and signatures are what this server can use")
    string = reader.text("connectionString")
    if string:
        url, options = _from_string(reader, string)
    elif reader.text("containerUri"):
        url, options = _account_part(reader.endpoint(reader.text("containerUri"), "containerUri")), {}
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


def _from_string(reader: ServiceReader, string: str) -> tuple[str, dict[str, str]]:
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


def _sftp(reader: ServiceReader, _location: Object) -> ConnectionInfo:
    host = reader.text("host")
    if not _HOST.fullmatch(host):
        raise reader.wrong("has a 'host' that is no name or address of a server")
    port = reader.port(22)
    host_key = "" if reader.flag("skipHostKeyValidation") else reader.text("hostKeyFingerprint")
    options = {"password": reader.secret("password"), "host_key": host_key}
    key = reader.secret("privateKeyContent") or _key_file(reader)
    if key:
        # With MultiFactor the server asks for the password as well.
        password = options["password"] if reader.text("authenticationType").lower() == "multifactor" else ""
        options |= {"password": password, "private_key": _pem(reader, key), "passphrase": reader.secret("passPhrase")}
    if not host_key and not reader.flag("skipHostKeyValidation"):
        raise reader.wrong(
            "has no 'hostKeyFingerprint' (SHA256:…): nothing says which server may have the password; set it, or 'skipHostKeyValidation'"
        )
    return ConnectionInfo(
        "sftp", f"sftp://{quote(reader.text('userName'), safe='')}@{host}:{port}", _without_empty(options)
    )


def _key_file(reader: ServiceReader) -> str:
    written = reader.text("privateKeyPath")
    if not written:
        return ""
    path = below_roots(written, reader.file_roots)
    if path is None:
        message = f"The 'privateKeyPath' of the linked service '{reader.service.name}' lies outside of the folders that pipelines may read."
        raise refused(ACCESS_DENIED, message, Code.SOURCE_DENIED)
    try:
        with path.open(encoding="ascii") as stream:
            return stream.read(_LONGEST_KEY)
    except (OSError, UnicodeDecodeError):
        raise reader.wrong("has a 'privateKeyPath' that names no private key that can be read") from None


def _pem(reader: ServiceReader, text: str) -> str:
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


_KINDS: Mapping[str, Callable[[ServiceReader, Object], ConnectionInfo]] = MappingProxyType(
    {
        "amazons3": _s3,
        "amazons3compatible": _s3,
        "azureblobstorage": _blob,
        "azureblobfs": _lake,
        "sftp": _sftp,
    }
)
