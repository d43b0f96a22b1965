"""One guard for everything that a tenant's connection makes this installation talk to.

A name is resolved once, every address that it has is looked at, and the connection is made to the one that was looked at: a name server that answers
differently the second time changes nothing. Loopback, private, link-local and other special addresses (the cloud's metadata service among them)
are reachable only where the operator allows them.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, urlsplit

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.connection import ConnectionInfo

EVERYTHING = "*"
"""The entry that allows every address: for a developer's own machine."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given out; what lies outside is translated to IPv4 somewhere, or reserved."""
_ALWAYS_TLS = frozenset({"https", "snowflake", "bigquery"})
"""Schemes whose connectors speak TLS and verify the name."""

Lookup = Callable[[str], tuple[str, ...]]
"""Returns the addresses of a host name; raises ``OSError`` when it has none."""


def look_up(host: str) -> tuple[str, ...]:
    """Return the addresses of ``host`` as this machine resolves it."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Egress:
    """What may be reached: public addresses, and what ``allow`` names (host names, addresses, networks, or ``*``)."""

    allow: tuple[str, ...] = ()
    look_up: Lookup = look_up

    def pin(self, info: ConnectionInfo) -> ConnectionInfo:
        """Return ``info`` with the address that was looked at in the place of the host's name, which ``info.host`` has then.

        Where TLS verifies the name (``https``, ``sslmode=verify-full`` and the like), it stays: no other host can answer for it.

        Raises:
            Problem: ``SOURCE_DENIED``: it may not be reached; ``SOURCE_UNAVAILABLE``: the name has no address.
        """
        if EVERYTHING in self.allow:
            return info
        parts = urlsplit(info.url)
        host = parts.hostname or ""
        address = self.check(host)
        if host in self.allow or _is_bound(info, parts):
            return info
        login, at, _ = parts.netloc.rpartition("@")
        place = f"[{address}]" if ":" in address else address
        port = "" if parts.port is None else f":{parts.port}"
        return replace(info, url=parts._replace(netloc=f"{login}{at}{place}{port}").geturl(), host=host)

    def check(self, host: str) -> str:
        """Return an address of ``host`` that may be reached.

        Raises:
            Problem: as ``pin``.
        """
        try:
            addresses = (host,) if _is_address(host) else self.look_up(host)
        except (OSError, UnicodeError) as error:
            raise Problem(Code.SOURCE_UNAVAILABLE, f"the host {host!r} has no address") from error
        denied = [address for address in addresses if not self._allows(host, address)]
        if denied or not addresses:
            raise Problem(
                Code.SOURCE_DENIED,
                f"the host {host!r} is not public, and may not be reached from here; an operator can allow it with HEADRACE_EGRESS_ALLOW",
                context={"addresses": denied},
            )
        return addresses[0]

    def _allows(self, host: str, text: str) -> bool:
        if host in self.allow:
            return True
        address = _plain(ipaddress.ip_address(text.partition("%")[0]))
        if address.is_global and not address.is_multicast and (address.version == 4 or address in _UNICAST):
            return True
        return any(address in network for network in map(_network, self.allow) if network is not None)


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for where a gateway translates it (mapped, NAT64, 6to4, Teredo), else ``address``."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def _is_bound(info: ConnectionInfo, parts: SplitResult) -> bool:
    """Say whether TLS binds the connection to the host's name."""
    if parts.scheme in _ALWAYS_TLS:
        return True
    if info.kind == "sqlserver":
        # The driver's defaults: it speaks TLS and verifies.
        unverified = info.options.get("trust_server_certificate", "").lower() == "true"
        return info.options.get("encrypt", "true").lower() == "true" and not unverified
    # verify-ca looks at no name.
    return (info.options.get("sslmode") or dict(parse_qsl(parts.query)).get("sslmode")) == "verify-full"


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
