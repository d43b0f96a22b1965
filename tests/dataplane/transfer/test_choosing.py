"""Which files of a store are meant."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.writing import PART, WritableStore
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.choosing import Chosen, choose
from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.places import open_place
from headrace.dataplane.transfer.request import Choice, Place, StoreType
from stores import Shelf

STORES = ["local_store", "s3_store", "azure_store", "sftp_store"]
TREE = (
    "in/a.csv",
    "in/.b.csv",
    "in/_c.csv",
    "in/d.txt",
    "in/deep/e.csv",
    "in/deep/er/f.csv",
    "in/x[1]*.csv",
    "other/year=2025/g.csv",
    "other/year=2026/month=07/h.csv",
    "other/year=2026/i.csv",
    "list.txt",
    f"in/{PART}0001",
)
Look = Callable[..., Chosen]


@pytest.fixture(scope="module", params=STORES)
def tree(request: pytest.FixtureRequest) -> Shelf:
    """A store with some files."""
    shelf: Shelf = request.getfixturevalue(request.param).fresh()
    for name in TREE:
        shelf.put(name, f"{name}\n".encode())
    return shelf


@contextmanager
def opened(shelf: Shelf, limits: Limits | None = None) -> Iterator[tuple[WritableStore, Place]]:
    """Open the shelf as a place."""
    place = place_of(shelf)
    with closing(open_place(place, None, limits or Limits())) as store:
        yield store, place


def place_of(shelf: Shelf) -> Place:
    """Return the shelf as a place."""
    kinds = {"local": StoreType.FOLDER, "sftp": StoreType.SFTP}
    return Place(kinds.get(shelf.kind, StoreType.OBJECTS), shelf.info, shelf.root if shelf.info is None else "")


@pytest.fixture(name="look")
def looker(tree: Shelf) -> Look:
    """Return what chooses in the tree."""

    def look(partition_root: str | None = None, **choice: object) -> Chosen:
        with opened(tree) as (store, place):
            return choose(store, place, Choice(**choice), Cancellation(), Limits(), partition_root)  # type: ignore[arg-type]  # whatever the test names

    return look


def names(chosen: Chosen) -> list[str]:
    """Return the paths of the files that were chosen."""
    return [file.path for file in chosen.files]


def test_all_files_of_a_folder_are_taken_also_hidden_ones_but_for_unfinished_ones(look: Look) -> None:
    """Rule 5, and names like any other."""
    below = [".b.csv", "_c.csv", "a.csv", "d.txt", "deep/e.csv", "deep/er/f.csv", "x[1]*.csv"]
    assert names(look(folder="in")) == below
    assert names(look(folder="/in/", recursive=False)) == [name for name in below if "/" not in name]


def test_wildcards_do_not_cross_folders_and_recursion_goes_below_those_that_match(look: Look) -> None:
    """Rule 3."""
    assert names(look(folder="in", wildcard_file="*.csv", recursive=False)) == [
        ".b.csv",
        "_c.csv",
        "a.csv",
        "x[1]*.csv",
    ]
    assert names(look(folder="in", file="a.csv", wildcard_file="?.csv")) == ["a.csv", "deep/e.csv", "deep/er/f.csv"]
    assert names(look(wildcard_folder="in/*", wildcard_file="*", recursive=False)) == ["deep/e.csv"]
    assert names(look(wildcard_folder="*/year=*", wildcard_file="?.csv")) == [
        "other/year=2025/g.csv",
        "other/year=2026/i.csv",
        "other/year=2026/month=07/h.csv",
    ]
    assert names(look(wildcard_folder="in", wildcard_file="x[1]^*.csv")) == ["x[1]*.csv"]
    assert names(look(wildcard_folder="in/deep", file="e.csv")) == ["e.csv"]


def test_one_named_file_is_taken_by_its_very_name(look: Look) -> None:
    """Rule 4: what looks like a wildcard is none."""
    chosen = look(folder="in", file="x[1]*.csv")
    assert [(file.path, file.entry.name) for file in chosen.files] == [("x[1]*.csv", "in/x[1]*.csv")]


@pytest.mark.parametrize("file", ["z.csv", "deep", "deep/z.csv"])
def test_a_named_file_that_is_not_there_fails(tree: Shelf, look: Look, file: str) -> None:
    """The reason says in what kind of store it is missing."""
    with pytest.raises(TransferProblem, match=r"there is no file 'in/") as caught:
        look(folder="in", file=file)
    expected = Reason.OBJECT_NOT_FOUND if place_of(tree).type is StoreType.OBJECTS else Reason.FILE_NOT_FOUND
    assert caught.value.reason is expected
    assert caught.value.code is Code.SOURCE_NOT_FOUND


def test_nothing_that_matches_is_no_error(look: Look) -> None:
    """Neither is a folder that is not there."""
    assert look(folder="nowhere").files == ()
    assert look(folder="in", wildcard_file="*.xml").files == ()
    assert look(wildcard_folder="nowhere/*/x", wildcard_file="*").files == ()


def test_only_files_of_the_time_are_taken_the_end_excluded(look: Look) -> None:
    """From ≤ modified < until."""
    whole = look(folder="in")
    at = next(file.entry.modified_at for file in whole.files if file.path == "a.csv")
    assert "a.csv" in names(look(folder="in", modified_from=at))
    assert "a.csv" not in names(look(folder="in", modified_until=at))
    assert names(look(folder="in", modified_from=Instant(at + 3600 * SECOND))) == []
    with pytest.raises(TransferProblem, match="not modified in the time"):
        look(folder="in", file="a.csv", modified_until=at)


def test_a_list_names_files_and_tells_of_those_that_are_not_there(tree: Shelf, look: Look) -> None:
    """Rule 1: relative to the dataset's folder, over all other rules."""
    tree.put("list.txt", "\ufeffa.csv\r\n\r\ndeep/er/f.csv\ndeep\nmissing one.csv\na.csv".encode())
    chosen = look(folder="in", list_path="list.txt", wildcard_file="*.txt")
    assert names(chosen) == ["a.csv", "deep/er/f.csv"]
    assert chosen.missing == ("deep", "missing one.csv")
    with pytest.raises(TransferProblem, match="with the list of files"):
        look(folder="in", list_path="nolist.txt")
    tree.put("list.txt", b"../in/a.csv")
    with pytest.raises(TransferProblem, match="leads out of its folder") as caught:
        look(folder="other", list_path="list.txt")
    assert caught.value.reason is Reason.ACCESS_DENIED


