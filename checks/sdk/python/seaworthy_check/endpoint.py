"""Addresses of targets, in any of the notations that they are written in."""

from __future__ import annotations

_PORTS = {"http": "80", "ws": "80", "https": "443", "wss": "443", "redis": "6379"}


def socket(address: str) -> str | None:
    """``host:port`` of an address, written as ``host:port``, ``scheme://host[:port]/path``
    or ``/ip4/1.2.3.4/tcp/9100/...``. None for one that names no port."""
    if found := _multiaddr(address):
        host, port = found
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    scheme, authority = _authority(address)
    if ":" in authority[authority.rfind("]") + 1 :]:
        return authority
    port = _PORTS.get(scheme, "")
    return f"{authority}:{port}" if authority and port else None


def host(address: str) -> str:
    """The host of an address in any of these notations; a bare name is its own host."""
    if found := _multiaddr(address):
        return found[0]
    authority = _authority(address)[1]
    if authority.startswith("["):
        return authority[1:].split("]", 1)[0]
    # More than one colon is an IPv6 address, not a port.
    return authority.split(":")[0] if authority.count(":") == 1 else authority


def _authority(address: str) -> tuple[str, str]:
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "", address
    for end in "/?#":
        rest = rest.split(end, 1)[0]
    return scheme, rest.rsplit("@", 1)[-1]


def _multiaddr(address: str) -> tuple[str, str] | None:
    parts = address.split("/")
    if len(parts) < 5 or parts[0] or parts[3] != "tcp":
        return None
    return (parts[2], parts[4]) if parts[1] in ("ip4", "ip6", "dns", "dns4", "dns6") else None
