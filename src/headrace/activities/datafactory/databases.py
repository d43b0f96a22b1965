"""Linked services that are databases (contract 15), as connections of the data plane, each read by the rules of its own kind."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from headrace.activities.datafactory.attempt import refused
from headrace.activities.datafactory.connection_strings import folded, read_dotnet
from headrace.activities.datafactory.odbc import odbc_connection
from headrace.activities.datafactory.service_reader import ServiceReader
from headrace.activities.datafactory.stores import below_roots
from headrace.activities.datafactory.words import ACCESS_DENIED
from headrace.core.database_urls import KINDS
from headrace.core.errors import Code
from headrace.dataplane.connectors.connection import ConnectionInfo

_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")
_SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("server", "host", "datasource", "address", "addr", "networkaddress", "servername"), "server"),
        **dict.fromkeys(("database", "db", "initialcatalog", "databasename"), "database"),
        **dict.fromkeys(("username", "userid", "uid", "user"), "username"),
        **dict.fromkeys(("password", "pwd"), "password"),
        **dict.fromkeys(("sslmode", "encryptionmethod"), "sslmode"),
        **dict.fromkeys(("timeout", "connecttimeout", "connectiontimeout"), "timeout"),
        "integratedsecurity": "trusted",
        "trustedconnection": "trusted",
    }
)
"""Keys of connection strings, and what they are called by all kinds."""
_POSTGRES_SSL = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_LEGACY_SSL = {"0": "disable", "1": "require", "6": "prefer"}
"""What ``EncryptionMethod`` of the older PostgreSQL driver means."""
_MYSQL_SSL = ("disable", "prefer", "require")
_VERIFYING = frozenset({"3", "4", "verifyca", "verify-ca", "verifyfull", "verify-full", "verifyidentity"})
_YES = frozenset({"true", "yes", "1", "mandatory", "strict", "sspi"})


def database_of(reader: ServiceReader, databases: Mapping[str, str]) -> ConnectionInfo | None:
    """Return the connection that a linked service means; None: its type is no database's.

    ``databases`` are URLs that stand for linked services and servers, by their names in lower case.

    Raises:
        Refused: a property makes no sense, a secret cannot be had, or the database is one that is not connected to.
    """
    kind = reader.service.type.lower()
    read = _KINDS.get(kind)
    if read is None:
        return None
    if kind == "odbc":
        mapped = databases.get(reader.service.name.lower())
        return _mapped(reader, mapped, {}) if mapped else odbc_connection(reader)
    given = _given(reader)
    server = _bare(given.get("server", ""))
    mapped = databases.get(reader.service.name.lower()) or databases.get(server.lower())
    return _mapped(reader, mapped, given) if mapped else read(reader, given)


def is_mapped(reader: ServiceReader, databases: Mapping[str, str]) -> bool:
    """Say whether the operator has named a database that stands for this linked service."""
    names = {reader.service.name.lower()}
    if reader.service.type.lower() in _KINDS and reader.service.type.lower() != "odbc":
        names.add(_bare(_given(reader).get("server", "")).lower())
    return bool(names & databases.keys())


def _given(reader: ServiceReader) -> dict[str, str]:
    """Return the values of the connection string, with the properties that stand beside it over them, by their common names."""
    found: dict[str, str] = {}
    if reader.has("connectionString"):
        pairs = read_dotnet(reader.text("connectionString"))
        if pairs is None:
            raise reader.wrong("has a 'connectionString' that is none: key=value;… is expected")
        found = {_SYNONYMS.get(key, key): value for key, value in pairs.items()}
        if "encryptionmethod" in pairs:
            found["legacyssl"] = pairs["encryptionmethod"]
        reader.attempt.hide(found.get("password", ""))
    for name in reader.given:
        if name not in {"connectionstring", "password", "encryptedcredential"} and reader.has(name):
            value = reader.given[name]
            if isinstance(value, str | int | float | bool):
                found[_SYNONYMS.get(folded(name), folded(name))] = reader.text(name)
    if reader.has("password"):
        found["password"] = reader.secret("password")
    return found


def _postgres(reader: ServiceReader, given: Mapping[str, str]) -> ConnectionInfo:
    _refuse_identities(reader, given)
    _refuse_files(reader, given, ("sslcertificate", "sslkey", "rootcertificate"))
    options = {"sslmode": _postgres_ssl(reader, given)}
    return ConnectionInfo("postgres", _url(reader, "postgresql", given, 5432), _filled(options))


def _postgres_ssl(reader: ServiceReader, given: Mapping[str, str]) -> str:
    written = given.get("sslmode", "").lower().replace("verifyca", "verify-ca").replace("verifyfull", "verify-full")
    if "legacyssl" in given:
        written = _LEGACY_SSL.get(given["legacyssl"], written)
        # The older driver looks at the certificate where it says nothing else.
        if written == "require" and given.get("validateservercertificate", "1").lower() in _YES:
            written = "verify-full"
    if written.isdecimal() and int(written) < len(_POSTGRES_SSL):
        written = _POSTGRES_SSL[int(written)]
    if written and written not in _POSTGRES_SSL:
        raise reader.wrong(f"has an 'sslMode' that is none of {', '.join(_POSTGRES_SSL)}")
    if written.startswith("verify") and given.get("trustservercertificate", "").lower() in _YES:
        return "require"
    return written


def _mysql(reader: ServiceReader, given: Mapping[str, str]) -> ConnectionInfo:
    _refuse_identities(reader, given)
    _refuse_files(reader, given, ("sslcert", "sslkey", "sslca", "certificatefile"))
    written = given.get("sslmode", "").lower()
    if written in _VERIFYING:
        raise reader.unsupported("has an 'sslMode' that looks at the server's certificate; disable, prefer and require")
    words = {"0": "disable", "1": "prefer", "2": "require", "none": "disable", "disabled": "disable"}
    words |= {"preferred": "prefer", "required": "require"}
    mode = words.get(written, written)
    if mode and mode not in _MYSQL_SSL:
        raise reader.wrong(f"has an 'sslMode' that is none of {', '.join(_MYSQL_SSL)}")
    return ConnectionInfo("mysql", _url(reader, "mysql", given, 3306), _filled({"ssl": mode}))


def _sqlserver(reader: ServiceReader, given: Mapping[str, str]) -> ConnectionInfo:
    _refuse_identities(reader, given)
    server = given.get("server", "")
    if "\\" in server:
        raise reader.wrong("names an instance of a server; name its port instead (server,port)")
    place, _, port = server.partition(",")
    given = {**given, "server": _bare(place), "port": port.strip() or given.get("port", "")}
    encrypt = given.get("encrypt", "true").lower()
    options = {
        "encrypt": "true" if encrypt in _YES else "false",
        "trust_server_certificate": "true" if given.get("trustservercertificate", "false").lower() in _YES else "false",
    }
    return ConnectionInfo("sqlserver", _url(reader, "mssql", given, 1433), options)


def _refuse_identities(reader: ServiceReader, given: Mapping[str, str]) -> None:
    kind = given.get("authenticationtype", given.get("authentication", "")).lower().replace(" ", "")
    if kind not in {"", "basic", "sql", "sqlpassword"} or given.get("trusted", "").lower() in _YES:
        raise reader.unsupported(
            "proves itself otherwise than with a user's name and password, which is all that is done here"
        )


def _refuse_files(reader: ServiceReader, given: Mapping[str, str], names: tuple[str, ...]) -> None:
    named = next((name for name in names if given.get(name)), None)
    if named is not None:
        raise reader.unsupported(f"has the setting '{named}', which names a file; certificates of clients are not sent")


def _url(reader: ServiceReader, scheme: str, given: Mapping[str, str], port: int) -> str:
    host, user, database = _bare(given.get("server", "")), given.get("username", ""), given.get("database", "")
    for name, value in (("server", host), ("username", user), ("database", database)):
        if not value:
            raise reader.wrong(f"names no '{name}'")
    if not _HOST.fullmatch(host):
        raise reader.wrong("has a 'server' that is no name or address of a server")
    number = given.get("port", "") or str(port)
    if not number.isascii() or not number.isdecimal() or not 0 < int(number) < 65_536:
        raise reader.wrong("has a 'port' that is none of 1 to 65535")
    place = f"[{host.strip('[]')}]" if ":" in host else host
    login = f"{quote(user, safe='')}:{quote(given.get('password', ''), safe='')}"
    return f"{scheme}://{login}@{place}:{number}/{quote(database, safe='')}"


def _mapped(reader: ServiceReader, url: str, given: Mapping[str, str]) -> ConnectionInfo:
    """Return the connection to a database that the operator has named: it is trusted, but for files, which lie below the folders of pipelines."""
    url = url.replace("{database}", quote(given.get("database", ""), safe=""))
    parts = urlsplit(url)
    reader.attempt.hide(unquote(parts.password or ""), parts.password or "")
    kind = KINDS[parts.scheme]
    if kind == "sqlite":
        path = below_roots(unquote(parts.path)[1:], reader.file_roots)
        if path is None:
            message = (
                f"The file of the database that stands for the linked service '{reader.service.name}' "
                "lies outside of the folders that pipelines may read and write."
            )
            raise refused(ACCESS_DENIED, message, Code.SOURCE_DENIED)
        return ConnectionInfo("sqlite", f"sqlite:///{quote(str(path))}")
    if kind == "postgres":
        return ConnectionInfo(kind, url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    return ConnectionInfo(kind, parts._replace(query="").geturl(), options)


def _bare(server: str) -> str:
    """Return the name of a server, without what SQL Server's clients write around it."""
    host = re.sub(r"(?i)^(?:tcp|lpc|np):", "", server.strip()).partition(",")[0].strip()
    return "localhost" if host.lower() in {".", "(local)"} else host


def _filled(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


_Read = Callable[[ServiceReader, Mapping[str, str]], ConnectionInfo]
_KINDS: Mapping[str, _Read] = MappingProxyType(
    {
        **dict.fromkeys(("postgresqlv2", "postgresql", "azurepostgresql"), _postgres),
        **dict.fromkeys(("mysql", "azuremysql"), _mysql),
        **dict.fromkeys(("sqlserver", "azuresqldatabase", "azuresqlmi", "azuresqldw"), _sqlserver),
        "odbc": _postgres,
    }
)
"""How each type is read; Odbc is read by ``odbc``."""
