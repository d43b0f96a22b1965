"""Data moved into and out of PostgreSQL through the real door and the real engine; and what is shown of the secrets on the way."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from moving_factory import MovingFactory, copy, databases, moving_factory, reference

SECRET = "correct-horse-battery"
DELIMITED = {"type": "DelimitedTextSource", "storeSettings": {"type": "FileServerReadSettings"}}
SERVICE = reference("warehouse", "LinkedServiceReference")
_TABLES = """
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, born timestamptz);
CREATE TABLE log (at int, what text);
CREATE PROCEDURE note(p_at int, p_what text) LANGUAGE sql AS 'INSERT INTO log VALUES (p_at, p_what)';
"""


@pytest.fixture(scope="module")
def warehouse(postgres_url: str) -> Iterator[psycopg.Connection]:
    """Return a connection to a database of our own."""
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS moving WITH (FORCE)")
        server.execute("CREATE DATABASE moving")
        with psycopg.connect(urlsplit(postgres_url)._replace(path="/moving").geturl(), autocommit=True) as connection:
            connection.execute(_TABLES)
            yield connection
        server.execute("DROP DATABASE moving WITH (FORCE)")


@pytest.fixture(scope="module")
def factory(
    tmp_path_factory: pytest.TempPathFactory, warehouse: psycopg.Connection, postgres_url: str
) -> Iterator[MovingFactory]:
    """Return a factory for whose Azure database the warehouse stands."""
    assert not warehouse.closed
    url = urlsplit(postgres_url)._replace(path="/{database}").geturl()
    settings = {"HEADRACE_DATAFACTORY_DATABASES": databases(warehouse=url), "HEADRACE_EGRESS_ALLOW": "127.0.0.1"}
    with moving_factory(tmp_path_factory.mktemp("warehouse"), **settings) as factory:
        factory.service("warehouse", "AzureSqlDatabase", server="s.database.windows.net", database="moving")
        factory.dataset("people", "AzureSqlTable", "warehouse", schema="public", table="people")
        factory.files("csv", "DelimitedText", "people", firstRowAsHeader=True)
        yield factory


@pytest.mark.postgres
def test_rows_are_inserted_changed_and_read_again(factory: MovingFactory, warehouse: psycopg.Connection) -> None:
    """A first file fills the table, a second one changes it by its key, and a Lookup sees both; types come through text."""
    warehouse.execute("TRUNCATE people")
    factory.text("people/1.csv", "id,name,born\n1,Ann,2001-02-03T04:05:06Z\n2,Bob,\n")
    row = factory.run(copy("Fill", DELIMITED, {"type": "AzureSqlSink"}, ("csv", "people")))["Fill"]
    assert (row["status"], row["error"]["message"]) == ("Succeeded", "")
    factory.text("people/1.csv", "id,name\n2,Bea\n3,Cid\n")
    upsert = {"type": "AzureSqlSink", "writeBehavior": "upsert", "upsertSettings": {"keys": ["id"]}}
    look = {
        "name": "Look",
        "type": "Lookup",
        "dependsOn": [{"activity": "Change", "dependencyConditions": ["Succeeded"]}],
        "typeProperties": {
            "dataset": reference("people"),
            "source": {"type": "AzureSqlSource", "sqlReaderQuery": "SELECT * FROM people ORDER BY id"},
            "firstRowOnly": False,
        },
    }
    rows = factory.run(copy("Change", DELIMITED, upsert, ("csv", "people")), look)
    assert [row["error"]["message"] for row in rows.values()] == ["", ""]
    assert rows["Look"]["output"]["value"] == [
        {"id": 1, "name": "Ann", "born": "2001-02-03T04:05:06Z"},
        {"id": 2, "name": "Bea", "born": None},
        {"id": 3, "name": "Cid", "born": None},
    ]


@pytest.mark.postgres
def test_what_a_table_forbids_is_told_in_the_words_of_the_contract(
    factory: MovingFactory, warehouse: psycopg.Connection
) -> None:
    """The side, the inner code, and what the database said."""
    warehouse.execute("CREATE TABLE strict (id int NOT NULL)")
    factory.dataset("strict", "AzureSqlTable", "warehouse", table="strict")
    factory.text("strict/1.csv", "id,more\n1,2\n")
    factory.files("strict_csv", "DelimitedText", "strict", firstRowAsHeader=True)
    row = factory.run(copy("Load", DELIMITED, {"type": "AzureSqlSink"}, ("strict_csv", "strict")), name="strict")[
        "Load"
    ]
    assert row["status"] == "Failed"
    assert "ErrorCode=SqlInvalidColumnName,'Type=Microsoft.DataTransfer" in row["error"]["message"]


@pytest.mark.postgres
def test_a_procedure_is_called_with_its_parameters(factory: MovingFactory, warehouse: psycopg.Connection) -> None:
    """In the order of the document; the mark of an increment is stored like that."""
    given = {"p_at": {"value": "@add(40, 2)", "type": "Int"}, "p_what": {"value": "done", "type": "String"}}
    call = {
        "name": "Note",
        "type": "SqlServerStoredProcedure",
        "linkedServiceName": SERVICE,
        "typeProperties": {"storedProcedureName": "note", "storedProcedureParameters": given},
    }
    wrong = {**call, "name": "Wrong", "typeProperties": {"storedProcedureName": "nothing_there"}}
    rows = factory.run(call, wrong, name="procedures")
    assert (rows["Note"]["status"], rows["Note"]["error"]["message"]) == ("Succeeded", "")
    assert warehouse.execute("SELECT at, what FROM log").fetchall() == [(42, "done")]
    assert rows["Wrong"]["error"]["errorCode"] == "2402"
    assert "nothing_there" in rows["Wrong"]["error"]["message"]


@pytest.mark.postgres
def test_a_database_that_refuses_us_fails_the_activity_and_no_secret_is_told(
    factory: MovingFactory, warehouse: psycopg.Connection
) -> None:
    """Neither in the input, nor in the output, nor in what went wrong; also where the password stands in a connection string."""
    info = warehouse.info
    string = f"host=127.0.0.1;port={info.port};database=moving;uid=nobody_there;password={SECRET}"
    factory.service("closed", "PostgreSql", connectionString=string)
    factory.dataset("closed", "PostgreSqlTable", "closed", tableName="people")
    source = {"type": "PostgreSqlSource", "query": f"SELECT '{SECRET}'"}
    row = factory.run(copy("Read", source, {"type": "DelimitedTextSink"}, ("closed", "csv")), name="closed")["Read"]
    assert row["status"] == "Failed"
    assert row["error"]["message"].startswith("Failure happened on 'Source' side. ErrorCode=Sql")
    assert SECRET not in json.dumps(row)
    assert row["input"]["source"]["query"] == "SELECT '**********'"
