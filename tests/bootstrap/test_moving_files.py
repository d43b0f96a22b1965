"""What lies in a folder is found, copied one by one, and removed: through the real door, the real engine and a real SFTP server."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from moving_factory import MovingFactory, moving_factory, reference
from stores import Shelf, server_shelf

READ = {"type": "SftpReadSettings", "recursive": False}


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    """A server with two files and a folder."""
    with server_shelf("sftp") as found:
        shelf = found.fresh()
        for name in ("b ü.csv", "#1.csv", "deep/c.csv"):
            shelf.put(name, f"{name}\n".encode())
        yield shelf


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> Iterator[MovingFactory]:
    """A factory with the server as the linked service ``server``."""
    assert shelf.info is not None
    with moving_factory(tmp_path_factory.mktemp("moving"), HEADRACE_EGRESS_ALLOW="127.0.0.1") as factory:
        factory.service(
            "server",
            "Sftp",
            host="127.0.0.1",
            port=urlsplit(shelf.info.url).port,
            authenticationType="Basic",
            userName="user",
            password={"type": "SecureString", "value": "secret"},
            skipHostKeyValidation=True,
        )
        yield factory


def test_every_file_of_a_folder_is_copied_and_removed(factory: MovingFactory, shelf: Shelf) -> None:
    """GetMetadata finds them, Filter leaves folders out, ForEach copies each and removes it; the output of each tells of it."""
    folder = {"type": "SftpLocation", "folderPath": shelf.folder}
    factory.dataset("folder", "Binary", "server", location=folder)
    named = {"type": "Expression", "value": "@dataset().file"}
    for name, service, location in (
        ("one", "server", {**folder, "fileName": named}),
        ("kept", "files", {"type": "FileServerLocation", "folderPath": "kept", "fileName": named}),
    ):
        linked = reference(service, "LinkedServiceReference")
        properties = {"type": "Binary", "linkedServiceName": linked, "typeProperties": {"location": location}}
        factory.put(f"datasets/{name}", {**properties, "parameters": {"file": {"type": "string"}}})
    look = {
        "name": "Look",
        "type": "GetMetadata",
        "typeProperties": {"dataset": reference("folder"), "fieldList": ["childItems", "itemName", "exists"]},
    }
    item = {"type": "Expression", "value": "@item().name"}
    copy = {
        "name": "Copy",
        "type": "Copy",
        "inputs": [reference("one", file=item)],
        "outputs": [reference("kept", file=item)],
        "typeProperties": {"source": {"type": "BinarySource", "storeSettings": READ}, "sink": {"type": "BinarySink"}},
    }
    remove = {
        "name": "Remove",
        "type": "Delete",
        "dependsOn": [{"activity": "Copy", "dependencyConditions": ["Succeeded"]}],
        "typeProperties": {
            "dataset": reference("one", file=item),
            "enableLogging": True,
            "logStorageSettings": {"linkedServiceName": reference("files", "LinkedServiceReference"), "path": "logs"},
            "storeSettings": READ,
        },
    }
    after = [{"activity": "Look", "dependencyConditions": ["Succeeded"]}]
    kept = {
        "name": "Files",
        "type": "Filter",
        "dependsOn": after,
        "typeProperties": {
            "items": {"type": "Expression", "value": "@activity('Look').output.childItems"},
            "condition": {"type": "Expression", "value": "@equals(item().type, 'File')"},
        },
    }
    each = {
        "name": "Each",
        "type": "ForEach",
        "dependsOn": [{"activity": "Files", "dependencyConditions": ["Succeeded"]}],
        "typeProperties": {
            "items": {"type": "Expression", "value": "@activity('Files').output.Value"},
            "activities": [copy, remove],
        },
    }
    rows = factory.run(look, kept, each)
    failed = {name: row["error"] for name, row in rows.items() if row["status"] != "Succeeded"}
    assert failed == {}
    children = [("#1.csv", "File"), ("b ü.csv", "File"), ("deep", "Folder")]
    assert [(child["name"], child["type"]) for child in rows["Look"]["output"]["childItems"]] == children
    found = {path.name: path.read_text() for path in (factory.data / "kept").iterdir()}
    assert found == {"#1.csv": "#1.csv\n", "b ü.csv": "b ü.csv\n"}
    output = rows["Remove"]["output"]
    assert (output["type"], output["filesDeleted"]) == ("Sftp", 1)
    assert (factory.data / output["logPath"]).is_dir()
    again = factory.run(look)["Look"]["output"]["childItems"]
    assert again == [{"name": "deep", "type": "Folder"}]
