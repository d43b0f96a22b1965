"""How the installation stands: workers, who may call, who did what, and what is wrong."""

import json

import pytest

from headrace.core.client import Identity, Role
from headrace.core.clock import DAY, MINUTE, SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.native.installation import AddClient, AddKey, AskClient, AskKey, ListAudit
from headrace.core.native.operation import Nothing
from headrace.core.native.table import (
    ADD_CLIENT,
    ADD_KEY,
    LIST_AUDIT,
    LIST_CLIENTS,
    LIST_KEYS,
    LIST_WORKERS,
    REVOKE_CLIENT,
    REVOKE_KEY,
    SHOW_ABOUT,
    SHOW_ME,
)
from headrace.core.native.wire import to_wire
from headrace.core.query import Cursor
from headrace.core.run import ActivityStatus, RunStatus
from headrace.service.flows import put_flow
from headrace.store import activity_runs, audit, runs, workers
from headrace.store.audit import AuditQuery
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_flow, a_run, activities
from native_house import ADMIN, READER, STRANGER, NativeHouse

LIMITED = Identity("admin of acme", Role.ADMIN, ("flowservice/acme",))


def begin(native: NativeHouse, run_id: str, scope: str, worker: str) -> None:
    """Let a worker do the first activity of a new run."""
    with native.database.transaction() as tx:
        claim = workers.register(tx, worker, "host", 7, native.clock.now())
        runs.insert(tx, a_run(run_id, scope=scope))
        activity_runs.insert_all(tx, activities(run_id, status=ActivityStatus.QUEUED))
        runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
        activity_runs.claim(tx, run_id, "Copy", 1, claim, NOW)


def test_workers_are_listed_with_what_they_do_the_living_first(native: NativeHouse) -> None:
    """A heartbeat that is overdue is told; of runs that the caller may not see nothing is."""
    with native.database.transaction() as tx:
        gone = workers.register(tx, "a-gone", "host", 1, NOW)
        workers.stop(tx, gone, NOW)
    begin(native, "run-1", SCOPE, "w1")
    begin(native, "run-2", OTHER_SCOPE, "w2")
    native.clock.advance(7 * SECOND)
    with native.database.transaction() as tx:
        workers.register(tx, "w3", "host", 3, native.clock.now())
    listed = native.ask(LIST_WORKERS, Nothing()).items
    assert [(line.id, line.status, line.late, line.activities) for line in listed] == [
        ("w3", "alive", False, ()),
        ("w1", "alive", True, ("run-1 Copy",)),
        ("w2", "alive", True, ("run-2 Copy",)),
        ("a-gone", "stopped", False, ()),
    ]
    seen = {line.id: line.running for line in native.ask(LIST_WORKERS, Nothing(), READER).items}
    assert seen == {"w3": 0, "w1": 1, "w2": 0, "a-gone": 0}


def test_about_says_what_is_open_and_what_is_wrong(native: NativeHouse) -> None:
    """In sentences; as far as the caller may see it."""
    put_flow(native.database, a_flow(), "tester", native.clock)
    with native.database.transaction() as tx:
        runs.insert(tx, a_run())
        runs.insert(tx, a_run("later", due_at=Instant(NOW + DAY), created_at=NOW - 1))
    native.clock.advance(5 * MINUTE)
    about = native.ask(SHOW_ABOUT, Nothing())
    assert (about.version, about.database, about.workers) == ("1.2.3", native.database.dialect, 0)
    assert (about.open["queued"], about.oldest_queued, about.scopes) == (2, NOW, (SCOPE,))
    assert about.problems == (
        "No worker is alive, and 2 runs are queued: start one with `headrace worker`.",
        "A run has waited for a worker for 5 minutes: workers are too few, or busy.",
    )
    stranger = native.ask(SHOW_ABOUT, Nothing(), STRANGER)
    assert (stranger.scopes, stranger.open["queued"], stranger.problems) == ((), 0, ())


def test_a_run_that_its_flow_holds_back_does_not_wait_for_a_worker(native: NativeHouse) -> None:
    """It waits for the flow's other run."""
    put_flow(native.database, a_flow(concurrency=1), "tester", native.clock)
    begin(native, "run-0", SCOPE, "w1")
    with native.database.transaction() as tx:
        runs.insert(tx, a_run())
    native.clock.advance(5 * SECOND)
    about = native.ask(SHOW_ABOUT, Nothing())
    assert (about.oldest_queued, about.open, about.problems) == (
        None,
        {"queued": 1, "running": 1, "waiting": 0, "cancelling": 0},
        (),
    )
    native.clock.advance(5 * SECOND)
    assert "heartbeat of 1 worker is overdue" in native.ask(SHOW_ABOUT, Nothing()).problems[0]


def test_a_client_is_made_once_seen_and_revoked(native: NativeHouse) -> None:
    """Its secret is told when it is made, and never again."""
    made = native.ask(ADD_CLIENT, AddClient(name=" etl ", scopes=("flowservice/acme",)))
    assert len(made.secret) > 30
    assert native.ask(SHOW_ME, Nothing(), Identity(made.client.id, Role.OPERATOR, made.client.scopes)).name == "etl"
    listed = native.ask(LIST_CLIENTS, Nothing())
    assert listed.items == (made.client,)
    assert made.secret not in json.dumps(to_wire(listed))
    revoked = native.ask(REVOKE_CLIENT, AskClient(client=made.client.id))
    assert revoked.revoked_at == native.clock.now()
    told = native.ask(LIST_AUDIT, ListAudit(action="client.*", object=made.client.id)).items
    assert [(entry.action, entry.who, entry.scope) for entry in told] == [
        ("client.revoke", "root", ""),
        ("client.create", "root", ""),
    ]


