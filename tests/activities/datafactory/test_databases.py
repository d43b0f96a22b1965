"""Linked services that are databases, as the data plane connects to them, each by the rules of its own kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.activities.datafactory.attempt import Attempt, Refused, Result
from headrace.activities.datafactory.connection_strings import read_dotnet, read_odbc, write_odbc
from headrace.activities.datafactory.databases import database_of, is_mapped
from headrace.activities.datafactory.linked import Definition
from headrace.activities.datafactory.odbc import with_address
from headrace.activities.datafactory.secret_source import SecretSource
from headrace.activities.datafactory.service_reader import ServiceReader
from headrace.core.codec import Json
from headrace.core.outcome import Outcome
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.egress import Egress
from pipeline_desk import Desk

ROOT = Path("/data")
PASSWORD = {"type": "SecureString", "value": "pw;'x"}


def _connection(
    kind: str, properties: Mapping[str, Json], databases: Mapping[str, str] | None = None
) -> tuple[ConnectionInfo | None, str]:
    """Return the connection, and what an output with the text ``pw`` becomes."""
    found: list[Any] = []

    def act(attempt: Attempt) -> Result:
        definition = Definition("Sales", {"type": kind, "typeProperties": properties})
        reader = ServiceReader(attempt, definition, SecretSource("env:", {"VAULTED": "pw"}), (ROOT,))
        found.append(database_of(reader, databases or {}))
        assert is_mapped(reader, databases or {}) == bool(databases)
        return Outcome({"shown": "pw"})

    outcome = Desk().act(act, {})
    if outcome.failure is not None:
        raise Refused(outcome.failure)
    return found[0], outcome.output["shown"]


V2 = {
    "server": "db",
    "port": 5433,
    "username": "a@b",
    "database": "d",
    "password": PASSWORD,
    "authenticationType": "Basic",
}
TLS = {"encrypt": "true", "trust_server_certificate": "false"}


@pytest.mark.parametrize(
    ("kind", "properties", "expected"),
    [
        ("PostgreSqlV2", V2, ("postgres", "postgresql://a%40b:pw%3B%27x@db:5433/d", {})),
        (
            "PostgreSqlV2",
            {**V2, "sslMode": 5},
            ("postgres", "postgresql://a%40b:pw%3B%27x@db:5433/d", {"sslmode": "verify-full"}),
        ),
        (
            "PostgreSql",
            {"connectionString": "host=db;port=1;database=d;uid=u;password='p;w'"},
            ("postgres", "postgresql://u:p%3Bw@db:1/d", {}),
        ),
        (
            "AzurePostgreSql",
            {
                "connectionString": "Server=db;Database=d;User Id=u;EncryptionMethod=1;ValidateServerCertificate=0",
                "password": PASSWORD,
            },
            ("postgres", "postgresql://u:pw%3B%27x@db:5432/d", {"sslmode": "require"}),
        ),
        (
            "MySql",
            {"connectionString": "Server=db;Port=3307;Database=d;UID=u;PWD=p;SslMode=Required"},
            ("mysql", "mysql://u:p@db:3307/d", {"ssl": "require"}),
        ),
        (
            "AzureMySql",
            {"server": "db", "username": "u", "password": "p", "database": "d", "sslMode": 0},
            ("mysql", "mysql://u:p@db:3306/d", {"ssl": "disable"}),
        ),
        (
            "AzureSqlDatabase",
            {"connectionString": "Data Source=tcp:s.example,1444;Initial Catalog=d;User ID=u;Password=p;Encrypt=True"},
            ("sqlserver", "mssql://u:p@s.example:1444/d", TLS),
        ),
        (
            "SqlServer",
            {
                "server": "(local)",
                "database": "d",
                "userName": "u",
                "password": {"type": "AzureKeyVaultSecret", "secretName": "vaulted"},
            },
            ("sqlserver", "mssql://u:pw@localhost:1433/d", TLS),
        ),
        (
            "SqlServer",
            {"server": "h", "database": "d", "userName": "u", "encrypt": "optional", "trustServerCertificate": True},
            ("sqlserver", "mssql://u:@h:1433/d", {"encrypt": "false", "trust_server_certificate": "true"}),
        ),
        (
            "Odbc",
            {
                "connectionString": "Driver={PostgreSQL Unicode};Server=db;Database=d",
                "userName": "u",
                "password": PASSWORD,
            },
            (
                "odbc",
                "odbc://db",
                {"connection_string": "driver={PostgreSQL Unicode};server=db;database=d;uid=u;pwd={pw;'x}"},
            ),
        ),
        (
            "Odbc",
            {"connectionString": "Driver=SQLite3;Database=/data/a.db"},
            ("sqlite", "sqlite:////data/a.db", {}),
        ),
        ("HttpServer", {"url": "http://x"}, None),
    ],
)
def test_a_linked_service_is_a_connection(kind: str, properties: Mapping[str, Json], expected: Any) -> None:
    """Properties stand over the connection string; secrets are opened."""
    found, _ = _connection(kind, properties)
    assert (None if found is None else (found.kind, found.url, dict(found.options))) == expected


@pytest.mark.parametrize(
    ("kind", "properties", "message"),
    [
        ("PostgreSqlV2", {"server": "db", "username": "u"}, "names no 'database'"),
        ("PostgreSqlV2", {**V2, "server": "a/b"}, "no name or address"),
        ("PostgreSqlV2", {**V2, "port": 99999}, "none of 1 to 65535"),
        ("PostgreSqlV2", {**V2, "sslMode": "sure"}, "none of disable"),
        ("PostgreSqlV2", {**V2, "sslCertificate": "/x"}, "names a file"),
        ("PostgreSql", {"connectionString": "nonsense"}, "key=value"),
        (
            "AzureSqlDatabase",
            {"server": "s", "database": "d", "authenticationType": "ServicePrincipal"},
            "otherwise than with",
        ),
        ("SqlServer", {"connectionString": "Server=s;Database=d;Integrated Security=true"}, "otherwise than with"),
        ("SqlServer", {"server": "s\\i", "database": "d", "userName": "u"}, "name its port"),
        (
            "MySql",
            {"server": "db", "username": "u", "database": "d", "sslMode": "VerifyFull"},
            "looks at the server's certificate",
        ),
        ("Odbc", {"connectionString": "Driver=/tmp/evil.so;Server=x"}, "no name of an installed one"),
        ("Odbc", {"connectionString": "Driver=SQLite3;Database=/data/a;LoadExt=/tmp/x"}, "the key 'loadext'"),
        ("Odbc", {"connectionString": "FileDsn=/etc/passwd"}, "the key 'filedsn'"),
        ("Odbc", {"connectionString": "Driver=SQLite3;Database=/etc/x.db"}, "outside of the folders"),
        ("Odbc", {"connectionString": "Server=x"}, "neither a Driver nor a DSN"),
        ("Odbc", {"connectionString": "Driver=SQLite3;Server=1.1.1.1;Database=/etc/x.db"}, "outside of the folders"),
        ("Odbc", {"connectionString": "Driver=libsqlite3odbc.so;Database=/data/a"}, "no name of an installed one"),
        ("Odbc", {"connectionString": "Driver=SQLite3;App={x;LoadExt=/tmp/x};Database=/data/a"}, "drivers read differ"),
        ("Odbc", {"connectionString": "Driver=SQLite3;Database=/data/a", "password": PASSWORD}, "drivers read differ"),
        ("Odbc", {"connectionString": "Driver=SQLite3;Database=/data/a;DBQ=/etc/x"}, "more than one key"),
        ("Odbc", {"connectionString": "Driver=PostgreSQL;Server=1.1.1.1;Servername=10.0.0.1"}, "more than one key"),
        ("Odbc", {"connectionString": "Driver=PostgreSQL;Server=1.1.1.1,10.0.0.1;Database=d"}, "no name or address"),
        ("Odbc", {"connectionString": "Driver=ODBC Driver 18 for SQL Server;Server=a,1,b"}, "no name or address"),
        ("Odbc", {"connectionString": "Driver=PostgreSQL;Server=a;PWD={x}};Server=b}"}, "drivers read differ"),
        ("Odbc", {"connectionString": "Driver=PostgreSQL;Server=a;Port=1%2"}, "no number"),
        (
            "Odbc",
            {"connectionString": "Driver=DuckDB Driver;Server=1.1.1.1;Database=/etc/x"},
            "not known what it would",
        ),
        ("Odbc", {"connectionString": "DSN=ours;Server=attacker.example"}, "beside its DSN"),
        ("Odbc", {"connectionString": "DSN=ours;Database=/etc/x.db"}, "beside its DSN"),
    ],
)
def test_what_cannot_be_connected_to_is_told(kind: str, properties: Mapping[str, Json], message: str) -> None:
    """By the linked service's name and what is wrong; no value is repeated, and no file or library is opened for it."""
    with pytest.raises(Refused, match=message):
        _connection(kind, properties)


