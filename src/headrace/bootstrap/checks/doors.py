"""What others reach, and what connections need."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from headrace.bootstrap.addresses import kept_address
from headrace.bootstrap.checks import asking
from headrace.bootstrap.checks.finding import Check, Finding, Unknown, fail, ok, warn
from headrace.bootstrap.checks.ground import Ground
from headrace.core.client import EVERYWHERE, Role
from headrace.http.links import is_loopback
from headrace.store import clients, inspection

EXTRAS: Mapping[str, str] = MappingProxyType(
    {
        "sftp": "paramiko",
        "mysql": "pymysql",
        "sqlserver": "mssql_python",
        "snowflake": "adbc_driver_snowflake",
        "bigquery": "adbc_driver_bigquery",
        "odbc": "pyodbc",
        "otel": "opentelemetry.exporter.otlp.proto.http",
        "openlineage": "openlineage.client",
    }
)
"""The module that each extra brings."""
_SAME: Mapping[str, str] = MappingProxyType(
    {
        "azuremysql": "mysql",
        "mariadb": "mysql",
        **dict.fromkeys(("azuresqldatabase", "azuresqlmi", "azuresqldw"), "sqlserver"),
    }
)
"""Types of linked services by the extra that they need, where the names differ."""


def _server(ground: Ground) -> Finding:
    with ground.reading() as tx:
        address = kept_address(tx)
    if address is None:
        why = "no server of this installation was ever started"
        raise Unknown(why)
    port = urlsplit(address).port or 80
    start = ground.command("serve" if port == 8080 else f"serve --port {port}")
    health = asking.get(f"{address}/healthz")
    if health.status == 0 and health.is_refused:
        return warn(
            f"no server answers where the newest one did: {health.why}",
            "start it, if one should run",
            where=address,
            command=start,
        )
    if not asking.is_headrace(health):
        said = f"status {health.status}" if health.status else health.why
        return fail(
            f"what listens there answers as no server of ours ({said}): the port is taken, or the server hangs",
            "stop that program (`ss -ltnp` names it), or serve on another port",
            where=address,
            command=ground.command(f"serve --port {port + 1}"),
        )
    problems = asking.problems_of(asking.get(f"{address}/readyz"))
    if problems:
        return fail(
            f"the server is not ready: {'; '.join(problems)}",
            "one that has just started becomes ready in seconds; else see its log and its workers",
            where=address,
            command=ground.command("workers ls"),
        )
    return ok("the server answers and is ready", address)


def _libraries(ground: Ground) -> Finding:
    with ground.reading() as tx:
        kinds = inspection.connection_kinds(tx)
    needed = {_SAME.get(kind, kind) for kind in kinds} & EXTRAS.keys()
    needed |= {"otel"} if ground.settings.otel_endpoint else set()
    needed |= {"openlineage"} if ground.settings.openlineage_url else set()
    missing = sorted(extra for extra in needed if not ground.has_module(EXTRAS[extra]))
    if missing:
        return fail(
            f"packages are missing for {', '.join(missing)}: what needs them fails",
            "install them where servers and workers run",
            command=f'pip install "headrace[{",".join(missing)}]"',
        )
    words = (
        f"packages are there for {', '.join(sorted(needed))}" if needed else "nothing here needs an optional package"
    )
    return ok(words)


def _public_url(ground: Ground) -> Finding:
    url = ground.settings.public_url
    parts = urlsplit(url)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return warn(
            "the public URL is http: passwords and tokens travel in clear",
            "put a server with TLS in front (docs/guides/operations.md), and set HEADRACE_PUBLIC_URL to its https address",
            where=shown,
        )
    return ok(
        "it is https, or this machine alone" if url else "none is set: links lead to where a request came to", shown
    )


def _admin(ground: Ground) -> Finding:
    with ground.reading() as tx:
        found = clients.all_of(tx)
        was_served = kept_address(tx) is not None
    admins = [one for one in found if one.revoked_at is None and one.role is Role.ADMIN and EVERYWHERE in one.scopes]
    if admins:
        return ok(f"{len(admins)} client{'' if len(admins) == 1 else 's'} may administer")
    if not found and not was_served:
        return ok("there is none yet: the first start of a server makes it")
    return warn(
        "no client with the role admin is left: nobody can log in to change clients",
        "make one; its secret is shown once",
        command=ground.command("clients create admin --role admin"),
    )


CHECKS = (
    Check("server", "the address of the newest server: the port, `/healthz`, `/readyz`", _server, 20.0),
    Check("libraries", "optional packages that connections and settings need", _libraries),
    Check("public-url", "whether the public URL is encrypted", _public_url),
    Check("admin", "whether a client may administer", _admin),
)
