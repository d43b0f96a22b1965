"""Global parameters (contract 2): the single document ``default``, whose properties lie over the factory's own ``globalParameters``."""

from collections.abc import Mapping

from headrace.api.datafactory.checks import check_global_parameters
from headrace.api.datafactory.errors import bad_request
from headrace.api.datafactory.gateway import Factory
from headrace.api.datafactory.resources import Collection, router_of
from headrace.api.datafactory.wire import Item
from headrace.core.codec import Json
from headrace.store import documents
from headrace.store.database import Transaction

KIND = "global_parameters"
DEFAULT = "default"
"""The name of the one document."""


def values_of(tx: Transaction, factory: Factory) -> dict[str, Json]:
    """Return the values of the factory's global parameters as they are now, by their names."""
    document = documents.find(tx, factory.scope, KIND, DEFAULT)
    own = factory.document.body["resource"]
    properties = own.get("properties") if isinstance(own, Mapping) else None
    declared: dict[str, Json] = {}
    for found in (
        properties.get("globalParameters") if isinstance(properties, Mapping) else None,
        None if document is None else document.body["properties"],
    ):
        declared |= found if isinstance(found, Mapping) else {}
    return {name: entry.get("value") for name, entry in declared.items() if isinstance(entry, Mapping)}


def _check(_factory: Factory, name: str, properties: Item) -> Item:
    if name.lower() != DEFAULT:
        raise bad_request(f"The document of global parameters is named '{DEFAULT}', not '{name}'.", name)
    check_global_parameters(properties)
    return properties


GLOBAL_PARAMETERS = Collection(kind=KIND, segment="globalParameters", check=_check)
router = router_of(GLOBAL_PARAMETERS)
