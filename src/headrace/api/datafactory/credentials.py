"""Credentials: stored documents without effect on execution."""

from headrace.api.datafactory.resources import Collection, router_of

CREDENTIALS = Collection(kind="credential", segment="credentials", plain_secrets=True)
router = router_of(CREDENTIALS)
