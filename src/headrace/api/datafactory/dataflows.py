"""Data flows: stored documents; an activity that executes one fails (contract 8.2)."""

from headrace.api.datafactory.resources import Collection, router_of

DATAFLOWS = Collection(kind="dataflow", segment="dataflows")
router = router_of(DATAFLOWS)
