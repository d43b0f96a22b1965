"""Stores and databases of flow files: what URL, connection and environment mean together, and where secrets may stand."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from headrace.core.codec import decode
from headrace.core.condition import Comparator, Comparison
from headrace.core.errors import Problem
from headrace.core.settings import CopySettings
from headrace.core.source import FileSource, TableSource
from headrace.dataplane.connectors.databases import bigquery, mysql_address, snowflake, sqlserver
from headrace.flowfile import FlowFile, json_schema, read
from headrace.flowfile.connections import SECRETS, TAKES
from headrace.flowfile.yamltext import parse
from headrace.service.connections import SCHEMES, ConnectionDraft

HUSH = "hush-5c1e7f"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": HUSH, "AWS_SESSION_TOKEN": "token", "AWS_REGION": "eu-north-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9000", "PASSWORD": f"{HUSH}@/", "KEY": HUSH, "EMPTY": "",
}  # fmt: skip
VALIDATOR = Draft202012Validator(json_schema())


def flow(source: str) -> str:
    """Return a flow file with this source."""
    return f"name: f\nparameters: {{bucket: land, pw: letmein}}\nsource: {source}\ntarget: {{table: t}}\n"


def read_flow(source: str, environment: dict[str, str], directory: Path = Path("/job")) -> FlowFile:
    """Read a flow file with this source."""
    return read(flow(source), None, environment, path=directory / "flow.yaml")


def source_of(file: FlowFile) -> Any:
    """Return the source of the flow's copy."""
    return decode(CopySettings, file.flow.plan.by_name["copy"].settings, what="the copy").source


def connection_of(source: str, environment: dict[str, str] | None = None) -> ConnectionDraft:
    """Return the connection of a flow file with this source."""
    (connection,) = read_flow(source, ENVIRONMENT if environment is None else environment).connections
    return connection


def errors_of(source: str, environment: dict[str, str] | None = None) -> str:
    """Return what is wrong in a flow file with this source, after making sure that no secret is in it."""
    with pytest.raises(Problem) as refusal:
        read_flow(source, ENVIRONMENT if environment is None else environment)
    told = "\n".join(str(error) for error in refusal.value.fields)
    assert HUSH not in told + str(refusal.value)
    return told


@pytest.mark.parametrize(
    ("files", "kind", "path"),
    [
        ("s3://${bucket}/2024-*/**/x?.csv.gz", "s3", "land/2024-*/**/x?.csv.gz"),
        ("s3://land", "s3", "land/"),
        ("s3://land/100%25#1.csv", "s3", "land/100%25#1.csv"),
        ("sftp://u@h:2222/in%20tray/*.csv", "sftp", "in tray/*.csv"),
        ("ftp://h/", "ftp", ""),
    ],
)
def test_a_store_is_a_connection_and_the_plan_has_paths_alone(files: str, kind: str, path: str) -> None:
    """Keys of object stores stand as they are; URLs of servers are decoded."""
    connection = "" if kind == "s3" else ", connection: {password: '${env:KEY}'}"
    file = read_flow(f"{{files: '{files}'{connection}}}", ENVIRONMENT)
    source = source_of(file)
    assert isinstance(source, FileSource)
    assert (source.root, source.path, source.connection) == ("", path, file.connections[0].id)
    assert file.connections[0].kind == kind
    assert HUSH not in repr(file)


def test_several_paths_of_one_store_are_one_source() -> None:
    """Also of several buckets."""
    source = source_of(read_flow("{files: ['s3://a/x.csv', 's3://b/y/']}", ENVIRONMENT))
    assert (source.path, source.also) == ("a/x.csv", ("b/y/",))


S3 = {"access_key": "AKIA", "secret_key": HUSH, "session_token": "token", "region": "eu-north-1"}
AZURITE = "http://127.0.0.1:10000/devstoreaccount1"
AZURE_TEXT = f"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={HUSH}==;EndpointSuffix=core.windows.net"


