"""Base connections and specs through the door: shapes, refusals by number, drafts, and secrets that nobody gets back."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from api.flowservice.conftest import Client, flow_body, make_ends
from headrace.api.flowservice import specs
from headrace.api.flowservice.flow_specs_shapes import flow_specs
from headrace.api.flowservice.specs_shapes import connection_specs
from headrace.core.errors import Code, Problem
from headrace.service.connections import resolve
from headrace.service.sealing import Sealer
from headrace.store.database import Database

GOLDEN = Path(__file__).parent / "golden"
CANARY = "hunter2-canary"
SFTP_AUTH = {
    "specName": "basic authentication FOR sftp",
    "params": {"host": "127.0.0.1", "port": 9, "userName": "u", "password": CANARY, "Password": CANARY, "note": "kept"},
}
STRING = specs.CONNECTION_STRING_AUTH


def body(spec: str, auth: Any) -> dict[str, Any]:
    """Return the body of a base connection."""
    return {"name": "c", "auth": auth, "connectionSpec": {"id": spec, "version": "1.0"}}


def fault(answer: Any) -> tuple[int, int]:
    """Return number and status of a refusal."""
    number = answer.json()["type"].rsplit("-", 2)[1]
    return int(number), answer.status_code


def test_connection_specs_have_the_published_shape() -> None:
    """Forms are built from them, so a changed field is a changed product."""
    expected = json.loads((GOLDEN / "connection_specs.json").read_text(encoding="utf-8"))
    assert connection_specs(with_local_files=True) == expected


def test_flow_specs_have_the_published_shape() -> None:
    """Exactly one of each name, with every source of its kind."""
    expected = json.loads((GOLDEN / "flow_specs.json").read_text(encoding="utf-8"))
    assert flow_specs() == expected


def test_specs_are_found_by_name_and_know_only_filters(client: Client) -> None:
    """Clients look them up by name; paging parameters do nothing here."""
    found = client("GET", "/connectionSpecs?property=name==landing-zone&limit=5&count=true&orderby=x").json()
    assert [spec["id"] for spec in found["items"]] == [specs.LANDING_ZONE]
    category = "sourceSpec.attributes.uiAttributes.category.key"
    databases = client("GET", f"/connectionSpecs?property={category}==database").json()["items"]
    assert {spec["name"] for spec in databases} == {
        *("postgre-sql", "mysql", "maria-db", "sql-server", "snowflake", "google-big-query"),
    }
    assert fault(client("GET", "/connectionSpecs?property=colour==red")) == (1423, 400)
    assert fault(client("GET", "/connectionSpecs/b3ba5556-48be-44b7-8b85-ff2b69b46dc4")) == (1439, 404)
    assert client.one(f"/connectionSpecs/{specs.AMAZON_S3}")["name"] == "amazon-s3"
    configs = client("GET", f"/connectionSpecs/{specs.AMAZON_S3}/configs?outputType=x&limit=1").json()
    assert configs == {"items": [], "pageInfo": {"hasNext": False}}


def test_flow_specs_are_searched(client: Client) -> None:
    """By the same filters; grouping is not offered."""
    found = client("POST", "/flowSpecs/search", {"queryString": "name==CRMToAEP", "projectionFields": "name"}).json()
    assert [spec["name"] for spec in found["items"]] == ["CRMToAEP"]
    assert fault(client("POST", "/flowSpecs/search", {"groupByProperty": "name"})) == (1441, 400)


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"name": " "}, 1304),
    ({"auth": None}, 1304),
    ({"connectionSpec": {"id": "b3ba5556-48be-44b7-8b85-ff2b69b46dc4"}}, 1413),
    ({"connectionSpec": {"id": specs.LANDING_ZONE}}, 1413),
    ({"connectionSpec": {"id": specs.SFTP, "version": "2.0"}}, 1413),
    ({"auth": {**SFTP_AUTH, "specName": "Access Key"}}, 1415),
    ({"auth": {**SFTP_AUTH, "params": {"host": "h", "userName": "u"}}}, 1304),
    ({"auth": {**SFTP_AUTH, "params": {"host": "", "userName": "u", "password": "p"}}}, 1393),
    ({"auth": {**SFTP_AUTH, "params": {"host": "h", "userName": "u", "password": specs.SECRET}}}, 1393),
    (
        {
            "auth": {
                **SFTP_AUTH,
                "params": {"host": "h", "userName": "u", "password": "p", "maxConcurrentConnections": 0},
            }
        },
        1394,
    ),
    ({"auth": {**SFTP_AUTH, "params": {"host": "a b", "userName": "u", "password": "p"}}}, 1312),
]


def test_a_connection_that_cannot_be_used_is_refused(client: Client) -> None:
    """By the number of what is wrong first; a test of the source is another call."""
    good = body(specs.SFTP, SFTP_AUTH)
    answers = [client("POST", "/connections", {**good, **given}) for given, _ in REFUSED]
    assert [fault(answer) for answer in answers] == [(expected, 400) for _, expected in REFUSED]


def test_no_secret_is_ever_given_back(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Not by GET, list, search, PATCH or a refusal, not in the ledger's file, not in the log; also under a wrong name."""
    caplog.set_level(logging.DEBUG)
    made = client.make("/connections", body(specs.SFTP, SFTP_AUTH))
    shown = client.one(f"/connections/{made}")
    assert shown["auth"] == {
        "specName": "Basic Authentication for sftp",
        "params": {
            "host": "127.0.0.1",
            "port": 9,
            "userName": "u",
            "password": specs.SECRET,
            "Password": specs.SECRET,
            "note": "kept",
        },
    }
    patch = [{"op": "replace", "path": "/auth/params/host", "value": "x y"}]
    texts = [
        client("GET", "/connections").text,
        client("POST", "/connections/search", {}).text,
        client("GET", f"/connections/{made}/test").text,
        client("PATCH", f"/connections/{made}", patch, if_match="*").text,
        client("POST", "/connections?mode=draft", {"name": "d", "auth": {"params": {"secretKey": CANARY}}}).text,
        client("GET", "/connections?property=state==draft").text,
        caplog.text,
    ]
    assert not [text for text in texts if CANARY in text]
    files = [file for file in client.files.parent.rglob("*") if file.is_file()]
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def test_one_parameter_is_changed_and_the_masked_ones_stay(client: Client, sqlite_database: Database) -> None:
    """What is sent back as it was shown leaves the stored secret alone."""
    made = client.make("/connections", body(specs.SFTP, SFTP_AUTH))
    shown = client.one(f"/connections/{made}")
    params = {**shown["auth"]["params"], "host": "other.example.com"}
    patch = [{"op": "replace", "path": "/auth/params", "value": params}]
    assert client("PATCH", f"/connections/{made}", patch, if_match=shown["etag"]).status_code == 200
    added = [{"op": "replace", "path": "/auth/params/port", "value": 2022}]
    answer = client("PATCH", f"/connections/{made}", added, if_match="*")
    assert answer.status_code == 200, answer.text
    info = resolve(sqlite_database, "flowservice/acme@AdobeOrg/prod", made, Sealer([b"k" * 32]))
    assert (info.kind, info.url, info.options["password"]) == ("sftp", "sftp://u@other.example.com:2022", CANARY)


