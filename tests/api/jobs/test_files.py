"""Files are taken as they come, kept, shown, sent, copied and removed (contract 12.7)."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message

from api.jobs.conftest import Client, client_of, errors_of
from api.jobs.told import told, topics
from headrace.api.jobs.forms import MAX_FIELDS
from headrace.core.clock import DAY, SECOND
from headrace.core.job_limits import JobLimits
from headrace.service.workspace import files

BOUNDARY = "xYzZY"
CSV = b"a,b\n1,2\n"


def part(name: str, content: bytes, more: str = "") -> bytes:
    """Return one part of a form."""
    head = f'Content-Disposition: form-data; name="{name}"{more}'.encode()
    return b"--" + BOUNDARY.encode() + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Return a form of these parts."""
    return b"".join(parts) + b"--" + BOUNDARY.encode() + b"--\r\n"


def send(client: Client, body: bytes, **headers: str) -> httpx.Response:
    """Return the answer to a form."""
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return client.raw("POST", "/v1/files", body, **{"Content_Type": kind, **headers})


def upload(client: Client, name: str = "a.csv", content: bytes = CSV, **fields: str) -> Any:
    """Return a file that was uploaded to a new space, or to ``spaceId``; the file comes before the fields."""
    if "spaceId" not in fields:
        fields["spaceId"] = client.post("/spaces", {"name": "A"})["id"]
    parts = [
        part("file", content, f'; filename="{name}"'),
        *(part(key, value.encode()) for key, value in fields.items()),
    ]
    answer = send(client, form(*parts))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def on_disk(client: Client) -> list[str]:
    """Return what lies in the folder of files."""
    return sorted(path.name for path in client.door.roots.files.iterdir())


def test_a_file_is_shown_and_sent_as_it_came(sqlite_client: Client) -> None:
    """Its row says all that strict clients need; its bytes are the same; listeners hear of it when it is there."""
    file = upload(
        sqlite_client, "Ünï.xlsx", b"\x00\xff" * 5000, origin="filesystem", actions='{"operation": "x", "label": "X"}'
    )
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    expected = {
        "name": "Ünï.xlsx",
        "ext": "xlsx",
        "mimetype": kind,
        "encoding": "7bit",
        "status": "partial",
        "mode": "import",
        "size": 10000,
        "bytesReceived": 10000,
        "origin": "filesystem",
        "actions": [{"operation": "x", "label": "X"}],
    }
    assert {key: file[key] for key in expected} == expected
    assert sqlite_client.get(f"/files/{file['id']}") == file
    assert sqlite_client.get("/files") == sqlite_client.get(f"/files?spaceId={file['spaceId']}") == [file]
    assert sqlite_client.get("/files?mode=export") == []
    sent = sqlite_client("GET", f"/files/{file['id']}/download")
    assert sent.content == b"\x00\xff" * 5000
    assert sent.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%9Cn%C3%AF.xlsx"
    assert (sent.headers["content-type"], sent.headers["x-content-type-options"]) == (kind, "nosniff")
    some = sqlite_client("GET", f"/files/{file['id']}/download", Range="bytes=1-2")
    assert (some.status_code, some.content) == (206, b"\xff\x00")
    (created,) = told(sqlite_client, "file:created")
    assert (created.context["fileId"], created.context["spaceId"]) == (file["id"], file["spaceId"])
    assert on_disk(sqlite_client) == [file["id"]]
    assert "job:created" not in topics(sqlite_client)


def test_a_delimited_file_is_extracted_at_once(client: Client) -> None:
    """The job is made in the transaction that makes the file; an export is extracted never."""
    file = upload(client)
    (job,) = client.get(f"/jobs?fileId={file['id']}")
    assert (job["type"], job["operation"], job["source"]) == ("file", "extract", file["id"])
    assert (job["trigger"], job["managed"], job["status"]) == ("immediate", True, "ready")
    assert job["config"] == {"driver": "csv", "options": {}}
    assert topics(client)[1:] == ["file:created", "job:created", "job:ready"]
    export = upload(client, mode="export", spaceId=file["spaceId"])
    assert export["status"] == "complete"
    assert client.get(f"/jobs?fileId={export['id']}") == []
    assert [found["id"] for found in client.get("/files?mode=export")] == [export["id"]]


@pytest.mark.parametrize(
    ("sent", "kept", "ext"),
    [
        ("../../etc/passwd", "passwd", ""),
        ("C:\\Users\\me\\a.CSV.gz", "a.CSV.gz", "gz"),
        ("..", "file", ""),
        (".htaccess", ".htaccess", ""),
        ("a\u202etxt.exe", "atxt.exe", "exe"),
        ("x" * 300 + ".json", "x" * 250 + ".json", "json"),
        ("a.b c", "a.b c", ""),
    ],
)
def test_hostile_names_are_made_harmless(sent: str, kept: str, ext: str) -> None:
    """No folder, no control character, nothing endless; the extension survives."""
    name = files.clean_name(sent)
    assert (name, files.extension(name)) == (kept, ext)


