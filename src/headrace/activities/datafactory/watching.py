"""Listing the stores that triggers watch: a linked service, as activities open it, and the files of its containers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from headrace.activities.datafactory.attempt import Attempt, Installation, Refused
from headrace.activities.datafactory.datasets import Connecting, open_place
from headrace.activities.datafactory.linked import Definition, linked_service
from headrace.activities.datafactory.moving import machinery
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.file_events import FileWatch, SeenFile, event_path
from headrace.core.outcome import Figures
from headrace.core.task import Cancellation, Task
from headrace.core.trigger import Trigger
from headrace.dataplane.limits import Limits

_OF_SERVICE = "linkedservice:"
_CONTAINERS = ("bucketName", "container", "fileSystem")
_OF_OBJECTS = frozenset({"amazons3", "amazons3compatible", "azureblobstorage", "azureblobfs"})
_IN_CONNECTION = frozenset({"bucket", "container"})
_ANY = "any"


@dataclass(frozen=True, slots=True)
class StoreLister:
    """Lists what triggers watch.

    ``accounts``: names of linked services by the ids of storage accounts, in lower case, as the operator has mapped them.
    """

    installation: Installation
    connecting: Connecting
    limits: Limits
    accounts: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, trigger: Trigger, watch: FileWatch) -> Sequence[SeenFile]:
        """Return the files that the watch takes.

        Raises:
            Problem: the linked service is not there or makes no sense; what the store says.
        """
        attempt = _attempt(self.installation, trigger)
        try:
            service = linked_service(
                attempt, self.connecting.documents, {"referenceName": self._service(watch.store)}, "scope"
            )
            containers = self._containers(attempt, service, watch)
            return [file for container in containers for file in self._files(attempt, service, container, watch)]
        except Refused as refusal:
            raise Problem(refusal.failure.code, refusal.failure.message) from refusal

    def _service(self, store: str) -> str:
        if store.lower().startswith(_OF_SERVICE):
            return store[len(_OF_SERVICE) :]
        name = self.accounts.get(store.lower().rstrip("/")) or self.accounts.get(store.rstrip("/").rpartition("/")[2])
        if name is None:
            message = (
                f"The scope '{store}' is neither 'linkedService:NAME' nor the id of a storage account that "
                "HEADRACE_DATAFACTORY_STORAGE_ACCOUNTS maps to a linked service."
            )
            raise Problem(Code.NOT_FOUND, message)
        return name

    def _containers(self, attempt: Attempt, service: Definition, watch: FileWatch) -> list[str]:
        """Return the containers that may have files which the watch takes."""
        container, end, _ = watch.wanted.begins.lstrip("/").partition("/")
        if end:
            return [container]
        place, _ = open_place(attempt, self.connecting, service, dict.fromkeys(_CONTAINERS, _ANY))
        if place.connection is not None:
            options = {key: value for key, value in place.connection.options.items() if key not in _IN_CONNECTION}
            place = replace(place, connection=replace(place.connection, options=options))
        store = self._open(attempt, place)
        try:
            children = store.children("", Cancellation())
            return sorted(child.name for child in children if child.is_folder and child.name.startswith(container))
        finally:
            store.close()

    def _files(self, attempt: Attempt, service: Definition, container: str, watch: FileWatch) -> Iterator[SeenFile]:
        of_objects = service.type.lower() in _OF_OBJECTS
        place, _ = open_place(attempt, self.connecting, service, dict.fromkeys(_CONTAINERS, container))
        inside = watch.wanted.begins.removeprefix(event_path(container, ""))
        folder = inside.rpartition("/")[0] if inside != watch.wanted.begins else ""
        below = folder if of_objects else "/".join(filter(None, (container, folder)))
        store = self._open(attempt, place)
        try:
            for entry in self._entries(store, place, below):
                name = entry.name if of_objects else entry.name.removeprefix(f"{container}/")
                file = SeenFile(
                    event_path(container, name), entry.size, str(entry.version or entry.stamp), entry.modified_at
                )
                if watch.wanted.takes(file.path):
                    yield file
        finally:
            store.close()

    def _entries(self, store: Any, place: Any, folder: str) -> Iterator[Any]:
        choosing, request = machinery("choosing"), machinery("request")
        faults = machinery("faults")
        try:
            chosen = choosing.choose(store, place, request.Choice(folder=folder), Cancellation(), self.limits)
        except faults.TransferProblem as problem:
            # A folder that is not there has no files (any more).
            if problem.reason in {faults.Reason.OBJECT_NOT_FOUND, faults.Reason.FILE_NOT_FOUND} and folder:
                return
            raise
        yield from (file.entry for file in chosen.files)

    def _open(self, attempt: Attempt, place: Any) -> Any:
        roots = self.connecting.file_roots_of(attempt.task.scope)
        return machinery("places").open_place(place, roots, self.limits)


@dataclass(frozen=True, slots=True)
class _Nobody:
    """What an attempt may ask of, where no activity is under way."""

    cancellation: Cancellation = field(default_factory=Cancellation)

    def progress(self, figures: Figures) -> None:
        """Do nothing."""

    def evaluate(self, template: Json, *_items: Json) -> Json:
        """Return the template: there is nothing that an expression could refer to."""
        return template

    def note(self, details: Mapping[str, Json]) -> None:
        """Do nothing."""


def _attempt(installation: Installation, trigger: Trigger) -> Attempt:
    task = Task(
        scope=trigger.scope,
        flow_id="",
        run_id="",
        group_id="",
        path=trigger.name,
        attempt=1,
        epoch=1,
        kind="watch",
        settings={},
        commit_key="",
    )
    return Attempt(installation, task, _Nobody())
