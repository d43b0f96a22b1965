"""Validation (contract 8.1): wait until a file or folder is there, and is as it should be."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from headrace.activities.datafactory.attempt import Attempt, Object, Result, flag, refused, whole_number
from headrace.activities.datafactory.linked import Definition, Documents, dataset, linked_service
from headrace.activities.datafactory.secret_source import SecretSource
from headrace.activities.datafactory.stores import connection_of, folder_url
from headrace.activities.datafactory.words import ACCESS_DENIED, BAD_REQUEST, UNSUPPORTED_TYPE
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Outcome, Pause
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import FileStore, Selection, has_wildcard


@dataclass(frozen=True, slots=True)
class Looking:
    """What looking for files needs of the installation.

    ``open_folder`` opens a directory of this machine, by its ``file:///`` URL, for a scope: only below the roots that the server's configuration
    names. ``open_remote`` opens a store that is reached over a network: only where the guard lets it. ``folders`` stand for hosts.
    """

    documents: Documents
    secrets: SecretSource
    open_folder: Callable[[str, str], FileStore]
    open_remote: Callable[[ConnectionInfo], FileStore]
    folders: Mapping[str, str] = field(default_factory=dict)


_FILE_SERVER = "fileserver"
_DEFAULT_SLEEP = 10
_LONGEST_SLEEP = 86_400


@dataclass(frozen=True, slots=True)
class _Found:
    """What a dataset means: a file of a size, or a folder with or without something in it."""

    name: str
    is_folder: bool
    size: int = 0
    has_children: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    minimum_size: int | None
    child_items: bool | None

    def takes(self, found: _Found) -> bool:
        """Say whether what is there is as it should be."""
        if found.is_folder:
            return self.child_items is None or self.child_items == found.has_children
        return self.minimum_size is None or found.size >= self.minimum_size


def validation(attempt: Attempt, looking: Looking) -> Result:
    """Look whether the dataset is there; if not, look again after ``sleep`` seconds. The engine ends it when its time is over."""
    given = attempt.given()
    wanted = _wanted(given)
    sleep = given.get("sleep")
    seconds = _DEFAULT_SLEEP if sleep is None else whole_number(sleep, "sleep", least=1, most=_LONGEST_SLEEP)
    found = _look(attempt, looking, given.get("dataset"))
    if found is None or not wanted.takes(found):
        return Pause(seconds=float(seconds))
    kind = "Folder" if found.is_folder else "File"
    return Outcome({"exists": True, "itemName": found.name, "itemType": kind, "size": found.size})


def _wanted(given: Object) -> _Wanted:
    size, children = given.get("minimumSize"), given.get("childItems")
    return _Wanted(
        None if size is None else whole_number(size, "minimumSize"),
        None if children is None else flag(children, "childItems"),
    )


def _look(attempt: Attempt, looking: Looking, reference: Json) -> _Found | None:
    data = dataset(attempt, looking.documents, reference, "dataset")
    linked = data.properties.get("linkedServiceName")
    service = linked_service(attempt, looking.documents, linked, "linkedServiceName")
    location = data.type_properties.get("location")
    location = location if isinstance(location, Mapping) else data.type_properties
    folders, name = _place(data.name, location)
    try:
        with closing(_open(attempt, looking, service, location)) as store:
            return _in_store(attempt, store, folders, name)
    except Problem as problem:
        if problem.code is Code.SOURCE_NOT_FOUND:
            return None
        if problem.code is Code.SOURCE_DENIED:
            raise refused(ACCESS_DENIED, problem.message, problem.code) from problem
        raise


def _open(attempt: Attempt, looking: Looking, service: Definition, location: Object) -> FileStore:
    if service.type.lower() == _FILE_SERVER:
        return looking.open_folder(attempt.task.scope, folder_url(service, looking.folders))
    info = connection_of(attempt, service, location, looking.secrets)
    if info is None:
        message = f"Files of the linked service '{service.name}' of type '{service.type}' cannot be validated here."
        raise refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)
    return looking.open_remote(info)


def _place(dataset_name: str, location: Object) -> tuple[tuple[str, ...], str]:
    """Return the folders and the name (empty: none) of a dataset's location."""
    folder, name = location.get("folderPath") or "", location.get("fileName") or ""
    if not isinstance(folder, str) or not isinstance(name, str):
        raise refused(
            BAD_REQUEST,
            f"The location of the dataset '{dataset_name}' has a 'folderPath' or 'fileName' that is no string.",
        )
    folders = tuple(part for part in folder.replace("\\", "/").split("/") if part not in {"", "."})
    if ".." in folders or name == ".." or "/" in name:
        raise refused(
            ACCESS_DENIED, f"The location of the dataset '{dataset_name}' leads out of its folder.", Code.SOURCE_DENIED
        )
    if any(map(has_wildcard, (*folders, name))):
        raise refused(
            BAD_REQUEST, f"The location of the dataset '{dataset_name}' has a wildcard, which cannot be validated."
        )
    return folders, name


def _in_store(attempt: Attempt, store: FileStore, folders: tuple[str, ...], name: str) -> _Found | None:
    cancellation = attempt.context.cancellation
    if name:
        entries = store.list(Selection(folders, name), cancellation).entries
        return _Found(name, is_folder=False, size=entries[0].size) if entries else None
    path = "/".join(folders)
    children = store.children(f"{path}/" if path else "", cancellation)
    has_children = next(iter(children), None) is not None
    return _Found(folders[-1] if folders else "", is_folder=True, has_children=has_children)