@pytest.mark.parametrize(
    ("databases", "url"),
    [
        ({"sales": "postgresql://me:secret@localhost/{database}"}, "postgresql://me:secret@localhost/d%20b"),
        ({"s.example": "sqlite:////data/x.db"}, "sqlite:////data/x.db"),
        ({"s.example": "mysql://u@h/db?ssl=require"}, "mysql://u@h/db"),
    ],
)
def test_another_database_stands_for_one_that_is_named(databases: Mapping[str, str], url: str) -> None:
    """By the name of the linked service or of its server; the rest of the linked service does not matter."""
    properties = {"connectionString": "Server=tcp:S.example,1433;Database=d b;Authentication=Active Directory Default"}
    found, _ = _connection("AzureSqlDatabase", properties, databases)
    assert found is not None
    assert found.url == url


def test_a_file_that_stands_for_a_database_lies_below_the_folders_of_pipelines() -> None:
    """Whoever writes pipelines can reach whatever is named, so it is only what they may read and write anyway."""
    with pytest.raises(Refused, match="outside of the folders"):
        _connection("SqlServer", {"server": "s"}, {"s": "sqlite:////etc/x.db"})


def test_a_password_in_a_connection_string_is_shown_nowhere() -> None:
    """It is kept out of all that the activity shows from then on."""
    assert _connection("MySql", {"connectionString": "Server=db;Database=d;UID=u;PWD=pw"})[1] == "**********"


