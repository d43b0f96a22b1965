"""Listing what triggers watch, in real stores."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.activities.datafactory.watching import StoreLister
from headrace.core.errors import Code, Problem
from headrace.core.file_events import FileChange, FileFilter, FileWatch
from headrace.core.trigger import Trigger, TriggerKind
from headrace.dataplane.limits import Limits
from moving_desk import Bench
from pipeline_desk import SCOPE
from stores import AZURE_KEY, BUCKET, Shelf, azure_shelf, s3_shelf

CREATED = frozenset({FileChange.CREATED})
TRIGGER = Trigger(id="t", scope=SCOPE, name="t", type="BlobEventsTrigger", kind=TriggerKind.FILES, definition={})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A folder with files."""
    made = Bench(tmp_path)
    for name in ("in/a.csv", "in/.b.csv", "in/deep/c.txt", "inner/d.csv", "e.csv"):
        made.put(name)
    return made


def listed(bench: Bench, store: str = "linkedService:disk", begins: str = "", ends: str = "") -> list[str]:
    """Return the paths that a watch takes."""
    accounts = {"/subscriptions/s/storageaccounts/sales": "disk", "sales2": "disk"}
    lister = StoreLister(bench.desk.installation, bench.moving.connecting, Limits(), accounts)
    return sorted(file.path for file in lister(TRIGGER, FileWatch(store, FileFilter(CREATED, begins, ends))))


def test_the_first_folder_of_a_file_server_is_the_container(bench: Bench) -> None:
    """Files that lie beside the folders are in none; names that begin with a dot count."""
    assert listed(bench, begins="/in/blobs/") == ["/in/blobs/.b.csv", "/in/blobs/a.csv", "/in/blobs/deep/c.txt"]
    assert listed(bench, begins="/in/blobs/deep/") == ["/in/blobs/deep/c.txt"]
    assert listed(bench, begins="/in/blobs/a") == ["/in/blobs/a.csv"]


def test_a_beginning_within_the_containers_name_means_several(bench: Bench) -> None:
    """And none at all means all of them."""
    assert listed(bench, begins="/in", ends=".csv") == ["/in/blobs/.b.csv", "/in/blobs/a.csv", "/inner/blobs/d.csv"]
    assert listed(bench, ends="d.csv") == ["/inner/blobs/d.csv"]


def test_a_folder_that_is_not_there_has_no_files(bench: Bench) -> None:
    """It may come, and it may have gone."""
    assert listed(bench, begins="/in/blobs/nowhere/") == []
    assert listed(bench, begins="/nowhere/blobs/") == []


@pytest.mark.parametrize("store", ["/subscriptions/s/storageAccounts/Sales", "/subscriptions/x/storageAccounts/sales2"])
def test_an_account_stands_for_what_the_operator_says(bench: Bench, store: str) -> None:
    """By its whole id, or by its name."""
    assert listed(bench, store, begins="/inner/blobs/") == ["/inner/blobs/d.csv"]


@pytest.mark.parametrize(
    ("store", "word"), [("linkedService:nowhere", "nowhere"), ("/a/b", "HEADRACE_DATAFACTORY_STORAGE_ACCOUNTS")]
)
def test_what_nobody_knows_is_named(bench: Bench, store: str, word: str) -> None:
    """In the worker's log."""
    with pytest.raises(Problem, match=word) as caught:
        listed(bench, store)
    assert caught.value.code is Code.NOT_FOUND


def test_a_version_of_a_file_has_a_stamp_of_its_own(bench: Bench) -> None:
    """Whatever its size is."""
    lister = StoreLister(bench.desk.installation, bench.moving.connecting, Limits())
    watch = FileWatch("linkedservice:disk", FileFilter(CREATED, "/inner/blobs/"))
    (first,) = lister(TRIGGER, watch)
    bench.put("inner/d.csv", b"c,d\n3,4\n")
    (second,) = lister(TRIGGER, watch)
    assert (first.size, first.stamp) != (second.size, second.stamp)


def s3(bench: Bench, shelf: Shelf) -> None:
    """Store a linked service to the shelf's bucket."""
    assert shelf.info is not None
    options = shelf.info.options
    keys = {"accessKeyId": options["access_key"], "secretAccessKey": options["secret_key"]}
    bench.service("store", "AmazonS3", serviceUrl=shelf.info.url, **keys)


def azure(bench: Bench, shelf: Shelf) -> None:
    """Store a linked service to the shelf's container."""
    assert shelf.info is not None
    account = f"AccountName=devstoreaccount1;AccountKey={AZURE_KEY};BlobEndpoint={shelf.info.url}"
    bench.service("store", "AzureBlobStorage", connectionString=account)


@pytest.fixture(scope="module", params=[(s3_shelf, s3), (azure_shelf, azure)], ids=["s3", "azure"])
def store(request: pytest.FixtureRequest) -> Iterator[tuple[Shelf, Callable[[Bench, Shelf], None]]]:
    """A real store with a few objects, and what makes it known."""
    shelf, known = request.param
    with shelf() as made:
        for name in ("in/a.csv", "in/deep/b.csv", "c.csv"):
            made.put_file(name, b"x")
        yield made, known


def test_the_bucket_or_container_of_an_object_store_is_the_container(
    bench: Bench, store: tuple[Shelf, Callable[[Bench, Shelf], None]]
) -> None:
    """Named, or found among all that there are."""
    shelf, known = store
    known(bench, shelf)
    whole = [f"/{BUCKET}/blobs/{name}" for name in ("c.csv", "in/a.csv", "in/deep/b.csv")]
    assert listed(bench, "linkedService:store", begins=f"/{BUCKET}/blobs/") == whole
    assert listed(bench, "linkedService:store", begins=f"/{BUCKET}/blobs/in/d") == whole[2:]
    assert listed(bench, "linkedService:store", ends=".csv") == whole
    assert listed(bench, "linkedService:store", begins=f"/{BUCKET}/blobs/nowhere/") == []