@pytest.mark.parametrize(
    ("source", "environment", "url", "options"),
    [
        ("{files: s3://b/x}", ENVIRONMENT, "http://127.0.0.1:9000", S3),
        (
            "{files: s3://b/x, connection: {endpoint: 'https://m:9000', region: r, access_key: a, secret_key: '${env:KEY}'}}",
            ENVIRONMENT, "https://m:9000", {"access_key": "a", "secret_key": HUSH, "region": "r"},
        ),
        (
            "{files: s3://b/x}",
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "", "AWS_DEFAULT_REGION": "d"},
            "https://s3.amazonaws.com", {"access_key": "a", "secret_key": "s", "region": "d"},
        ),
        (
            "{files: az://c/x}", {"AZURE_STORAGE_CONNECTION_STRING": AZURE_TEXT},
            "https://acct.blob.core.windows.net", {"account": "acct", "account_key": f"{HUSH}=="},
        ),
        (
            "{files: az://c/x, connection: {connection_string: '${env:C}'}}",
            {"C": "BlobEndpoint=https://x.y/;SharedAccessSignature=sv=1&sig=s", "AZURE_STORAGE_CONNECTION_STRING": AZURE_TEXT},
            "https://x.y", {"sas": "sv=1&sig=s"},
        ),
        (
            "{files: az://c/x, connection: {account: acct, sas: '${env:KEY}'}}", ENVIRONMENT,
            "https://acct.blob.core.windows.net", {"account": "acct", "sas": HUSH},
        ),
        (
            "{files: az://c/x, connection: {endpoint: 'http://h:1/acct'}}", {"AZURE_STORAGE_ACCOUNT": "acct", "AZURE_STORAGE_KEY": "k"},
            "http://h:1/acct", {"account": "acct", "account_key": "k"},
        ),
        (
            "{files: gs://b/x}", {"GCS_ACCESS_KEY_ID": "a", "GCS_SECRET_ACCESS_KEY": "s"},
            "https://storage.googleapis.com", {"access_key": "a", "secret_key": "s"},
        ),
        ("{files: gs://b/x}", {"STORAGE_EMULATOR_HOST": "localhost:9199"}, "http://localhost:9199/storage/v1", {}),
        ("{files: gs://b/x, connection: {endpoint: 'http://h/storage/v1'}}", {}, "http://h/storage/v1", {}),
        (
            "{files: 'sftp://h:22/x', connection: {user: 'a b', password: '${env:KEY}', max_connections: 2}}", ENVIRONMENT,
            "sftp://a%20b@h:22", {"password": HUSH, "max_connections": "2"},
        ),
        ("{files: 'ftp://h/x', connection: {tls: true}}", {}, "ftp://h", {"tls": "true"}),
        (
            "{database: 'mariadb://r@h:3307/shop', connection: {password: '${env:PASSWORD}', ssl: require}, table: t}", ENVIRONMENT,
            f"mysql://r:{HUSH}%40%2F@h:3307/shop", {"ssl": "require"},
        ),
        (
            "{database: 'sqlserver://h/shop', connection: {user: sa, password: '${env:KEY}', encrypt: false}, table: t}", ENVIRONMENT,
            f"mssql://sa:{HUSH}@h/shop", {"encrypt": "false"},
        ),
        (
            "{database: 'snowflake://r:${env:KEY}@org-acct/shop', connection: {warehouse: w, schema: s}, table: t}", ENVIRONMENT,
            "snowflake://org-acct.snowflakecomputing.com/shop", {"user": "r", "password": HUSH, "warehouse": "w", "schema": "s"},
        ),
        (
            "{database: 'bigquery://bigquery.googleapis.com/p', connection: {key_file_content: '${env:KEY}', dataset: d}, table: t}",
            ENVIRONMENT, "bigquery://bigquery.googleapis.com/p", {"key_file_content": HUSH, "dataset": "d"},
        ),
    ],
    ids=range(16),
)  # fmt: skip
def test_url_connection_and_environment_make_a_connection(
    source: str, environment: dict[str, str], url: str, options: dict[str, str]
) -> None:
    """What the file says wins; keys are read from the environment only where it gives none. The editor's schema takes each."""
    connection = connection_of(source, environment)
    assert (connection.url, dict(connection.options)) == (url, options)
    assert url.partition(":")[0] in SCHEMES[connection.kind]
    VALIDATOR.validate(parse(flow(source), "f").value)


def test_the_emulator_of_azure_needs_one_word() -> None:
    """As with Azure's own tools."""
    connection = connection_of("{files: az://c/x}", {"AZURE_STORAGE_CONNECTION_STRING": "UseDevelopmentStorage=true"})
    assert (connection.url, connection.options["account"]) == (AZURITE, "devstoreaccount1")


