"""How MySQL and MariaDB are addressed, and what their errors mean."""

import struct
from collections.abc import Mapping
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.connecting import Address, without_secrets
from headrace.dataplane.limits import Limits

ALLOWED_OPTIONS = frozenset({"ssl"})
PORT = 3306
_SSL: Mapping[str, Mapping[str, Any]] = {
    "disable": {"ssl_disabled": True},
    "prefer": {},
    "require": {"ssl": {"verify_mode": "none", "check_hostname": False}},
}
_CODES: Mapping[Code, tuple[int, ...]] = {
    Code.SOURCE_UNAUTHENTICATED: (1045, 1698, 1820, 1862, 2059, 3118, 4151),
    Code.SOURCE_DENIED: (1044, 1130, 1142, 1143, 1227, 1370, 1792, 3159),
    Code.SOURCE_NOT_FOUND: (1049, 1051, 1146),
    Code.UNKNOWN_COLUMN: (1054,),
    Code.SOURCE_TIMEOUT: (1969, 3024),
    Code.SOURCE_CHANGED: (1412, 1615),
    Code.SOURCE_UNAVAILABLE: (
        *(1021, 1028, 1030, 1037, 1038, 1040, 1041, 1053, 1129, 1203, 1205, 1213, 1226, 1317, 1927),
        *(3058, 3168, 4031),
    ),
}
_BY_NUMBER = {number: code for code, numbers in _CODES.items() for number in numbers}
_CLIENTS = range(2000, 3000)
"""Numbers of errors that the client finds: the connection is lost, or was never there."""


def arguments(info: ConnectionInfo, limits: Limits) -> dict[str, Any]:
    """Return what ``pymysql.connect`` is given: an address, a login, and nothing that names a file.

    Raises:
        Problem: ``INVALID``, with every error; no message has the password.
    """
    address = Address(info, ("mysql", "mariadb"), PORT, "mysql://user@host:3306/database")
    address.demand(user=address.user, database=address.database)
    options = address.options(info, ALLOWED_OPTIONS)
    mode = options.get("ssl") or "prefer"
    if mode not in _SSL:
        address.refuse("options.ssl", f"{mode!r} is none of {', '.join(_SSL)}")
    address.check()
    patience = max(1.0, limits.connect_timeout_seconds)
    return {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password.encode(),
        "database": address.database,
        "connect_timeout": patience,
        "read_timeout": patience,  # while connecting; a session that is open waits longer
        "write_timeout": patience,
        "charset": "utf8mb4",
        "autocommit": True,
        "local_infile": False,
        **_SSL[mode],
    }


# A server may say anything; what pymysql cannot read it tells in these.
NONSENSE = (RuntimeError, ValueError, IndexError, AssertionError, TypeError, AttributeError, struct.error)


def problem_of(error: Exception, where: str, info: ConnectionInfo) -> Problem:
    """Return what an error of the driver means to the caller; the password and the statement are left out."""
    if isinstance(error, NONSENSE):
        return Problem(Code.SOURCE_UNAVAILABLE, f"{where}: what answers does not speak as MySQL does")
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    message = without_secrets(text, info).replace("\n", " ").strip()[:300]
    client = number in _CLIENTS or isinstance(error, OSError) or number <= 0
    code = _BY_NUMBER.get(number, Code.SOURCE_UNAVAILABLE if client else Code.INVALID)
    return Problem(code, f"{where}: {message}" if message else where)
