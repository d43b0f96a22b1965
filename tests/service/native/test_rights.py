"""Whoever does not reach a scope finds nothing of it, whatever is asked; and no answer has a secret in it."""

import json
from collections.abc import Iterator

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.native import flows, installation, places, quarantine
from headrace.core.native.operation import Nothing, Operation
from headrace.core.native.table import OPERATIONS
from headrace.core.native.wire import to_wire
from headrace.core.outcome import ReasonCount
from headrace.core.recurrence import Frequency
from headrace.core.run import RunStatus
from headrace.core.schedule import Schedule, Unit
from headrace.core.trigger import TriggerKind
from headrace.service.webhooks import deliver_due
from headrace.store import audit, batches, runs
from ledger_rows import NOW, SCOPE, a_batch, a_run, finish
from listeners import Listener, listening
from native_house import ADMIN, STRANGER, NativeHouse
from service.native.test_connections import FACTORY, connect, linked
from service.native.test_flows import put
from service.native.test_quarantine import PLAN
from service.native.test_schedules import a_trigger, recurring
from service.native.test_webhooks import add

BATCH = "01HF0000000000000000000AAA"
CANARY = "hunter2"


@pytest.fixture
def filled(small: NativeHouse) -> Iterator[tuple[NativeHouse, dict[str, str]]]:
    """Yield a house with a thing of each sort, and their ids."""
    put(small, Schedule(NOW, Unit.DAY))
    trigger = a_trigger(small, "Daily", recurring(Frequency.DAY), TriggerKind.SCHEDULE)
    connection = connect(small)
    linked(small)
    with small.database.transaction() as tx:
        runs.insert(tx, a_run(definition=PLAN))
        reasons = (ReasonCount("type", "day", 3, "no"),)
        batches.save(tx, a_batch(BATCH, rejects=reasons))
        audit.record(tx, SCOPE, "ann", "run.create", "run-1", NOW)
    small.keep_rejects(BATCH, {"_reject": 1, "_filename": "a", "_line": 2, "_errors": [], "Name": "x"})
    with listening() as listener:
        webhook, delivery = _hooked(small, listener)
        ids = {"webhook": webhook, "delivery": delivery, "trigger": trigger.id, "connection": connection.id}
        yield small, ids


def _hooked(house: NativeHouse, listener: Listener) -> tuple[str, str]:
    made = add(house, listener)
    with house.database.transaction() as tx:
        finish(tx, "run-1", RunStatus.SUCCEEDED)
    deliver_due(house.desk.webhooks)
    asked = places.ListDeliveries(webhook=made.id)
    told = house.ask(_named("webhooks.deliveries"), asked)
    return made.id, told.items[0].id  # type: ignore[attr-defined]  # found by name


def _named(name: str) -> Operation[object, object]:
    return next(one for one in OPERATIONS if one.name == name)


def _things(ids: dict[str, str]) -> dict[str, object]:
    """Return what is asked for of each operation that names a thing."""
    schedule = flows.AskSchedule(schedule=ids["trigger"], scope=FACTORY)
    connection = places.AskConnection(connection=ids["connection"], scope=SCOPE)
    return {
        "quarantine.show": quarantine.AskBatch(batch=BATCH),
        "quarantine.rows": quarantine.ListRejects(batch=BATCH[:20]),
        "quarantine.download": quarantine.AskRejectsFile(batch="@latest"),
        "quarantine.replay": quarantine.AskReplay(batch=BATCH),
        "flows.show": flows.AskFlow(flow="flights"),
        "flows.run": flows.AskFlowRun(flow="flow-1", scope=SCOPE),
        "flows.pause": flows.AskFlow(flow="flow-1"),
        "flows.resume": flows.AskFlow(flow="flow-1"),
        "schedules.pause": schedule,
        "schedules.resume": schedule,
        "connections.show": connection,
        "connections.test": connection,
        "webhooks.add": places.AddWebhook(scope=SCOPE, url="http://127.0.0.1:1/"),
        "webhooks.remove": places.AskWebhook(webhook=ids["webhook"]),
        "webhooks.deliveries": places.ListDeliveries(webhook=ids["webhook"]),
        "webhooks.redeliver": places.AskDelivery(delivery=ids["delivery"]),
        "clients.revoke": installation.AskClient(client="c"),
        "clients.create": installation.AddClient(name="c", scopes=(SCOPE,)),
        "keys.create": installation.AddKey(),
        "keys.revoke": installation.AskKey(key="k"),
    }


LISTS: dict[str, object] = {
    "quarantine.list": quarantine.ListBatches(resolved=True),
    "flows.list": flows.ListFlows(),
    "schedules.list": flows.ListSchedules(),
    "connections.list": places.ListConnections(),
    "webhooks.list": places.ListWebhooks(),
    "workers.list": Nothing(),
    "clients.list": Nothing(),
    "keys.list": Nothing(),
    "audit.list": installation.ListAudit(),
}
_NARROWED: dict[str, object] = {
    "quarantine.list": quarantine.ListBatches(scope=SCOPE),
    "flows.list": flows.ListFlows(scope=SCOPE),
    "schedules.list": flows.ListSchedules(scope=SCOPE),
    "connections.list": places.ListConnections(scope=SCOPE),
    "webhooks.list": places.ListWebhooks(scope=SCOPE),
    "audit.list": installation.ListAudit(scope=SCOPE),
}


def test_every_operation_of_the_table_is_walked(filled: tuple[NativeHouse, dict[str, str]]) -> None:
    """But for those of runs, which have a walk of their own."""
    walked = {*LISTS, *_things(filled[1]), "me", "about"}
    assert {one.name for one in OPERATIONS if not one.name.startswith("runs.")} == walked


def test_a_stranger_finds_nothing(filled: tuple[NativeHouse, dict[str, str]]) -> None:
    """Lists are empty, and what is named is not there; nothing changes by it."""
    house, ids = filled
    before = house.ask(_named("audit.list"), installation.ListAudit())
    for name, asked in _things(ids).items():
        body = b'{"_reject": 1, "Name": "x"}' if name == "quarantine.replay" else None
        with pytest.raises(Problem) as caught:
            house.ask(_named(name), asked, STRANGER, body)
        assert caught.value.code is Code.NOT_FOUND, name
    for name, asked in LISTS.items():
        assert house.ask(_named(name), asked, STRANGER).items == (), name  # type: ignore[attr-defined]  # found by name
    for name, asked in _NARROWED.items():
        with pytest.raises(Problem, match="there is no scope"):
            house.ask(_named(name), asked, STRANGER)
    assert house.ask(_named("audit.list"), installation.ListAudit()) == before


def test_no_answer_has_a_secret_in_it(filled: tuple[NativeHouse, dict[str, str]]) -> None:
    """Passwords of URLs, options, queries of addresses, tokens of sealed secrets: none is told, to an admin neither."""
    house, ids = filled
    told = [house.ask(_named(name), asked) for name, asked in LISTS.items()]
    shown = (
        "flows.show",
        "connections.show",
        "webhooks.deliveries",
        "quarantine.show",
        "quarantine.rows",
        "flows.pause",
    )
    told += [house.ask(_named(name), _things(ids)[name], ADMIN) for name in shown]
    told.append(house.ask(_named("connections.show"), places.AskConnection(connection="lake", scope=FACTORY)))
    told += [house.ask(_named(name), Nothing()) for name in ("me", "about")]
    text = json.dumps([to_wire(one) for one in told])
    assert CANARY not in text
    assert "flights" in text
