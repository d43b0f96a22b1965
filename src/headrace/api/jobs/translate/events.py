"""Events on the wire (contract 9.4), and what a caller may tell of (9.2)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from headrace.api.jobs.members import Members
from headrace.api.jobs.wire import Item, date, date_or_none, present
from headrace.core.clock import Instant
from headrace.core.errors import FieldError
from headrace.core.happening import Happening

_CHANGES = ("created", "updated", "deleted")
_TOPICS = {
    "action": _CHANGES,
    "agent": _CHANGES,
    "commit": ("created", "updated", "completed"),
    "data-clip": (
        *_CHANGES,
        "collaborator-updated",
        "resolutions-created",
        "resolutions-updated",
        "resolutions-refreshed",
    ),
    "document": _CHANGES,
    "environment": (*_CHANGES, "autobuild-created"),
    "file": (*_CHANGES, "expired"),
    "job": (*_CHANGES, "ready", "scheduled", "completed", "failed", "parts-completed", "outcome-acknowledged"),
    "layer": ("created",),
    "program": ("created", "updated"),
    "records": _CHANGES,
    "secret": _CHANGES,
    "sheet": (*_CHANGES, "counts-updated"),
    "snapshot": ("created",),
    "space": (*_CHANGES, "archived", "expired", "guestAdded", "guestRemoved"),
    "workbook": (*_CHANGES, "expired"),
}
TOPICS = frozenset(f"{word}:{change}" for word, changes in _TOPICS.items() for change in changes)
"""The topics that every published client knows: one of them refuses a whole list for the sake of another topic."""
DOMAINS = (
    *("file", "space", "workbook", "flag", "job", "document", "sheet", "program", "secret", "cron", "environment"),
    *("data-clip", "canvas", "canvas-area", "thread"),
)
_LONGEST_CONTEXT_ID = 256
_LONGEST_URL = 2000
_IDS = frozenset(
    (
        *("actionId", "actionName", "appId", "commitId", "dataClipId", "documentId", "fileId", "jobId"),
        *("precedingEventId", "programId", "sheetId", "sheetSlug", "snapshotId", "spaceId", "versionId", "workbookId"),
    )
)
"""Keys of a context whose values are texts for every client."""


def event_of(happening: Happening) -> Item:
    """Return an event."""
    return present(
        {
            "id": happening.id,
            "domain": happening.domain,
            "topic": happening.topic,
            "createdAt": date(happening.created_at),
            "context": happening.context,
            "payload": happening.payload,
            "namespaces": list(happening.namespaces) or None,
            "origin": happening.origin,
            "target": happening.target,
            "attributes": happening.attributes,
            "callbackUrl": happening.callback_url,
            "dataUrl": happening.data_url,
            "acknowledgedAt": date_or_none(happening.acknowledged_at),
            "acknowledgedBy": happening.acknowledged_by,
        }
    )


def draft_of(body: Mapping[str, Any], max_bytes: int) -> Happening:
    """Return what a caller wants to tell of; who it is and where, the service says. ``max_bytes``: of each member.

    Raises:
        Problem: ``INVALID``, with an entry for each fault.
    """
    asked = Members(body)
    topic, domain = asked.required_text("topic"), asked.required_text("domain")
    if topic and topic not in TOPICS:
        asked.wrong("topic", f"must be one of {', '.join(sorted(TOPICS))}")
    if domain and domain not in DOMAINS:
        asked.wrong("domain", f"must be one of {', '.join(DOMAINS)}")
    for name in ("payload", "context"):
        if not asked.has(name):
            asked.wrong(name, "is required")
    payload, context = asked.object("payload") or {}, asked.object("context") or {}
    attributes, origin = asked.object("attributes"), asked.object("origin")
    namespaces = asked.texts("namespaces")
    urls = [asked.text(name, longest=_LONGEST_URL) for name in ("dataUrl", "callbackUrl", "target")]
    for name in ("payload", "context", "attributes", "origin", "namespaces"):
        if len(msgspec.json.encode(body.get(name))) > max_bytes:
            asked.wrong(name, f"has more than {max_bytes} bytes")
    _check_context(asked.errors, context)
    _check_texts(asked.errors, "origin", origin or {}, frozenset({"id", "slug"}))
    _check_attributes(asked.errors, attributes or {})
    asked.done()
    return Happening(
        id="",
        scope="",
        domain=domain,
        topic=topic,
        context=context,
        payload=payload,
        created_at=Instant(0),
        actor_id="",
        space_id=context.get("spaceId"),
        job_id=context.get("jobId"),
        namespaces=tuple(context.get("namespaces") or ()) if namespaces is None else namespaces,
        data_url=urls[0],
        callback_url=urls[1],
        target=urls[2],
        origin=origin,
        attributes=attributes,
    )


def _check_context(errors: list[FieldError], context: Mapping[str, Any]) -> None:
    _check_texts(errors, "context", context, _IDS)
    inner = Members(context, "context", errors)
    inner.texts("namespaces")
    _check_texts(errors, "context.slugs", inner.object("slugs") or {}, frozenset({"space", "workbook", "sheet"}))


def _check_texts(errors: list[FieldError], path: str, body: Mapping[str, Any], names: frozenset[str]) -> None:
    inner = Members(body, path, errors)
    for name in sorted(names & body.keys()):
        inner.text(name, longest=_LONGEST_CONTEXT_ID)


def _check_attributes(errors: list[FieldError], attributes: Mapping[str, Any]) -> None:
    inner = Members(attributes, "attributes", errors)
    inner.instant("targetUpdatedAt")
    progress = Members(inner.object("progress") or {}, "attributes.progress", errors)
    for name in ("current", "total", "percent"):
        progress.whole(name)