def test_new_keys_are_no_other_connection_but_another_server_is() -> None:
    """A retry after changed keys carries the copy over; after another server it does not."""
    text = "{files: s3://b/x, connection: {endpoint: 'http://h', access_key: a, secret_key: '${env:KEY}'}}"
    before = connection_of(text).id
    assert connection_of(text.replace("access_key: a", "access_key: b")).id == before
    assert connection_of(text.replace("http://h", "http://i")).id != before
    assert connection_of("{files: 'sftp://u@h/x', connection: {password: '${env:KEY}'}}").id == (
        connection_of("{files: 'sftp://v@h/y', connection: {password: '${env:PASSWORD}'}}").id
    )


def test_a_condition_is_part_of_the_source_and_of_its_watermark() -> None:
    """Rows that another condition left out would else be behind the watermark for good."""
    text = "{database: 'mysql://h/d', table: t, delta_column: at, where: {status: '${bucket}'}}"
    file = read_flow(text, {})
    source = source_of(file)
    assert isinstance(source, TableSource)
    assert source.where == Comparison("status", Comparator.EQ, "land")
    assert file.watermark not in {
        None,
        read_flow(text.replace("${bucket}", "x"), {}).watermark,
        read_flow(text.replace(", where: {status: '${bucket}'}", ""), {}).watermark,
    }


def test_the_watermark_of_files_in_a_store_belongs_to_the_store() -> None:
    """The same path of another server is another source; new keys are not."""
    text = "{files: s3://b/x/, by_modification_time: true}"
    before = read_flow(text, ENVIRONMENT).watermark
    assert read_flow(text, {**ENVIRONMENT, "AWS_ACCESS_KEY_ID": "other"}).watermark == before
    assert read_flow(text, {**ENVIRONMENT, "AWS_ENDPOINT_URL": "http://other"}).watermark != before


