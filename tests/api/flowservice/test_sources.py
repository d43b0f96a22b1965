"""Sources through the door of a real server: reached, looked into, read by flows."""

import base64
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import httpx
import psycopg
import pytest

from api.flowservice.conftest import FILE_FLOW, HEADERS, HTTP, Client, flow_body, make_ends
from api.flowservice.house import Installation, installation
from api.flowservice.test_connections import STRING, body, fault
from headrace.api.flowservice import specs
from mariadb import MariadbServer
from servers import PostgresServer
from stores import Shelf, s3_shelf, server_shelf
from waiting import until

LEADS = b"Id,Email,Age\n1,A@b.org,20\n2,B@b.org,-5\n3,C@b.org,22\n"
PEOPLE: tuple[LiteralString, ...] = (
    "CREATE TABLE people (id bigint, born date)",
    "INSERT INTO people VALUES (1, NULL), (2, '2024-02-29'), (3, NULL)",
)
ZONE = "/data/foundation/connectors/landingzone"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Return an installation."""
    with installation(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module", params=["s3", "sftp"])
def shelf(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    """Return a new folder of a store."""
    with s3_shelf() if request.param == "s3" else server_shelf("sftp") as made:
        yield made.fresh()


def auth_of(shelf: Shelf) -> tuple[str, dict[str, Any]]:
    """Return the connection of a shelf as the dialect has it: spec and auth."""
    assert shelf.info is not None
    options, url = shelf.info.options, httpx.URL(shelf.info.url)
    if shelf.kind == "s3":
        params = {
            "s3AccessKey": options["access_key"],
            "s3SecretKey": options["secret_key"],
            "serviceUrl": str(url),
            "bucketName": options["bucket"],
            "folderPath": shelf.folder,
        }
        return specs.AMAZON_S3, {"specName": "Access Key", "params": params}
    login: dict[str, Any] = {"host": url.host, "port": url.port, "userName": url.userinfo.decode().partition(":")[0]}
    params = {**login, "password": options["password"], "folderPath": shelf.folder}
    return specs.SFTP, {"specName": "Basic Authentication for sftp", "params": params}


def explored(client: Client, path: str) -> Any:
    """Return what exploring answers."""
    answer = client("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def run_of(house: Installation, flow: str) -> dict[str, Any]:
    """Return the flow's own run, ended."""
    runs = house.client("GET", f"/runs?property=flowId=={flow}").json()["items"]
    return house.ended(runs[0]["id"])


def flow_of(client: Client, source: dict[str, Any]) -> str:
    """Return a flow that reads ``source`` once, and bears rejects."""
    made = client.make("/sourceConnections", source)
    ends = {**make_ends(client), "source": made}
    options = {"partialIngestionPercent": 50}
    return client.make("/flows", flow_body(ends, flowSpec={"id": FILE_FLOW, "version": "1.0"}, options=options))


