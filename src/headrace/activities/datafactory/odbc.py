"""Linked services of type Odbc: connection strings that may say nothing but where a database is, and who connects.

The driver manager would load any library, and drivers open any file that a connection string names; so keys that are not known are refused. Drivers
do not agree on how a string is read (which of two servers counts, whether braces hold a semicolon); so what they are given is written anew, with one
server and with values that all of them read alike. The driver of SQLite would let any statement open any file, and load any library: the file is
opened by Python's own instead, which can be kept from it.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlsplit

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
_DRIVER = re.compile(r"[\w ,()+-]+(?:\.\d[\w ,()+-]*)*")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?")
_NETWORKED = ("postgres", "sql server", "freetds", "mysql", "mariadb")
"""Parts of the names of drivers that reach a server by the key ``Server``; what others would make of a string is not known."""
_SERVER = re.compile(r"(?i)(?:tcp:)?(?P<host>[^,\\\s]+)(?P<rest>(?:\\[\w$]+)?(?:,\d{1,5})?)")
_AMBIGUOUS = re.compile(r"[;{}\x00-\x1f]")
_AMBIGUOUS_SECRET = re.compile(r"[}\x00-\x1f]")
_PLAIN_NAME = re.compile(r"[\w $-]*")


def odbc_connection(reader: ServiceReader) -> ConnectionInfo:
    """Return the connection that an Odbc linked service means: ``url`` has its host, for the guard; a file lies below the folders of pipelines.

    Raises:
        Refused: the connection string says what it may not, or nothing that can be understood.
    """
    made = _given(reader)
    _check_values(reader, made)
    if "dsn" in made:
        return _data_source(reader, made)
    driver = made.get("driver", "")
    if not driver:
        raise reader.wrong("names neither a Driver nor a DSN in its 'connectionString'")
    if not _DRIVER.fullmatch(driver):
        raise reader.wrong("names a Driver that is no name of an installed one")
    if "sqlite" in driver.lower():
        return _file(reader, made)
    if not any(part in driver.lower() for part in _NETWORKED):
        raise reader.wrong(
            "names a Driver of which it is not known what it would open; drivers of PostgreSQL, SQL Server, MySQL, MariaDB and SQLite are "
            "taken, and others by a DSN that the operator has set up"
        )
    return _networked(reader, made)


def with_address(info: ConnectionInfo) -> ConnectionInfo:
    """Return a connection with the address that the guard has looked at in the place of the server's name."""
    if not info.host:
        return info
    address = urlsplit(info.url).hostname or ""
    pairs = dict(read_odbc(info.options["connection_string"]) or {})
    named = next((name for name in _SERVERS if pairs.get(name)), "server")
    pairs[named] = re.sub(re.escape(info.host), address, pairs.get(named, info.host), count=1, flags=re.IGNORECASE)
    return replace(info, options={**info.options, "connection_string": write_odbc(pairs)})


def _given(reader: ServiceReader) -> dict[str, str]:
    pairs = read_odbc(reader.text("connectionString"))
    if not pairs:
        raise reader.wrong("has a 'connectionString' that is none: Driver={name};Server=…;Database=… is expected")
    reader.attempt.hide(*(pairs.get(name, "") for name in _PASSWORDS))
    known = {*_SERVERS, *_FILES, *_USERS, *_PASSWORDS, *_HARMLESS}
    for key in pairs:
        if key not in known:
            raise reader.wrong(f"has the key '{key[:50]}' in its 'connectionString', which is not allowed here")
    made = dict(pairs)
    if reader.text("userName"):
        made = {name: value for name, value in made.items() if name not in _USERS} | {"uid": reader.text("userName")}
    if reader.has("password"):
        made = {name: value for name, value in made.items() if name not in _PASSWORDS}
        made |= {"pwd": reader.secret("password")}
    return made


def _check_values(reader: ServiceReader, made: Mapping[str, str]) -> None:
    """Refuse what one driver reads as a value, and another as further keys."""
    for key, value in made.items():
        if key in _PASSWORDS:
            if _AMBIGUOUS_SECRET.search(value) or (";" in value and _is_file_based(made)):
                raise reader.wrong(
                    "has a password with a character ('}' or a control character) that drivers read differently"
                )
        elif _AMBIGUOUS.search(value):
            raise reader.wrong(
                f"has a value of '{key[:50]}' with a character (';', a brace) that drivers read differently"
            )
    for names, what in ((_SERVERS, "server"), (_FILES, "database"), (_USERS, "user"), (_PASSWORDS, "password")):
        if sum(name in made for name in names) > 1:
            raise reader.wrong(f"names its {what} by more than one key, of which drivers take one or another")


def _is_file_based(made: Mapping[str, str]) -> bool:
    return "sqlite" in made.get("driver", "").lower()


def _data_source(reader: ServiceReader, made: dict[str, str]) -> ConnectionInfo:
    """Return the operator's own data source: who connects may be said, but neither another server nor a file."""
    if "driver" in made or any(name in made for name in _SERVERS):
        raise reader.wrong(
            "names a Driver or a server beside its DSN, which has one: the login of the DSN is for that only"
        )
    if any(not _PLAIN_NAME.fullmatch(made.get(name, "")) for name in _FILES):
        raise reader.wrong("names a file, or a database by more than letters and digits, beside its DSN")
    return ConnectionInfo("odbc", "", {"connection_string": write_odbc(made)})


def _file(reader: ServiceReader, made: Mapping[str, str]) -> ConnectionInfo:
    """Return the connection to a file, which Python's SQLite opens."""
    name = next((name for name in _FILES if made.get(name)), None)
    path = None if name is None else below_roots(made[name], reader.file_roots)
    if path is None:
        message = f"The file that the linked service '{reader.service.name}' names lies outside of the folders that pipelines may read and write."
        raise refused(ACCESS_DENIED, message, Code.SOURCE_DENIED)
    return ConnectionInfo("sqlite", f"sqlite:///{quote(str(path))}")


def _networked(reader: ServiceReader, made: Mapping[str, str]) -> ConnectionInfo:
    """Return the connection to one server, whichever key has named it."""
    named = next((name for name in _SERVERS if made.get(name)), None)
    server = _SERVER.fullmatch(made[named].strip() if named else "localhost")
    is_microsofts = any(part in made["driver"].lower() for part in ("sql server", "freetds"))
    if server is None or not _HOST.fullmatch(server["host"]) or (server["rest"] and not is_microsofts):
        raise reader.wrong("has a server in its 'connectionString' that is no name or address of one")
    if not re.fullmatch(r"\d{0,5}", made.get("port", "")):
        raise reader.wrong("has a 'port' in its 'connectionString' that is no number")
    written = {"server": server[0]} if named is None else {}
    pairs = {"server" if key == named else key: server[0] if key == named else value for key, value in made.items()}
    bracketed = f"[{server['host'].strip('[]')}]" if ":" in server["host"] else server["host"]
    return ConnectionInfo("odbc", f"odbc://{bracketed}", {"connection_string": write_odbc({**pairs, **written})})
