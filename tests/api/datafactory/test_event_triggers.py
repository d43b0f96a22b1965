"""Triggers that fire on files and on events that are posted: what they take, what their runs get, and each event once."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from api.datafactory.dying import die_at
from api.datafactory.firing import Triggers, make_triggers
from headrace.api.datafactory.door import AUDIENCE
from headrace.api.datafactory.firing import maker
from headrace.bootstrap.application import SystemIds
from headrace.core.clock import HOUR, SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.file_events import FileWatch, SeenFile
from headrace.core.trigger import Trigger
from headrace.service.triggers.looks import StoreLooks
from headrace.service.triggers.watching import LEASE, Watching, due_stores, look_at_stores, next_look
from headrace.store.database import Database

FILES = {
    "scope": "linkedService:files",
    "events": ["Microsoft.Storage.BlobCreated"],
    "blobPathBeginsWith": "/in/blobs/",
}
FOLDER = {"properties": {"type": "FileServer", "typeProperties": {"host": "/data"}}}
POSTED = {"scope": "/subscriptions/s/topics/orders", "events": ["order.placed"], "subjectBeginsWith": "orders/"}
FILE = {"when": "@triggerBody().folderPath", "n": "@triggerBody().fileName"}


class Store:
    """What a store lists, as a test says; ``away``: it cannot be reached."""

    def __init__(self) -> None:
        self.files: dict[str, SeenFile] = {}
        self.away = False
        self.looks = 0

    def __call__(self, _trigger: Trigger, watch: FileWatch) -> Sequence[SeenFile]:
        """Return the files that are wanted."""
        self.looks += 1
        if self.away:
            raise Problem(Code.SOURCE_UNAVAILABLE, "the store is away")
        return [file for file in self.files.values() if watch.wanted.takes(file.path)]

    def put(self, name: str, stamp: str = "1", size: int = 1, at: int | None = None) -> None:
        """Write a file into the container ``in``, at a moment."""
        path = f"/in/blobs/{name}"
        self.files[path] = SeenFile(path, size, stamp, None if at is None else Instant(at))

    def remove(self, name: str) -> None:
        """Remove a file."""
        del self.files[f"/in/blobs/{name}"]


class Watched:
    """A trigger of a store that is looked at when a test says so."""

    def __init__(self, database: Database, waiting_runs: int = 100, **properties: Any) -> None:
        self.triggers: Triggers = make_triggers(database, waiting_runs=waiting_runs)
        self.store = Store()
        for name in ("files", "stuck"):
            self.triggers.client("PUT", f"linkedservices/{name}", FOLDER)
        self.watching = Watching(self.triggers.desk, self.store)
        self.triggers.put("BlobEventsTrigger", {**FILES, **properties}, **FILE)

    def look(self, times: int = 1) -> int:
        """Let as many looks come due, and return how many events were told of."""
        told = 0
        for _ in range(times):
            self.triggers.client.clock.advance(5 * SECOND)
            told += look_at_stores(self.watching)
        return told

    def started(self) -> "Watched":
        """Start the trigger and look once, so that what is there is known."""
        self.triggers.start()
        look_at_stores(self.watching)
        return self

    def given(self) -> list[tuple[str, str]]:
        """Return what the pipeline runs got: folder and file."""
        found = [run["parameters"] for run in self.triggers.pipeline_runs()]
        return [(one["when"], one["n"]) for one in found]


@pytest.fixture
def watched(database: Database) -> Watched:
    """Return a started trigger of an empty store."""
    return Watched(database).started()


def test_a_new_file_fires_once_when_it_stays_as_it_is(watched: Watched) -> None:
    """The run gets container and folder without a slash at the end, and the file's name."""
    watched.store.put("2026/01/a.csv")
    assert [watched.look() for _ in range(4)] == [0, 1, 0, 0]
    assert watched.given() == [("in/2026/01", "a.csv")]
    (run,) = watched.triggers.runs()
    assert (run["status"], run["triggerType"], run["properties"]["FileName"]) == (
        "Succeeded",
        "BlobEventsTrigger",
        "a.csv",
    )
    assert run["triggeredPipelines"] == {"p": watched.triggers.pipeline_runs()[0]["runId"]}


