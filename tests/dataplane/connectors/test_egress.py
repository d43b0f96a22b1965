"""A tenant's connection reaches what is public or allowed, and nothing else."""

import pytest

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.egress import Egress, look_up

_NAMES = {
    "public.example": ("93.184.216.34",),
    "inside.example": ("10.1.2.3",),
    "two-faced.example": ("93.184.216.34", "127.0.0.1"),
}


def _look_up(host: str) -> tuple[str, ...]:
    if host not in _NAMES:
        raise OSError(host)
    return _NAMES[host]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "fe80::1%eth0",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::7f00:1",
        "::ffff:0:a9fe:a9fe",
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 — it is refused
        "224.0.0.1",
        "inside.example",
        "two-faced.example",
    ],
)
def test_what_is_not_public_is_refused_by_default(host: str) -> None:
    """Loopback, private, link-local, the metadata service, a name with one bad address among good ones."""
    with pytest.raises(Problem, match="HEADRACE_EGRESS_ALLOW") as caught:
        Egress((), _look_up).check(host)
    assert caught.value.code is Code.SOURCE_DENIED


@pytest.mark.parametrize("entry", ["10.0.0.0/8", "10.1.2.3", "inside.example", "*"])
def test_an_operator_allows_networks_addresses_and_names(entry: str) -> None:
    """Databases of one's own are private as a rule; what is allowed is said once, for the installation."""
    info = ConnectionInfo("postgres", "postgresql://u:p@inside.example:5432/db")
    assert Egress((entry,), _look_up).pin(info).kind == "postgres"


def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    """A name server that answers differently the second time (DNS rebinding) changes nothing."""
    info = ConnectionInfo("postgres", "postgresql://u:p%40@public.example:5433/db?connect_timeout=3")
    pinned = Egress((), _look_up).pin(info)
    assert pinned.url == "postgresql://u:p%40@93.184.216.34:5433/db?connect_timeout=3"
    assert pinned.host == "public.example"


def test_a_name_that_tls_verifies_stays() -> None:
    """The certificate is the host's, not the address's."""
    info = ConnectionInfo("postgres", "postgresql://u@public.example/db", {"sslmode": "verify-full"})
    assert Egress((), _look_up).pin(info) == info


@pytest.mark.parametrize(
    ("kind", "url", "pinned"),
    [
        ("s3", "https://public.example:9000/x", "https://public.example:9000/x"),
        ("s3", "http://public.example:9000/x", "http://93.184.216.34:9000/x"),
        ("sftp", "sftp://u@public.example:22", "sftp://u@93.184.216.34:22"),
        ("ftp", "ftp://u@public.example:21", "ftp://u@93.184.216.34:21"),
        ("mysql", "mysql://u:p@public.example:3306/d", "mysql://u:p@93.184.216.34:3306/d"),
        ("snowflake", "snowflake://public.example/d", "snowflake://public.example/d"),
        ("bigquery", "bigquery://public.example/p", "bigquery://public.example/p"),
        ("sqlserver", "mssql://u:p@public.example:1433/d", "mssql://u:p@public.example:1433/d"),
        ("postgres", "postgresql://u@public.example/d?sslmode=verify-ca", "postgresql://u@93.184.216.34/d?sslmode=verify-ca"),
    ],
)  # fmt: skip
def test_every_kind_is_pinned_unless_tls_binds_it_to_its_name(kind: str, url: str, pinned: str) -> None:
    """Nobody looks a second time, whatever the connector is; what wants to be called by its name still has it."""
    found = Egress((), _look_up).pin(ConnectionInfo(kind, url))
    assert found.url == pinned
    assert found.host == ("" if url == pinned else "public.example")


def test_a_server_that_takes_any_certificate_is_pinned() -> None:
    """Without a certificate that is looked at, TLS says nothing about who answers."""
    info = ConnectionInfo("sqlserver", "mssql://u:p@public.example/d", {"trust_server_certificate": "true"})
    assert Egress((), _look_up).pin(info).url == "mssql://u:p@93.184.216.34/d"


def test_a_name_without_an_address_is_unavailable() -> None:
    """A typing error in a host's name is told as one."""
    with pytest.raises(Problem, match="has no address") as caught:
        Egress((), _look_up).check("nowhere.example")
    assert caught.value.code is Code.SOURCE_UNAVAILABLE


def test_this_machine_knows_itself() -> None:
    """The resolver is the machine's own."""
    assert "127.0.0.1" in look_up("localhost") or "::1" in look_up("localhost")
