"""Webhooks are told of every end of a run at least once, by whoever lives, and of nothing else."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Barrier
from typing import Any

import pytest

from engine_desk import RandomIds
from fakes import ManualClock
from headrace.core.clock import DAY, HOUR, MINUTE, SECOND
from headrace.core.errors import Code, Problem
from headrace.core.run import RunStatus
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.connectors.web import WebClient
from headrace.service.runs import cancel_run
from headrace.service.sealing import Sealer
from headrace.service.webhooks import (
    PAUSES,
    DeliveryStatus,
    Event,
    Subscription,
    Webhook,
    WebhookDesk,
    deliver_due,
    list_deliveries,
    list_webhooks,
    redeliver,
    remove_webhook,
    subscribe,
)
from headrace.store import runs
from headrace.store.database import Database
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_run, finish
from listeners import Listener, listening

ASKED = Subscription(scope=SCOPE, url="", who="tester", secret="s3cret")


@dataclass
class Hooks:
    """A ledger, a clock that only the test moves, and a server that listens."""

    desk: WebhookDesk
    clock: ManualClock
    listener: Listener

    @property
    def database(self) -> Database:
        """Return the ledger."""
        return self.desk.database

    def subscribe(self, **given: Any) -> Webhook:
        """Subscribe the listener."""
        return subscribe(self.desk, replace(ASKED, **{"url": self.listener.url, **given}))

    def end(self, run_id: str = "run-1", to: RunStatus = RunStatus.SUCCEEDED, **given: Any) -> None:
        """Let a new run begin and end."""
        with self.database.transaction() as tx:
            runs.insert(tx, a_run(run_id, **given))
            finish(tx, run_id, to, self.clock.now())

    def told(self) -> list[Any]:
        """Return the bodies that arrived."""
        return [json.loads(heard.body) for heard in self.listener.posts]

    def statuses(self, webhook: Webhook) -> list[DeliveryStatus]:
        """Return the statuses of the deliveries, the newest first."""
        return [delivery.status for delivery in list_deliveries(self.database, None, webhook.id).items]


def render(event: Event) -> dict[str, str]:
    """Return a body in no door's words."""
    return {"id": event.id, "run": event.run_id, "status": event.status.value}


@pytest.fixture
def hooks(database: Database) -> Iterator[Hooks]:
    """Return hooks of a fresh ledger."""
    clock = ManualClock(NOW)
    web = WebClient(Egress(("127.0.0.1",)), timeout=5)
    desk = WebhookDesk(database, clock, RandomIds(), Sealer([b"k" * 32]), web, {"flowservice": render})
    with listening() as listener:
        yield Hooks(desk, clock, listener)


def test_an_address_that_answers_the_challenge_is_told_of_ends_and_can_check_who_tells(hooks: Hooks) -> None:
    """Contract 14: GET with a challenge, then POST of JSON with an HMAC of the body."""
    hooks.subscribe(url=hooks.listener.url + "?team=a")
    hooks.end()
    assert deliver_due(hooks.desk) == 1
    assert hooks.listener.heard[0].path.startswith("/hook?team=a&challenge=")
    post = hooks.listener.posts[0]
    expected = hmac.new(b"s3cret", post.body, hashlib.sha256).hexdigest()
    assert post.headers["x-headrace-signature"] == f"sha256={expected}"
    assert (post.path, post.headers["content-type"]) == ("/hook?team=a", "application/json")
    assert post.headers["x-headrace-event-id"] == hooks.told()[0]["id"]


@pytest.mark.parametrize(("status", "body"), [(200, b"hello"), (404, None), (302, None)])
def test_an_address_that_does_not_answer_the_challenge_is_not_subscribed(
    hooks: Hooks, status: int, body: bytes | None
) -> None:
    """Nobody is made to receive what they did not ask for."""
    right = hooks.listener.answer
    hooks.listener.answer = lambda heard: (status, {}, right(heard)[2] if body is None else body)
    with pytest.raises(Problem) as caught:
        hooks.subscribe()
    assert caught.value.code is Code.EXTERNAL_FAILED
    assert list_webhooks(hooks.database) == []


