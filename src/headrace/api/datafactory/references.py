"""References between the documents of a factory (contract 3): what a document names has to be there, and what is named cannot be removed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.api.datafactory.bodies import shown
from headrace.api.datafactory.errors import bad_request
from headrace.api.datafactory.names import key_of
from headrace.service.documents import DocumentQuery
from headrace.store import documents
from headrace.store.database import Transaction

KIND_OF_TYPE: Mapping[str, str] = {
    "datasetreference": "dataset",
    "linkedservicereference": "linked_service",
    "pipelinereference": "pipeline",
    "triggerreference": "trigger",
    "dataflowreference": "dataflow",
    "integrationruntimereference": "integration_runtime",
    "credentialreference": "credential",
    "managedvirtualnetworkreference": "managed_virtual_network",
}
"""The kind of document that a reference's ``type`` (in lower case) means."""
_KIND_OF_KEY: Mapping[str, str] = {
    "linkedservicename": "linked_service",
    "linkedservice": "linked_service",
    "store": "linked_service",
    "dataset": "dataset",
    "datasets": "dataset",
    "inputs": "dataset",
    "outputs": "dataset",
    "linkedservices": "linked_service",
    "pipeline": "pipeline",
    "pipelinereference": "pipeline",
    "referencetrigger": "trigger",
    "dataflow": "dataflow",
    "connectvia": "integration_runtime",
    "credential": "credential",
}
"""What a reference without a usable ``type`` means, by the property that it stands in."""
_WATCHED = "linkedservice:"
"""What the scope of a trigger begins with that names the linked service to watch."""
_CHECKED = frozenset({"dataset", "linked_service", "pipeline"})
_DATA = frozenset(
    {
        "parameters",
        "body",
        "headers",
        "defaultvalue",
        "value",
        "userproperties",
        "annotations",
        "globalparameters",
        "rundimensions",
        "variables",
        "encryptedcredential",
    }
)
"""Properties whose contents are the user's data: what looks like a reference there is none."""
_REFERRING = ("pipeline", "dataset", "linked_service", "trigger", "dataflow", "integration_runtime", "credential")
_AT_ONCE = 300
"""Ids that are asked for in one statement."""
_READ_AT_ONCE = 50
"""Documents that are in memory at once."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A document names another one: its kind, and its name as it is written."""

    kind: str
    name: str


def references_of(properties: Mapping[str, Any]) -> Iterator[Reference]:
    """Return every reference in a document's properties, in its order.

    Raises:
        Refusal: 400: a ``referenceName`` that is no text.
    """
    yield from _below(properties, "")


def check_references(tx: Transaction, scope: str, itself: Reference, properties: Mapping[str, Any]) -> None:
    """Check that the datasets, linked services and pipelines that a document names are there; it may name itself.

    Raises:
        Refusal: 400, naming the first that is not.
    """
    found = [
        reference
        for reference in dict.fromkeys(references_of(properties))
        if reference.kind in _CHECKED and _key(reference) != _key(itself)
    ]
    there: set[tuple[str, str]] = set()
    for kind in _CHECKED:
        wanted = sorted({key_of(reference.name) for reference in found if reference.kind == kind})
        for begin in range(0, len(wanted), _AT_ONCE):
            there |= {(kind, item) for item in documents.present(tx, scope, kind, wanted[begin : begin + _AT_ONCE])}
    for reference in found:
        if _key(reference) not in there:
            raise bad_request(
                f"The document creation or update failed because of invalid reference '{reference.name}'."
            )


def check_unreferenced(tx: Transaction, scope: str, itself: Reference) -> None:
    """Check that no other document of the factory names this one.

    Raises:
        Refusal: 400, naming the first that does.
    """
    for kind in _REFERRING:
        cursor = None
        while True:
            page = documents.page(tx, DocumentQuery(scope=scope, kind=kind), _READ_AT_ONCE, cursor)
            for document in page.items:
                own = (kind, document.id)
                properties = document.body.get("properties")
                if own == _key(itself) or not isinstance(properties, Mapping):
                    continue
                if _key(itself) in {_key(reference) for reference in references_of(properties)}:
                    raise bad_request(f"The document cannot be deleted since it is referenced by {document.name}.")
            cursor = page.next
            if cursor is None:
                break


def _key(reference: Reference) -> tuple[str, str]:
    return (reference.kind, key_of(reference.name))


def _below(value: Any, key: str) -> Iterator[Reference]:
    if isinstance(value, Mapping):
        if "referenceName" in value:
            found = _reference(value, key)
            if found is not None:
                yield found
        for name, item in value.items():
            lowered = name.lower()
            if lowered not in _DATA:
                yield from _below(item, lowered)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _below(item, key)
    elif key == "scope" and isinstance(value, str) and value.lower().startswith(_WATCHED):
        yield Reference("linked_service", value[len(_WATCHED) :])


def _reference(value: Mapping[str, Any], key: str) -> Reference | None:
    written = value.get("type")
    kind = KIND_OF_TYPE.get(written.lower()) if isinstance(written, str) else None
    kind = kind or _KIND_OF_KEY.get(key)
    if kind is None:
        return None
    name = value["referenceName"]
    if not isinstance(name, str):
        raise bad_request(f"The document creation or update failed because of invalid reference '{shown(name)}'.")
    return Reference(kind, name)
