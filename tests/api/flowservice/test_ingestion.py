"""Batch Ingestion at the door: files whole and in parts, actions, refusals; what a worker makes of it stands in ``test_uploaded``."""

from typing import Any

import httpx
import pytest

from api.flowservice.conftest import HEADERS, HTTP, Client, make_ends

IMPORT = "/data/foundation/import"
CATALOG = "/data/foundation/catalog"
OCTETS = "application/octet-stream"


def make_batch(client: Client, dataset: str, form: str = "json", **given: Any) -> str:
    """Return the id of a new batch."""
    body = {"datasetId": dataset, "inputFormat": {"format": form}, **given}
    answer = client("POST", f"{IMPORT}/batches", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def send(client: Client, path: str, data: bytes, method: str = "PUT", **headers: str) -> httpx.Response:
    """Send bytes of a file; a name in ``headers`` has ``_`` for ``-``."""
    more = {"content-type": OCTETS, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return HTTP.request(method, client.base + IMPORT + path, headers={**client.headers, **more}, content=data)


def act(client: Client, batch: str, action: str) -> httpx.Response:
    """Do an action on a batch."""
    return client("POST", f"{IMPORT}/batches/{batch}?action={action}")


def test_a_new_batch_is_loading_and_stands_in_the_catalog(client: Client) -> None:
    """The answer is the batch object of the catalog."""
    ends = make_ends(client)
    body = {
        "datasetId": ends["dataset"],
        "inputFormat": {"format": "csv", "delimiter": ";"},
        "partialIngestionPercentage": 5,
        "externalId": "load-7",
        "tags": {"source": ["crm"]},
    }
    made = client("POST", f"{IMPORT}/batches/", body).json()
    assert (made["status"], made["externalId"], made["errors"]) == ("loading", "load-7", [])
    assert made["relatedObjects"] == [{"type": "dataSet", "id": ends["dataset"]}]
    assert made["tags"] == {"source": ["crm"], "acp_enableErrorDiagnostics": True, "acp_partialIngestionPercent": 5.0}
    assert client("GET", f"{CATALOG}/batches/{made['id']}").json() == {made["id"]: made}
    stranger = Client(client.base, client.files, client.clock, {**HEADERS, "x-gw-ims-org-id": "other@AdobeOrg"})
    assert stranger("GET", f"{CATALOG}/batches").json() == {}
    assert act(stranger, made["id"], "ABORT").status_code == 404


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"datasetId": "0" * 24}, 404),
        ({"datasetId": None}, 400),
        ({"inputFormat": None}, 400),
        ({"inputFormat": {"format": "avro"}}, 400),
        ({"inputFormat": {"format": "csv", "charset": "ebcdic"}}, 400),
        ({"inputFormat": {"format": "csv", "header": "false"}}, 400),
        ({"inputFormat": {"format": "csv", "delimiter": "ab"}}, 400),
        ({"partialIngestionPercentage": 101}, 400),
        ({"mappingSetId": "0" * 32}, 400),
        ({"replay": {"predecessors": ["$01AAAAAAAAAAAAAAAAAAAAAAAA"]}}, 404),
    ],
)
def test_a_batch_that_cannot_be_is_refused(client: Client, change: dict[str, Any], status: int) -> None:
    """Everything that can be known is told before a file is sent."""
    body = {"datasetId": make_ends(client)["dataset"], "inputFormat": {"format": "json"}, **change}
    answer = client("POST", f"{IMPORT}/batches", body)
    assert (answer.status_code, answer.json()["type"]) == (
        status,
        f"https://ns.adobe.com/aep/errors/IMPORT-1000-{status}",
    )


def test_a_file_is_new_or_replaced_and_can_be_looked_at(client: Client) -> None:
    """201 for the first, 200 for the next; HEAD says how much of it there is."""
    ends = make_ends(client)
    path = f"/batches/{make_batch(client, ends['dataset'])}/datasets/{ends['dataset']}/files/day/leads.json"
    assert [send(client, path, data).status_code for data in (b"{}", b'{"_id":"1"}')] == [201, 200]
    head = send(client, path, b"", "HEAD")
    assert (head.status_code, head.headers["content-length"], head.headers["accept-ranges"]) == (200, "11", "bytes")
    assert send(client, path, b"", "HEAD", range="bytes=0-10").status_code == 206
    assert send(client, path, b"", "HEAD", range="bytes=0-11").status_code == 416
    assert send(client, path + "x", b"", "HEAD").status_code == 404


def test_wrong_files_are_refused(client: Client) -> None:
    """Content type, dataset, batch and name are looked at before anything is written."""
    ends = make_ends(client)
    batch = make_batch(client, ends["dataset"])
    files = f"/batches/{batch}/datasets/{ends['dataset']}/files"
    wrong = send(client, files + "/a.json", b"{}", content_type="text/csv")
    assert (wrong.status_code, wrong.json()["type"]) == (415, "https://ns.adobe.com/aep/errors/IMPORT-1000-415")
    assert send(client, f"/batches/{batch}/datasets/{'0' * 24}/files/a.json", b"{}").status_code == 404
    assert send(client, f"/batches/{'0' * 26}/datasets/{ends['dataset']}/files/a.json", b"{}").status_code == 404
    for name in ("a%3Fb.json", "%2e%2e%2fb.json", "nul", "a%00b"):
        assert send(client, f"{files}/{name}", b"{}").status_code in {400, 404}, name