def test_names_come_in_the_ways_of_the_clients(sqlite_client: Client) -> None:
    """As UTF-8, in the extended form, or not at all."""
    space = sqlite_client.post("/spaces", {"name": "A"})["id"]
    field = part("spaceId", space.encode())
    extended = part("file", b"x", "; filename*=utf-8''%C3%A4.txt")
    assert send(sqlite_client, form(field, extended)).json()["data"]["name"] == "ä.txt"
    assert send(sqlite_client, form(field, part("file", b"x"))).json()["data"]["name"] == "file"
    assert upload(sqlite_client, "", b"")["size"] == 0


def test_packed_forms_are_unpacked(sqlite_client: Client) -> None:
    """Any body may be packed."""
    space = sqlite_client.post("/spaces", {"name": "A"})["id"]
    body = form(part("spaceId", space.encode()), part("file", CSV * 1000, '; filename="a.bin"'))
    answer = send(sqlite_client, gzip.compress(body), Content_Encoding="gzip")
    assert answer.json()["data"]["size"] == len(CSV) * 1000


REFUSED: tuple[tuple[list[bytes], str | None], ...] = (
    ([part("file", CSV)], "spaceId"),
    ([part("spaceId", b"us_sp_nothing1"), part("file", CSV)], "spaceId"),
    ([part("spaceId", b"SPACE")], "file"),
    ([part("spaceId", b"SPACE"), part("file", CSV), part("file", CSV)], "file"),
    ([part("spaceId", b"SPACE"), part("file", CSV), part("mode", b"both")], "mode"),
    ([part("spaceId", b"SPACE"), part("file", CSV), part("actions", b'{"operation": "x"}')], "actions[0].label"),
    ([part("spaceId", b"SPACE"), part("file", CSV), part("actions", b"{")], None),
    ([part("spaceId", b"SPACE"), part("file", CSV), part("environmentId", b"us_env_nothing1")], "environmentId"),
)


def test_a_form_that_is_refused_leaves_nothing(sqlite_client: Client) -> None:
    """No row, no byte, and nobody is told."""
    space = sqlite_client.post("/spaces", {"name": "A"})["id"].encode()
    for parts, key in REFUSED:
        status, errors = errors_of(send(sqlite_client, form(*(one.replace(b"SPACE", space) for one in parts))))
        assert status in {400, 404}
        assert errors[0][0] == key
    assert on_disk(sqlite_client) == []
    assert topics(sqlite_client) == ["space:created"]


NO_FORMS = (
    (b"", f"multipart/form-data; boundary={BOUNDARY}"),
    (b"{}", "application/json"),
    (form(part("file", CSV)), "multipart/form-data"),
    (part("file", CSV), f"multipart/form-data; boundary={BOUNDARY}"),
    (b"--nothing like it", f"multipart/form-data; boundary={BOUNDARY}"),
    (form(*[part("x", b"1")] * (MAX_FIELDS + 1)), f"multipart/form-data; boundary={BOUNDARY}"),
    (form(part("x", b"1" * (1 << 20)), part("x", b"1")), f"multipart/form-data; boundary={BOUNDARY}"),
    (form(part("file", CSV), part("spaceId", b"a\0b")), f"multipart/form-data; boundary={BOUNDARY}"),
)


def test_what_is_no_form_is_refused(sqlite_client: Client) -> None:
    """Broken, endless or foreign bodies are the caller's mistake, and leave nothing."""
    for body, kind in NO_FORMS:
        assert errors_of(send(sqlite_client, body, Content_Type=kind))[0] in {400, 413}
    assert on_disk(sqlite_client) == []


def test_a_file_that_is_too_large_is_refused_while_it_comes(
    sqlite_client: Client,
) -> None:
    """Nothing of it stays."""
    door = replace(sqlite_client.door, limits=replace(JobLimits(), max_file_bytes=100_000))
    client = client_of(sqlite_client.runner, door, sqlite_client.clock)
    body = form(part("file", b"x" * 100_001, '; filename="a.bin"'))
    assert errors_of(send(client, body))[0] == 413
    assert on_disk(client) == []


