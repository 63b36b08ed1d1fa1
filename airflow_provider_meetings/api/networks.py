"""What kind of network an address lies in, whatever way it is written."""

from __future__ import annotations

import socket
from contextlib import suppress
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Kind(Enum):
    """Kinds of networks, as an error calls an address in them."""

    PUBLIC = "a public address"
    LOOPBACK = "a loopback address"
    PRIVATE = "a private address"
    SHARED = "an address that a carrier shares among its customers"
    SPECIAL = "an address of special use"
    NEVER = "a link-local, metadata, multicast, broadcast or reserved address"


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


_NEVER = _networks(
    "0.0.0.0/8",  # Linux connects to itself there
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "fe80::/10",
    "ff00::/8",
    # Where clouds tell a machine its credentials, outside of link-local: Azure, Alibaba, Oracle (two), AWS, Google,
    # Scaleway.
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:c1::a9fe:a9fe",
    "fd00:ec2::/32",
    "fd20:ce::254",
    "fd00:42::42",
)
_KINDS = (
    (Kind.NEVER, _NEVER),
    (Kind.LOOPBACK, _networks("127.0.0.0/8", "::1")),
    (Kind.PRIVATE, _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")),
    (Kind.SHARED, _networks("100.64.0.0/10")),
    (Kind.SPECIAL, _networks("192.0.0.0/24")),  # Pythons differ about parts of it
)
_NAT64 = IPv6Network("64:ff9b::/96")


def kind_of(address: Address) -> Kind:
    """Tell the kind of the host that packets to `address` reach."""
    reached = unwrap(address)
    for kind, networks in _KINDS:
        if any(reached in network for network in networks):
            return kind
    if reached.is_reserved:
        return Kind.NEVER
    return Kind.PUBLIC if reached.is_global else Kind.SPECIAL


def never(network: Network) -> bool:
    """Tell whether every address of `network` is one where nobody may go."""
    # subnet_of raises for two versions; the types cannot say that these are of one.
    return any(network.version == other.version and network.subnet_of(other) for other in _NEVER)  # type: ignore[arg-type]  # the same version


def unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address leads to: mapped, through NAT64 or 6to4; else the address."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def literal(host: str) -> Address | None:
    """Read a host that is an address, also as resolvers take it: 127.1, 0x7f000001, 2130706433, 0177.0.0.1."""
    text = host.strip("[]").rstrip(".")
    with suppress(ValueError):
        return ip_address(text)
    try:
        return ip_address(socket.inet_aton(text))
    except (OSError, ValueError):
        return None


def resolve(host: str, port: int | None = None) -> list[Address]:
    """Ask the resolver for the addresses of a host; an empty list where it knows none."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ip_address(str(entry[4][0])) for entry in found]