def test_folders_give_columns(look: Look) -> None:
    """Below the dataset's folder, what is before the first wildcard, or the root that is given; files without one have nulls."""
    chosen = look("", folder="other")
    assert chosen.partitions == ("year", "month")
    assert [(file.path, file.values) for file in chosen.files] == [
        ("year=2025/g.csv", ("2025", None)),
        ("year=2026/i.csv", ("2026", None)),
        ("year=2026/month=07/h.csv", ("2026", "07")),
    ]
    assert look("", wildcard_folder="other/year=2026/*", wildcard_file="*").partitions == ("month",)
    assert look("/other/year=2026/", wildcard_folder="other/*", wildcard_file="*").partitions == ("month",)
    assert look(None, folder="other").partitions == ()


def test_a_prefix_is_of_keys_and_only_object_stores_have_one(tree: Shelf, look: Look) -> None:
    """Rule 2: what is below its last slash is the path of a file."""
    if tree.info is None or tree.kind == "sftp":
        with pytest.raises(TransferProblem, match="keys of an object store"):
            look(prefix="in/de")
        return
    assert names(look(prefix="in/de")) == ["deep/e.csv", "deep/er/f.csv"]
    assert names(look(prefix="in/", recursive=False)) == [".b.csv", "_c.csv", "a.csv", "d.txt", "x[1]*.csv"]


def test_a_listing_has_a_limit_and_can_be_cancelled(tree: Shelf) -> None:
    """Neither memory nor time runs away."""
    with opened(tree) as (store, place):
        with pytest.raises(Problem, match="more than 3 files") as caught:
            choose(store, place, Choice("in"), Cancellation(), Limits(max_listed_files=3))
        assert caught.value.code is Code.LIMIT_EXCEEDED
        stopped = Cancellation()
        stopped.stop(Code.CANCELLED, "enough")
        with pytest.raises(Problem, match="enough"):
            choose(store, place, Choice("in"), stopped, Limits())


@pytest.mark.parametrize("choice", [Choice("a/../.."), Choice("in", "../x"), Choice(wildcard_folder="*/..")])
def test_nothing_leads_out_of_the_place(tree: Shelf, choice: Choice) -> None:
    """Whatever the documents say."""
    with opened(tree) as (store, place), pytest.raises(TransferProblem, match="leads out") as caught:
        choose(store, place, choice, Cancellation(), Limits())
    assert caught.value.reason is Reason.ACCESS_DENIED


def test_links_within_the_roots_are_followed_once_and_others_are_refused(local_store: Shelf) -> None:
    """A link to a folder above does not go on for ever; one that leads out is told of, and the rest is taken."""
    shelf = local_store.fresh()
    shelf.put("in/a.csv")
    shelf.put("in/deep/b.csv")
    root = Path(unquote(urlsplit(shelf.root).path))
    (root / "in/deep/up").symlink_to(root / "in")
    (root / "in/out.csv").symlink_to("/etc/passwd")
    (root / "in/away").symlink_to("/etc")
    place = place_of(shelf)
    with closing(open_place(place, (root,), Limits())) as store:
        chosen = choose(store, place, Choice("in"), Cancellation(), Limits())
        assert names(chosen) == ["a.csv", "deep/b.csv"]
        assert [(refusal.name, refusal.problem.code) for refusal in chosen.refused] == [
            ("in/away", Code.SOURCE_DENIED),
            ("in/out.csv", Code.SOURCE_DENIED),
        ]
        with pytest.raises(TransferProblem) as caught:
            choose(store, place, Choice("in", "out.csv"), Cancellation(), Limits())
        assert caught.value.reason is Reason.ACCESS_DENIED
    with pytest.raises(TransferProblem, match="outside of the folders"):
        open_place(replace(place, root="file:///etc"), (root,), Limits())


def test_a_place_that_is_not_there_fails(local_store: Shelf) -> None:
    """A folder that nobody has made is no empty one: the linked service is wrong."""
    shelf = local_store.fresh()
    with opened(shelf) as (store, place), pytest.raises(TransferProblem, match="there is no folder") as caught:
        choose(store, place, Choice(), Cancellation(), Limits())
    assert caught.value.reason is Reason.FILE_NOT_FOUND


def test_a_file_whose_name_is_no_utf8_is_chosen_and_can_be_opened(local_store: Shelf) -> None:
    """File systems allow any bytes; labels are fit for JSON."""
    shelf = local_store.fresh()
    shelf.put("in/a.csv")
    root = unquote(urlsplit(shelf.root).path)
    with open(os.fsencode(f"{root}/in/") + b"\xff.csv", "wb") as file:  # noqa: PTH123 — a name that is no text
        file.write(b"x")
    with opened(shelf) as (store, place):
        chosen = choose(store, place, Choice("in"), Cancellation(), Limits())
        assert names(chosen) == ["\\xff.csv", "a.csv"]
        with store.open(chosen.files[0].entry) as opened_file:
            assert opened_file.readinto(memoryview(bytearray(9))) == 1
