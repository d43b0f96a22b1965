"""The routes of the door, in the order in which they are tried; each group has a router of its own, which is added here.

Routes of ``ROUTERS`` stand below ``/v1`` (and ``/api/v1``): they say ``/jobs/{job_id}``. Routes of ``ROOT_ROUTERS`` say their whole path, without
``/api``; routes of ``OPEN`` too, and nobody is asked for a token there.
"""

from fastapi import APIRouter

from headrace.api.jobs import (
    absent,
    accounts,
    actions,
    auth,
    cells,
    commits,
    counts,
    document,
    documents,
    entitlements,
    environments,
    events,
    fields,
    files,
    jobs,
    keys,
    mapping,
    plans,
    preview,
    pubsub,
    records,
    records_jsonl,
    secrets,
    sheets,
    snapshots,
    spaces,
    subscription,
    workbooks,
)

ROUTERS: tuple[APIRouter, ...] = (
    document.router,
    preview.router,
    jobs.router,
    plans.router,
    mapping.router,
    events.router,
    subscription.router,
    # After the subscription: its path begins like that of an environment.
    environments.router,
    keys.router,
    accounts.router,
    spaces.router,
    workbooks.router,
    sheets.router,
    fields.router,
    records.router,
    counts.router,
    cells.router,
    commits.router,
    snapshots.router,
    files.router,
    documents.router,
    actions.router,
    secrets.router,
    entitlements.router,
    absent.router,
)
"""Every route behind the gateway."""
ROOT_ROUTERS: tuple[APIRouter, ...] = (records_jsonl.router,)
"""Routes behind the gateway that do not stand below ``/v1``."""
OPEN: tuple[APIRouter, ...] = (auth.open_router, pubsub.open_router)
"""Routes that anybody may ask, or that look at tokens of another kind themselves."""
