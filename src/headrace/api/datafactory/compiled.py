"""Pipelines as runs are made of them. A definition is compiled and checked once, not for each of its runs."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.datafactory.definition import find_fault
from headrace.api.datafactory.parameters import Declared, declared_parameters
from headrace.api.datafactory.secrets import TOKEN_KEY, open_secrets
from headrace.api.datafactory.translate.flow import flow_id_of, properties_of
from headrace.api.datafactory.translate.plan import compile_plan
from headrace.core.clock import Instant
from headrace.core.flow import Plan
from headrace.service.documents import Document
from headrace.service.sealing import Sealer
from headrace.store import documents
from headrace.store.database import Transaction

KIND = "pipeline"
"""The kind of the documents that are pipelines."""
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline as it is defined now. ``fault``: why no run of it can be made (``""``: it can)."""

    name: str
    scope: str
    flow_id: str
    properties: Mapping[str, Any]
    declared: tuple[Declared, ...]
    plan: Plan
    fault: str

    @property
    def target(self) -> str:
        """Return what refusals name as their target."""
        return f"pipeline/{self.name}"


class Pipelines:
    """Reads pipelines, and remembers what was made of them lately."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[str, str, int, Instant], Pipeline] = OrderedDict()

    def find(self, tx: Transaction, scope: str, name: str, sealer: Sealer) -> Pipeline | None:
        """Return the pipeline ``name`` of the factory ``scope``, or None."""
        document = documents.find(tx, scope, KIND, name.lower())
        if document is None:
            return None
        key = (document.scope, document.id, document.revision, document.updated_at)
        with self._lock:
            made = self._made.get(key)
        return made or self._keep(key, _read(document, sealer))

    def _keep(self, key: tuple[str, str, int, Instant], pipeline: Pipeline) -> Pipeline:
        with self._lock:
            self._made[key] = pipeline
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return pipeline


def _read(document: Document, sealer: Sealer) -> Pipeline:
    properties = properties_of(document)
    opened = properties
    if TOKEN_KEY in properties:
        # Only secret defaults are needed, and they stand at this level.
        opened = open_secrets(properties, sealer, (document.scope, document.kind, document.id))
    return Pipeline(
        name=document.name,
        scope=document.scope,
        flow_id=flow_id_of(document.scope, document.id),
        properties=properties,
        declared=declared_parameters(opened),
        plan=compile_plan(document.name, properties),
        fault=find_fault(document.name, properties),
    )
