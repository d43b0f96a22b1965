"""Datasets (contract 3): stored documents that activities name."""

from headrace.api.datafactory.checks import check_typed
from headrace.api.datafactory.gateway import Factory
from headrace.api.datafactory.inference import repair_dataset
from headrace.api.datafactory.linked_services import KIND as LINKED_SERVICE
from headrace.api.datafactory.names import key_of
from headrace.api.datafactory.resources import Collection, router_of
from headrace.api.datafactory.wire import Item
from headrace.store import documents


def _check(factory: Factory, _name: str, properties: Item) -> Item:
    repaired = repair_dataset(properties, lambda service: _type_of(factory, service))
    check_typed(repaired)
    return repaired


def _type_of(factory: Factory, service: str) -> str | None:
    with factory.door.database.reading() as tx:
        found = documents.find(tx, factory.scope, LINKED_SERVICE, key_of(service))
    properties = None if found is None else found.body.get("properties")
    kind = properties.get("type") if isinstance(properties, dict) else None
    return kind if isinstance(kind, str) else None


DATASETS = Collection(kind="dataset", segment="datasets", check=_check)
router = router_of(DATASETS)
