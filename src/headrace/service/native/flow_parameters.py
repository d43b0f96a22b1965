"""What a flow can be given when it is run, with the defaults; what is secret in them is masked."""

from collections.abc import Mapping

from headrace.core.codec import Json
from headrace.core.flow import Flow
from headrace.service.native.masking import shown_object
from headrace.store import documents
from headrace.store.database import Transaction

_PIPELINE = "pipeline"


def parameters_of(tx: Transaction, flow: Flow) -> Mapping[str, Json]:
    """Return a flow's parameters with their defaults. A pipeline declares its own in its document; one without a default has null."""
    if flow.scope.partition("/")[0] != "datafactory":
        return shown_object(flow.parameters)
    document = documents.by_name(tx, flow.scope, _PIPELINE, flow.name)
    properties = None if document is None else document.body.get("properties")
    declared = properties.get("parameters") if isinstance(properties, Mapping) else None
    if not isinstance(declared, Mapping):
        return {}
    return shown_object({name: _default(entry) for name, entry in declared.items()})


def _default(entry: Json) -> Json:
    return entry.get("defaultValue") if isinstance(entry, Mapping) else None
