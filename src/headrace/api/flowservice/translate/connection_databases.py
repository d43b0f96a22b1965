"""Databases, in: connection strings and keys become the URLs and options that their connectors take."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.specs import AuthSpec
from headrace.api.flowservice.translate.connection_strings import read_database, read_jdbc_snowflake
from headrace.api.flowservice.wire import flag, text_in

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f:.]+\]?")
_SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_MYSQL_SSL: Mapping[str, str] = {
    "none": "disable",
    "disabled": "disable",
    "disable": "disable",
    "preferred": "prefer",
    "prefer": "prefer",
    "required": "require",
    "require": "require",
    "0": "disable",
    "1": "require",
}
_WHERE = "auth.params.connectionString"
_SNOWFLAKE_DOMAIN = "snowflakecomputing.com"
_PEM = "-----BEGIN"


def postgres_address(_: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the URL of a PostgreSQL connection string."""
    found = read_database(text_in(params, "connectionString"), frozenset({"sslmode"}))
    mode = found.get("sslmode", "").lower()
    if mode and mode not in _SSL_MODES:
        raise Refusal(Fault.VALUE, f"{_WHERE}: SSLMode is none of {', '.join(sorted(_SSL_MODES))}")
    return _url("postgresql", found, 5432) + (f"?sslmode={mode}" if mode else ""), {}


def mysql_address(_: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the URL of a MySQL or MariaDB connection string, and its ``ssl``."""
    found = read_database(text_in(params, "connectionString"), frozenset({"sslmode"}))
    mode = found.get("sslmode", "").lower()
    if mode and mode not in _MYSQL_SSL:
        raise Refusal(Fault.VALUE, f"{_WHERE}: SSLMode is none of {', '.join(_MYSQL_SSL)}")
    return _url("mysql", found, 3306), {"ssl": _MYSQL_SSL[mode]} if mode else {}


def sqlserver_address(_: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the URL of a SQL Server connection string, with ``encrypt`` and ``trust_server_certificate``.

    ``Data Source=tcp:host,port`` is the form of the field. Windows logins are not offered.
    """
    found = read_database(text_in(params, "connectionString"), frozenset({"integrated", "encrypt", "trust"}))
    if found.get("integrated", "false").lower() not in {"false", "no"}:
        raise Refusal(Fault.VALUE, f"{_WHERE}: Integrated Security must be False; log in with User ID and Password")
    host, comma, port = found["host"].partition(",")
    found = {**found, "host": host.strip(), **({"port": port.strip()} if comma else {})}
    options = {}
    for name, option in (("encrypt", "encrypt"), ("trust", "trust_server_certificate")):
        if name in found:
            options[option] = _yes_or_no(name, found[name])
    return _url("mssql", found, 1433), options


def snowflake_address(auth: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the URL of a Snowflake account and database, with the login, ``warehouse``, ``role`` and ``schema``."""
    if auth.parameter("connectionString") is not None:
        given = read_jdbc_snowflake(text_in(params, "connectionString"))
        options = {name: given.get(name, "") for name in ("user", "password", "warehouse", "role", "schema")}
        if not options["password"]:
            raise Refusal(Fault.VALUE, f"{_WHERE} does not say password")
        return f"snowflake://{_snowflake_host(given['host'])}/{quote(given['db'], safe='')}", options
    host = _snowflake_host(text_in(params, "account"))
    options = {
        "user": text_in(params, "username"),
        "private_key": _pem(text_in(params, "privateKey"), "auth.params.privateKey"),
        "private_key_passphrase": text_in(params, "privateKeyPassphrase"),
        "warehouse": text_in(params, "warehouse"),
        "role": text_in(params, "role"),
    }
    return f"snowflake://{host}/{quote(text_in(params, 'database'), safe='')}", options


def bigquery_address(auth: AuthSpec, params: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the URL of a BigQuery project, with the login of a user's client or of a service account."""
    project = text_in(params, "project").strip()
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,100}", project):
        raise Refusal(Fault.VALUE, f"auth.params.project {project[:100]!r} is no project id")
    url = f"bigquery://bigquery.googleapis.com/{quote(project, safe='')}"
    if auth.parameter("keyFileContent") is not None:
        return url, {"key_file_content": _key_file(text_in(params, "keyFileContent"))}
    return url, {
        "client_id": text_in(params, "clientId"),
        "client_secret": text_in(params, "clientSecret"),
        "refresh_token": text_in(params, "refreshToken"),
        "dataset": text_in(params, "largeResultsDataSetId"),
    }


def check_host(host: str, where: str) -> str:
    """Return ``host`` as it stands in a URL.

    Raises:
        Refusal: 1312-400: it cannot be the name or address of a host.
    """
    if not _HOST.fullmatch(host):
        raise Refusal(Fault.VALUE, f"{where} has a server that cannot be one")
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def check_port(port: str, where: str) -> str:
    """Return ``port``.

    Raises:
        Refusal: 1312-400: it is none.
    """
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) <= 65535:
        raise Refusal(Fault.VALUE, f"{where} has a port that cannot be one; 1 to 65535 is expected")
    return port


def _url(scheme: str, parts: Mapping[str, str], default_port: int) -> str:
    host = check_host(parts["host"].removeprefix("tcp:"), _WHERE)
    port = check_port(parts.get("port") or str(default_port), _WHERE)
    user, password = quote(parts["user"], safe=""), quote(parts.get("password", ""), safe="")
    login = f"{user}:{password}" if password else user
    return f"{scheme}://{login}@{host}:{port}/{quote(parts['database'], safe='')}"


def _yes_or_no(name: str, value: str) -> str:
    words = {"yes": "true", "no": "false", "mandatory": "true", "optional": "false", "strict": "true"}
    given = flag(words.get(value.lower(), value))
    if given is None:
        raise Refusal(Fault.VALUE, f"{_WHERE}: {name} must be True or False")
    return "true" if given else "false"


def _snowflake_host(account: str) -> str:
    name = account.strip().lower().removesuffix("." + _SNOWFLAKE_DOMAIN)
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
        raise Refusal(Fault.VALUE, "the Snowflake account cannot be one; expected {ACCOUNT}." + _SNOWFLAKE_DOMAIN)
    return f"{name}.{_SNOWFLAKE_DOMAIN}"


def _pem(text: str, where: str) -> str:
    """Return a private key as PEM text; it may come as such, as base64 of such, or as the base64 body alone."""
    stripped = text.strip()
    if stripped.startswith(_PEM):
        return stripped.replace("\\n", "\n")
    try:
        decoded = base64.b64decode("".join(stripped.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise Refusal(Fault.VALUE, f"{where} is neither PEM nor base64") from error
    if decoded.lstrip().startswith(_PEM.encode()):
        return decoded.decode("ascii", "replace")
    return f"-----BEGIN PRIVATE KEY-----\n{''.join(stripped.split())}\n-----END PRIVATE KEY-----\n"


def _key_file(text: str) -> str:
    where = "auth.params.keyFileContent"
    stripped = text.strip()
    try:
        content = stripped if stripped.startswith("{") else base64.b64decode(stripped, validate=True).decode()
        is_key = isinstance(json.loads(content), dict)
    except (ValueError, binascii.Error) as error:
        raise Refusal(Fault.VALUE, f"{where} is neither JSON nor base64 of JSON") from error
    if not is_key:
        raise Refusal(Fault.VALUE, f"{where} is no JSON object")
    return content