def test_what_was_there_before_the_first_start_does_not_fire(database: Database) -> None:
    """However old or new it is."""
    watched = Watched(database)
    watched.store.put("old.csv")
    watched.started()
    assert watched.look(3) == 0


def test_what_comes_after_the_start_and_before_the_first_look_fires(database: Database) -> None:
    """Perhaps no worker ran for an hour: by when it was written, it came while the trigger was started. Some stores count whole seconds."""
    watched = Watched(database)
    start = watched.triggers.client.clock.now() + SECOND // 2
    watched.triggers.client.clock.advance(SECOND // 2)
    watched.store.put("old.csv", at=start - 1)
    watched.store.put("older.csv", at=start - SECOND - SECOND // 2)
    watched.triggers.start()
    watched.store.put("new.csv", at=start + 1)
    watched.store.put("second.csv", at=start - SECOND // 2)
    watched.triggers.stop()
    watched.triggers.client.clock.advance(HOUR)
    watched.triggers.start()
    assert watched.look(3) == 2
    assert watched.given() == [("in", "new.csv"), ("in", "second.csv")]


def test_what_came_to_another_store_since_the_start_is_nothing_to_the_next_start(database: Database) -> None:
    """The trigger was changed before anybody looked."""
    watched = Watched(database)
    watched.triggers.start()
    watched.triggers.stop()
    watched.triggers.put("BlobEventsTrigger", {**FILES, "blobPathEndsWith": ".csv"}, **FILE)
    watched.triggers.client.clock.advance(HOUR)
    watched.store.put("old.csv", at=watched.triggers.client.clock.now() - HOUR // 2)
    watched.triggers.start()
    assert watched.look(3) == 0


def test_a_clock_that_was_set_back_holds_up_no_look(watched: Watched) -> None:
    """What is due in an hour was due five seconds after the look before."""
    watched.look()
    watched.triggers.client.clock.advance(-HOUR)
    watched.store.put("a.csv")
    assert watched.look(2) == 1


@pytest.mark.turn_about
@pytest.mark.parametrize(
    "name", ['it\'s "q" & 100%.csv', "line\nbreak\t.csv", "\xfc\U0001f600\u202e.csv", "n" * 1900, " ;--/ .csv"]
)
def test_files_with_odd_names_fire(watched: Watched, name: str) -> None:
    """As they are called."""
    watched.store.put(name)
    assert watched.look(2) == 1
    folder, _, file = name.rpartition("/")
    assert watched.given() == [(f"in/{folder}".rstrip("/"), file)]


def test_names_that_no_ledger_keeps_hold_up_no_other_file(watched: Watched) -> None:
    """No text at all, or too long for an index: the log says so."""
    rising = "".join(chr(0x4E00 + number) for number in range(900))
    for name in ("a.csv", "\udc80.csv", "nul\0.csv", rising, "z.csv"):
        watched.store.put(name)
    assert watched.look(3) == 2
    watched.store.remove("a.csv")
    assert watched.look() == 0
    assert watched.given() == [("in", "a.csv"), ("in", "z.csv")]


def test_a_store_that_never_answers_holds_up_no_other(sqlite_database: Database) -> None:
    """It keeps a thread of its own; nobody else is let to its trigger as long as that may still do something."""
    watched = Watched(sqlite_database).started()
    watched.triggers.put("BlobEventsTrigger", {**FILES, "scope": "linkedService:stuck"}, "stuck")
    watched.triggers.start("stuck")
    over, hangs = threading.Event(), threading.Event()

    def listing(trigger: Trigger, watch: FileWatch) -> Sequence[SeenFile]:
        if trigger.name == "stuck":
            hangs.set()
            assert over.wait(60)
        return watched.store(trigger, watch)

    watching = Watching(watched.triggers.desk, listing)
    looks = StoreLooks(watching, at_once=2)
    try:
        watched.store.put("a.csv")
        for _ in range(20):
            watched.triggers.client.clock.advance(20 * SECOND)
            looks.begin_due()
            assert hangs.wait(10)
            looks.wait(0.02)
        assert watched.given() == [("in", "a.csv")]
        watched.triggers.client.clock.advance(LEASE // 4)
        assert [trigger for trigger in due_stores(watching) if trigger in looks.under_way] == []
    finally:
        over.set()
        looks.wait(10)


def test_what_comes_while_nobody_looks_is_told_of_later(watched: Watched) -> None:
    """The server was down, or the store could not be reached: what is known of it is in the ledger."""
    watched.look()
    watched.store.away = True
    watched.store.put("a.csv")
    assert watched.look(3) == 0
    watched.store.away = False
    again = Watching(watched.triggers.desk, watched.store)
    watched.watching = again
    assert watched.look(2) == 1


def test_a_trigger_that_was_stopped_goes_on_where_it_was(watched: Watched) -> None:
    """Its files are known still."""
    watched.triggers.stop()
    watched.store.put("a.csv")
    assert watched.look(3) == 0
    watched.triggers.start()
    assert watched.look(2) == 1


def test_a_file_that_is_written_again_fires_again(watched: Watched) -> None:
    """As a new version."""
    watched.store.put("a.csv")
    watched.look(2)
    watched.store.put("a.csv", stamp="2")
    assert watched.look(2) == 1
    assert len(watched.triggers.runs()) == 2


def test_deletions_fire_where_they_are_asked_for(database: Database) -> None:
    """And creations then do not."""
    watched = Watched(database, events=["Microsoft.Storage.BlobDeleted"]).started()
    watched.store.put("a.csv")
    assert watched.look(2) == 0
    watched.store.remove("a.csv")
    assert watched.look() == 1
    assert watched.triggers.runs()[0]["properties"]["EventType"] == "deleted"


def test_two_processes_that_look_at_one_store_tell_of_each_file_once(watched: Watched) -> None:
    """While one lists, nobody else does; and whoever is overtaken writes nothing."""
    watched.store.put("a.csv")
    watched.look()
    watched.triggers.client.clock.advance(5 * SECOND)
    assert [look_at_stores(watched.watching), look_at_stores(watched.watching)] == [1, 0]


def test_a_look_that_is_overtaken_tells_nothing(database: Database) -> None:
    """It began, hung for longer than its lease, and meanwhile another one did it all."""
    watched = Watched(database).started()
    watched.store.put("a.csv")
    watched.look()

    def slow(trigger: Trigger, watch: FileWatch) -> Sequence[SeenFile]:
        watched.triggers.client.clock.advance(300 * SECOND)
        assert look_at_stores(watched.watching) == 1
        return watched.store(trigger, watch)

    watched.triggers.client.clock.advance(5 * SECOND)
    assert look_at_stores(Watching(watched.triggers.desk, slow)) == 0
    assert len(watched.triggers.runs()) == 1


def test_very_many_files_are_told_of_each_once(watched: Watched) -> None:
    """In several transactions, of which each has few events."""
    watched.watching = replace(watched.watching, stretch=20, most_events=7)
    for number in range(90):
        watched.store.put(f"{number:03d}.csv")
    assert watched.look(2) == 90
    assert sorted(file for _, file in watched.given()) == [f"{number:03d}.csv" for number in range(90)]


def test_events_wait_when_so_many_runs_wait_already(database: Database) -> None:
    """None is lost: they are told of when some runs have begun."""
    watched = Watched(database, waiting_runs=10)
    watched.triggers.client.put_pipeline(
        "p", concurrency=1, parameters={"when": {"type": "String"}, "n": {"type": "String"}}
    )
    watched.started()
    for number in range(30):
        watched.store.put(f"{number:03d}.csv")
    first = watched.look(2)
    assert 0 < first < 30
    done = first
    for _ in range(6):
        watched.triggers.end()
        done += watched.look()
    assert done == 30
    assert {run["status"] for run in watched.triggers.runs()} == {"Succeeded"}


POINTS = ("watch-leased", "trigger-run-written", "trigger-runs-queued", "watch-files-kept", "watch-stretch-told")


@pytest.mark.turn_about
@pytest.mark.parametrize("point", POINTS)
def test_each_file_fires_once_wherever_a_process_is_killed(database: Database, ledger_url: str, point: str) -> None:
    """What it had told of is known; what it had not is told of by the next, once the lease of the dead one is over."""
    watched = Watched(database).started()
    watched.watching = replace(watched.watching, stretch=2)
    names = [f"{number}.csv" for number in range(5)]
    for name in names:
        watched.store.put(name)
    watched.look()
    watched.triggers.client.clock.advance(5 * SECOND)

    def look() -> None:
        # Both count their ids; those of two processes differ.
        makers = {AUDIENCE: maker(replace(watched.triggers.client.door, ids=SystemIds()))}
        desk = replace(watched.triggers.desk, database=Database(ledger_url), ids=SystemIds(), makers=makers)
        look_at_stores(replace(watched.watching, desk=desk))

    die_at(point, look)
    watched.look(50)
    assert sorted(file for _, file in watched.given()) == names


def test_a_trigger_that_watches_something_else_begins_anew(watched: Watched) -> None:
    """What is there of it did not come while it was watched."""
    watched.store.put("deep/a.csv")
    watched.look(2)
    watched.triggers.stop()
    watched.triggers.put("BlobEventsTrigger", {**FILES, "blobPathBeginsWith": "/in/blobs/deep/"}, **FILE)
    watched.triggers.start()
    assert watched.look(3) == 0
    watched.store.put("deep/b.csv")
    assert watched.look(2) == 1


def test_the_clock_is_asked_for_the_next_look(watched: Watched) -> None:
    """Five seconds later, unless the settings say otherwise; a stopped trigger has none."""
    now = watched.triggers.client.clock.now()
    assert next_look(watched.triggers.desk.database, now) == now + 5 * SECOND
    watched.triggers.stop()
    assert next_look(watched.triggers.desk.database, now) is None


def test_the_linked_service_that_is_watched_is_there(watched: Watched) -> None:
    """As any that a document names: it is there before, and is not removed."""
    answer = watched.triggers.try_put("BlobEventsTrigger", {**FILES, "scope": "linkedService:nowhere"}, "u")
    assert (answer.status_code, "invalid reference 'nowhere'" in answer.text) == (400, True)
    gone = watched.triggers.client("DELETE", "linkedservices/files")
    assert (gone.status_code, "referenced by t" in gone.text) == (400, True)


def test_a_blob_trigger_is_one_of_files_that_come_into_a_folder(database: Database) -> None:
    """The older form."""
    watched = Watched(database)
    reference = {"referenceName": "files", "type": "LinkedServiceReference"}
    watched.triggers.put(
        "BlobTrigger", {"folderPath": "in/deep", "maxConcurrency": 1, "linkedService": reference}, **FILE
    )
    watched.started()
    watched.store.put("deep/a.csv")
    watched.store.put("deeper/b.csv")
    assert watched.look(2) == 1
    assert watched.given() == [("in/deep", "a.csv")]


@pytest.mark.parametrize(
    ("kind", "properties", "word"),
    [
        ("BlobEventsTrigger", {**FILES, "blobPathBeginsWith": ""}, "blobPathBeginsWith"),
        ("BlobEventsTrigger", {**FILES, "blobPathBeginsWith": "in/blobs"}, "blobPathBeginsWith"),
        ("BlobEventsTrigger", {**FILES, "events": []}, "events"),
        ("BlobEventsTrigger", {**FILES, "events": ["Microsoft.Storage.BlobRenamed"]}, "events"),
        ("BlobEventsTrigger", {**FILES, "scope": 7}, "scope"),
        ("BlobEventsTrigger", {**FILES, "ignoreEmptyBlobs": "no"}, "ignoreEmptyBlobs"),
        ("BlobTrigger", {"folderPath": "in", "maxConcurrency": 0, "linkedService": {}}, "maxConcurrency"),
        ("BlobTrigger", {"folderPath": "in", "maxConcurrency": 1, "linkedService": {}}, "linkedService"),
        ("CustomEventsTrigger", {**POSTED, "events": "all"}, "events"),
        ("CustomEventsTrigger", {**POSTED, "scope": ""}, "scope"),
    ],
)
def test_a_wrong_property_is_named(database: Database, kind: str, properties: dict[str, Any], word: str) -> None:
    """At PUT, with 400."""
    answer = make_triggers(database).try_put(kind, properties)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert word in answer.json()["error"]["message"]


@pytest.fixture
def posted(database: Database) -> Triggers:
    """Return a started trigger of events that are posted."""
    triggers = make_triggers(database)
    triggers.put(
        "CustomEventsTrigger", POSTED, when="@triggerBody().event.subject", n="@string(triggerBody().event.data.n)"
    )
    triggers.start()
    return triggers


def event(**more: Any) -> dict[str, Any]:
    """Return an event that the trigger wants."""
    return {"id": "e1", "subject": "orders/7", "eventType": "order.placed", "data": {"n": 7}, **more}


def test_a_posted_event_fires_the_triggers_that_want_it(posted: Triggers) -> None:
    """The answer says which; the run gets what was posted."""
    answer = posted.client(
        "POST", "events", [event(), event(id="e2", subject="returns/7"), event(id="e3", eventType="x")]
    )
    assert answer.status_code == 200
    assert [(told["id"], len(told["triggerRuns"])) for told in answer.json()["value"]] == [
        ("e1", 1),
        ("e2", 0),
        ("e3", 0),
    ]
    (run,) = posted.pipeline_runs()
    assert (run["parameters"]["when"], run["parameters"]["n"]) == ("orders/7", "7")
    assert run["invokedBy"]["invokedByType"] == "CustomEventsTrigger"


def test_an_event_that_is_posted_again_fires_nothing_again(posted: Triggers) -> None:
    """Whoever got no answer may repeat it."""
    posted.client("POST", "events", [event()])
    again = posted.client("POST", "events", [event(), event()])
    assert [told["triggerRuns"] for told in again.json()["value"]] == [[], []]
    assert len(posted.pipeline_runs()) == 1


def test_an_event_whose_run_cannot_be_made_says_why(posted: Triggers) -> None:
    """Its trigger run has failed; whoever posted it is told."""
    told = posted.client("POST", "events", [event(data={})]).json()["value"][0]["triggerRuns"][0]
    assert (told["status"], told["triggeredPipelines"]) == ("Failed", {})
    assert "The parameter 'n' of the pipeline 'p' cannot be evaluated" in told["message"]


def test_an_event_of_another_topic_is_not_wanted(posted: Triggers) -> None:
    """One that says no topic is taken to come from here."""
    posted.client("POST", "events", [event(topic="/subscriptions/s/topics/other")])
    assert posted.runs() == []


def test_a_stopped_trigger_misses_events(posted: Triggers) -> None:
    """Nobody keeps them for it."""
    posted.stop()
    posted.client("POST", "events", [event()])
    posted.start()
    assert posted.runs() == []


def test_an_event_may_have_a_very_long_id(posted: Triggers) -> None:
    """And is told from others by it."""
    long = "".join(chr(0x4E00 + number % 20_000) for number in range(30_000))
    told = [posted.client("POST", "events", [event(id=each)]).json()["value"][0] for each in (long, long, long + "2")]
    assert [len(each["triggerRuns"]) for each in told] == [1, 0, 1]


@pytest.mark.parametrize("body", [{}, [7], [{"id": "x"}], [{"id": 7, "eventType": "x"}], "x"])
def test_what_is_no_array_of_events_is_refused(posted: Triggers, body: Any) -> None:
    """With 400, and nothing is fired."""
    answer = posted.client("POST", "events", body)
    assert answer.status_code == 400
    assert posted.runs() == []
