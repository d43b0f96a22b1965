"""Datasets, opened: what an evaluated dataset and its linked service mean to the data plane (contract 9.2, 9.5 and 15).

open_dataset    the dataset that a reference names
FileData        files of a store, with their format
TableData       a table of a database, or a database whose tables a query reads
ServiceData     a REST service
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

from headrace.activities.datafactory.attempt import Attempt, Object, refused
from headrace.activities.datafactory.databases import database_of, is_mapped
from headrace.activities.datafactory.formats import format_of, is_file_type, old_format
from headrace.activities.datafactory.linked import Definition, Documents, dataset, linked_service
from headrace.activities.datafactory.odbc import with_address
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.secret_source import SecretSource, TokenSource
from headrace.activities.datafactory.service_reader import ServiceReader
from headrace.activities.datafactory.stores import below_roots, connection_of, folder_url
from headrace.activities.datafactory.web_services import base_url, joined, login_of
from headrace.activities.datafactory.words import ACCESS_DENIED, BAD_REQUEST, UNSUPPORTED_TYPE
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.transfer.request import Format, HttpRequestOptions, Login, Pack, Place, StoreType

TABLE_TYPES = frozenset(
    {
        *("sqlservertable", "azuresqltable", "azuresqlmitable", "azuresqldwtable", "azuresqldatabasetable"),
        *("postgresqltable", "postgresqlv2table", "azurepostgresqltable", "mysqltable", "azuremysqltable"),
        *("odbctable", "relationaltable"),
    }
)
"""Types of datasets that are tables, in lower case."""
OLD_TYPES = frozenset({"azureblob", "fileshare"})
"""Types of datasets of the older model, in lower case: their format is a property of theirs."""
_CONTAINERS = {
    "amazons3": "bucketName",
    "amazons3compatible": "bucketName",
    "azureblobstorage": "container",
    "azureblobfs": "fileSystem",
}
_FILE_SERVER, _HTTP = "fileserver", "httpserver"
_STORE_TYPES = {"sftp": StoreType.SFTP, **dict.fromkeys(_CONTAINERS, StoreType.OBJECTS)}
_TABLE_PART = re.compile(r'\[((?:[^\]]|\]\])*)\]|"((?:[^"]|"")*)"|`((?:[^`]|``)*)`|([^.\[\]"`]+)')


@dataclass(frozen=True, slots=True)
class Connecting:
    """What connecting to stores, databases and services needs of the installation.

    ``pin`` is the guard (``Egress.pin``); ``file_roots_of`` gives the directories of this machine that pipelines of a scope may read and write
    (None: all). ``databases`` are URLs that stand for linked services and servers, by their names in lower case, ``folders`` directories that stand
    for hosts.
    """

    documents: Documents
    pin: Callable[[ConnectionInfo], ConnectionInfo]
    file_roots_of: Callable[[str], tuple[Path, ...] | None]
    secrets: SecretSource = field(default_factory=SecretSource)
    tokens: TokenSource = field(default_factory=TokenSource)
    databases: Mapping[str, str] = field(default_factory=dict, repr=False)
    folders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileData:
    """Files. ``folder`` (below the place) and ``file`` have no ``/`` around them, and may be empty; ``container``: of an object store, else empty.

    ``http``: of an HTTP server only: the address and the login; ``file`` is the last part of its path then.
    """

    name: str
    type: str
    service: Definition
    place: Place
    container: str
    folder: str
    file: str
    form: Format
    pack: Pack
    properties: Properties
    location: Object
    http: HttpRequestOptions | None = None


@dataclass(frozen=True, slots=True)
class TableData:
    """A table; ``table`` empty: the dataset names none. ``mapped``: the operator has put another database in the place of the one that is named."""

    name: str
    type: str
    service: Definition
    connection: ConnectionInfo = field(repr=False)
    schema: str
    table: str
    mapped: bool = False


@dataclass(frozen=True, slots=True)
class ServiceData:
    """A REST service: the whole URL, the login, and what the dataset says of requests."""

    name: str
    type: str
    service: Definition
    url: str
    login: Login
    properties: Properties


Data: TypeAlias = FileData | TableData | ServiceData


def open_dataset(attempt: Attempt, connecting: Connecting, reference: Json, what: str) -> Data:
    """Return what the dataset means that an evaluated reference names; ``what`` is where the reference stands. Nothing is connected to.

    Raises:
        Refused: there is no such dataset or linked service, a property makes no sense, a secret cannot be had, or the type is not supported.
        Problem: an expression in it cannot be evaluated; ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``: the guard does not let it be reached.
    """
    data = dataset(attempt, connecting.documents, reference, what)
    kind = data.type.lower()
    service = linked_service(
        attempt, connecting.documents, data.properties.get("linkedServiceName"), f"{what}.linkedServiceName"
    )
    given = Properties(data.type_properties, f"typeProperties of the dataset '{data.name}'")
    if kind in TABLE_TYPES:
        return open_table(attempt, connecting, service, data, given)
    if kind == "restresource":
        return _service(attempt, connecting, service, data, given)
    if is_file_type(kind) or kind in OLD_TYPES:
        return _files(attempt, connecting, service, data, given)
    message = f"The dataset '{data.name}' is of type '{data.type}', which this server cannot read or write."
    raise refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)


def open_table(
    attempt: Attempt, connecting: Connecting, service: Definition, data: Definition, given: Properties
) -> TableData:
    """Return a table of a database; raises as ``open_dataset``."""
    connection, mapped = open_database(attempt, connecting, service)
    schema, table = given.text("schema"), given.text("table")
    if not table:
        schema, table = split_name(given.text("tableName"))
    if not schema and service.type.lower() == "postgresqlv2":
        schema = Properties(service.type_properties).text("schema")
    return TableData(data.name, data.type, service, connection, schema, table, mapped)


def open_database(attempt: Attempt, connecting: Connecting, service: Definition) -> tuple[ConnectionInfo, bool]:
    """Return the connection to the database that a linked service means, looked at by the guard, and whether the operator has put it in its place.

    Raises:
        Refused, Problem: as ``open_dataset``.
    """
    reader = _reader(attempt, connecting, service)
    connection = database_of(reader, connecting.databases)
    if connection is None:
        raise refused(
            UNSUPPORTED_TYPE,
            f"The linked service '{service.name}' of type '{service.type}' is no database that this server can connect to.",
            Code.UNSUPPORTED,
        )
    mapped = is_mapped(reader, connecting.databases)
    # Whatever the operator has named themselves is theirs to allow.
    is_remote = bool(connection.url) and connection.kind != "sqlite"
    if not is_remote or mapped:
        return connection, mapped
    pinned = connecting.pin(connection)
    return (with_address(pinned) if pinned.kind == "odbc" else pinned), mapped


def open_place(attempt: Attempt, connecting: Connecting, service: Definition, location: Object) -> tuple[Place, str]:
    """Return the store that files of a dataset's ``location`` lie in, and the name of its container (empty: none).

    Raises:
        Refused, Problem: as ``open_dataset``.
    """
    kind = service.type.lower()
    roots = connecting.file_roots_of(attempt.task.scope)
    if kind == _FILE_SERVER:
        url = folder_url(service, connecting.folders)
        if below_roots(unquote(url.removeprefix("file://")), roots) is None:
            message = (
                f"The folder of the linked service '{service.name}' lies outside of the folders that pipelines may read and write "
                "(setting HEADRACE_FILE_ROOTS)."
            )
            raise refused(ACCESS_DENIED, message, Code.SOURCE_DENIED)
        return Place(StoreType.FOLDER, None, url, service.type), ""
    container = _CONTAINERS.get(kind)
    name = location.get(container) if container else ""
    if container and (not isinstance(name, str) or not name):
        raise refused(BAD_REQUEST, f"A location in the linked service '{service.name}' names no '{container}'.")
    if location.get("version"):
        message = f"A location in the linked service '{service.name}' names the 'version' of an object; the newest one is what is read here."
        raise refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)
    info = connection_of(attempt, service, location, connecting.secrets, roots)
    if info is None:
        raise refused(
            UNSUPPORTED_TYPE,
            f"The linked service '{service.name}' of type '{service.type}' is no store of files that this server can use.",
            Code.UNSUPPORTED,
        )
    return Place(_STORE_TYPES[kind], connecting.pin(info), label=service.type), str(name)


def split_path(path: str, what: str) -> tuple[str, ...]:
    """Return the steps of a path; ``what`` is where it stands.

    Raises:
        Refused: it leads out of where it begins.
    """
    steps = tuple(step for step in path.replace("\\", "/").split("/") if step not in {"", "."})
    if ".." in steps or "\0" in path:
        raise refused(ACCESS_DENIED, f"The {what} leads out of its folder.", Code.SOURCE_DENIED)
    return steps


def split_name(name: str) -> tuple[str, str]:
    """Return schema (empty: none) and table of a name such as ``dbo.t`` or ``[dbo].[t]``."""
    parts = [
        next(part for part in found.groups() if part is not None)
        .replace("]]", "]")
        .replace('""', '"')
        .replace("``", "`")
        for found in _TABLE_PART.finditer(name.strip())
    ]
    return ("" if len(parts) < 2 else parts[-2].strip(), parts[-1].strip() if parts else "")


def _reader(attempt: Attempt, connecting: Connecting, service: Definition) -> ServiceReader:
    return ServiceReader(attempt, service, connecting.secrets, connecting.file_roots_of(attempt.task.scope))


def _files(
    attempt: Attempt, connecting: Connecting, service: Definition, data: Definition, given: Properties
) -> FileData:
    is_old = data.type.lower() in OLD_TYPES
    form, pack = old_format(given) if is_old else format_of(data.type, given)
    location = _old_location(service, given) if is_old else given.part("location").given
    place_of = Properties(location, given.name_of("location"))
    if service.type.lower() == _HTTP:
        reader = _reader(attempt, connecting, service)
        url = joined(base_url(reader), place_of.text("relativeUrl"))
        options = HttpRequestOptions(url=url, login=login_of(reader, connecting.tokens))
        place = Place(StoreType.HTTP, ConnectionInfo("http", url), label=service.type)
        name = url.partition("?")[0].rstrip("/").rpartition("/")[2]
        return FileData(data.name, data.type, service, place, "", "", name, form, pack, given, location, options)
    place, container = open_place(attempt, connecting, service, location)
    folder = "/".join(split_path(place_of.text("folderPath"), f"'folderPath' of the dataset '{data.name}'"))
    steps = split_path(place_of.text("fileName"), f"'fileName' of the dataset '{data.name}'")
    if len(steps) > 1:
        folder = "/".join((*filter(None, [folder]), *steps[:-1]))
    file = steps[-1] if steps else ""
    return FileData(data.name, data.type, service, place, container, folder, file, form, pack, given, location)


def _old_location(service: Definition, given: Properties) -> Object:
    """Return what the location would be: in the older model the container is the first step of the folder."""
    folder, name = given.text("folderPath"), given.text("fileName")
    container = _CONTAINERS.get(service.type.lower())
    if container is None:
        return {"folderPath": folder, "fileName": name}
    first, _, rest = folder.strip("/").partition("/")
    return {container: first, "folderPath": rest, "fileName": name}


def _service(
    attempt: Attempt, connecting: Connecting, service: Definition, data: Definition, given: Properties
) -> ServiceData:
    if service.type.lower() not in {"restservice", _HTTP}:
        message = f"The linked service '{service.name}' of type '{service.type}' is no REST service."
        raise refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)
    reader = _reader(attempt, connecting, service)
    url = joined(base_url(reader), given.text("relativeUrl"))
    return ServiceData(data.name, data.type, service, url, login_of(reader, connecting.tokens), given)
