"""Base connections, in: what is said in an auth spec's parameters becomes an address that the data plane connects to (7.2)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from headrace.api.flowservice import specs
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.specs import AuthSpec, Spec
from headrace.api.flowservice.translate.connection_databases import (
    bigquery_address,
    mysql_address,
    postgres_address,
    snowflake_address,
    sqlserver_address,
)
from headrace.api.flowservice.translate.connection_stores import (
    azure_address,
    ftp_address,
    gcs_address,
    s3_address,
    sftp_address,
)
from headrace.api.flowservice.wire import integer, text_in

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a source is and how to log in there: kind, url and options of a ``ConnectionDraft``. All of it is secret."""

    kind: str
    url: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


_Read = Callable[[AuthSpec, Parameters], tuple[str, dict[str, str]]]
_READERS: Mapping[str, tuple[str, _Read]] = MappingProxyType(
    {
        specs.AMAZON_S3: ("s3", s3_address),
        specs.AZURE_BLOB: ("azure", azure_address),
        specs.GOOGLE_CLOUD: ("gcs", gcs_address),
        specs.SFTP: ("sftp", sftp_address),
        specs.FTP: ("ftp", ftp_address),
        specs.POSTGRE_SQL: ("postgres", postgres_address),
        specs.MYSQL: ("mysql", mysql_address),
        specs.MARIA_DB: ("mysql", mysql_address),
        specs.SQL_SERVER: ("sqlserver", sqlserver_address),
        specs.SNOWFLAKE: ("snowflake", snowflake_address),
        specs.BIG_QUERY: ("bigquery", bigquery_address),
    }
)


def check_parameters(auth: AuthSpec, params: Parameters) -> None:
    """Check ``params`` as the auth spec's schema says (7.1); numeric strings are numbers.

    Raises:
        Refusal: 1304-400: a required one is missing; 1393-400: one is empty; 1394-400: a number below its least; 1312-400: of the wrong type.
    """
    for parameter in auth.parameters:
        where, value = f"auth.params.{parameter.name}", params.get(parameter.name)
        if value is None:
            if parameter.required:
                raise Refusal(Fault.MISSING, f"{where} is missing ({parameter.title})")
            continue
        if isinstance(value, str) and not value.strip():
            if parameter.required:
                raise Refusal(Fault.AUTH_EMPTY, f"{where} is empty; a value is expected ({parameter.title})")
            continue
        if parameter.least is not None:
            given = integer(value)
            if given is None:
                raise Refusal(Fault.VALUE, f"{where} is {value!r}; a whole number is expected")
            if given < parameter.least:
                raise Refusal(Fault.BELOW_ONE, f"{where} is {given}; {parameter.least} or more is expected")
        elif not isinstance(value, str) or "\0" in value:
            raise Refusal(Fault.VALUE, f"{where} is no text")


def read_address(spec: Spec, auth: AuthSpec, params: Parameters, roots: Sequence[Path]) -> Address:
    """Return what the data plane connects to; ``params`` with their secrets in them, checked before. ``roots``: what ``local-files`` may read.

    Raises:
        Refusal: 1312-400: a parameter's value cannot be used; no message repeats a secret.
    """
    if spec.id == specs.LOCAL_FILES:
        return Address("local", read_root(params, roots))
    kind, read = _READERS[spec.id]
    url, options = read(auth, params)
    return Address(kind, url, {name: value for name, value in options.items() if value})


def read_root(params: Parameters, roots: Sequence[Path]) -> str:
    """Return the ``file:///…`` URL of a ``local-files`` connection's ``rootPath``.

    Raises:
        Refusal: 1312-400: it is not absolute, or does not lie in one of ``roots`` after resolving links (7.9).
    """
    text = text_in(params, "rootPath")
    if "\0" in text or not text.startswith("/"):
        raise Refusal(Fault.VALUE, f"auth.params.rootPath is {text!r}; an absolute path is expected")
    real = Path(text).resolve()
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise Refusal(
            Fault.VALUE,
            f"auth.params.rootPath {text!r} lies outside of the directories that this server may read (setting HEADRACE_FILE_ROOTS)",
        )
    return "file://" + quote(str(real))
