"""Exploring (7.7): the shapes of answers, every refusal by its number, and real sources behind it."""

import base64
import gzip
import json
from typing import Any

import pytest

from api.flowservice.conftest import Client
from api.flowservice.test_connections import SFTP_AUTH, STRING, body, fault
from headrace.api.flowservice import specs
from headrace.api.flowservice.translate.explored import array_of_columns, config_items, flat, place_items
from headrace.core.explore import Peek, PeekedColumn, Place, Places, PlaceType
from headrace.core.schema import ColumnType, Kind
from headrace.core.source import Compression, FileFormat

PEEK = Peek(
    (
        PeekedColumn("id", ColumnType(Kind.LONG), "bigint"),
        PeekedColumn("born", ColumnType(Kind.DATE)),
        PeekedColumn("price", ColumnType(Kind.DECIMAL, 9, 2)),
        PeekedColumn("tags", ColumnType(Kind.LIST, element=ColumnType(Kind.STRING))),
    ),
    ({"id": 1, "born": "2024-02-29", "price": 1.5, "tags": ["a"]},),
    FileFormat(delimiter="\t", compression=Compression.TAR_GZIP),
)


def test_places_have_the_published_shape() -> None:
    """Folders cannot be previewed, and end with a slash."""
    places = Places((Place(PlaceType.FOLDER, "in", "in/"), Place(PlaceType.FILE, "a.csv", "a.csv", 7)))
    assert place_items(places, "dlz-user-container/") == [
        {
            "type": "folder",
            "name": "in",
            "path": "dlz-user-container/in/",
            "canPreview": False,
            "canFetchSchema": False,
        },
        {
            "type": "file",
            "name": "a.csv",
            "path": "dlz-user-container/a.csv",
            "canPreview": True,
            "canFetchSchema": True,
        },
    ]


def test_columns_and_rows_have_the_published_shape() -> None:
    """Dates are strings that say what they hold; data and properties come when they are asked for."""
    shown = flat(PEEK, with_data=True, with_properties=True)
    assert shown == {
        "format": "flat",
        "schema": {
            "columns": [
                {
                    "name": "id",
                    "type": "integer",
                    "meta:xdmType": "long",
                    "xdm": {"type": "integer"},
                    "meta": {"originalType": "bigint"},
                },
                {
                    "name": "born",
                    "type": "string",
                    "meta:xdmType": "date",
                    "xdm": {"type": "string", "format": "date"},
                },
                {"name": "price", "type": "double", "meta:xdmType": "number", "xdm": {"type": "number"}},
                {"name": "tags", "type": "array", "meta:xdmType": "array", "xdm": {"type": "array"}},
            ]
        },
        "data": [{"id": 1, "born": "2024-02-29", "price": 1.5, "tags": ["a"]}],
        "properties": {"fileType": "delimited", "compressionType": "tarGzip", "columnDelimiter": "\t"},
    }
    assert set(flat(PEEK, with_data=False)) == {"format", "schema"}
    assert array_of_columns(PEEK)[:2] == [{"name": "id", "type": "Integer"}, {"name": "born", "type": "String"}]
    assert config_items(PEEK)[:2] == [
        {"columnName": "id", "columnType": "bigint"},
        {"columnName": "born", "columnType": "string"},
    ]


REFUSED = [
    ("", 1359),
    ("objectType=", 1334),
    ("objectType=cube", 1358),
    ("objectType=REST", 1336),
    ("OBJECTTYPE=file&fileType=json", 1337),
    ("objectType=folder", 1337),
    ("objectType=table&object=t", 1336),
    ("objectType=file&object=a", 1359),
    ("objectType=file&object=a&determineProperties=false", 1359),
    ("objectType=file&object=a&FILE_TYPE=csv", 1312),
    ("objectType=file&object=a&FileType=Delimited&determineProperties=TRUE", 1374),
    ("objectType=file&object=a&fileType=delimited&columnDelimiter=ab", 1331),
    ("objectType=file&object=a&fileType=json&compressionType=rar", 1312),
    ("objectType=file&object=a&fileType=json&preview=perhaps", 1312),
    ("objectType=file&object=../a&fileType=json", 1312),
    ("objectType=file&object=a&fileType=json&filters=e30=", 1353),
    ("objectType=root&colour=red", 1451),
    (f"objectType=folder&object={'a' * 3000}", 1312),
]


