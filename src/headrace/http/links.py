"""Absolute links: to the configured public URL, else to where the caller reached us."""

import ipaddress
import re

from starlette.requests import Request

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def base_url(request: Request, public_url: str | None) -> str:
    """Return ``scheme://host[:port]`` without a slash at the end.

    A ``Host`` header that is no host name is not repeated: the address that the connection came to is used.
    """
    if public_url:
        return public_url.rstrip("/")
    scheme = request.url.scheme
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        address = request.scope.get("server") or ("127.0.0.1", 80)
        host = f"{address[0]}:{address[1]}"
    return f"{scheme}://{host}"


def is_loopback(name: str) -> bool:
    """Say whether a host's name or address (without brackets) is one of this machine alone."""
    lowered = name.lower()
    if lowered == "localhost" or lowered.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(lowered).is_loopback
    except ValueError:
        return False