def test_private_addresses_are_subscribed_only_where_the_operator_allows_them(hooks: Hooks) -> None:
    """The guard of connections holds here too; and it holds at each delivery, when a name has moved since."""
    hooks.subscribe()
    strict = replace(hooks.desk, web=WebClient(Egress()))
    with pytest.raises(Problem) as caught:
        subscribe(strict, replace(ASKED, url=hooks.listener.url))
    assert caught.value.code is Code.SOURCE_DENIED
    hooks.end()
    deliver_due(strict)
    assert hooks.told() == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"events": frozenset()}, Code.INVALID),
        ({"events": frozenset({RunStatus.CANCELLED})}, Code.INVALID),
        ({"flow_ids": ()}, Code.INVALID),
        ({"url": "ftp://a/"}, Code.INVALID),
        ({"scope": "local"}, Code.UNSUPPORTED),
    ],
)
def test_a_subscription_that_could_never_be_told_of_anything_is_refused(
    hooks: Hooks, given: dict[str, Any], code: Code
) -> None:
    """Before anybody is called."""
    with pytest.raises(Problem) as caught:
        hooks.subscribe(**given)
    assert caught.value.code is code
    assert hooks.listener.heard == []


def test_only_what_was_asked_for_is_told(hooks: Hooks) -> None:
    """By event, by flow and by scope; of a cancelled run nobody is told."""
    hooks.subscribe(events=frozenset({RunStatus.FAILED}), flow_ids=("flow-1",))
    hooks.end("failed", RunStatus.FAILED)
    hooks.end("fine")
    hooks.end("other-flow", RunStatus.FAILED, flow_id="flow-2")
    hooks.end("other-tenant", RunStatus.FAILED, scope=OTHER_SCOPE)
    with hooks.database.transaction() as tx:
        runs.insert(tx, a_run("cancelled"))
    cancel_run(hooks.database, SCOPE, "cancelled", "tester", hooks.clock)
    deliver_due(hooks.desk)
    assert [body["run"] for body in hooks.told()] == ["failed"]


def test_an_address_that_fails_is_tried_again_after_the_published_pauses_and_given_up(hooks: Hooks) -> None:
    """Contract 14: after 1, 5, 30 min, 2 h, 6 h, 24 h, always the same event; the log says what happened each time."""
    webhook = hooks.subscribe()
    hooks.listener.answer = lambda _heard: (500, {}, b"")
    hooks.end()
    assert deliver_due(hooks.desk) == 1
    assert PAUSES == (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, DAY)
    for pause in PAUSES:
        hooks.clock.advance(pause - 1)
        assert deliver_due(hooks.desk) == 0
        hooks.clock.advance(1)
        assert deliver_due(hooks.desk) == 1
    hooks.clock.advance(30 * DAY)
    assert deliver_due(hooks.desk) == 0
    delivery = list_deliveries(hooks.database, None, webhook.id).items[0]
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.GIVEN_UP, 7)
    assert [entry["status"] for entry in delivery.log] == [500] * 7
    assert len({body["id"] for body in hooks.told()}) == 1


def test_an_address_that_dies_and_comes_back_is_told_what_it_missed(hooks: Hooks) -> None:
    """Nothing is lost with a receiver that is restarted."""
    with listening() as mortal:
        webhook = hooks.subscribe(url=mortal.url)
    hooks.end()
    deliver_due(hooks.desk)
    assert hooks.statuses(webhook) == [DeliveryStatus.PENDING]
    assert "cannot be reached" in str(list_deliveries(hooks.database, None, webhook.id).items[0].log[0]["problem"])
    hooks.clock.advance(MINUTE)
    with listening(int(mortal.url.split(":")[2].partition("/")[0])) as risen:
        deliver_due(hooks.desk)
        assert len(risen.posts) == 1
    assert hooks.statuses(webhook) == [DeliveryStatus.DELIVERED]


def test_an_address_that_hangs_is_left_and_holds_nobody_up(hooks: Hooks) -> None:
    """It takes a few of the places and for a while; others are told in the same round."""
    with listening() as hanging:
        hooks.subscribe(url=hanging.url)
        hooks.subscribe()
        hanging.answer = hanging.hang
        for number in range(5):
            hooks.end(f"run-{number}")
        quick = replace(hooks.desk, web=replace(hooks.desk.web, timeout=1))
        while deliver_due(quick):
            pass
        assert {body["run"] for body in hooks.told()} == {f"run-{number}" for number in range(5)}


def test_two_processes_do_not_send_the_same_event_at_once(hooks: Hooks) -> None:
    """What one has taken, the other does not see."""
    hooks.subscribe()
    for number in range(4):
        hooks.end(f"run-{number}")
    barrier = Barrier(3)

    def send(_number: int) -> None:
        barrier.wait(timeout=30)
        deliver_due(hooks.desk)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(send, range(3)))
    assert sorted(body["run"] for body in hooks.told()) == [f"run-{number}" for number in range(4)]