UNCHANGEABLE: list[tuple[dict[str, Any], int]] = [
    ({"op": "replace", "path": "/connectionSpec/id", "value": specs.FTP}, 1414),
    ({"op": "replace", "path": "/auth/specName", "value": "x"}, 1365),
    ({"op": "replace", "path": "/state", "value": "asleep"}, 1456),
    ({"op": "remove", "path": "/auth/params/password"}, 1304),
    ({"op": "replace", "path": "/auth/params/password", "value": ""}, 1393),
    ({"op": "remove", "path": "/auth/params/nothing"}, 1455),
    ({"op": "replace", "path": "/id", "value": "x"}, 1365),
]


def test_what_cannot_be_changed_is_refused(client: Client) -> None:
    """Each by its number, and the connection stays what it was."""
    made = client.make("/connections", body(specs.SFTP, SFTP_AUTH))
    before = client.one(f"/connections/{made}")
    answers = [client("PATCH", f"/connections/{made}", [operation], if_match="*") for operation, _ in UNCHANGEABLE]
    assert [fault(answer) for answer in answers] == [(expected, 400) for _, expected in UNCHANGEABLE]
    assert client.one(f"/connections/{made}") == before


def test_a_disabled_connection_opens_for_nobody_until_it_is_enabled(client: Client, sqlite_database: Database) -> None:
    """It stays listed; whatever reads through it fails and says why."""
    made = client.make("/connections", body(specs.SFTP, SFTP_AUTH))
    place = (sqlite_database, "flowservice/acme@AdobeOrg/prod", made, Sealer([b"k" * 32]))
    for state in ("disabled", "Initializing"):
        patch = [{"op": "replace", "path": "/state", "value": state}]
        assert client("PATCH", f"/connections/{made}", patch, if_match="*").status_code == 200
        assert client.one(f"/connections/{made}")["state"] == "disabled"
        with pytest.raises(Problem) as caught:
            resolve(*place)
        assert caught.value.code is Code.SOURCE_DENIED
    patch = [{"op": "replace", "path": "/state", "value": "enabled"}]
    assert client("PATCH", f"/connections/{made}", patch, if_match="*").status_code == 200
    assert resolve(*place).options["password"] == CANARY