def test_a_store_is_reached_looked_into_and_read(house: Installation, shelf: Shelf) -> None:
    """From credentials to a run; wrong credentials, corrected, count for the retry."""
    client = house.client
    shelf.put("in/leads.csv", LEADS)
    spec, auth = auth_of(shelf)
    base = client.make("/connections", body(spec, auth))
    assert client("GET", f"/connections/{base}/test").json() == {"result": True}
    root = explored(client, f"/connections/{base}/explore?objectType=root")
    assert [(place["type"], place["path"]) for place in root] == [("folder", "in/")]
    files = explored(client, f"/connections/{base}/explore?objectType=folder&object=/in/")
    assert [(place["type"], place["path"], place["canPreview"]) for place in files] == [("file", "in/leads.csv", True)]
    query = "objectType=file&object=in/leads.csv"
    columns = explored(client, f"/connections/{base}/explore?{query}&fileType=delimited")
    assert columns == [{"name": name, "type": "String"} for name in ("Id", "Email", "Age")]
    preview = explored(client, f"/connections/{base}/explore?{query}&determineProperties=true&preview=true")
    assert preview["properties"] == {"fileType": "delimited", "columnDelimiter": ","}
    assert preview["data"][0] == {"Id": "1", "Email": "A@b.org", "Age": "20"}
    secret = "s3SecretKey" if shelf.kind == "s3" else "password"
    patch = [{"op": "replace", "path": f"/auth/params/{secret}", "value": "wrong"}]
    assert client("PATCH", f"/connections/{base}", patch, if_match="*").status_code == 200
    assert client("GET", f"/connections/{base}/test").json()["result"] is False
    assert fault(client("GET", f"/connections/{base}/explore?objectType=root")) == (1308, 400)
    source = {"name": "s", "baseConnectionId": base, "connectionSpec": {"id": spec}, "data": {"format": "delimited"}}
    flow = flow_of(client, {**source, "params": {"path": "in/*.csv", "type": "folder"}})
    failed = run_of(house, flow)
    assert failed["metrics"]["statusSummary"]["status"] == "failed"
    patch = [{"op": "replace", "path": f"/auth/params/{secret}", "value": auth["params"][secret]}]
    assert client("PATCH", f"/connections/{base}", patch, if_match="*").status_code == 200
    again = client("POST", f"/runs/{failed['id']}/action?op=re-trigger").json()
    ended = house.ended(again["id"])
    assert ended["metrics"]["recordSummary"]["outputRecordCount"] == 2, ended


def test_a_file_is_dropped_into_the_landing_zone_and_read(house: Installation) -> None:
    """No base connection, paths with the container and without, nothing of another sandbox's."""
    client = house.client
    assert client("GET", f"{ZONE}?type=user_drop_zone").json() == {
        "containerName": "dlz-user-container",
        "containerTTL": "7",
    }
    assert fault_of(client("GET", f"{ZONE}?type=dlz_destination")) == 1710
    assert fault_of(client("GET", f"{ZONE}/credentials?type=user_drop_zone")) == 1712
    put = HTTP.put(f"{client.base}{ZONE}/files/in/leads.csv", content=LEADS, headers=HEADERS)
    assert (put.status_code, put.json()) == (201, {"path": "dlz-user-container/in/leads.csv", "size": len(LEADS)})
    other = {**HEADERS, "x-gw-ims-org-id": "other@AdobeOrg"}
    assert HTTP.get(f"{client.base}{ZONE}/files/in/leads.csv", headers=other).status_code == 404
    assert HTTP.get(f"{client.base}{ZONE}/files/in/leads.csv", headers=HEADERS).content == LEADS
    for bad in ("../x", "a%2F..%2F..%2Fx", "nul"):
        assert HTTP.put(f"{client.base}{ZONE}/files/{bad}", content=b"x", headers=HEADERS).status_code in {
            400,
            404,
            405,
        }
    spec = f"/connectionSpecs/{specs.LANDING_ZONE}/explore"
    root = explored(client, f"{spec}?objectType=root")
    assert [(place["type"], place["path"]) for place in root] == [("folder", "dlz-user-container/in/")]
    path = "dlz-user-container/in/leads.csv"
    preview = explored(client, f"{spec}?objectType=file&object={path}&fileType=delimited&preview=true")
    assert len(preview["data"]) == 3
    source = {"name": "s", "connectionSpec": {"id": specs.LANDING_ZONE}, "data": {"format": "delimited"}}
    flow = flow_of(client, {**source, "params": {"path": path, "type": "file"}})
    run = run_of(house, flow)
    assert run["metrics"]["recordSummary"]["outputRecordCount"] == 2, run
    assert "baseConnection" not in client.one(f"/flows/{flow}")["inheritedAttributes"]["sourceConnections"][0]
    assert HTTP.delete(f"{client.base}{ZONE}/files/in/leads.csv", headers=HEADERS).status_code == 204