def test_what_a_dead_process_had_taken_is_sent_by_another_one(hooks: Hooks) -> None:
    """Its lease ends: at least once (C1)."""
    webhook = hooks.subscribe()
    hooks.end()

    def die(_event: Event) -> dict[str, str]:
        raise Problem(Code.UNAVAILABLE, "the process is gone before it could write anything")

    deliver_due(replace(hooks.desk, renderers={"flowservice": die}))
    assert deliver_due(hooks.desk) == 0
    hooks.clock.advance(60 * SECOND)
    assert deliver_due(hooks.desk) == 1
    assert hooks.statuses(webhook) == [DeliveryStatus.DELIVERED]


def test_an_event_that_cannot_be_put_into_words_is_given_up_like_one_that_nobody_takes(hooks: Hooks) -> None:
    """A bug of a door's words ends in tries that failed, not in one that is made for ever."""
    webhook = hooks.subscribe()
    hooks.end()

    def stumble(_event: Event) -> dict[str, str]:
        raise KeyError("flow")

    desk = replace(hooks.desk, renderers={"flowservice": stumble})
    for pause in (*PAUSES, 0):
        assert deliver_due(desk) == 1
        hooks.clock.advance(pause)
    assert hooks.statuses(webhook) == [DeliveryStatus.GIVEN_UP]


def test_a_try_that_was_begun_before_the_delivery_was_begun_anew_does_not_end_it(hooks: Hooks) -> None:
    """The late try failed; what the new one, which has the same number, came to stands."""
    webhook = hooks.subscribe()
    hooks.end()
    delivery = list_deliveries(hooks.database, SCOPE, webhook.id).items[0]

    def fail_late(_event: Event) -> dict[str, str]:
        hooks.clock.advance(SECOND)
        redeliver(hooks.database, SCOPE, delivery.id, "tester", hooks.clock)
        assert deliver_due(hooks.desk) == 1
        raise Problem(Code.NOT_FOUND, "too late")

    deliver_due(replace(hooks.desk, renderers={"flowservice": fail_late}))
    assert hooks.statuses(webhook) == [DeliveryStatus.DELIVERED]


def test_a_delivery_is_sent_again_when_a_person_asks_for_it(hooks: Hooks) -> None:
    """With the same event, also when it had arrived."""
    webhook = hooks.subscribe()
    hooks.end()
    deliver_due(hooks.desk)
    delivery = list_deliveries(hooks.database, SCOPE, webhook.id).items[0]
    redeliver(hooks.database, SCOPE, delivery.id, "tester", hooks.clock)
    assert deliver_due(hooks.desk) == 1
    assert hooks.told()[0] == hooks.told()[1]


def test_a_removed_webhook_is_told_nothing_more(hooks: Hooks) -> None:
    """What was still to be sent goes with it."""
    webhook = hooks.subscribe()
    hooks.end()
    remove_webhook(hooks.database, SCOPE, webhook.id, "tester", hooks.clock)
    hooks.end("run-2")
    assert deliver_due(hooks.desk) == 0
    assert hooks.told() == []


def test_another_tenants_webhook_is_not_found(hooks: Hooks) -> None:
    """Neither shown, nor removed, nor sent again."""
    webhook = hooks.subscribe()
    hooks.end()
    delivery = list_deliveries(hooks.database, SCOPE, webhook.id).items[0]
    assert list_webhooks(hooks.database, OTHER_SCOPE) == []
    for ask in (
        lambda: list_deliveries(hooks.database, OTHER_SCOPE, webhook.id),
        lambda: remove_webhook(hooks.database, OTHER_SCOPE, webhook.id, "tester", hooks.clock),
        lambda: redeliver(hooks.database, OTHER_SCOPE, delivery.id, "tester", hooks.clock),
    ):
        with pytest.raises(Problem) as caught:
            ask()
        assert caught.value.code is Code.NOT_FOUND


def test_neither_secret_nor_query_of_a_webhook_is_shown_or_readable_in_the_ledger(hooks: Hooks) -> None:
    """Both are sealed; what is shown is the address without its query."""
    webhook = hooks.subscribe(url=hooks.listener.url + "?token=canary", secret="canary")
    assert webhook.address == hooks.listener.url
    assert "canary" not in repr(list_webhooks(hooks.database))
    with hooks.database.reading() as tx:
        rows = tx.connection.exec_driver_sql("SELECT * FROM webhooks").fetchall()
    assert "canary" not in repr(rows)


def test_a_run_that_is_removed_takes_its_deliveries_along(hooks: Hooks) -> None:
    """Retention is not held up by a receiver that is down."""
    webhook = hooks.subscribe()
    hooks.end()
    with hooks.database.transaction() as tx:
        assert runs.delete(tx, ["run-1"]) == 1
    assert hooks.statuses(webhook) == []
