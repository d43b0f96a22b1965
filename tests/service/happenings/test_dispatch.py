"""The order of happenings, and when they may be told."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from fakes import ManualClock
from headrace.bootstrap.application import SystemIds
from headrace.core.clock import DAY, SECOND, Instant
from headrace.service.happenings import reading
from headrace.service.happenings.dispatch import prune
from headrace.service.happenings.listening import Listening
from headrace.service.happenings.open_requests import STALLED, OpenRequests
from headrace.store import happenings
from headrace.store.database import Database
from headrace.store.happenings import ORIGIN
from telling import ACTOR, DELAY, OTHER_SCOPE, SCOPE, desk_on, hand_out_later, heard, told, write


def test_what_has_happened_is_told_in_order_after_a_while(database: Database, clock: ManualClock) -> None:
    """Each is held for the delay, so that the answer is there first; then numbers follow one another."""
    desk = desk_on(database, clock)
    ids = told(desk, "space:created", "space:updated")
    assert desk.dispatcher.hand_out() == 0
    assert heard(desk) == []
    assert hand_out_later(desk, clock, DELAY - 1) == 0
    assert hand_out_later(desk, clock, 1) == 2
    assert heard(desk) == ids
    assert [item.number for item in reading.after(desk, SCOPE, 0, None, 9).happenings] == [ORIGIN + 1, ORIGIN + 2]
    assert desk.dispatcher.hand_out() == 0


def test_environments_have_orders_of_their_own(database: Database, clock: ManualClock) -> None:
    """What happens in one environment says nothing about another, not even how much."""
    desk = desk_on(database, clock)
    mine = told(desk, "space:created")
    theirs = told(desk, "space:created", actor=replace(ACTOR, scope=OTHER_SCOPE))
    assert hand_out_later(desk, clock) == 2
    assert (heard(desk), heard(desk, scope=OTHER_SCOPE)) == (mine, theirs)
    assert reading.newest(desk, OTHER_SCOPE) == ORIGIN + 1


def test_nothing_is_told_before_the_answer_is_out(database: Database, clock: ManualClock) -> None:
    """Clients lose what comes before the answer to their request; what comes behind it in the order waits too."""
    desk = desk_on(database, clock)
    word = desk.open_requests.begin()
    ids = told(desk, "job:created", actor=replace(ACTOR, request=word)) + told(desk, "space:updated")
    assert hand_out_later(desk, clock, 3 * SECOND) == 0
    desk.open_requests.end(word)
    assert desk.dispatcher.hand_out() == 0, "the client has to read the answer first"
    assert hand_out_later(desk, clock) == 2
    assert heard(desk) == ids


def test_a_long_answer_keeps_nobody_else_waiting(database: Database, clock: ManualClock) -> None:
    """What a large upload has changed is told when it is answered; meanwhile the listeners of others go on."""
    desk = desk_on(database, clock)
    word = desk.open_requests.begin()
    uploader = replace(ACTOR, request=word)
    first = told(desk, *["commit:created"] * 3, actor=uploader)
    others = told(desk, "space:updated")
    assert hand_out_later(desk, clock, STALLED) == 1
    first += told(desk, "commit:created", actor=uploader)
    clock.advance(STALLED)
    others += told(desk, "space:updated")
    assert hand_out_later(desk, clock) == 1
    assert heard(desk) == others
    desk.open_requests.end(word)
    assert hand_out_later(desk, clock) == 4
    assert heard(desk) == others + first


def test_rows_behind_many_that_wait_are_found(sqlite_database: Database, clock: ManualClock) -> None:
    """However much one request has changed, it is looked behind that."""
    desk = desk_on(sqlite_database, clock)
    word = desk.open_requests.begin()
    with sqlite_database.transaction() as tx:
        for _ in range(1100):
            write(tx, desk, actor=replace(ACTOR, request=word))
        last = write(tx, desk).id
    assert hand_out_later(desk, clock, STALLED) == 1
    assert heard(desk) == [last]
    desk.open_requests.end(word)
    assert hand_out_later(desk, clock) == 1100


def test_what_a_dead_process_was_asked_is_told(database: Database, clock: ManualClock) -> None:
    """Nobody will say that its requests have ended: they are released when another process starts."""
    desk = desk_on(database, clock)
    word = OpenRequests(clock).begin()
    ids = told(desk, "job:created", actor=replace(ACTOR, request=word))
    host = word.split("/")[0]
    ids += told(desk, "job:ready", actor=replace(ACTOR, request=f"{host}/999999999/x/1"))
    assert hand_out_later(desk, clock) == 2, "the first has our number, the second nobody's"
    assert heard(desk) == ids


def test_what_another_process_is_asked_is_left_to_it(database: Database, clock: ManualClock) -> None:
    """A living process knows when it has answered; one of another machine cannot be looked at, and is waited for for a while."""
    desk = desk_on(database, clock)
    host = desk.open_requests.begin().split("/")[0]
    told(desk, "job:created", actor=replace(ACTOR, request=f"{host}/1/x/1"))
    assert hand_out_later(desk, clock, STALLED * 10) == 0
    told(desk, "job:created", actor=replace(ACTOR, request="elsewhere/1/x/1"))
    assert hand_out_later(desk, clock) == 0
    assert hand_out_later(desk, clock, STALLED) == 1


def test_two_busy_processes_do_not_hand_out_by_turns(database: Database, clock: ManualClock) -> None:
    """Each lets the other give numbers to what it knows to be answered: the order stays, and a few looks are enough for all."""
    one, other = desk_on(database, clock), desk_on(database, clock, SystemIds(), pid=1)
    ids = []
    for _ in range(20):
        for desk in (one, other):
            word = desk.open_requests.begin()
            ids += told(one, "job:updated", actor=replace(ACTOR, request=word))
            desk.open_requests.end(word)
    clock.advance(DELAY)
    looks = [desk.dispatcher.hand_out() for _ in range(2) for desk in (one, other)]
    assert sum(looks) == 40
    assert heard(one) == ids


@pytest.mark.postgres
def test_a_row_that_is_committed_late_comes_late(postgres_database: Database, clock: ManualClock) -> None:
    """What an open transaction has written cannot be seen yet; it gets its number when it can, behind those that were told meanwhile."""
    desk = desk_on(postgres_database, clock)
    with postgres_database.transaction() as slow:
        late = write(slow, desk).id
        early = told(desk, "space:created")
        assert hand_out_later(desk, clock) == 1
        assert heard(desk) == early
    assert desk.dispatcher.hand_out() == 1
    assert heard(desk) == [*early, late]


def test_several_who_hand_out_give_each_number_once(database: Database, clock: ManualClock) -> None:
    """Several processes look at one environment: nothing is lost, doubled or overtaken, and a reader never passes by a gap."""
    desks = [desk_on(database, clock, SystemIds(), event_delay_ms=0) for _ in range(3)]
    over = threading.Event()
    seen: list[tuple[str, int]] = []

    def hand_out(number: int) -> None:
        while not over.is_set():
            desks[number].dispatcher.hand_out()

    def listen() -> None:
        last = ORIGIN
        while len(seen) < 60:
            delivery = reading.after(desks[2], SCOPE, last, None, 7)
            assert [item.number for item in delivery.happenings] == list(range(last + 1, delivery.number + 1))
            seen.extend((item.actor_id, int(str(item.payload["n"]))) for item in delivery.happenings)
            last = delivery.number

    def happen(who: str) -> None:
        for n in range(20):
            with database.transaction() as tx:
                write(tx, desks[2], actor=replace(ACTOR, id=who), payload={"n": n})

    with ThreadPoolExecutor() as pool:
        working = [pool.submit(hand_out, number) for number in range(2)]
        listening = pool.submit(listen)
        for writer in [pool.submit(happen, who) for who in "abc"]:
            writer.result(timeout=60)
        listening.result(timeout=60)
        over.set()
        for worker in working:
            worker.result(timeout=60)
    for who in "abc":
        assert [n for name, n in seen if name == who] == list(range(20))


def test_who_waits_is_woken(sqlite_database: Database, clock: ManualClock) -> None:
    """A poll waits without a thread, and is answered as soon as something is handed out; others hear that nothing came."""
    desk = desk_on(sqlite_database, clock, event_delay_ms=0)
    listening = Listening(desk)

    async def polls() -> list[int]:
        begin = reading.newest(desk, SCOPE)
        waiting = [asyncio.create_task(listening.after(SCOPE, begin, None, 100, 20)) for _ in range(50)]
        other = asyncio.create_task(listening.after(OTHER_SCOPE, begin, None, 100, 20))
        await asyncio.to_thread(told, desk, "space:created")
        assert await asyncio.to_thread(desk.dispatcher.hand_out) == 1
        found = [len((await poll).happenings) for poll in waiting]
        assert not other.done()
        desk.dispatcher.stop()
        return [*found, len((await other).happenings)]

    assert asyncio.run(polls()) == [1] * 50 + [0]


def test_one_that_another_process_has_numbered_wakes_too(sqlite_database: Database, clock: ManualClock) -> None:
    """The dispatcher's thread looks what others have handed out while somebody waits here."""
    desk, other = (desk_on(sqlite_database, clock, SystemIds(), event_delay_ms=0) for _ in range(2))

    async def poll() -> int:
        waiting = asyncio.create_task(Listening(desk).after(SCOPE, ORIGIN, None, 100, 20))
        await asyncio.to_thread(told, other, "space:created")
        await asyncio.to_thread(other.dispatcher.hand_out)
        return len((await waiting).happenings)

    desk.dispatcher.start()
    assert asyncio.run(poll()) == 1
    desk.dispatcher.stop()