def test_nobody_gives_away_rights_that_they_do_not_have(small: NativeHouse) -> None:
    """An admin of some scopes sees, makes and revokes only clients of these."""
    everywhere = small.ask(ADD_CLIENT, AddClient(name="root")).client
    mine = small.ask(ADD_CLIENT, AddClient(name="mine", scopes=("flowservice/acme/dev",)), LIMITED).client
    assert small.ask(LIST_CLIENTS, Nothing(), LIMITED).items == (mine,)
    for scopes in (("*",), ("flowservice",), ("flowservice/acme", "local")):
        with pytest.raises(Problem) as caught:
            small.ask(ADD_CLIENT, AddClient(name="more", scopes=scopes), LIMITED)
        assert caught.value.code is Code.NOT_FOUND
    with pytest.raises(Problem, match="there is no client"):
        small.ask(REVOKE_CLIENT, AskClient(client=everywhere.id), LIMITED)
    with pytest.raises(Problem, match="is empty"):
        small.ask(ADD_CLIENT, AddClient(name=" "))


def test_keys_of_the_jobs_door_are_made_listed_and_revoked(native: NativeHouse) -> None:
    """A personal one is good everywhere, others in an environment; who reaches none, makes none."""
    made = native.ask(ADD_KEY, AddKey(name="ci"))
    personal = native.ask(ADD_KEY, AddKey(kind="personal"))
    assert made.token.startswith("sk_")
    assert (made.key.name, made.key.created_by, personal.key.environment) == ("ci", "root", None)
    listed = native.ask(LIST_KEYS, Nothing())
    assert sorted(line.id for line in listed.items) == sorted([made.key.id, personal.key.id])
    assert made.token not in json.dumps(to_wire(listed))
    native.ask(REVOKE_KEY, AskKey(key=made.key.id))
    assert [line.id for line in native.ask(LIST_KEYS, Nothing()).items] == [personal.key.id]
    assert native.ask(LIST_KEYS, Nothing(), LIMITED).items == ()
    for asked in (AddKey(), AddKey(environment="other")):
        with pytest.raises(Problem, match="there is no environment") as caught:
            native.ask(ADD_KEY, asked, LIMITED)
        assert str(made.key.environment) not in caught.value.message
    with pytest.raises(Problem, match="is no kind of key"):
        native.ask(ADD_KEY, AddKey(kind="golden"))
    with pytest.raises(Problem, match="there is no key"):
        native.ask(REVOKE_KEY, AskKey(key=personal.key.id), LIMITED)


def test_the_audit_is_filtered_and_kept_to_the_callers_scopes(native: NativeHouse) -> None:
    """What concerns the installation is for those who may see everything."""
    with native.database.transaction() as tx:
        audit.record(tx, SCOPE, "ann", "run.create", "run-1", NOW)
        audit.record(tx, OTHER_SCOPE, "bob", "run.cancel", "run-2", Instant(NOW + 1))
        audit.record(tx, "", "ann", "client.create", "c", Instant(NOW + 2), {"why": "new"})
        audit.record(tx, SCOPE, "bob", "runner.create", "x", Instant(NOW + 3))
    assert [entry.object for entry in native.ask(LIST_AUDIT, ListAudit()).items] == ["x", "c", "run-2", "run-1"]
    assert [entry.object for entry in native.ask(LIST_AUDIT, ListAudit(), READER).items] == ["x", "run-1"]
    for asked, expected in (
        (ListAudit(action="run.*"), ["run-2", "run-1"]),
        (ListAudit(who="ann"), ["c", "run-1"]),
        (ListAudit(object="run-2"), ["run-2"]),
        (ListAudit(since=Instant(NOW + 1), until=Instant(NOW + 3)), ["c", "run-2"]),
        (ListAudit(scope="flowservice", action="run.create"), ["run-1"]),
    ):
        assert [entry.object for entry in native.ask(LIST_AUDIT, asked).items] == expected
    assert native.ask(LIST_AUDIT, ListAudit(object="c")).items[0].details == {"why": "new"}


def test_an_audit_that_is_looked_at_in_small_parts_misses_nothing(native: NativeHouse) -> None:
    """Pages over several scopes may be short; together they are the list, in order."""
    with native.database.transaction() as tx:
        for number in range(12):
            scope = (SCOPE, OTHER_SCOPE, "local")[number % 3]
            audit.record(tx, scope, f"who-{number % 4}", "run.create", str(number), Instant(NOW + number))
    query = AuditQuery(patterns=("flowservice",), who="who-1")
    found: list[str] = []
    cursor: Cursor | None = None
    for _ in range(20):
        with native.database.reading() as tx:
            page = audit.search(tx, query, 2, cursor, most=2)
        found += [entry.object for entry in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == ["9", "1"]
    assert cursor is None


def test_everybody_may_ask_who_they_are(small: NativeHouse) -> None:
    """A client without a row (a static token, the console of development) has its id for a name."""
    me = small.ask(SHOW_ME, Nothing(), READER)
    assert (me.client, me.name, me.role, me.scopes) == ("reader", "reader", Role.READER, ("flowservice/acme",))
    assert small.ask(SHOW_ME, Nothing(), ADMIN).scopes == ("*",)