def test_an_upload_that_breaks_off_leaves_nothing(sqlite_client: Client) -> None:
    """A client that goes away in the middle of its file has sent no file."""
    body = form(part("file", b"x" * 300_000))[:200_000]

    async def pieces() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": body[:100_000], "more_body": True}
        yield {"type": "http.request", "body": body[100_000:], "more_body": True}
        yield {"type": "http.disconnect"}

    async def ask() -> None:
        source = pieces()

        async def receive() -> Message:
            return await anext(source)

        async def nobody(message: Message) -> None:
            del message

        headers = {
            **sqlite_client.headers,
            "content-type": f"multipart/form-data; boundary={BOUNDARY}",
            "host": "127.0.0.1",
        }
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/files",
            "raw_path": b"/v1/files",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
        }
        await asyncio.wait_for(sqlite_client.app(scope, receive, nobody), 10)

    sqlite_client.runner.run(ask())
    assert on_disk(sqlite_client) == []
    assert topics(sqlite_client) == []


def test_a_file_changes_and_is_told_of(sqlite_client: Client) -> None:
    """Extractors write its workbook, then its status; what is wrong changes nothing."""
    file = upload(sqlite_client, "a.xlsx", b"x")
    path = f"/files/{file['id']}"
    sqlite_client.done("PATCH", path, {"workbookId": "us_wb_12345678"})
    changed = sqlite_client.done("PATCH", path, {"status": "complete", "name": "b/c.xlsx", "mode": "export"})
    assert (changed["status"], changed["workbookId"]) == ("complete", "us_wb_12345678")
    assert (changed["name"], changed["mode"]) == ("c.xlsx", "export")
    assert [item.payload for item in told(sqlite_client, "file:updated")] == [
        {"status": "partial", "workbookId": "us_wb_12345678"},
        {"status": "complete", "workbookId": "us_wb_12345678"},
    ]
    wrong = {"status": "done", "mode": 1, "actions": [{}]}
    assert [key for key, _ in errors_of(sqlite_client("PATCH", path, wrong))[1]] == [
        "mode",
        "status",
        "actions[0].label",
    ]


def test_a_clone_has_the_same_bytes_and_a_life_of_its_own(sqlite_client: Client) -> None:
    """Removing one of the two leaves the other."""
    file = upload(sqlite_client, "a.txt", b"bytes")
    copy = sqlite_client.post(f"/files/{file['id']}/clone", {"prefix": "copy of "})
    assert (copy["name"], copy["size"], copy["spaceId"]) == ("copy of a.txt", 5, file["spaceId"])
    assert sqlite_client.done("DELETE", f"/files/{file['id']}") == {"success": True}
    assert sqlite_client("GET", f"/files/{copy['id']}/download").content == b"bytes"
    assert on_disk(sqlite_client) == [copy["id"]]
    assert topics(sqlite_client)[-1] == "file:deleted"
    for method, path in (("GET", ""), ("GET", "/download"), ("DELETE", ""), ("POST", "/clone")):
        assert errors_of(sqlite_client(method, f"/files/{file['id']}{path}")) == (404, [("fileId", "File not found")])


def test_bytes_without_a_file_are_collected_after_a_day(sqlite_client: Client) -> None:
    """What a crash left goes; young bytes, those of files, and what somebody else put there stay."""
    file = upload(sqlite_client, "a.txt", b"bytes")
    folder: Path = sqlite_client.door.roots.files
    orphans = [folder / "us_fl_0rphan00", folder / "0123.begun"]
    for path in (*orphans, folder / "notes.txt"):
        path.write_bytes(b"x")
    desk = sqlite_client.door.workspace
    newest = int(max(path.stat().st_ctime for path in orphans) * SECOND)
    sqlite_client.clock.advance(newest - sqlite_client.clock.now())
    assert files.collect(desk) == 0
    sqlite_client.clock.advance(DAY + SECOND)
    assert files.collect(desk) == 2
    assert on_disk(sqlite_client) == sorted([file["id"], "notes.txt"])


def test_a_removed_space_takes_the_bytes_of_its_files_with_it(sqlite_client: Client) -> None:
    """Nothing lies around that nobody can reach."""
    file = upload(sqlite_client)
    sqlite_client.done("DELETE", f"/spaces/{file['spaceId']}")
    assert on_disk(sqlite_client) == []


def test_headers_are_found(sqlite_client: Client) -> None:
    """The row with most cells; how many rows to slice off; letters for columns."""
    found = sqlite_client.post(
        "/files/detect-header", {"options": {"algorithm": "default"}, "data": [["x", ""], ["a", "b"], ["1", None]]}
    )
    assert found == {"header": ["a", "b"], "headerRow": 2, "skip": 2, "letters": ["A", "B"]}
    status, errors = errors_of(sqlite_client("POST", "/files/detect-header", {"data": [["x"], "y"]}))
    assert (status, errors[0][0]) == (400, "data[1]")
    assert errors_of(sqlite_client("POST", "/files/detect-header", {}))[1][0][0] == "data"