def test_a_poll_that_hears_nothing_ends_in_time(sqlite_database: Database, clock: ManualClock) -> None:
    """It says where to go on from."""
    desk = desk_on(sqlite_database, clock)
    delivery = asyncio.run(Listening(desk).after(SCOPE, ORIGIN, None, 100, 0.01))
    assert (delivery.happenings, delivery.number) == ((), ORIGIN)


def test_a_number_from_the_future_counts_as_the_newest(sqlite_database: Database, clock: ManualClock) -> None:
    """The ledger may have been put back to an older state: whoever listens must not wait for what will never be."""
    desk = desk_on(sqlite_database, clock)
    told(desk, "space:created")
    hand_out_later(desk, clock)
    assert reading.after(desk, SCOPE, ORIGIN + 1000, None, 100).number == ORIGIN + 1
    assert asyncio.run(Listening(desk).after(SCOPE, ORIGIN + 1000, None, 100, 0.01)).number == ORIGIN + 1


def test_large_ones_are_taken_along_a_few_at_a_time(sqlite_database: Database, clock: ManualClock) -> None:
    """A listener that comes late does not make the server hold all that it has missed."""
    desk = desk_on(sqlite_database, clock)
    ids = [told(desk, "job:ready", payload={"input": "x" * (3 << 20)})[0] for _ in range(3)]
    hand_out_later(desk, clock)
    first = reading.after(desk, SCOPE, ORIGIN, None, 100)
    rest = reading.after(desk, SCOPE, first.number, None, 100)
    assert [len(first.happenings), len(rest.happenings)] == [2, 1]
    assert heard(desk) + heard(desk, first.number) == ids


def test_old_ones_are_removed(database: Database, clock: ManualClock) -> None:
    """They are kept for the retention, and numbers are never used again."""
    desk = desk_on(database, clock)
    told(desk, "space:created")
    hand_out_later(desk, clock)
    clock.advance(7 * DAY)
    kept = told(desk, "space:updated")
    hand_out_later(desk, clock)
    assert prune(database, clock, desk.limits) == 1
    assert heard(desk) == kept
    assert prune(database, clock, desk.limits) == 0
    with database.transaction() as tx:
        happenings.delete_old(tx, Instant(clock.now() + 1), 10)
    told(desk, "space:created")
    hand_out_later(desk, clock)
    assert reading.newest(desk, SCOPE) == ORIGIN + 3