def test_a_draft_is_filled_in_and_published(client: Client, sqlite_database: Database) -> None:
    """It needs a name only; publishing asks for the rest, and then it is a connection."""
    assert fault(client("POST", "/connections?mode=DRAFT", {})) == (1304, 400)
    assert fault(client("POST", "/connections?mode=sketch", {"name": "d"})) == (1312, 400)
    draft = client.make("/connections?mode=draft", {"name": "d", "connectionSpec": {"id": specs.SFTP}})
    assert client.one(f"/connections/{draft}")["state"] == "draft"
    assert fault(client("GET", f"/connections/{draft}/test")) == (1422, 400)
    assert fault(client("POST", f"/connections/{draft}/action?op=publish")) == (1304, 400)
    patch = [{"op": "add", "path": "/auth", "value": SFTP_AUTH}]
    assert client("PATCH", f"/connections/{draft}", patch, if_match="*").status_code == 200
    assert CANARY not in client("GET", f"/connections/{draft}").text
    assert client("POST", f"/connections/{draft}/action?op=PUBLISH").status_code == 200
    assert client.one(f"/connections/{draft}")["state"] == "enabled"
    assert fault(client("POST", f"/connections/{draft}/action?op=publish")) == (1422, 400)
    assert fault(client("POST", f"/connections/{draft}/action?op=finalize")) == (1402, 400)
    info = resolve(sqlite_database, "flowservice/acme@AdobeOrg/prod", draft, Sealer([b"k" * 32]))
    assert info.options["password"] == CANARY


def test_a_removed_connection_leaves_no_secret(client: Client, sqlite_database: Database) -> None:
    """What a flow uses stays; what goes, goes with all that was sealed for it."""
    ends = make_ends(client)
    made = client.make("/connections", body(specs.SFTP, SFTP_AUTH))
    assert client("DELETE", f"/connections/{made}").status_code == 204
    assert client("DELETE", f"/connections/{made}").status_code == 404
    with pytest.raises(Problem) as caught:
        resolve(sqlite_database, "flowservice/acme@AdobeOrg/prod", made, Sealer([b"k" * 32]))
    assert caught.value.code is Code.NOT_FOUND
    assert client.one(f"/connections/{ends['base']}")["state"] == "enabled"


SFTP_SOURCE: dict[str, Any] = {
    "name": "s",
    "connectionSpec": {"id": specs.SFTP, "version": "1.0"},
    "data": {"format": "delimited", "properties": {"columnDelimiter": "\t", "compressionType": "gzip"}},
    "params": {"path": "/acme/leads/*.tsv", "type": "folder", "recursive": "true", "cdcEnabled": True},
}


UNREADABLE: list[tuple[dict[str, Any], int]] = [
    ({"name": ""}, 1304),
    ({"data": {}}, 1304),
    ({"connectionSpec": {"id": specs.FTP}}, 1413),
    ({"connectionSpec": {"id": specs.DATA_LAKE}}, 1413),
    ({"baseConnectionId": ""}, 1320),
    ({"connectionSpec": {"id": specs.LANDING_ZONE}}, 1332),
    ({"params": {}}, 1323),
    ({"params": {"path": "../x"}}, 1312),
    ({"params": {"path": "x", "type": "link"}}, 1312),
    ({"params": {"path": "x", "recursive": "perhaps"}}, 1312),
    ({"params": {"path": "x", "filters": {"type": "PQL"}}}, 1353),
    ({"data": {"format": "excel"}}, 1327),
    ({"data": {"format": "delimited", "columnDelimiter": "ab"}}, 1331),
    ({"data": {"format": "delimited", "properties": {"encoding": "EBCDIC"}}}, 1312),
    ({"data": {"format": "json", "properties": {"encoding": "ISO-8859-1"}}}, 1312),
    ({"data": {"format": "json", "properties": {"compressionType": "rar"}}}, 1312),
    ({"data": {"format": "parquet", "properties": {"compressionType": "gzip"}}}, 1312),
]