def test_a_disabled_connection_fails_its_runs_until_it_is_enabled(house: Installation) -> None:
    """Also one to a directory of the server itself."""
    client = house.client
    (client.files / "leads.csv").write_bytes(LEADS)
    base = client.make("/connections", body(specs.LOCAL_FILES, directory(client)))
    patch = [{"op": "replace", "path": "/state", "value": "disabled"}]
    assert client("PATCH", f"/connections/{base}", patch, if_match="*").status_code == 200
    assert "disabled" in client("GET", f"/connections/{base}/test").json()["message"]
    source = {"name": "s", "baseConnectionId": base, "connectionSpec": {"id": specs.LOCAL_FILES}}
    flow = flow_of(client, {**source, "data": {"format": "delimited"}, "params": {"path": "leads.csv"}})
    failed = run_of(house, flow)
    assert "CONNECTOR-1001-500" in json.dumps(failed["metrics"]["statusSummary"])
    patch = [{"op": "replace", "path": "/state", "value": "enabled"}]
    assert client("PATCH", f"/connections/{base}", patch, if_match="*").status_code == 200
    again = client("POST", f"/runs/{failed['id']}/action?op=re-trigger").json()
    assert house.ended(again["id"])["metrics"]["statusSummary"]["status"] == "success"


def test_a_missing_file_fails_the_copy_and_an_empty_folder_does_not(house: Installation) -> None:
    """A file that is named is expected; a folder may have nothing new."""
    client = house.client
    base = client.make("/connections", body(specs.LOCAL_FILES, directory(client)))
    (client.files / "empty").mkdir(exist_ok=True)
    source = {"name": "s", "baseConnectionId": base, "connectionSpec": {"id": specs.LOCAL_FILES}}
    expected = {"nothing.csv": "failed", "empty/": "success"}
    flows = {
        path: flow_of(client, {**source, "data": {"format": "delimited"}, "params": {"path": path}})
        for path in expected
    }
    ended = {path: run_of(house, flow)["metrics"]["statusSummary"]["status"] for path, flow in flows.items()}
    assert ended == expected


@pytest.mark.postgres
def test_tables_are_looked_into_with_a_filter(
    house: Installation, postgres_server: PostgresServer, mariadb_server: MariadbServer
) -> None:
    """Tables by schema, columns with their own types, rows that the database chose; an unknown table or column by its number."""
    url = postgres_server.create_database("explored")
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in PEOPLE:
            connection.execute(statement)
    mariadb_server.create_database("explored")
    for statement in PEOPLE:
        mariadb_server.sql("explored", statement)
    for spec, text, schema in (
        (specs.POSTGRE_SQL, _postgres(postgres_server), "public"),
        (specs.MARIA_DB, f"Server=127.0.0.1;Port={mariadb_server.port};Database=explored;UID=root", "explored"),
    ):
        _look_into_tables(house.client, spec, text, schema)


def _look_into_tables(client: Client, spec: str, text: str, schema: str) -> None:
    base = client.make("/connections", body(spec, {"specName": STRING, "params": {"connectionString": text}}))
    explore = f"/connections/{base}/explore"
    assert client("GET", f"/connections/{base}/test").json() == {"result": True}
    root = explored(client, f"{explore}?objectType=root")
    assert [(place["type"], place["path"]) for place in root] == [("table", f"{schema}.people")]
    table = f"objectType=TABLE&object={schema}.people"
    columns = explored(client, f"{explore}?{table}")["schema"]["columns"]
    assert [(column["name"], column["type"]) for column in columns] == [("id", "integer"), ("born", "string")]
    found = explored(client, f"{explore}?{table}&preview=true&filters={_filter('id', 2)}")
    assert found["data"] == [{"id": 2, "born": "2024-02-29"}]
    names = [
        one["columnName"] for one in explored(client, f"/connections/{base}/configs?object={schema}.people")["items"]
    ]
    assert names == ["id", "born"]
    refused = {
        f"objectType=table&object={schema}.nothing": 1330,
        f"{table}&preview=true&filters={_filter('colour', 2)}": 1378,
        f"{table}&preview=true&filters={_filter('id', 'red')}": 1379,
    }
    assert {query: fault(client("GET", f"{explore}?{query}"))[0] for query in refused} == refused


