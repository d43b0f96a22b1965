"""Linked services of type Odbc: connection strings that may say nothing but where a database is, and who connects.

The driver manager would load any library, and drivers open any file that a connection string names; so keys that are not known are refused.
"""

import re
from dataclasses import replace
from urllib.parse import urlsplit

from headrace.activities.datafactory.attempt import refused
from headrace.activities.datafactory.connection_strings import read_odbc, write_odbc
from headrace.activities.datafactory.service_reader import ServiceReader
from headrace.activities.datafactory.stores import below_roots
from headrace.activities.datafactory.words import ACCESS_DENIED
from headrace.core.errors import Code
from headrace.dataplane.connectors.connection import ConnectionInfo

_SERVERS = ("server", "servername", "host", "hostname", "address", "addr", "datasource")
_FILES = ("database", "dbq", "dbname", "db")
_USERS = ("uid", "user", "username", "userid")
_PASSWORDS = ("pwd", "password")
_HARMLESS = frozenset(
    {
        *(
            "driver",
            "dsn",
            "port",
            "sslmode",
            "encrypt",
            "trustservercertificate",
            "charset",
            "timeout",
            "logintimeout",
        ),
        *("connecttimeout", "connectiontimeout", "querytimeout", "bytea", "byteaaslongvarbinary", "maxvarcharsize"),
        *("maxlongvarcharsize", "usedeclarefetch", "fetch", "readonly", "app", "applicationname", "wsid", "language"),
        *(
            "multipleactiveresultsets",
            "marsconnection",
            "boolsaschar",
            "textaslongvarchar",
            "unknownsizes",
            "lowercase",
        ),
        *(
            "protocol",
            "option",
            "notxn",
            "stepapi",
            "syncpragma",
            "journalmode",
            "fksupport",
            "longnames",
            "shortnames",
        ),
    }
)
_DRIVER = re.compile(r"[\w .,()+-]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")


def odbc_connection(reader: ServiceReader) -> ConnectionInfo:
    """Return the connection that an Odbc linked service means: ``url`` has its host, for the guard; a file lies below the folders of pipelines.

    Raises:
        Refused: the connection string says what it may not, or nothing that can be understood.
    """
    pairs = read_odbc(reader.text("connectionString"))
    if not pairs:
        raise reader.wrong("has a 'connectionString' that is none: Driver={name};Server=…;Database=… is expected")
    known = {*_SERVERS, *_FILES, *_USERS, *_PASSWORDS, *_HARMLESS}
    for key in pairs:
        if key not in known:
            raise reader.wrong(f"has the key '{key[:50]}' in its 'connectionString', which is not allowed here")
    driver = pairs.get("driver", "")
    if not driver and "dsn" not in pairs:
        raise reader.wrong("names neither a Driver nor a DSN in its 'connectionString'")
    if driver and not _DRIVER.fullmatch(driver):
        raise reader.wrong("names a Driver that is no name of an installed one")
    reader.attempt.hide(*(pairs.get(name, "") for name in _PASSWORDS))
    made = dict(pairs)
    if reader.text("userName"):
        made = {name: value for name, value in made.items() if name not in _USERS} | {"uid": reader.text("userName")}
    if reader.has("password"):
        made = {name: value for name, value in made.items() if name not in _PASSWORDS}
        made |= {"pwd": reader.secret("password")}
    host = next((made[name] for name in _SERVERS if made.get(name)), "")
    if not host and _is_file_based(driver):
        made = _with_file(reader, made)
    return _connection(reader, made, host)


def with_address(info: ConnectionInfo) -> ConnectionInfo:
    """Return a connection with the address that the guard has looked at in the place of the server's name."""
    if not info.host:
        return info
    address = urlsplit(info.url).hostname or ""
    pairs = dict(read_odbc(info.options["connection_string"]) or {})
    named = next((name for name in _SERVERS if pairs.get(name)), "server")
    pairs[named] = re.sub(re.escape(info.host), address, pairs.get(named, info.host), count=1, flags=re.IGNORECASE)
    return replace(info, options={**info.options, "connection_string": write_odbc(pairs)})


def _is_file_based(driver: str) -> bool:
    return any(word in driver.lower() for word in ("sqlite", "text", "access", "excel", "mdb"))


def _with_file(reader: ServiceReader, made: dict[str, str]) -> dict[str, str]:
    name = next((name for name in _FILES if made.get(name)), None)
    path = None if name is None else below_roots(made[name], reader.file_roots)
    if name is None or path is None:
        message = f"The file that the linked service '{reader.service.name}' names lies outside of the folders that pipelines may read and write."
        raise refused(ACCESS_DENIED, message, Code.SOURCE_DENIED)
    return {**made, name: str(path)}


def _connection(reader: ServiceReader, made: dict[str, str], host: str) -> ConnectionInfo:
    string = write_odbc(made)
    # What a name of a data source stands for is the operator's own configuration, but a server that is named beside it is not.
    if not host and (_is_file_based(made.get("driver", "")) or "dsn" in made):
        return ConnectionInfo("odbc", "", {"connection_string": string})
    place = re.sub(r"(?i)^tcp:", "", host or "localhost").partition(",")[0].partition("\\")[0].strip()
    if not _HOST.fullmatch(place):
        raise reader.wrong("has a server in its 'connectionString' that is no name or address of one")
    bracketed = f"[{place.strip('[]')}]" if ":" in place else place
    return ConnectionInfo("odbc", f"odbc://{bracketed}", {"connection_string": string})
