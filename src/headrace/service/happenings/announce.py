"""Tell listeners of a change, in the transaction of the change."""

from collections.abc import Mapping

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.happening import Happening, Place
from headrace.core.ids import Ids
from headrace.core.job import Actor
from headrace.core.short_ids import EVENT, short_id
from headrace.store import happenings
from headrace.store.database import Transaction

_DOMAINS = {"commit": "workbook", "records": "sheet", "snapshot": "sheet"}
"""Domains of topics that are not called after theirs."""
_NO_DOMAIN = "action"
"""The domain of an action is that of its target."""


def tell(  # noqa: PLR0913, PLR0917 — what has changed, where, by whom, and what to say of it
    tx: Transaction,
    ids: Ids,
    now: Instant,
    actor: Actor,
    place: Place,
    topic: str,
    payload: Mapping[str, Json],
    *,
    domain: str | None = None,
    data_url: str | None = None,
    target: str | None = None,
    run_id: str | None = None,
) -> Happening:
    """Write down that ``topic`` has happened at ``place``, and return it; listeners hear of it after the commit, and after the answer to ``actor``.

    ``domain`` None: what the topic says; of ``action:…`` it has to be given. ``data_url``: relative, with a query; ``{event}`` in it stands for
    the id. ``run_id``: the attempt that a ``job:ready`` is about.
    """
    happening = happening_of(
        ids, now, actor, place, topic, payload, domain=domain, data_url=data_url, target=target, run_id=run_id
    )
    happenings.insert(tx, happening, actor.request)
    return happening


def happening_of(  # noqa: PLR0913 — as ``tell``
    ids: Ids,
    now: Instant,
    actor: Actor,
    place: Place,
    topic: str,
    payload: Mapping[str, Json],
    *,
    domain: str | None = None,
    data_url: str | None = None,
    target: str | None = None,
    run_id: str | None = None,
) -> Happening:
    """Return what ``tell`` writes down, for those who write many at once (``store.happenings.insert_all``)."""
    identity = short_id(EVENT, ids)
    return Happening(
        id=identity,
        scope=place.scope,
        domain=_domain_of(topic) if domain is None else domain,
        topic=topic,
        context=context_of(place, actor.id),
        payload=payload,
        created_at=now,
        actor_id=actor.id,
        space_id=place.space_id,
        job_id=place.job_id,
        namespaces=place.namespaces,
        data_url=None if data_url is None else data_url.replace("{event}", identity),
        callback_url=callback_url_of(identity),
        target=target,
        origin={"id": actor.id},
        run_id=run_id,
    )


def callback_url_of(identity: str) -> str:
    """Return where a listener acknowledges a happening, below the API's address."""
    return f"v1/events/{identity}/ack"


def context_of(place: Place, actor_id: str) -> dict[str, Json]:
    """Return the context that listeners see: the ids of everything that ``place`` is in."""
    known = {
        "accountId": place.account_id,
        "environmentId": place.environment_id,
        "spaceId": place.space_id,
        "workbookId": place.workbook_id,
        "sheetId": place.sheet_id,
        "sheetSlug": place.sheet_slug,
        "fileId": place.file_id,
        "documentId": place.document_id,
        "jobId": place.job_id,
        "actorId": actor_id,
        **place.more,
    }
    context: dict[str, Json] = {key: value for key, value in known.items() if value is not None}
    if place.sheet_slug is not None:
        context["slugs"] = {"sheet": place.sheet_slug}
    if place.namespaces:
        context["namespaces"] = list(place.namespaces)
    return context


def _domain_of(topic: str) -> str:
    word = topic.partition(":")[0]
    if word == _NO_DOMAIN:
        message = f"the domain of {topic} is that of its target; give it"
        raise ValueError(message)
    return _DOMAINS.get(word, word)
