"""What the documents of event triggers say (contract 10.3), checked and in the words of the core."""

from collections.abc import Mapping
from typing import Any

from headrace.api.datafactory.bodies import shown
from headrace.api.datafactory.errors import Refusal, bad_request
from headrace.core.file_events import FileChange, FileFilter, FileWatch, event_path
from headrace.core.posted_events import EventFilter

FILE_EVENTS = "blobeventstrigger"
FILES = "blobtrigger"
POSTED_EVENTS = "customeventstrigger"
OF_SERVICE = "linkedService:"
"""What a scope begins with that names a linked service of the factory."""
_CHANGES = {"microsoft.storage.blobcreated": FileChange.CREATED, "microsoft.storage.blobdeleted": FileChange.DELETED}
_PATH = "/container/blobs/folder/file"

Given = Mapping[str, Any]


def file_events(given: Given) -> FileWatch:
    """Return what a BlobEventsTrigger watches.

    Raises:
        Refusal: 400, naming the property that is wrong.
    """
    begins, ends = _text(given, "blobPathBeginsWith"), _text(given, "blobPathEndsWith")
    if not begins and not ends:
        raise bad_request(
            "The trigger needs 'blobPathBeginsWith' or 'blobPathEndsWith', to say which files it fires on."
        )
    if begins and not begins.startswith("/"):
        raise _wrong("blobPathBeginsWith", begins, f"the beginning of a path such as {_PATH}")
    ignore = given.get("ignoreEmptyBlobs")
    if not isinstance(ignore, bool | None):
        raise _wrong("ignoreEmptyBlobs", ignore, "true or false")
    changes = frozenset(_change(word) for word in _words(given))
    return FileWatch(
        _required(given, "scope"), FileFilter(changes, begins, ends, ignore_empty=True if ignore is None else ignore)
    )


def files(given: Given) -> FileWatch:
    """Return what a BlobTrigger watches, the older form of the same: files that come into a folder.

    Raises:
        Refusal: as ``file_events``.
    """
    folder = _required(given, "folderPath").strip("/")
    most = given.get("maxConcurrency")
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise _wrong("maxConcurrency", most, "a whole number from 1")
    service = given.get("linkedService")
    name = service.get("referenceName") if isinstance(service, Mapping) else None
    if not isinstance(name, str) or not name:
        raise _wrong("linkedService", service, "a reference with a 'referenceName'")
    container, _, inside = folder.partition("/")
    begins = event_path(container, f"{inside}/" if inside else "")
    return FileWatch(OF_SERVICE + name, FileFilter(frozenset({FileChange.CREATED}), begins))


def posted_events(given: Given) -> EventFilter:
    """Return which events a CustomEventsTrigger fires on.

    Raises:
        Refusal: as ``file_events``.
    """
    return EventFilter(
        tuple(_words(given)),
        _required(given, "scope"),
        _text(given, "subjectBeginsWith"),
        _text(given, "subjectEndsWith"),
    )


def _change(word: str) -> FileChange:
    change = _CHANGES.get(word.lower())
    if change is None:
        raise _wrong("events", word, "Microsoft.Storage.BlobCreated or Microsoft.Storage.BlobDeleted")
    return change


def _words(given: Given) -> list[str]:
    value = given.get("events")
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise _wrong("events", value, "a list of types of events")
    return [str(word) for word in value]


def _required(given: Given, name: str) -> str:
    text = _text(given, name)
    if not text:
        raise bad_request(f"The property '{name}' of the trigger is missing.")
    return text


def _text(given: Given, name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, value, "a text")
    return value


def _wrong(name: str, value: object, expected: str) -> Refusal:
    return bad_request(f"The property '{name}' of the trigger is {shown(value)}; {expected} is expected.")
