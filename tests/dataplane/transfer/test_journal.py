"""What later tries find of earlier ones."""

import json
import resource
from dataclasses import replace

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Problem
from headrace.dataplane.transfer.journal import JOURNAL, Done, folder_of, open_journal, sweep
from transferring import Desk

DONE = Done("u", ("s",), ("a.csv",), 3, 2, 1, files=("out/a.parquet",))


def test_what_a_try_noted_is_found_by_the_next(desk: Desk) -> None:
    """Finished units, skipped and removed files, names and values; not those of another request."""
    with open_journal(desk.roots, "key", "asked", "1.1") as journal:
        journal.note_done(DONE)
        journal.note_deleted("s")
        journal.tell("x", [1])
        assert journal.decide("name", ("first",)) == ("first",)
    with open_journal(desk.roots, "key", "asked", "1.2") as journal:
        assert journal.done == {"u": DONE}
        assert journal.earlier == {"u"}
        assert journal.deleted == {"s"}
        assert journal.told == {"x": [1]}
        assert journal.decide("name", ("second",)) == ("first",)
    with open_journal(desk.roots, "key", "other", "1.3") as journal:
        assert journal.done == {}
        assert journal.decide("name", ("second",)) == ("second",)


def test_a_torn_line_is_as_if_it_had_not_been_written(desk: Desk) -> None:
    """What a killed process had half written is no fact, and does not spoil the next line."""
    with open_journal(desk.roots, "key", "asked", "1.1") as journal:
        journal.note_done(DONE)
        journal.note_done(replace(DONE, unit="v"))
    path = folder_of(desk.roots, "key") / JOURNAL
    path.write_bytes(path.read_bytes()[:-20])
    with open_journal(desk.roots, "key", "asked", "1.2") as journal:
        assert list(journal.done) == ["u"]
        journal.note_done(replace(DONE, unit="w"))
    with open_journal(desk.roots, "key", "asked", "1.3") as journal:
        assert list(journal.done) == ["u", "w"]


def test_a_line_that_the_disk_had_no_room_for_does_not_spoil_the_next(desk: Desk) -> None:
    """Another unit may be finished before the try ends, or the same one is tried again."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = folder_of(desk.roots, "key") / JOURNAL
    with open_journal(desk.roots, "key", "asked", "1.1") as journal:
        journal.note_done(DONE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, usual[1]))
        try:
            with pytest.raises((OSError, Problem)):
                journal.note_done(replace(DONE, unit="v"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        journal.note_done(replace(DONE, unit="w"))
    with open_journal(desk.roots, "key", "asked", "1.2") as journal:
        assert list(journal.done) == ["u", "w"]


def test_after_a_loss_of_power_only_what_was_durable_counts(desk: Desk) -> None:
    """Bytes that were handed to the machine may be lost with it; a database has what it has committed, of rows that were laid down for it."""
    with open_journal(desk.roots, "key", "asked", "1.1") as journal:
        journal.note_done(DONE)
        journal.note_done(replace(DONE, unit="v", durable=True))
        journal.note_landed("s", {"file": "landed-1.parquet"})
    path = folder_of(desk.roots, "key") / JOURNAL
    lines = [{**json.loads(line), "boot": "another"} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with open_journal(desk.roots, "key", "asked", "1.2") as journal:
        assert list(journal.done) == ["v"]
        assert journal.landed == {"s": {"file": "landed-1.parquet"}}


def test_temporary_files_are_forgotten_when_they_are_in_their_places(desk: Desk) -> None:
    """Only what may still lie in the sink is looked for there."""
    with open_journal(desk.roots, "key", "asked", "1.1") as journal:
        journal.note_part("out/.p1", "out/a.parquet")
        journal.note_part("out/.p2", "out/b.parquet")
        journal.note_done(DONE)
    with open_journal(desk.roots, "key", "asked", "1.2") as journal:
        assert [(part.path, part.tried) for parts in journal.parts.values() for part in parts] == [("out/.p2", "1.1")]


def test_old_journals_are_removed(desk: Desk) -> None:
    """Nothing was added to them for as long as landings are kept."""
    with open_journal(desk.roots, "key", "asked", "1.1") as journal:
        journal.note_done(DONE)
    assert sweep(desk.roots, Instant(0)) == 0
    assert sweep(desk.roots, Instant(2**62)) == 1
    assert list(desk.roots.transfers.iterdir()) == []
