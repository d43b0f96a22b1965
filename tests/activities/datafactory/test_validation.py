"""Validation: files and folders of this machine, looked at until they are as they should be."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.secret_source import SecretSource
from headrace.activities.datafactory.validation import Looking, validation
from headrace.core.codec import Json
from headrace.core.outcome import Outcome, Pause
from headrace.dataplane.connectors.stores import open_store
from headrace.dataplane.limits import Limits
from pipeline_desk import Desk, Shelf, failure_of
from stores import AZURE_KEY, BUCKET, azure_shelf, server_shelf, with_key

AGAIN = Pause(seconds=10.0)


def _look(root: Path, location: Mapping[str, Json], more: Mapping[str, Json] | None = None, **service: Any) -> Any:
    linked: Json = {
        "referenceName": "Files",
        "type": "LinkedServiceReference",
        "parameters": {"root": "@dataset().root"},
    }
    shelf = Shelf(
        {
            ("linked_service", "Files"): {
                "type": "FileServer",
                "parameters": {"root": {"type": "String"}},
                "typeProperties": {"host": "@{linkedService().root}/data", "userId": "u"},
                **service,
            },
            ("dataset", "D"): {
                "type": "Binary",
                "linkedServiceName": linked,
                "parameters": {"root": {"type": "String"}},
                "typeProperties": {"location": {"type": "FileServerLocation", **location}},
            },
        }
    )

    def act(attempt: Attempt) -> Result:
        return validation(attempt, _looking(shelf, root / "data"))

    reference = {"referenceName": "D", "type": "DatasetReference", "parameters": {"root": str(root)}}
    return Desk().act(act, {"dataset": reference, **(more or {})})


def _looking(shelf: Shelf, root: Path) -> Looking:
    return Looking(
        shelf,
        SecretSource(),
        lambda _scope, url: open_store(url, None, (root,), Limits()),
        lambda info: open_store("", info, (), Limits()),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with ``data/in/a.csv`` (3 bytes), ``data/empty``, and a file that may not be read beside."""
    (tmp_path / "data" / "in").mkdir(parents=True)
    (tmp_path / "data" / "empty").mkdir()
    (tmp_path / "data" / "in" / "a.csv").write_text("abc")
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "data" / "out").symlink_to(tmp_path)
    return tmp_path


def _found(name: str, kind: str, size: int = 0) -> Outcome:
    return Outcome({"exists": True, "itemName": name, "itemType": kind, "size": size})


@pytest.mark.parametrize(
    ("location", "more", "expected"),
    [
        ({"folderPath": "in", "fileName": "a.csv"}, {}, _found("a.csv", "File", 3)),
        ({"folderPath": "in", "fileName": "a.csv"}, {"minimumSize": 3}, _found("a.csv", "File", 3)),
        ({"folderPath": "in", "fileName": "a.csv"}, {"minimumSize": 4}, AGAIN),
        ({"folderPath": "in", "fileName": "b.csv"}, {"sleep": 2}, Pause(seconds=2.0)),
        ({"folderPath": "nowhere", "fileName": "b.csv"}, {}, AGAIN),
        ({"folderPath": "in"}, {}, _found("in", "Folder")),
        ({"folderPath": "in"}, {"childItems": True}, _found("in", "Folder")),
        ({"folderPath": "in"}, {"childItems": False}, AGAIN),
        ({"folderPath": "empty"}, {"childItems": "@equals(1,1)"}, AGAIN),
        ({"folderPath": "empty"}, {"childItems": False}, _found("empty", "Folder")),
        ({"folderPath": "nowhere"}, {}, AGAIN),
        ({}, {}, _found("", "Folder")),
    ],
)
def test_what_is_there_ends_the_waiting(
    root: Path, location: Mapping[str, Json], more: Mapping[str, Json], expected: Any
) -> None:
    """Files by their size, folders by whether there is something in them; else it is looked at again after the sleep."""
    assert _look(root, location, more) == expected


@pytest.mark.parametrize(
    "location",
    [{"folderPath": "../", "fileName": "secret.txt"}, {"folderPath": "out", "fileName": "secret.txt"}],
)
def test_nothing_outside_of_the_roots_is_looked_at(root: Path, location: Mapping[str, Json]) -> None:
    """Neither two dots nor a link leads out: not even whether something exists can be found out."""
    assert failure_of(_look(root, location))[0] == "UserErrorFileAccessDenied"


def test_a_store_that_is_not_looked_into_is_told(root: Path) -> None:
    """The message names the linked service and its type."""
    message = "Files of the linked service 'Files' of type 'AzureDataLakeStore' cannot be validated here."
    assert failure_of(_look(root, {}, type="AzureDataLakeStore")) == ("UnsupportedType", message)


def _look_at(service: Mapping[str, Json], location: Mapping[str, Json]) -> Any:
    linked: Json = {"referenceName": "Store", "type": "LinkedServiceReference"}
    dataset: Mapping[str, Json] = {"linkedServiceName": linked, "typeProperties": {"location": location}}
    shelf = Shelf({("linked_service", "Store"): service, ("dataset", "D"): dataset})

    def act(attempt: Attempt) -> Result:
        return validation(attempt, _looking(shelf, Path("/nowhere")))

    return Desk().act(act, {"dataset": {"referenceName": "D", "type": "DatasetReference"}})


def test_containers_of_a_blob_store_are_looked_into() -> None:
    """By the account's connection string, whose key is the sealed part of it."""
    with azure_shelf() as store:
        assert store.info is not None
        store.put_file("in/a.csv", b"abc")
        string = f"AccountName=devstoreaccount1;AccountKey={AZURE_KEY};BlobEndpoint={store.info.url};"
        service: Mapping[str, Json] = {
            "type": "AzureBlobStorage",
            "typeProperties": {"connectionString": {"type": "SecureString", "value": string}},
        }
        place: Mapping[str, Json] = {"container": BUCKET, "folderPath": "in"}
        assert _look_at(service, {**place, "fileName": "a.csv"}) == _found("a.csv", "File", 3)
        assert _look_at(service, place) == _found("in", "Folder")
        assert _look_at(service, {**place, "fileName": "b.csv"}) == AGAIN
        assert _look_at(service, {**place, "folderPath": "out"}) == AGAIN


@pytest.mark.soak
def test_folders_of_an_sftp_server_are_looked_into() -> None:
    """With a password, or with a private key in base64."""
    with server_shelf("sftp") as store:
        store.put_file("in/a.csv", b"abc")
        info = with_key(store)
        login: Mapping[str, Json] = {"host": "127.0.0.1", "port": urlsplit(info.url).port, "userName": "user"}
        key = base64.b64encode(info.options["private_key"].encode()).decode()
        by_password: Mapping[str, Json] = {
            "type": "Sftp",
            "typeProperties": {**login, "password": "secret", "skipHostKeyValidation": True},
        }
        by_key: Mapping[str, Json] = {
            "type": "Sftp",
            "typeProperties": {
                **login,
                "privateKeyContent": key,
                "passPhrase": "open",
                "hostKeyFingerprint": info.options["host_key"],
            },
        }
        for service in (by_password, by_key):
            assert _look_at(service, {"folderPath": "in", "fileName": "a.csv"}) == _found("a.csv", "File", 3)
        assert _look_at(by_key, {"folderPath": "out"}) == AGAIN
