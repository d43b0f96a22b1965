"""Base connections, in: every auth spec's parameters become one address, and what could do harm is refused without being repeated."""

import base64
from pathlib import Path
from typing import Any

import pytest

from headrace.api.flowservice import specs
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.specs import SOURCES
from headrace.api.flowservice.translate.connection import Address, check_parameters, read_address, read_root

CANARY = "hunter2-canary"
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n"
EMULATED = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def address(spec_id: str, auth: str, params: dict[str, Any]) -> Address:
    """Return what the parameters become."""
    spec = SOURCES[spec_id]
    chosen = spec.auth_spec(auth)
    assert chosen is not None
    check_parameters(chosen, params)
    return read_address(spec, chosen, params, ())


def by_string(spec_id: str, text: str) -> Address:
    """Return what a connection string becomes."""
    return address(spec_id, SOURCES[spec_id].auth[0].name, {"connectionString": text})


@pytest.mark.parametrize(
    ("spec", "text", "url", "options"),
    [
        (
            specs.POSTGRE_SQL,
            "Server=db;Database=crm;Port=5433;UID=u;Password=p",
            "postgresql://u:p@db:5433/crm",
            {},
        ),
        (
            specs.POSTGRE_SQL,
            "pwd={p;=1};user id=a b;initial catalog=x/y;host=::1;",
            "postgresql://a%20b:p%3B%3D1@[::1]:5432/x%2Fy",
            {},
        ),
        (
            specs.POSTGRE_SQL,
            'DATABASE=d;UID=u;PWD="say ""hi""";Data Source=tcp:db',
            "postgresql://u:say%20%22hi%22@db:5432/d",
            {},
        ),
        (
            specs.POSTGRE_SQL,
            "Server=db;Database=d;UID=u;SSLMode=Require",
            "postgresql://u@db:5432/d?sslmode=require",
            {},
        ),
        (specs.MYSQL, "Server=db;Port=3307;Database=d;UID=u;PWD=p@", "mysql://u:p%40@db:3307/d", {}),
        (specs.MARIA_DB, "Server=db;Database=d;Username=u;SslMode=Required", "mysql://u@db:3306/d", {"ssl": "require"}),
        (
            specs.SQL_SERVER,
            "Data Source=tcp:db,1444;Initial Catalog=d;Integrated Security=False;User ID=u;Password=p;Encrypt=yes;TrustServerCertificate=true",
            "mssql://u:p@db:1444/d",
            {"encrypt": "true", "trust_server_certificate": "true"},
        ),
        (
            specs.SNOWFLAKE,
            "jdbc:snowflake://acme-x1.snowflakecomputing.com/?user=u&password=p%26q&db=D&warehouse=W&role=R",
            "snowflake://acme-x1.snowflakecomputing.com/D",
            {"user": "u", "password": "p&q", "warehouse": "W", "role": "R"},
        ),
        (
            specs.AZURE_BLOB,
            "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a2V5==;EndpointSuffix=core.windows.net",
            "https://acme.blob.core.windows.net",
            {"account": "acme", "account_key": "a2V5=="},
        ),
        (
            specs.AZURE_BLOB,
            "AccountName=devstoreaccount1;AccountKey=k;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;",
            "http://127.0.0.1:10000/devstoreaccount1",
            {"account": "devstoreaccount1", "account_key": "k"},
        ),
        (
            specs.AZURE_BLOB,
            "UseDevelopmentStorage=true",
            "http://127.0.0.1:10000/devstoreaccount1",
            {"account": "devstoreaccount1", "account_key": EMULATED},
        ),
        (
            specs.AZURE_BLOB,
            "BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x%3D",
            "https://acme.blob.core.windows.net",
            {"account": "acme", "sas": "sv=1&sig=x%3D"},
        ),
    ],
)
def test_a_connection_string_is_read(spec: str, text: str, url: str, options: dict[str, str]) -> None:
    """Keys in any case and order, synonyms, quoted values, the form of each source."""
    found = by_string(spec, text)
    assert (found.url, dict(found.options)) == (url, options)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        *((specs.POSTGRE_SQL, text) for text in ("Server=db;Database=d", "nonsense", "Server=a b;Database=d;UID=u")),
        (specs.POSTGRE_SQL, "Server=db/../x;Database=d;UID=u"),
        (specs.POSTGRE_SQL, "Server=db;Database=d;UID=u;passfile=/etc/passwd"),
        (specs.POSTGRE_SQL, "Server=db;Port=x;Database=d;UID=u"),
        (specs.POSTGRE_SQL, "Server=db;Port=70000;Database=d;UID=u"),
        (specs.POSTGRE_SQL, "Server=;UID=u"),
        (specs.MYSQL, "Server=db;Database=d;UID=u;SslMode=perhaps"),
        (specs.MYSQL, "Server=db;Database=d;UID=u;AllowLoadLocalInfile=true"),
        (specs.SQL_SERVER, "Data Source=db;Initial Catalog=d;Integrated Security=SSPI;User ID=u"),
        (specs.SNOWFLAKE, "jdbc:snowflake://example.com.evil.org:x/?user=u&db=d"),
        (specs.SNOWFLAKE, "jdbc:mysql://acme.snowflakecomputing.com/?user=u&db=d"),
        (specs.SNOWFLAKE, "jdbc:snowflake://acme.snowflakecomputing.com/?db=d"),
        (specs.AZURE_BLOB, "AccountName=acme"),
        (specs.AZURE_BLOB, "BlobEndpoint=file:///etc;AccountName=acme;AccountKey=k"),
    ],
)
def test_a_connection_string_that_could_do_harm_is_refused(spec: str, text: str) -> None:
    """Unknown keys and hosts that are none do not get into a URL, and the message does not repeat the text."""
    with pytest.raises(Refusal) as caught:
        by_string(spec, f"{text};Password={CANARY}")
    assert caught.value.fault is Fault.VALUE
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "auth", "params", "url", "options"),
    [
        (
            specs.AMAZON_S3,
            "access KEY",
            {"s3AccessKey": "a", "s3SecretKey": "s", "serviceUrl": "http://127.0.0.1:5000/", "folderPath": "/in/"},
            "http://127.0.0.1:5000",
            {"access_key": "a", "secret_key": "s", "folder": "in"},
        ),
        (
            specs.AMAZON_S3,
            "Access Key",
            {"s3AccessKey": "a", "s3SecretKey": "s", "s3SessionToken": "t", "bucketName": "b"},
            "https://s3.amazonaws.com",
            {"access_key": "a", "secret_key": "s", "session_token": "t", "bucket": "b"},
        ),
        (
            specs.AZURE_BLOB,
            "SasURIAuthentication",
            {"sasUri": "https://acme.blob.core.windows.net/drops?sv=1&sig=x"},
            "https://acme.blob.core.windows.net",
            {"account": "acme", "sas": "sv=1&sig=x", "container": "drops"},
        ),
        (
            specs.AZURE_BLOB,
            "SAS URI Authentication",
            {"sasUri": "http://127.0.0.1:10000/devstoreaccount1/drops?sv=1&sig=x", "folderPath": "f"},
            "http://127.0.0.1:10000/devstoreaccount1",
            {"account": "devstoreaccount1", "sas": "sv=1&sig=x", "container": "drops", "folder": "f"},
        ),
        (
            specs.GOOGLE_CLOUD,
            "Basic Authentication for google-cloud",
            {"accessKeyId": "a", "secretAccessKey": "s"},
            "https://storage.googleapis.com",
            {"access_key": "a", "secret_key": "s"},
        ),
        (
            specs.SFTP,
            "Basic Authentication for sftp",
            {"host": "h", "userName": "a@b", "password": "p", "port": "2222", "maxConcurrentConnections": 4},
            "sftp://a%40b@h:2222",
            {"password": "p", "max_connections": "4"},
        ),
        (
            specs.SFTP,
            "SSH PublicKey Authentication for sftp",
            {
                "host": "h",
                "userName": "u",
                "privateKeyContent": base64.b64encode(PEM.encode()).decode(),
                "passPhrase": "w",
            },
            "sftp://u@h:22",
            {"private_key": PEM, "passphrase": "w"},
        ),
        (
            specs.FTP,
            "Basic Authentication for FTP",
            {"host": "::1", "userName": "u", "password": "p"},
            "ftp://u@[::1]:21",
            {"password": "p"},
        ),
        (
            specs.SNOWFLAKE,
            "KeyPair Authentication",
            {
                "account": "acme.eu-west-1",
                "username": "u",
                "database": "D",
                "warehouse": "W",
                "privateKey": "TUlJ",
                "role": "R",
            },
            "snowflake://acme.eu-west-1.snowflakecomputing.com/D",
            {
                "user": "u",
                "private_key": "-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n",
                "warehouse": "W",
                "role": "R",
            },
        ),
        (
            specs.BIG_QUERY,
            "Basic Authentication",
            {"project": "p-1", "clientId": "c", "clientSecret": "s", "refreshToken": "r", "largeResultsDataSetId": "d"},
            "bigquery://bigquery.googleapis.com/p-1",
            {"client_id": "c", "client_secret": "s", "refresh_token": "r", "dataset": "d"},
        ),
        (
            specs.BIG_QUERY,
            "Service Authentication",
            {"project": "p-1", "keyFileContent": base64.b64encode(b'{"type":"service_account"}').decode()},
            "bigquery://bigquery.googleapis.com/p-1",
            {"key_file_content": '{"type":"service_account"}'},
        ),
    ],
)
def test_parameters_become_an_address(
    spec: str, auth: str, params: dict[str, Any], url: str, options: dict[str, str]
) -> None:
    """Names of auth specs in any case, also their other names; what is absent is left out."""
    found = address(spec, auth, params)
    assert (found.url, dict(found.options)) == (url, options)