def test_a_source_connection_that_cannot_be_read_is_refused(client: Client) -> None:
    """By the number of what is wrong."""
    base = client.make("/connections", body(specs.SFTP, SFTP_AUTH))
    good = {**SFTP_SOURCE, "baseConnectionId": base}
    answers = [client("POST", "/sourceConnections", {**good, **given}) for given, _ in UNREADABLE]
    assert [fault(answer) for answer in answers] == [(expected, 400) for _, expected in UNREADABLE]


def test_a_source_connection_inherits_its_base_and_answers_a_patch_in_both_forms(client: Client) -> None:
    """What was sent is kept as it was sent."""
    base = client.make("/connections", body(specs.SFTP, SFTP_AUTH))
    made = client.make("/sourceConnections", {**SFTP_SOURCE, "baseConnectionId": base})
    shown = client.one(f"/sourceConnections/{made}")
    spec = {"id": specs.SFTP, "version": "1.0"}
    assert shown["inheritedAttributes"] == {"baseConnection": {"id": base, "connectionSpec": spec}}
    assert shown["params"] == SFTP_SOURCE["params"]
    patch = [{"op": "replace", "path": "/params/path", "value": "/other/"}]
    answer = client("PATCH", f"/sourceConnections/{made}", patch, if_match=shown["etag"]).json()
    assert answer["items"][0]["params"]["path"] == "/other/"
    assert answer["etag"] == answer["items"][0]["etag"] != shown["etag"]
    found = client("POST", "/sourceConnections/search", {"queryString": f"baseConnectionId=={base}"}).json()["items"]
    assert [item["id"] for item in found] == [made]


def test_table_sources_take_filters(client: Client) -> None:
    """And refuse what is none (7.5); columns are checked when they are used."""
    auth = {"specName": STRING, "params": {"connectionString": "Server=db;Database=d;UID=u;Password=p"}}
    base = client.make("/connections", body(specs.MARIA_DB, auth))
    node = {
        "nodeType": "fnApply",
        "fnName": "=",
        "params": [{"nodeType": "fieldLookup", "fieldName": "a"}, {"nodeType": "literal", "value": 1}],
    }
    source = {
        "name": "s",
        "baseConnectionId": base,
        "connectionSpec": {"id": specs.MARIA_DB},
        "data": {"format": "tabular"},
        "params": {"tableName": "crm.people", "filters": {"type": "PQL", "format": "pql/json", "value": node}},
    }
    client.make("/sourceConnections", source)
    refused = {**source, "params": {"tableName": "crm.people", "filters": {"type": "SQL"}}}
    assert fault(client("POST", "/sourceConnections", refused)) == (1355, 400)
    assert fault(client("POST", "/sourceConnections", {**source, "params": {}})) == (1323, 400)
    assert fault(client("POST", "/sourceConnections", {**source, "data": {"format": "json"}})) == (1327, 400)


def test_ends_are_drafted_and_published(client: Client) -> None:
    """A source needs a name, a target nothing; both need the rest to be published."""
    ends = make_ends(client)
    source = client.make("/sourceConnections?mode=draft", {"name": "s"})
    target = client.make("/targetConnections?mode=draft", {})
    assert fault(client("POST", f"/sourceConnections/{source}/action?op=publish")) == (1413, 400)
    assert fault(client("POST", f"/targetConnections/{target}/action?op=publish")) == (1304, 400)
    whole = client.one(f"/sourceConnections/{ends['source']}")
    patch = [
        {"op": "add", "path": f"/{key}", "value": whole[key]}
        for key in ("connectionSpec", "baseConnectionId", "data", "params")
    ]
    assert client("PATCH", f"/sourceConnections/{source}", patch, if_match="*").status_code == 200
    whole = client.one(f"/targetConnections/{ends['target']}")
    patch = [{"op": "add", "path": f"/{key}", "value": whole[key]} for key in ("connectionSpec", "data", "params")]
    assert client("PATCH", f"/targetConnections/{target}", patch, if_match="*").status_code == 200
    for path in (f"/sourceConnections/{source}", f"/targetConnections/{target}"):
        assert client("POST", f"{path}/action?op=publish").status_code == 200
        assert client.one(path)["state"] == "enabled"
        assert fault(client("POST", f"{path}/action?op=publish")) == (1422, 400)