def test_a_large_file_comes_in_parts(client: Client) -> None:
    """Parts in any order and twice; gaps are named; the end makes a file of them."""
    ends = make_ends(client)
    batch = make_batch(client, ends["dataset"])
    path = f"/batches/{batch}/datasets/{ends['dataset']}/files/big.json"
    part = {"method": "PATCH"}
    assert send(client, path, b"cd", content_range="bytes 2-3/6", **part).status_code == 404
    assert send(client, path + "?action=initialize", b"", "POST").status_code == 201
    assert send(client, path, b"ef", content_range="bytes 4-5/6", **part).status_code == 201
    assert send(client, path, b"ef", content_range="bytes 4-5/6", **part).status_code == 200
    assert send(client, path, b"ab", content_range="bytes 0-1/*", **part).status_code == 201
    missing = send(client, path + "?action=COMPLETE", b"", "POST")
    assert (missing.status_code, "missing are the bytes 2-3" in missing.json()["detail"]) == (400, True)
    assert act(client, batch, "COMPLETE").status_code == 400
    assert send(client, path, b"", "HEAD").headers["range"] == "bytes=0-1,4-5"
    for wrong in ("bytes 2-3", "bytes 3-2/6", "bytes 2-6/6", "bytes 0-512000000/*"):
        assert send(client, path, b"cd", content_range=wrong, **part).status_code in {400, 413}, wrong
    assert send(client, path, b"c", content_range="bytes 2-3/6", **part).status_code == 400
    assert send(client, path, b"cd", content_range="bytes 2-3/6", **part).status_code == 201
    assert [send(client, path + "?action=COMPLETE", b"", "POST").status_code for _ in range(2)] == [200, 200]
    assert send(client, path, b"", "HEAD").headers["content-length"] == "6"


def test_a_batch_without_files_fails_with_133(client: Client) -> None:
    """COMPLETE is accepted, and the batch says why it failed."""
    batch = make_batch(client, make_ends(client)["dataset"])
    done = act(client, batch, "complete")
    assert (done.status_code, done.json()["status"], done.json()["errors"][0]["code"]) == (200, "failed", "133")
    assert done.json()["failedBatchLocation"].endswith(f"/export/batches/{batch}/failed")
    again = act(client, batch, "COMPLETE")
    assert (again.status_code, again.json()["errors"]) == (200, done.json()["errors"])


def test_a_batch_is_given_up_once_and_for_all(client: Client) -> None:
    """ABORT and FAIL end it, remove its files, and may be repeated; then nothing else goes."""
    ends = make_ends(client)
    for action, status in (("ABORT", "aborted"), ("FAIL", "failed")):
        batch = make_batch(client, ends["dataset"])
        path = f"/batches/{batch}/datasets/{ends['dataset']}/files/a.json"
        send(client, path, b"{}")
        assert [act(client, batch, action).json()["status"] for _ in range(2)] == [status, status]
        assert send(client, path, b"{}").status_code == 400
        assert [act(client, batch, other).status_code for other in ("COMPLETE", "REVERT", "x")] == [400, 400, 400]


def test_the_preview_shows_the_first_rows(client: Client) -> None:
    """Columns by number, with the header's names; quotes and delimiters as the batch or the request says."""
    ends = make_ends(client)
    batch = make_batch(client, ends["dataset"], "csv")
    place = f"/batches/{batch}/datasets/{ends['dataset']}"
    assert client("GET", f"{IMPORT}{place}/preview?format=csv").status_code == 404
    send(client, f"{place}/files/a.csv", b'_id;email\n1;"a;b"\n2;c\n')
    shown = client("GET", f"{IMPORT}{place}/preview?format=csv&delimiter=;&nrow=1").json()
    assert shown["preview"] == {
        "columns": [{"cid": "0", "name": "_id"}, {"cid": "1", "name": "email"}],
        "rows": [{"0": "1", "1": "a;b"}],
    }
    assert shown["formatParams"]["delimiter"] == ";"


def test_a_completed_batch_is_loaded_and_no_run_is_to_be_seen(client: Client) -> None:
    """Its run is the engine's own: neither lists nor look-ups of runs show it."""
    ends = make_ends(client)
    batch = make_batch(client, ends["dataset"])
    send(client, f"/batches/{batch}/datasets/{ends['dataset']}/files/a.json", b'{"_id":"1"}')
    assert [act(client, batch, "COMPLETE").json()["status"] for _ in range(2)] == ["loaded", "loaded"]
    assert client("GET", "/runs").json()["items"] == []
    assert client("GET", "/runs?count=true").json() == {"count": 0}
    assert act(client, batch, "ABORT").json()["status"] == "aborted"


def test_csv_columns_are_paths_of_the_schema(client: Client) -> None:
    """A file none of whose columns is one is told when it is completed, not found empty later."""
    ends = make_ends(client)
    batch = make_batch(client, ends["dataset"], "csv")
    path = f"/batches/{batch}/datasets/{ends['dataset']}/files/a.csv"
    send(client, path, b"Id,Mail\n1,a\n")
    refused = act(client, batch, "COMPLETE")
    assert (refused.status_code, "'Id', 'Mail'" in refused.json()["detail"]) == (400, True)
    send(client, path, b"_id,email\n1,a@b.co\n")
    assert act(client, batch, "COMPLETE").json()["status"] == "loaded"
