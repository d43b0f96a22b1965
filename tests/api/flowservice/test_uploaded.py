"""What becomes of uploads: promoted by a worker as any run's rows are, replaced, taken back; and their files, read through Data Access."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

from api.flowservice.conftest import HTTP, make_ends
from api.flowservice.house import Installation, installation
from api.flowservice.test_ingestion import CATALOG, IMPORT, act, make_batch, send
from waiting import until

EXPORT = "/data/foundation/export"
FINAL = {"success", "failed", "aborted", "inactive"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Return an installation with a worker."""
    with installation(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture
def ends(house: Installation) -> dict[str, str]:
    """Return the ids of a dataset of leads of this test's own, and of what belongs to it."""
    return make_ends(house.client)


def ended(house: Installation, batch: str, *statuses: str) -> dict[str, Any]:
    """Return the batch once it has one of ``statuses`` (any final one)."""

    def final() -> dict[str, Any] | None:
        shown: dict[str, Any] = house.client("GET", f"{CATALOG}/batches/{batch}").json()[batch]
        return shown if shown["status"] in (set(statuses) or FINAL) else None

    return until(final, seconds=60, what=f"the end of batch {batch}", every=0.1)


def uploaded(
    house: Installation, ends: dict[str, str], files: dict[str, bytes], form: str = "json", **given: Any
) -> dict[str, Any]:
    """Return the batch that a client makes of ``files``, when it has ended."""
    batch = make_batch(house.client, ends["dataset"], form, **given)
    for name, data in files.items():
        sent = send(house.client, f"/batches/{batch}/datasets/{ends['dataset']}/files/{name}", data)
        assert sent.status_code == 201, sent.text
    assert act(house.client, batch, "COMPLETE").status_code == 200
    return ended(house, batch)


def rows_of(house: Installation, ends: dict[str, str], columns: str = "_id, email, age") -> list[tuple[Any, ...]]:
    """Return the rows of the dataset as any reader of Delta sees them."""
    tables = [folder for folder in (house.home / "lake").rglob(ends["dataset"]) if (folder / "_delta_log").is_dir()]
    uris = [uri.removeprefix("file://") for uri in DeltaTable(tables[0]).file_uris()] if tables else []
    if not uris:
        return []
    with duckdb.connect() as reader:
        query = f"SELECT {columns} FROM read_parquet(?, union_by_name = true) ORDER BY ALL"
        return reader.execute(query, [uris]).fetchall()


def get(house: Installation, path: str, **headers: str) -> Any:
    """Return what Data Access answers."""
    return HTTP.get(house.client.base + EXPORT + path, headers={**house.client.headers, **headers})


def lines(*rows: dict[str, Any]) -> bytes:
    """Return rows as JSON lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


GOOD = {"_id": "1", "email": "a@b.co", "age": 30}
BAD = {"_id": "2", "email": "a@b.co", "age": -1}


def test_rows_within_the_threshold_are_ingested_and_the_others_told(house: Installation, ends: dict[str, str]) -> None:
    """The batch has the figures of a run's, its rejects are read in the usual places, and its files may be downloaded in parts."""
    files = {"one.json": lines(GOOD, BAD), "two.json": json.dumps([{**GOOD, "_id": "3"}]).encode()}
    batch = uploaded(house, ends, files, partialIngestionPercentage=50)
    assert (batch["status"], batch["recordCount"], batch["failedRecordCount"]) == ("success", 2, 1)
    assert {name: batch["metrics"][name] for name in ("inputRecordCount", "inputFileCount")} == {
        "inputRecordCount": 3,
        "inputFileCount": 2,
    }
    assert [error["code"] for error in batch["errors"]] == ["INGEST-1212-400", "DCVS-1111-400"]
    assert rows_of(house, ends) == [("1", "a@b.co", 30), ("3", "a@b.co", 30)]
    meta = f"/batches/{batch['id']}/meta"
    assert [one["name"] for one in get(house, meta).json()["data"]] == [
        "row_errors",
        "input_files",
        "row_error_samples.json",
    ]
    samples = get(house, meta + "?path=row_errors_sample.json").json()
    assert [(row["_id"], row["_filename"], row["_line"]) for row in samples] == [("2", "one.json", 2)]
    inputs = get(house, meta + "?path=input_files%2FfileMetaData1.json").text.splitlines()
    assert sorted(json.loads(line)["path"] for line in inputs) == ["one.json", "two.json"]
    file = get(house, f"/batches/{batch['id']}/files").json()["data"][0]["_links"]["self"]["href"]
    part = HTTP.get(file, headers=house.client.headers).json()["data"][0]
    whole = HTTP.get(part["_links"]["self"]["href"], headers=house.client.headers)
    tail = HTTP.get(part["_links"]["self"]["href"], headers={**house.client.headers, "range": "bytes=-4"})
    assert (tail.status_code, tail.content, str(len(whole.content))) == (206, b"PAR1", part["length"])
    assert (
        tail.headers["content-range"] == f"bytes {len(whole.content) - 4}-{len(whole.content) - 1}/{len(whole.content)}"
    )


def test_a_batch_without_rejects_shows_its_files_and_its_rows(house: Installation, ends: dict[str, str]) -> None:
    """What was read is told, also where no row was rejected, and with diagnostics off; the dataset's first rows are shown."""
    assert get(house, f"/datasets/{ends['dataset']}/preview").json() == {"data": []}
    batch = uploaded(house, ends, {"a.json": lines(GOOD)}, enableErrorDiagnostics=False)
    meta = f"/batches/{batch['id']}/meta"
    assert [one["name"] for one in get(house, meta).json()["data"]] == ["input_files"]
    listed = get(house, meta + "?path=input_files").json()["data"]
    told = HTTP.get(listed[0]["_links"]["self"]["href"], headers=house.client.headers)
    assert (told.headers["content-type"], len(told.content)) == ("application/x-ndjson", int(listed[0]["length"]))
    assert {name: told.json()[name] for name in ("path", "size", "records")} == {
        "path": "a.json",
        "size": len(lines(GOOD)),
        "records": 1,
    }
    assert get(house, meta + "?path=row_errors").status_code == 404
    assert get(house, f"/batches/{batch['id']}/failed").json()["data"] == []
    rows = get(house, f"/datasets/{ends['dataset']}/preview").json()["data"]
    assert [(row["_id"], row["age"]) for row in rows] == [("1", 30)]
    missing = get(house, f"/datasets/{'0' * 24}/preview")
    assert (missing.status_code, missing.json()["type"].rpartition("/")[2]) == (404, "EXPORT-1000-404")
    without = {name: value for name, value in house.client.headers.items() if name != "x-sandbox-name"}
    assert HTTP.get(house.client.base + EXPORT + meta, headers=without).status_code == 200


def test_a_batch_over_the_threshold_fails_whole(house: Installation, ends: dict[str, str]) -> None:
    """Nothing is committed; the files that were sent can be fetched again, with the mark that they are all."""
    batch = uploaded(house, ends, {"a.json": lines(GOOD, BAD)})
    assert (batch["status"], batch["recordCount"]) == ("failed", 0)
    assert rows_of(house, ends) == []
    listing = get(house, f"/batches/{batch['id']}/failed").json()["data"]
    assert [(one["name"], one["length"]) for one in listing] == [
        ("_SUCCESS", "0"),
        ("a.json", str(len(lines(GOOD, BAD)))),
    ]
    assert HTTP.get(listing[1]["_links"]["self"]["href"], headers=house.client.headers).content == lines(GOOD, BAD)


def test_a_file_without_bytes_fails_with_106(house: Installation, ends: dict[str, str]) -> None:
    """As a run's does."""
    batch = uploaded(house, ends, {"a.json": b""})
    assert (batch["status"], [error["code"] for error in batch["errors"]]) == ("failed", ["106"])


def test_csv_goes_by_paths_or_by_a_mapping_set(house: Installation, ends: dict[str, str]) -> None:
    """Columns called like the schema's paths fill them, others are left out; a mapping set says it otherwise."""
    form = {"format": "csv", "delimiter": ";", "nullMarker": "NIL"}
    by_paths = uploaded(house, ends, {"a.csv": b"age;_id;email;extra\n41;x;NIL;y\n"}, inputFormat=form)
    mapped = uploaded(house, ends, {"b.csv": b"Id,Email,Age\ny,A@B.CO,5\n"}, "csv", mappingSetId=ends["mapping"])
    assert (by_paths["status"], mapped["status"]) == ("success", "success"), (by_paths["errors"], mapped["errors"])
    assert rows_of(house, ends) == [("x", None, 41), ("y", "a@b.co", 5)]


def test_a_large_parquet_file_comes_in_parts(house: Installation, ends: dict[str, str], tmp_path: Path) -> None:
    """Every format may come so, and is read as if it had come whole."""
    with duckdb.connect() as writer:
        writer.execute(f"COPY (SELECT range::VARCHAR AS _id, 1 AS age FROM range(1000)) TO '{tmp_path}/a.parquet'")
    data = (tmp_path / "a.parquet").read_bytes()
    batch = make_batch(house.client, ends["dataset"], "parquet")
    path = f"/batches/{batch}/datasets/{ends['dataset']}/files/a.parquet"
    send(house.client, path + "?action=INITIALIZE", b"", "POST")
    middle = len(data) // 2
    for first, part in ((middle, data[middle:]), (0, data[:middle])):
        sent = send(
            house.client, path, part, "PATCH", content_range=f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        )
        assert sent.status_code == 201, sent.text
    send(house.client, path + "?action=COMPLETE", b"", "POST")
    act(house.client, batch, "COMPLETE")
    assert (ended(house, batch)["recordCount"], len(rows_of(house, ends, "_id"))) == (1000, 1000)


def test_a_batch_that_is_replaced_or_reverted_leaves_the_dataset(house: Installation, ends: dict[str, str]) -> None:
    """Its rows are in no newest version any more, and it is inactive; asking again changes nothing."""
    first = uploaded(house, ends, {"a.json": lines(GOOD)})
    kept = uploaded(house, ends, {"b.json": lines({**GOOD, "_id": "kept"})})
    replay = {"predecessors": [f"${first['id']}"], "reason": "replace"}
    second = uploaded(house, ends, {"a.json": lines({**GOOD, "_id": "new"})}, replay=replay)
    assert second["replay"]["predecessors"] == [first["id"]]
    assert ended(house, first["id"], "inactive")["status"] == "inactive"
    assert [row[0] for row in rows_of(house, ends)] == ["kept", "new"]
    assert act(house.client, second["id"], "REVERT").status_code == 200
    ended(house, second["id"], "inactive")
    assert act(house.client, second["id"], "revert").json()["status"] == "inactive"
    assert [row[0] for row in rows_of(house, ends)] == ["kept"]
    dataset = house.client("GET", f"{CATALOG}/dataSets/{ends['dataset']}").json()[ends["dataset"]]
    last = {
        name: dataset.get(name) for name in ("lastBatchId", "lastBatchStatus", "lastSuccessfulBatch", "lastFailedBatch")
    }
    assert last == {
        "lastBatchId": second["id"],
        "lastBatchStatus": "inactive",
        "lastSuccessfulBatch": kept["id"],
        "lastFailedBatch": None,
    }


def test_the_catalog_finds_batches_by_all_that_it_knows(house: Installation, ends: dict[str, str]) -> None:
    """Filters of the ledger and those of the objects, orders, pages, and nothing beyond the end."""
    good = uploaded(house, ends, {"a.json": lines(GOOD)}, externalId="x-1", tags={"origin": ["crm"]})
    bad = uploaded(house, ends, {"a.json": lines(BAD)})
    mine = f"{CATALOG}/batches?dataSet={ends['dataset']}"

    def found(query: str) -> list[str]:
        return list(house.client("GET", f"{mine}&{query}").json())

    assert (found(""), found("orderBy=asc:created")) == ([bad["id"], good["id"]], [good["id"], bad["id"]])
    by_each = {
        "status=success": [good["id"]],
        "status=failure": [bad["id"]],
        "status=stalled": [],
        f"batch={good['id']}": [good["id"]],
        "externalId=x-1": [good["id"]],
        f"created={bad['created']}": [bad["id"]],
        f"createdAfter={good['created']}": [bad["id"]],
        f"createdBefore={bad['created']}": [good["id"]],
        "failedRecordCount=1": [bad["id"]],
        "recordCount=1": [good["id"]],
        "createdClient=key": [bad["id"], good["id"]],
        "createdUser=nobody": [],
        "tags=origin:crm": [good["id"]],
        "property=status~^fail": [bad["id"]],
        "property=metrics.outputRecordCount>0": [good["id"]],
        "property=errors.code==INGEST-1211-400": [bad["id"]],
        "orderBy=desc:recordCount": [good["id"], bad["id"]],
        "limit=1&start=1": [good["id"]],
        "limit=1&offset=1": [good["id"]],
        "start=2": [],
        "no-such-parameter=1": [bad["id"], good["id"]],
    }
    assert {query: found(query) for query in by_each} == by_each
    shown = house.client("GET", f"{mine}&properties=status,created&limit=1").json()
    assert shown == {bad["id"]: {"status": "failed", "created": bad["created"]}}
    for wrong in ("property=status~(a%2B)%2B$", "property=status~(", "property=recordCount>many"):
        assert house.client("GET", f"{mine}&{wrong}").status_code == 400, wrong


def test_a_worker_that_dies_with_an_upload_in_its_hands_loses_nothing(
    house: Installation, ends: dict[str, str]
) -> None:
    """Between COMPLETE and the commit its worker is killed outright; the next one commits the rows, once."""
    batch = make_batch(house.client, ends["dataset"])
    many = lines(*({**GOOD, "_id": str(number)} for number in range(20_000)))
    send(house.client, f"/batches/{batch}/datasets/{ends['dataset']}/files/a.json", many)
    act(house.client, batch, "COMPLETE")
    for worker in workers_of(house):
        os.kill(worker, signal.SIGKILL)
    assert (ended(house, batch)["status"], rows_of(house, ends, "count(*)")) == ("success", [(20_000,)])


def workers_of(house: Installation) -> list[int]:
    """Return the processes of the installation's workers."""
    home = str(house.home)
    found = []
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0") if process.name.isdecimal() else []
        except OSError:
            continue
        if "worker" in words and home in words:
            found.append(int(process.name))
    return found


@pytest.mark.soak
def test_a_large_upload_is_streamed_and_never_held_in_memory(house: Installation, ends: dict[str, str]) -> None:
    """256 MB pass through the server, and its greatest size grows by less than a tenth of that."""
    server = parent_of(workers_of(house)[0])
    before = peak_of(server)
    batch = make_batch(house.client, ends["dataset"])
    url = f"{house.client.base}{IMPORT}/batches/{batch}/datasets/{ends['dataset']}/files/big.json"
    headers = {**house.client.headers, "content-type": "application/octet-stream"}
    piece = lines({**GOOD, "email": "x" * 1000}) * 1000
    sent = HTTP.put(url, headers=headers, content=(piece for _ in range(256_000_000 // len(piece))), timeout=300)
    assert sent.status_code == 201
    assert peak_of(server) - before < 25_000_000


def parent_of(process: int) -> int:
    """Return the process that started this one."""
    return int(Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])


def peak_of(process: int) -> int:
    """Return the greatest resident size that a process has had, in bytes."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_adobes_own_client_uploads_and_reads_what_became_of_it(house: Installation) -> None:
    """Its schema, catalog, ingestion and access modules do their work with nothing but the address changed.

    What they cannot do with Adobe's service either: ``uploadSmallFile`` sends whatever it is given as JSON, so CSV text arrives as one JSON string,
    which is no row; ``getDataSets`` begins its second page one too late (``start=101``); ``replayBatch`` sends PATCH to a path that only takes POST;
    the methods for large files send parts as JSON too; ``getHeadFile`` calls what is no function, and answers nothing.
    """
    program = Path(__file__).with_name("aepp_program.py")
    command = [sys.executable, "-W", "ignore", str(program), house.client.base]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=house.home.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert (found["tenant"], found["renamed"], found["groups"]) == ("acme", ["Club members", "1.1"], ["Loyalty"])
    assert "Club members" in found["schemas"] or "Members" in found["schemas"]
    assert {"points", "person", "_id"} <= set(found["full"]["properties"])
    assert (len(found["by_alt_id"]["allOf"]), len(found["classes"])) == (2, 2)
    assert (found["dataset"], found["datasets"]["classification"]["dataBehavior"]) == ("Members", "record")
    assert (found["statuses"], found["all"]) == (["success", "failed", "failed"], True)
    assert found["failed"][found["failed_id"]][0] is True
    assert found["failed"][found["failed_id"]][1][0] == "INGEST-1212-400"
    assert found["meta"] == ["row_errors", "input_files", "row_error_samples.json"]
    assert [row["_id"] for row in found["samples"]] == ["3"]
    assert (found["landed"], found["magic"]) == (["_SUCCESS", "rows.json"], "PAR1")
    assert "in use" in str(found["used"])
