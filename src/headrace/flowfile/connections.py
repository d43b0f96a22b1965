"""``source.connection``: what an address does not say, and must not, as a connection takes it."""

import dataclasses
import re
from collections.abc import Mapping

from headrace.flowfile.document import ConnectionSpec
from headrace.flowfile.findings import Findings

PATH = "source.connection"
TAKES: Mapping[str, tuple[str, ...]] = {
    "s3": ("endpoint", "region", "access_key", "secret_key", "session_token"),
    "azure": ("endpoint", "account", "account_key", "sas", "connection_string"),
    "gcs": ("endpoint", "access_key", "secret_key"),
    "sftp": ("user", "password", "private_key", "passphrase", "host_key", "max_connections"),
    "ftp": ("user", "password", "tls", "max_connections"),
    "postgres": ("user", "password"),
    "mysql": ("user", "password", "ssl"),
    "sqlserver": ("user", "password", "encrypt", "trust_server_certificate"),
    "snowflake": ("user", "password", "private_key", "private_key_passphrase", "warehouse", "role", "schema"),
    "bigquery": ("key_file_content", "client_id", "client_secret", "refresh_token", "dataset"),
}
"""What each kind of connection takes."""
SECRETS = frozenset(field.name for field in dataclasses.fields(ConnectionSpec) if field.metadata["secret"])
"""What never stands in the file itself."""
OUTSIDE = r"^(\$\{(env|file):[^{}]*\})+$"
"""The form of a value that stands in the environment or in a file of its own."""
_REFERENCE = re.compile(r"\$\{(env|file):[^{}]*\}")
_LOGIN = re.compile(r"://[^/?#@]*?:(?P<password>[^/?#]*)@")
WRITE = "write ${env:NAME} or ${file:PATH}"


def is_outside(text: object) -> bool:
    """Say whether a value of the file stands somewhere else: in the environment or in a file of its own."""
    return isinstance(text, str) and re.fullmatch(OUTSIDE, text) is not None


def has_password(url: str) -> bool:
    """Say whether a URL of the file, its parameters filled in, holds a password itself."""
    login = _LOGIN.search(_REFERENCE.sub("", url))
    return login is not None and login["password"] != ""


def options_of(spec: ConnectionSpec | None, kind: str, findings: Findings) -> dict[str, str]:
    """Return what ``connection`` gives, as texts; what is empty is not given. What ``kind`` has no use for is told in ``findings``."""
    if spec is None:
        return {}
    given: dict[str, str] = {}
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if value is None or value == "":
            continue
        if field.name not in TAKES[kind]:
            hint = "one of " + ", ".join(TAKES[kind])
            findings.add(f"{PATH}.{field.name}", f"a connection of kind {kind} has no {field.name}", hint)
        given[field.name] = str(value).lower() if isinstance(value, bool) else str(value)
    return given
