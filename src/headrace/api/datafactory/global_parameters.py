"""Global parameters (contract 2): the single document ``default``, whose properties lie over the factory's own ``globalParameters``."""

from collections.abc import Mapping

from headrace.api.datafactory.checks import check_global_parameters
from headrace.api.datafactory.door import AUDIENCE
from headrace.api.datafactory.errors import bad_request
from headrace.api.datafactory.gateway import FACTORY_KIND, Factory, factories_scope
from headrace.api.datafactory.resources import Collection, router_of
from headrace.api.datafactory.wire import Item
from headrace.core.codec import Json
from headrace.store import documents
from headrace.store.database import Transaction

KIND = "global_parameters"
DEFAULT = "default"
"""The name of the one document."""


def values_of(tx: Transaction, scope: str) -> dict[str, Json]:
    """Return the values of the global parameters of the factory ``scope`` as they are now, by their names."""
    subscription, _, subject = scope.removeprefix(f"{AUDIENCE}/").partition("/")
    factory = documents.find(tx, factories_scope(subscription), FACTORY_KIND, subject)
    document = documents.find(tx, scope, KIND, DEFAULT)
    own = {} if factory is None else factory.body["resource"]
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