def test_a_process_that_looks_is_killed_and_the_next_question_is_answered(house: Installation) -> None:
    """The server that asked it goes on as if nothing had been."""
    client = house.client
    base = client.make("/connections", body(specs.LOCAL_FILES, directory(client)))
    assert client("GET", f"/connections/{base}/test").json() == {"result": True}
    children = _answering(house)
    assert 1 <= len(children) <= 2
    for child in children:
        os.kill(child, signal.SIGKILL)
    assert client("GET", f"/connections/{base}/test").json() == {"result": True}


@pytest.mark.soak
def test_nothing_is_left_when_the_server_is_gone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Told to stop, or killed: the processes that look into sources end with it."""
    with installation(tmp_path_factory.mktemp("gone")) as made:
        base = made.client.make("/connections", body(specs.LOCAL_FILES, directory(made.client)))
        assert made.client("GET", f"/connections/{base}/test").json() == {"result": True}
        children = _answering(made)
        assert children
        os.kill(_server(made), signal.SIGKILL)
        until(lambda: not any(_is_alive(child) for child in children), seconds=20, what="the end of what looked")


def directory(client: Client) -> dict[str, Any]:
    """Return the auth of a connection to the server's own files."""
    return {"specName": "Directory", "params": {"rootPath": str(client.files)}}


def fault_of(answer: httpx.Response) -> int:
    """Return the number of a refusal of the landing zone."""
    assert answer.status_code == 400, answer.text
    return fault(answer)[0]


def _filter(column: str, value: Any) -> str:
    params = [{"nodeType": "fieldLookup", "fieldName": column}, {"nodeType": "literal", "value": value}]
    node = {"nodeType": "fnApply", "fnName": "=", "params": params}
    return quote(base64.b64encode(json.dumps({"type": "PQL", "format": "pql/json", "value": node}).encode()))


def _postgres(server: PostgresServer) -> str:
    url = httpx.URL(server.url("explored"))
    return f"Server={url.host};Port={url.port};Database=explored;UID={url.userinfo.decode().partition(':')[0]}"


def _processes() -> dict[int, tuple[int, str]]:
    """Return parent and command of every process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat, command = (folder / "stat").read_text(), (folder / "cmdline").read_text()
        except (OSError, UnicodeDecodeError):
            continue
        found[int(folder.name)] = (int(stat.rpartition(")")[2].split()[1]), command)
    return found


def _server(house: Installation) -> int:
    port = str(httpx.URL(house.client.base).port)
    return next(pid for pid, (_, command) in _processes().items() if port in command and "serve" in command)


def _answering(house: Installation) -> list[int]:
    server = _server(house)
    return [pid for pid, (parent, command) in _processes().items() if parent == server and "answering" in command]


def _is_alive(pid: int) -> bool:
    return pid in _processes()


@pytest.mark.soak
def test_a_server_that_is_told_to_stop_waits_for_no_source(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A source that accepts and says nothing holds a question, not the server; who asked is told to come again."""
    with installation(tmp_path_factory.mktemp("stopped")) as made, socket.create_server(("127.0.0.1", 0)) as silent:
        text = f"Server=127.0.0.1;Port={silent.getsockname()[1]};Database=d;UID=u;Password=p"
        auth = {"specName": STRING, "params": {"connectionString": text}}
        base = made.client.make("/connections", body(specs.POSTGRE_SQL, auth))
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(made.client, "GET", f"/connections/{base}/explore?objectType=root")
            until(lambda: _answering(made), seconds=20, what="the process that looks")
            began = time.monotonic()
            os.kill(_server(made), signal.SIGTERM)
            answer = asked.result(20)
        assert answer.status_code == 503, answer.text
        assert time.monotonic() - began < 10