def test_a_target_that_is_not_whole_is_refused(client: Client) -> None:
    """The data lake, a dataset that is there, a schema."""
    ends = make_ends(client)
    good = client.one(f"/targetConnections/{ends['target']}")
    spec = good["connectionSpec"]
    for given, expected in (
        ({"connectionSpec": {}}, (1304, 400)),
        ({"connectionSpec": {"id": specs.AMAZON_S3}}, (1307, 400)),
        ({"connectionSpec": spec, "params": {}}, (1325, 400)),
        ({"connectionSpec": spec, "params": {"dataSetId": "0" * 24}}, (1439, 404)),
        ({"connectionSpec": spec, "params": good["params"], "data": {}}, (1304, 400)),
    ):
        assert fault(client("POST", "/targetConnections", given)) == expected


def test_users_make_no_specs(client: Client) -> None:
    """They are for services."""
    for path in ("/connectionSpecs", "/flowSpecs"):
        assert fault(client("POST", path, {"name": "x", "providerId": specs.PROVIDER_ID})) == (1426, 400)


def test_a_service_gives_a_connector_another_name(client: Client) -> None:
    """In all sandboxes; what is made with it is a connection of the connector itself."""
    service = {"authorization": "Bearer service"}
    new = {"name": "acme-drop", "providerId": specs.PROVIDER_ID, "attributes": {"connectorName": "SFTP"}}
    assert fault(client("POST", "/connectionSpecs", {**new, "name": ""}, **service)) == (1304, 400)
    assert fault(client("POST", "/connectionSpecs", {**new, "attributes": {}}, **service)) == (1312, 400)
    assert fault(client("PUT", f"/connectionSpecs/{specs.SFTP}", new, **service)) == (1312, 400)
    assert fault(client("PUT", "/connectionSpecs/nothing", new, **service)) == (1439, 404)
    made = client("POST", "/connectionSpecs", new, **service)
    assert made.status_code == 201, made.text
    spec = made.json()
    assert spec["authSpec"] == client.one(f"/connectionSpecs/{specs.SFTP}")["authSpec"]
    renamed = client("PUT", f"/connectionSpecs/{spec['id']}", {**new, "name": "acme-in"}, **service).json()
    assert client.one(f"/connectionSpecs/{spec['id']}") == renamed
    assert client("GET", "/connectionSpecs?property=name==acme-in").json()["items"] == [renamed]
    connection = client.make("/connections", body(spec["id"], SFTP_AUTH))
    assert client.one(f"/connections/{connection}")["connectionSpec"] == {"id": specs.SFTP, "version": "1.0"}
    source = client.make(
        "/sourceConnections",
        {**SFTP_SOURCE, "connectionSpec": {"id": spec["id"]}, "baseConnectionId": connection},
    )
    assert client.one(f"/sourceConnections/{source}")["connectionSpec"]["id"] == specs.SFTP


def test_a_service_gives_a_flow_spec_another_name(client: Client) -> None:
    """Flows that are made with it are flows of ours that take the same sources."""
    service = {"authorization": "Bearer service"}
    new = {"name": "drops", "providerId": specs.PROVIDER_ID, "sourceConnectionSpecIds": [specs.SFTP, specs.LOCAL_FILES]}
    mixed = {**new, "sourceConnectionSpecIds": [specs.SFTP, specs.MYSQL]}
    assert fault(client("POST", "/flowSpecs", mixed, **service)) == (1312, 400)
    spec = client("POST", "/flowSpecs", new, **service).json()
    assert spec["sourceConnectionSpecIds"] == new["sourceConnectionSpecIds"]
    assert client.one(f"/flowSpecs/{spec['id']}")["runSpec"] == flow_specs()[1]["runSpec"]
    ends = make_ends(client)
    flow = client.make("/flows", flow_body(ends, flowSpec={"id": spec["id"], "version": "1.0"}))
    assert client.one(f"/flows/{flow}")["flowSpec"]["id"] == specs.CLOUD_STORAGE_TO_AEP
