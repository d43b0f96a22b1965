"""All kinds of documents that a factory has."""

from headrace.api.datafactory.credentials import CREDENTIALS
from headrace.api.datafactory.dataflows import DATAFLOWS
from headrace.api.datafactory.datasets import DATASETS
from headrace.api.datafactory.global_parameters import GLOBAL_PARAMETERS
from headrace.api.datafactory.integration_runtimes import INTEGRATION_RUNTIMES
from headrace.api.datafactory.linked_services import LINKED_SERVICES
from headrace.api.datafactory.managed_virtual_networks import MANAGED_VIRTUAL_NETWORKS
from headrace.api.datafactory.pipelines import PIPELINES
from headrace.api.datafactory.resources import Collection
from headrace.api.datafactory.triggers import TRIGGERS

COLLECTIONS: tuple[Collection, ...] = (
    PIPELINES,
    DATASETS,
    LINKED_SERVICES,
    TRIGGERS,
    DATAFLOWS,
    GLOBAL_PARAMETERS,
    INTEGRATION_RUNTIMES,
    CREDENTIALS,
    MANAGED_VIRTUAL_NETWORKS,
)
"""Every collection of a factory."""