S3 = {"s3AccessKey": "a", "s3SecretKey": CANARY}
LOGIN = {"host": "h", "userName": "u", "password": CANARY}


@pytest.mark.parametrize(
    ("spec", "params", "fault"),
    [
        (specs.AMAZON_S3, {"s3AccessKey": "a"}, Fault.MISSING),
        (specs.AMAZON_S3, {**S3, "s3AccessKey": " "}, Fault.AUTH_EMPTY),
        (specs.AMAZON_S3, {**S3, "s3AccessKey": 7}, Fault.VALUE),
        (specs.AMAZON_S3, {**S3, "serviceUrl": "ftp://h"}, Fault.VALUE),
        (specs.AMAZON_S3, {**S3, "serviceUrl": "https://a:b@h"}, Fault.VALUE),
        (specs.AMAZON_S3, {**S3, "serviceUrl": "https://[x"}, Fault.VALUE),
        (specs.AMAZON_S3, {**S3, "bucketName": "../b"}, Fault.VALUE),
        (specs.AMAZON_S3, {**S3, "folderPath": "a/../b"}, Fault.VALUE),
        (specs.SFTP, {**LOGIN, "maxConcurrentConnections": 0}, Fault.BELOW_ONE),
        (specs.SFTP, {**LOGIN, "port": "x"}, Fault.VALUE),
        (specs.SFTP, {**LOGIN, "port": 70000}, Fault.VALUE),
        (specs.SFTP, {**LOGIN, "host": "a/b"}, Fault.VALUE),
    ],
)
def test_a_parameter_that_is_wrong_is_refused_by_its_number(spec: str, params: dict[str, Any], fault: Fault) -> None:
    """And no refusal repeats a secret."""
    with pytest.raises(Refusal) as caught:
        address(spec, SOURCES[spec].auth[0].name, params)
    assert caught.value.fault is fault
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "auth", "params"),
    [
        (specs.SFTP, 1, {"host": "h", "userName": "u", "privateKeyContent": CANARY}),
        (
            specs.SFTP,
            1,
            {"host": "h", "userName": "u", "privateKeyContent": base64.b64encode(CANARY.encode()).decode()},
        ),
        (specs.AZURE_BLOB, 1, {"sasUri": f"https://acme.blob.core.windows.net/c?x={CANARY}"}),
        (specs.AZURE_BLOB, 1, {"sasUri": f"https://acme.blob.core.windows.net/c/d?sig={CANARY}"}),
        (specs.BIG_QUERY, 1, {"project": "p", "keyFileContent": CANARY}),
        (specs.BIG_QUERY, 1, {"project": "p", "keyFileContent": f'{{"{CANARY}'}),
        (specs.BIG_QUERY, 1, {"project": "a/b", "keyFileContent": "{}"}),
        (specs.SNOWFLAKE, 1, {"account": "a", "username": "u", "database": "d", "warehouse": "w", "privateKey": "é"}),
        (
            specs.SNOWFLAKE,
            1,
            {"account": "a/b", "username": "u", "database": "d", "warehouse": "w", "privateKey": "TUlJ"},
        ),
    ],
)
def test_a_key_that_is_none_is_refused_without_being_repeated(spec: str, auth: int, params: dict[str, Any]) -> None:
    """Keys, signatures and accounts of the wrong form."""
    with pytest.raises(Refusal) as caught:
        address(spec, SOURCES[spec].auth[auth].name, params)
    assert caught.value.fault is Fault.VALUE
    assert CANARY not in str(caught.value)


def test_a_directory_outside_of_the_roots_is_refused(tmp_path: Path) -> None:
    """Also through a link, and with dots."""
    allowed = tmp_path / "allowed"
    (allowed / "inner").mkdir(parents=True)
    (allowed / "link").symlink_to("/etc")
    assert read_root({"rootPath": str(allowed / "inner")}, [allowed]).endswith("/allowed/inner")
    for path in ("/etc", str(allowed / "link"), str(allowed / ".." / "x"), "inner", "\0", ""):
        with pytest.raises(Refusal) as caught:
            read_root({"rootPath": path}, [allowed])
        assert caught.value.fault is Fault.VALUE