def test_a_secret_can_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Relative to the flow file, without the line end that editors put last."""
    (tmp_path / "password").write_text(f"{HUSH}\n")
    file = read_flow("{files: 'sftp://u@h/x', connection: {password: '${file:password}'}}", {}, tmp_path)
    assert file.connections[0].options == {"password": HUSH}


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("value", [HUSH, f"${{env:KEY}}{HUSH}", "${pw}"])
def test_a_secret_never_stands_in_the_file_nor_in_a_parameter(name: str, value: str) -> None:
    """It is refused with what would be right, and not repeated; the editor underlines it."""
    source = f"{{files: s3://b/x, connection: {{{name}: '{value}'}}}}"
    assert f"source.connection.{name}: a secret never stands in the flow file itself" in errors_of(source)
    assert not VALIDATOR.is_valid(parse(flow(source), "f").value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (f"{{database: 'mysql://u:{HUSH}@h/d', table: t}}", "3:20: source.database: a secret never stands in the flow file"),
        ("{database: 'postgresql://u:${pw}@h/d', table: t}", "source.database: a secret never stands"),
        (f"{{database: 'snowflake://u:x{HUSH}@@h/d', table: t}}", "source.database: a secret never stands"),
        (f"{{files: 'sftp://u:{HUSH}@h/x'}}", "nor in a parameter, which the ledger shows (connection: {password: ${env:NAME}})"),
        (f"{{files: 's3://AKIA:{HUSH}@b/x'}}", "source.files: a secret never stands"),
        (f"{{files: s3://b/x, connection: {HUSH}}}", "source.connection: expected an object (such as {password: ${env:NAME}})"),
        (f"{{files: s3://b/x, connection: {{secret_key: [{HUSH}]}}}}", "a secret never stands"),
        ("{files: s3://b/x, connection: {secret_kye: x}}", "3:40: unknown field 'secret_kye' (did you mean 'secret_key'?)"),
        ("{files: s3://b/x, connection: {sas: '${env:KEY}'}}", "source.connection.sas: a connection of kind s3 has no sas (one of endpoint"),
        ("{files: s3://b/x, connection: {secret_key: '${env:KYE}'}}", "the environment has no variable 'KYE' (set it: export KYE=…)"),
        ("{files: s3://b/x, connection: {secret_key: '${file:no/such}'}}", "the file 'no/such' cannot be read: No such file or directory"),
        ("{files: s3://b/x, connection: {access_key: a, secret_key: '${env:EMPTY}'}}", "source.connection: there is no secret_key"),
        ("{files: s3://b/x, connection: {endpoint: 'm:9000'}}", "source.connection.endpoint: this is no address of a server (https://host"),
        ("{files: 's3:///x'}", "source.files: there is no bucket"),
        ("{files: 's3://b:9000/x'}", "source.files: what follows s3:// is no name of a bucket"),
        ("{files: [s3://b/x, gs://b/x]}", "source.files: the files lie in more than one place"),
        ("{files: [sftp://u@h/x, sftp://u@i/x]}", "source.files: the files lie in more than one place"),
        ("{files: az://c/x}", "source.files: there is no storage account (connection: {account: …"),
        ("{files: az://c/x, connection: {account: a}}", "source.connection: there is neither an account key nor a shared access signature"),
        ("{files: az://c/x, connection: {connection_string: '${env:KEY}'}}", "connection_string is no connection string (AccountName="),
        ("{files: gs://b/x}", "GCS_ACCESS_KEY_ID and GCS_SECRET_ACCESS_KEY in the environment"),
        ("{files: abfss://c/x}", "abfss:// cannot be read from (az://container/…"),
        ("{files: sftp://h/x}", "source.files: there is no user"),
        ("{files: sftp://u@h/x}", "source.files: there is neither a password nor a private key (connection: {password: ${env:NAME}}"),
        ("{files: 'sftp://u@h:port/x'}", "source.files: this is no URL of a server (sftp://user@host:port/path)"),
        ("{files: sftp://u@h/x, connection: {user: v, password: '${env:KEY}'}}", "source.connection.user: the URL has a user, too"),
        ("{files: ftp://h/x, connection: {tls: maybe, max_connections: 0}}", "source.connection.tls: 'maybe' is not allowed (true or false)"),
        ("{files: ftp://h/x, connection: {max_connections: 0}}", "max_connections: '0' is not allowed (a whole number, 1 or more)"),
        ("{database: 'mysql://h/d', table: t, connection: {warehouse: w}}", "a connection of kind mysql has no warehouse (one of user, password"),
        ("{database: 'mysql:///d', table: t}", "source.database: this is no URL of a database (mysql://user@host:3306/database)"),
        (f"{{database: 'mysql://u:1/{HUSH}@h/d', table: t}}", "there is an @ behind the host (percent-encode / ? # @ in a password)"),
        ("{database: 'snowflake://a/d', table: t}", "source.connection: there is no user (user: …, with password or private_key)"),
        ("{database: 'snowflake://u@a/d', table: t, connection: {role: r}}", "source.connection: there is neither a password nor a private key"),
        ("{database: 'bigquery://bigquery.googleapis.com/p', table: t}", "there is no key_file_content, and no client_id either"),
        ("{database: 'mysql://h/d', table: t, where: a = 1}", "source.where: expected an object of columns (such as {status: open})"),
        ("{database: 'mysql://h/d', table: t, where: {a: {'=<': 1}}}", "3:57: unknown operator '=<' (did you mean '<='?)"),
    ],
)  # fmt: skip
def test_what_makes_no_connection_is_refused_with_what_would_and_no_secret(source: str, words: str) -> None:
    """With its place."""
    environment = {"KEY": HUSH, "EMPTY": ""}
    assert words in errors_of(source, environment)


@pytest.mark.parametrize(
    "source",
    [
        "{files: 'sftp://u@h/x', connection: {password: '${env:KYE}'}}",
        "{files: 's3://b/x', connection: {access_key: a, secret_key: '${env:KYE}', endpoint: '${env:KYE}'}}",
        "{database: '${env:KYE}', table: t}",
        "{files: ftp://h/x, connection: {max_connections: '${file:nothing}'}}",
    ],
)
def test_what_is_missing_is_told_once(source: str) -> None:
    """What follows from it would only hide it."""
    told = errors_of(source, {}).splitlines()
    assert len(told) == source.count("${")
    assert all("the environment has no variable 'KYE'" in line or "cannot be read" in line for line in told)


def test_a_database_takes_what_its_connector_takes() -> None:
    """What one learns, the other one must."""
    connectors = {"mysql": mysql_address, "sqlserver": sqlserver, "snowflake": snowflake, "bigquery": bigquery}
    for kind, connector in connectors.items():
        assert set(TAKES[kind]) - {"user", "password"} == connector.ALLOWED_OPTIONS - {"user", "password"}
