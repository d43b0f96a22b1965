"""Linked services (contract 3 and 15): where data are. Secrets in them are sealed and never returned."""

from headrace.api.datafactory.checks import check_typed
from headrace.api.datafactory.gateway import Factory
from headrace.api.datafactory.inference import repair_linked_service
from headrace.api.datafactory.resources import Collection, router_of
from headrace.api.datafactory.wire import Item

KIND = "linked_service"


def _check(_factory: Factory, _name: str, properties: Item) -> Item:
    repaired = repair_linked_service(properties)
    check_typed(repaired)
    return repaired


LINKED_SERVICES = Collection(kind=KIND, segment="linkedservices", check=_check, plain_secrets=True)
router = router_of(LINKED_SERVICES)
