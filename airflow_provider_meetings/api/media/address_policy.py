"""The addresses that media may be fetched from: no link and no redirect may reach an internal network."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import requests

from airflow_provider_meetings.api.errors import InvalidRequest, UnsafeAddress

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_HOST_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# A proxy would resolve these. For direct connections, the address is checked.
_METADATA_NAMES = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
}


class MediaAddresses:
    """Check the addresses of media hosts.

    Public addresses are allowed. Private, loopback, shared and special ones are allowed if `allowed` contains them or
    their host, or if the API itself has such an address. Link-local, metadata, multicast and reserved ones never are.

    :param base_url: of the API.
    :param allowed: host names, ``*.suffix``, IP addresses and networks such as ``10.0.0.0/8``.
    :param platform: for error messages.
    :raises InvalidRequest: for an entry of `allowed` that is none of these.
    """

    def __init__(self, base_url: str, allowed: Iterable[str] = (), *, platform: str = "") -> None:
        self._base_host = urlsplit(base_url).hostname or ""
        self._platform = platform
        self._names: set[str] = set()
        self._suffixes: set[str] = set()
        self._networks: list[Network] = []
        for number, entry in enumerate(allowed, 1):
            self._allow(number, entry)

    def _allow(self, number: int, entry: str) -> None:
        network: Network | None = None
        with suppress(ValueError):
            network = ip_network(entry.strip("[]"))
        if network is not None:
            if never(network):
                raise _invalid_entry(number, entry, "is in a network that is never allowed", "Leave it out.")
            self._networks.append(network)
            return
        prefix, star, rest = entry.rpartition("*.")
        name = _normalize_host(rest)
        if prefix or not _HOST_NAME.fullmatch(name) or literal(name) is not None:
            raise _invalid_entry(
                number,
                entry,
                "is no host name, suffix, IP address or network",
                "Write entries such as media.example.com, *.example.com, 10.1.2.3 or 10.1.0.0/16, without a port.",
            )
        if star:
            self._suffixes.add(f".{name}")
        else:
            self._names.add(name)

    def check_host(self, host: str) -> None:
        """Check the host of a URL without a resolver: an address in any spelling, or a known name.

        :raises UnsafeAddress: if it is not allowed.
        """
        name = _lower(host)
        if name in _METADATA_NAMES:
            raise self._refusal(name, Kind.NEVER, None)
        if (address := literal(host)) is not None:
            self.check(host, address)
        elif name == "localhost" or name.endswith(".localhost"):
            self.check(host, IPv4Address("127.0.0.1"))

    def check(self, host: str, address: Address) -> None:
        """Check an address that `host` resolves to.

        :raises UnsafeAddress: if it is not allowed.
        """
        kind = kind_of(address)
        if kind is Kind.PUBLIC or (kind is not Kind.NEVER and self._is_allowed(_lower(host), address, kind)):
            return
        raise self._refusal(_lower(host), kind, address)

    def _is_allowed(self, name: str, address: Address, kind: Kind) -> bool:
        if name in self._names or any(name.endswith(suffix) for suffix in self._suffixes):
            return True
        if any(form in network for form in (address, unwrap(address)) for network in self._networks):
            return True
        # Resolved only here: most clients never meet such an address.
        base = literal(self._base_host)
        return kind in map(kind_of, resolve(self._base_host) if base is None else [base])

    def _refusal(self, name: str, kind: Kind, address: Address | None) -> UnsafeAddress:
        target = f"{name[:100]} ({address})" if address is not None and name != str(address) else name[:100]
        next_step = "This address is never allowed: check DNS and proxy of this worker, then ask the platform."
        if kind is not Kind.NEVER:
            next_step = (
                "If the platform serves media there, add the host or its network to the connection's extra "
                "allowed_media_hosts; if not, check DNS of this worker."
            )
        return UnsafeAddress(
            f"a download link leads to {target}, {kind.value}", next_step=next_step, platform=self._platform
        )


def _lower(host: str) -> str:
    return host.rstrip(".").lower()


def _normalize_host(name: str) -> str:
    """Return a host name as requests sends it, in lower-case ASCII; an empty text if it is invalid."""
    with suppress(requests.RequestException, ValueError):
        url = requests.Request("GET", f"https://{name}").prepare().url or ""
        # Otherwise it had a port, a path or a user.
        if url == f"https://{urlsplit(url).hostname}/":
            return _lower(urlsplit(url).hostname or "")
    return ""


def _invalid_entry(number: int, entry: str, problem: str, next_step: str) -> InvalidRequest:
    # A whole URL may contain a password or a signature.
    is_url = any(mark in entry for mark in ("@", "?", "://"))
    label = f"entry {number}" if is_url else f"entry {number}, {entry[:60]!r},"
    return InvalidRequest(f"allowed_media_hosts: {label} {problem}", next_step=next_step)


class Kind(Enum):
    """Kinds of addresses, as error messages name them."""

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
    # Metadata services outside of link-local: Azure, Alibaba, Oracle (two), AWS, Google, Scaleway.
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
    (Kind.SPECIAL, _networks("192.0.0.0/24")),  # Python versions differ on parts of it
)
_NAT64 = IPv6Network("64:ff9b::/96")


def kind_of(address: Address) -> Kind:
    """Return the kind of the host that packets to `address` reach."""
    reached = unwrap(address)
    for kind, networks in _KINDS:
        if any(reached in network for network in networks):
            return kind
    if reached.is_reserved:
        return Kind.NEVER
    return Kind.PUBLIC if reached.is_global else Kind.SPECIAL


def never(network: Network) -> bool:
    """Return whether every address of `network` is of kind `NEVER`."""
    return any(network.version == other.version and network.subnet_of(other) for other in _NEVER)  # type: ignore[arg-type]  # the same version


def unwrap(address: Address) -> Address:
    """Return the IPv4 address that is embedded in an IPv6 address (mapped, NAT64, 6to4), else the address itself."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def literal(host: str) -> Address | None:
    """Parse a host that is an address, as resolvers do: 127.1, 0x7f000001, 2130706433, 0177.0.0.1."""
    text = host.strip("[]").rstrip(".")
    with suppress(ValueError):
        return ip_address(text)
    try:
        return ip_address(socket.inet_aton(text))
    except (OSError, ValueError):
        return None


def resolve(host: str, port: int | None = None) -> list[Address]:
    """Return the addresses of a host; an empty list if it cannot be resolved."""
    try:
        infos = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ip_address(str(info[4][0])) for info in infos]
