"""Managed virtual networks: stored documents without effect on execution."""

from headrace.api.datafactory.resources import Collection, router_of

MANAGED_VIRTUAL_NETWORKS = Collection(kind="managed_virtual_network", segment="managedVirtualNetworks")
router = router_of(MANAGED_VIRTUAL_NETWORKS)
