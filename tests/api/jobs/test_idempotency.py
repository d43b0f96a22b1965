"""Creations that are repeated with the same ``Idempotency-Key``."""

from typing import Any

import sqlalchemy as sa

from api.jobs.conftest import Client, errors_of
from headrace.api.jobs.idempotency import KEPT
from headrace.core.workspace import KeyKind
from headrace.service.workspace.keys import create_key
from headrace.store import idempotency
from headrace.store.database import Database
from headrace.store.job_tables import idempotency_keys

JOB: dict[str, Any] = {"type": "space", "operation": "tidy", "source": "us_sp_1"}


def test_the_same_key_gets_the_same_answer_for_a_day(client: Client) -> None:
    """And nothing is made twice, by whichever mount, until the key is forgotten."""
    first = client("POST", "/jobs", JOB, idempotency_key="a")
    again = client("POST", "/jobs", {**JOB, "operation": "other"}, idempotency_key="a")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert client.raw("POST", "/api/v1/jobs", b"{}", idempotency_key="a").content == first.content
    assert len(client.get("/jobs")) == 1
    assert client("POST", "/jobs", JOB, idempotency_key="b").content != first.content
    client.clock.advance(KEPT + 1)
    assert client("POST", "/jobs", JOB, idempotency_key="a").content != first.content


def test_a_key_belongs_to_its_caller(sqlite_client: Client) -> None:
    """Another one with the same key gets an answer of its own."""
    made = create_key(sqlite_client.door.keys, sqlite_client.door.account.environment_scope, KeyKind.SECRET, "t")
    mine = sqlite_client("POST", "/jobs", JOB, idempotency_key="a")
    assert sqlite_client.holding(made.token)("POST", "/jobs", JOB, idempotency_key="a").content != mine.content
    assert sqlite_client.holding("sk_unknown")("POST", "/jobs", JOB, idempotency_key="a").status_code == 401


def test_a_refused_request_lets_its_key_go(sqlite_client: Client) -> None:
    """What was wrong may be put right and sent again."""
    assert sqlite_client("POST", "/jobs", {}, idempotency_key="a").status_code == 400
    assert sqlite_client("POST", "/jobs", JOB, idempotency_key="a").status_code == 200
    assert errors_of(sqlite_client("POST", "/jobs", JOB, idempotency_key="a" * 256))[0] == 400


def _unanswered(database: Database, word: str) -> None:
    """Make the one request that was answered one that is being answered."""
    with database.transaction() as tx:
        row = tx.first(sa.select(idempotency_keys))
        assert row is not None
        idempotency.keep(tx, row["scope"], row["key"], idempotency.UNANSWERED, word)


def test_two_at_once_are_not_both_done(sqlite_client: Client) -> None:
    """The second is told to come again; when the server that answers the first has died, it is done."""
    door = sqlite_client.door
    sqlite_client("POST", "/jobs", JOB, idempotency_key="a")
    word = door.open_requests.begin()
    _unanswered(door.database, word)
    refused = sqlite_client("POST", "/jobs", JOB, idempotency_key="a")
    assert (errors_of(refused)[0], refused.headers["retry-after"]) == (429, "1")
    door.open_requests.end(word)
    assert sqlite_client("POST", "/jobs", JOB, idempotency_key="a").status_code == 200
    assert len(sqlite_client.get("/jobs")) == 2