def test_a_guarded_odbc_connection_goes_to_the_address_that_was_looked_at() -> None:
    """The name is resolved once, by the guard."""
    egress = Egress((), lambda _host: ("93.184.216.34",))
    info = ConnectionInfo("odbc", "odbc://db.example", {"connection_string": "driver=X;server=tcp:db.example,99;uid=u"})
    assert with_address(egress.pin(info)).options["connection_string"] == "driver=X;server={tcp:93.184.216.34,99};uid=u"


@pytest.mark.parametrize("key", ["Server", "Servername", "Host", "Address"])
def test_whatever_key_names_a_server_the_driver_is_given_the_one_that_all_know(key: str) -> None:
    """A driver that does not know the key would connect to this machine, whatever the guard has looked at."""
    found, _ = _connection("Odbc", {"connectionString": f"Driver=PostgreSQL Unicode;{key}=db;Database=d"})
    assert found is not None
    assert found.options["connection_string"] == "driver={PostgreSQL Unicode};server=db;database=d"


def test_connection_strings_are_read_as_their_drivers_read_them() -> None:
    """Quotes and braces hold what would end a value; of two with one key .NET takes the later, ODBC the first."""
    assert read_dotnet('A B="x;""y";c=\'d\';;A B=2') == {"ab": "2", "c": "d"}
    assert read_odbc("Driver={A};x=1;X=2;y={a;}}b}") == {"driver": "A", "x": "1", "y": "a;}b"}
    assert read_odbc(write_odbc({"y": "a;}b", "z": "q"})) == {"y": "a;}b", "z": "q"}
    assert read_odbc("=") is None
