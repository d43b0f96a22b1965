"""What a pipeline's document is to the ledger: its flow's id, and what it says."""

from typing import Any

from headrace.core.ids import derived_uuid
from headrace.service.documents import Document


def flow_id_of(scope: str, name: str) -> str:
    """Return the id of the flow of the pipeline ``name`` of the factory ``scope``; it is the same again when the pipeline is made again."""
    return derived_uuid(scope, "pipeline", name.lower())


def properties_of(document: Document) -> dict[str, Any]:
    """Return the ``properties`` of a document; what is no object is empty."""
    properties: Any = document.body.get("properties")
    return properties if isinstance(properties, dict) else {}
