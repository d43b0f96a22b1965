"""Which file store a source means.

SFTP and FTP are loaded when the first connection of their kind is opened, as drivers of databases are: an idle worker needs none.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors import local, local_writing
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import FileStore, select
from headrace.dataplane.connectors.object_server import Server
from headrace.dataplane.connectors.object_services import GoogleJson, S3Service, Service, azure_service
from headrace.dataplane.connectors.object_writing import writable
from headrace.dataplane.connectors.objects import Objects
from headrace.dataplane.connectors.signing import AccessKey
from headrace.dataplane.connectors.sockets import Sockets
from headrace.dataplane.connectors.writing import WritableStore
from headrace.dataplane.limits import Limits

_JSON_API = "/storage/v1"


def open_store(
    root: str, info: ConnectionInfo | None, file_roots: tuple[Path, ...] | None, limits: Limits
) -> FileStore:  # fmt: skip
    """Return the store of a connection; without one, of the folder that the URL ``root`` names. Close it.

    Nothing is asked of a store before it is listed.

    Raises:
        Problem: ``UNSUPPORTED``: no kind of file store, or its driver is not installed; ``INVALID``: its options; of a folder, as
            ``local.open_store``.
    """
    if info is None:
        return local.open_store(root, file_roots, limits)
    _check(info)
    match info.kind:
        case "local":
            return local.open_store(info.url, file_roots, limits)
        case "s3" | "gcs" | "azure":
            return _open_objects(info, limits)
        case "sftp" | "ftp":
            opener: Callable[[ConnectionInfo, str, Limits], FileStore] = getattr(
                _module(info.kind), f"open_{info.kind}"
            )
            return opener(info, folder_of(info), limits)
        case _:
            raise Problem(Code.UNSUPPORTED, f"files cannot be read from a connection of kind {info.kind!r}")


def open_writable(
    root: str, info: ConnectionInfo | None, file_roots: tuple[Path, ...] | None, limits: Limits
) -> WritableStore:  # fmt: skip
    """Return a store that can be written to, as ``open_store`` does; a folder of this machine need not be there yet. Close it.

    Raises:
        Problem: ``UNSUPPORTED``: nothing is written to stores of this kind; as ``open_store``.
    """
    if info is None:
        return local_writing.open_writable(root, file_roots, limits)
    _check(info)
    match info.kind:
        case "s3" | "gcs" | "azure":
            return writable(_open_objects(info, limits))
        case "sftp":
            return cast("WritableStore", _module("sftp_writing").open_writable(info, folder_of(info), limits))
    raise Problem(Code.UNSUPPORTED, f"files cannot be written to a connection of kind {info.kind!r}")


def _module(name: str) -> Any:
    """Return a module of this package, with the libraries that it needs."""
    return importlib.import_module(f"{__package__}.{name}")


def _check(info: ConnectionInfo) -> None:
    try:
        _ = urlsplit(info.url).port
    except ValueError as error:
        raise Problem(Code.INVALID, "the address of the store has no valid port") from error
    keys = ("access_key", "secret_key", "session_token", "region", "account", "sas")
    for name in keys:
        value = info.options.get(name, "")
        if not value.isascii() or any(letter <= " " or letter == "\x7f" for letter in value):
            raise Problem(Code.INVALID, f"{name} has a blank, a control character or a letter that no such value has")


def _open_objects(info: ConnectionInfo, limits: Limits) -> Objects:
    server = Server(info.url, Sockets(limits), info.host)
    service = _service(info, server.path)
    bucket = info.options.get("container" if info.kind == "azure" else "bucket", "")
    if "/" in bucket or bucket in {".", ".."}:
        raise Problem(Code.INVALID, f"{bucket!r} is no name of a bucket or container")
    folder = folder_of(info)
    return Objects(server, service, limits, bucket, f"{folder}/" if folder else "")


def _service(info: ConnectionInfo, base: str) -> Service:
    options = info.options
    if info.kind == "azure":
        account = options.get("account", "") or (urlsplit(info.url).hostname or "").partition(".")[0]
        return azure_service(base, account, options.get("account_key", ""), options.get("sas", ""))
    if info.kind == "gcs" and base.endswith(_JSON_API):
        return GoogleJson(base)
    key, secret = options.get("access_key", ""), options.get("secret_key", "")
    if not key or not secret:
        raise Problem(Code.INVALID, "the connection has no access key and secret key")
    if info.kind == "gcs":
        return S3Service(AccessKey(key, secret, region="auto"), base, encoding="gzip")
    token, region = options.get("session_token", ""), options.get("region", "")
    return S3Service(AccessKey(key, secret, token, region or "us-east-1"), base)


def folder_of(info: ConnectionInfo) -> str:
    """Return the folder that a connection keeps to, without ``/`` around it.

    Raises:
        Problem: ``SOURCE_DENIED``: it leads upwards.
    """
    folder = info.options.get("folder", "").strip("/")
    return "/".join(select(f"{folder}/").folders) if folder else ""
