"""Integration runtimes: stored documents without effect on execution."""

from headrace.api.datafactory.resources import Collection, router_of

INTEGRATION_RUNTIMES = Collection(kind="integration_runtime", segment="integrationRuntimes", plain_secrets=True)
router = router_of(INTEGRATION_RUNTIMES)