def test_a_question_that_is_none_is_refused_before_the_source_is_asked(client: Client) -> None:
    """Parameter names in any case, with their synonyms; each mistake by its number."""
    made = client.make("/connections", body(specs.SFTP, SFTP_AUTH))
    answers = [client("GET", f"/connections/{made}/explore?{query}") for query, _ in REFUSED]
    assert [fault(answer) for answer in answers] == [(expected, 400) for _, expected in REFUSED]


def test_a_table_is_not_a_file(client: Client) -> None:
    """What a database does not have cannot be explored there; filters that cannot be decoded are told."""
    auth = {"specName": STRING, "params": {"connectionString": "Server=db;Database=d;UID=u;Password=p"}}
    made = client.make("/connections", body(specs.POSTGRE_SQL, auth))
    for query, expected in (
        ("objectType=file&object=a&fileType=json", 1336),
        ("objectType=folder&object=crm", 1336),
        ("objectType=table&object=t&filters=%25%25", 1389),
        (f"objectType=table&object=t&filters={_encoded({'type': 'SQL'})}", 1355),
    ):
        assert fault(client("GET", f"/connections/{made}/explore?{query}")) == (expected, 400)
    assert client("GET", f"/connections/{made}/configs").json() == {"items": []}


def test_specs_with_connections_are_explored_through_them(client: Client) -> None:
    """Only the landing zone has none."""
    assert fault(client("GET", f"/connectionSpecs/{specs.SFTP}/explore?objectType=root")) == (1372, 400)
    assert fault(client("GET", "/connectionSpecs/nothing/explore?objectType=root")) == (1439, 404)


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.fixture
def base(client: Client) -> str:
    """Return a connection to a folder with files of every kind."""
    (client.files / "in").mkdir()
    (client.files / "in" / "leads.csv").write_text('Id;Name\n1;"a;b"\n')
    (client.files / "in" / "leads.json.gz").write_bytes(gzip.compress(b'{"id": 1, "ok": true, "who": {"name": "a"}}\n'))
    (client.files / "empty.csv").write_bytes(b"")
    auth = {"specName": "Directory", "params": {"rootPath": str(client.files)}}
    return client.make("/connections", body(specs.LOCAL_FILES, auth))


def test_files_are_detected_and_previewed(client: Client, base: str) -> None:
    """Delimited values are strings whatever they look like; JSON keeps its types and its nesting."""
    path = f"/connections/{base}/explore?objectType=file&object="
    found = client("GET", f"{path}in/leads.csv&determineProperties=true&preview=true").json()
    assert found["properties"] == {"fileType": "delimited", "columnDelimiter": ";"}
    assert found["data"] == [{"Id": "1", "Name": "a;b"}]
    assert {column["type"] for column in found["schema"]["columns"]} == {"string"}
    found = client("GET", f"{path}in/leads.json.gz&determineProperties=true&preview=true").json()
    assert found["properties"] == {"fileType": "json", "compressionType": "gzip"}
    assert [column["type"] for column in found["schema"]["columns"]] == ["integer", "boolean", "object"]
    assert found["data"] == [{"id": 1, "ok": True, "who": {"name": "a"}}]
    given = client("GET", f"{path}in/leads.csv&FILE_TYPE=DELIMITED&ColumnDelimiter=%3B").json()
    assert given == [{"name": "Id", "type": "String"}, {"name": "Name", "type": "String"}]


def test_what_the_source_says_is_told_by_its_number(client: Client, base: str) -> None:
    """A file whose kind cannot be found out, a folder that is not there, a path that leads away."""
    path = f"/connections/{base}/explore?"
    assert fault(client("GET", f"{path}objectType=file&object=empty.csv&determineProperties=true")) == (1375, 400)
    assert fault(client("GET", f"{path}objectType=folder&object=nothing/")) == (1308, 400)
    assert fault(client("GET", f"{path}objectType=file&object=nothing.csv&fileType=json")) == (1308, 400)


def test_a_folder_is_listed_as_root_or_by_its_path(client: Client, base: str) -> None:
    """``object=root`` is the root too."""
    path = f"/connections/{base}/explore?"
    root = client("GET", f"{path}objectType=ROOT").json()
    assert [place["path"] for place in root] == ["empty.csv", "in/"]
    assert client("GET", f"{path}objectType=folder&object=root").json() == root
    below = client("GET", f"{path}objectType=folder&object=in").json()
    assert [place["path"] for place in below] == ["in/leads.csv", "in/leads.json.gz"]
