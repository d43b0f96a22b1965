"""Events of files, made of looks at a store."""

from hypothesis import given
from hypothesis import strategies as st

from headrace.core.file_events import (
    Difference,
    FileChange,
    FileEvent,
    FileFilter,
    KnownFile,
    SeenFile,
    difference,
    event_path,
)

BOTH = FileFilter(frozenset(FileChange))
A, B = event_path("in", "a.csv"), event_path("in", "deep/er/b.csv")


def seen(path: str = A, size: int = 1, stamp: str = "1") -> SeenFile:
    """Return a file as a listing has it."""
    return SeenFile(path, size, stamp)


class Watcher:
    """Looks again and again, and keeps what is known."""

    def __init__(self, wanted: FileFilter = BOTH) -> None:
        self.known: dict[str, KnownFile] = {}
        self.wanted = wanted
        self.told: list[FileEvent] = []
        self.first = True

    def look(self, *files: SeenFile) -> list[tuple[str, str]]:
        """Look at a store with these files; return what was told."""
        found = difference(self.known, files, self.wanted, first=self.first)
        self.first = False
        self.keep(found)
        return [(event.change.value, event.path) for event in found.events]

    def keep(self, found: Difference) -> None:
        """Take over what is known from now on."""
        self.known |= {file.path: file for file in found.put}
        for path in found.gone:
            del self.known[path]
        self.told.extend(found.events)


def test_what_was_there_before_the_first_look_is_not_told() -> None:
    """A trigger that is started does not process the past."""
    watcher = Watcher()
    assert [watcher.look(seen()), watcher.look(seen()), watcher.look(seen())] == [[], [], []]


def test_a_file_is_told_of_when_a_second_look_finds_it_as_it_was() -> None:
    """Half a file is not worked on."""
    watcher = Watcher()
    looks = [watcher.look(), watcher.look(seen(size=1)), watcher.look(seen(size=2)), watcher.look(seen(size=2))]
    assert looks == [[], [], [], [("created", A)]]
    assert watcher.look(seen(size=2)) == []


def test_a_file_that_is_written_anew_is_created_again() -> None:
    """Its size may be the same: the time, or the etag, is another one."""
    watcher = Watcher()
    watcher.look(seen())
    assert [watcher.look(seen(stamp="2")), watcher.look(seen(stamp="2"))] == [[], [("created", A)]]


def test_each_version_of_a_file_has_a_key_of_its_own() -> None:
    """So that whoever looks twice at the same change makes one trigger run of it."""
    watcher = Watcher()
    watcher.look()
    for stamp in "123":
        watcher.look(seen(stamp=stamp))
        watcher.look(seen(stamp=stamp))
    assert len({event.key for event in watcher.told}) == 3


def test_a_file_that_goes_is_told_of_unless_nobody_knew_of_it() -> None:
    """One that went before it was settled was never there."""
    watcher = Watcher()
    watcher.look(seen())
    assert watcher.look(seen(B)) == [("deleted", A)]
    assert watcher.look() == []


def test_a_file_that_is_overwritten_and_goes_at_once_is_told_to_be_gone() -> None:
    """Its earlier version was known."""
    watcher = Watcher()
    watcher.look(seen())
    assert [watcher.look(seen(stamp="2")), watcher.look()] == [[], [("deleted", A)]]


def test_an_empty_file_is_ignored_until_something_is_in_it() -> None:
    """As the real service does unless it is told otherwise."""
    watcher = Watcher()
    watcher.look()
    assert [watcher.look(seen(size=0)), watcher.look(seen(size=0))] == [[], []]
    assert [watcher.look(seen(size=5)), watcher.look(seen(size=5))] == [[], [("created", A)]]


def test_an_empty_file_counts_where_it_is_asked_for() -> None:
    """``ignoreEmptyBlobs`` false."""
    watcher = Watcher(FileFilter(frozenset(FileChange), ignore_empty=False))
    watcher.look()
    assert [watcher.look(seen(size=0)), watcher.look(seen(size=0))] == [[], [("created", A)]]


def test_only_wanted_changes_are_told() -> None:
    """Deletions alone, for instance; creations are known all the same."""
    watcher = Watcher(FileFilter(frozenset({FileChange.DELETED})))
    watcher.look()
    looks = [watcher.look(seen()), watcher.look(seen()), watcher.look()]
    assert looks == [[], [], [("deleted", A)]]


def test_paths_are_compared_as_plain_text() -> None:
    """No wildcards; the prefix may end in the middle of a name."""
    wanted = FileFilter(frozenset(FileChange), begins="/in/blobs/deep/er/b", ends=".csv")
    assert (wanted.takes(B), wanted.takes(A), wanted.takes(B + ".gz")) == (True, False, False)


def test_an_event_names_container_folder_and_file() -> None:
    """As ``triggerBody()`` has them: no trailing slash, and the container alone for a file at its root."""
    deep, flat = (FileEvent(FileChange.CREATED, path, 1, "") for path in (B, A))
    assert (deep.folder, deep.file) == ("in/deep/er", "b.csv")
    assert (flat.folder, flat.file) == ("in", "a.csv")


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3), max_size=12))
def test_every_version_that_stays_for_two_looks_is_told_once(states: list[dict[str, int]]) -> None:
    """Whatever comes and goes in between, and in whatever order."""
    watcher = Watcher()
    watcher.look()
    before: dict[str, int] = {}
    settled: dict[str, int] = {}
    noticed: set[str] = set()
    expected: list[tuple[str, str]] = []
    for state in states:
        expected += [("created", n) for n in sorted(state) if before.get(n) == state[n] and settled.get(n) != state[n]]
        settled.update({n: state[n] for n in state if before.get(n) == state[n]})
        noticed |= set(settled)
        # A version that differs is not settled any more, even if the earlier one comes back.
        settled = {n: v for n, v in settled.items() if state.get(n) == v}
        expected += [("deleted", n) for n in sorted(noticed) if n not in state]
        noticed &= set(state)
        before = state
        watcher.look(*(seen(event_path("in", n), 1, str(state[n])) for n in sorted(state)))
    told = [(event.change.value, event.file) for event in watcher.told]
    assert told == expected
