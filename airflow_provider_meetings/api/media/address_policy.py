"""Which addresses media may come from: a link, or a redirect behind it, must not lead into the networks around us."""

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


_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# A proxy would resolve these for us. Direct connections are judged by their addresses.
_METADATA_NAMES = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
}


class MediaAddresses:
    """Judge where media may come from.

    Public addresses are taken. Private, loopback, shared and special ones are taken where `allowed` names them or
    their host, or where the API itself is at such an address. Link-local, metadata, multicast and reserved ones
    never are.

    :param base_url: of the API.
    :param allowed: host names, ``*.suffix``, IP addresses and networks such as ``10.0.0.0/8``.
    :param platform: for error texts.
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

    def judge_host(self, host: str) -> None:
        """Judge what the host of a URL tells without asking a resolver: an address in any spelling, or a known name.

        :raises UnsafeAddress: if media may not come from there.
        """
        name = _plain(host)
        if name in _METADATA_NAMES:
            raise self._refusal(name, Kind.NEVER, None)
        if (address := literal(host)) is not None:
            self.judge(host, address)
        elif name == "localhost" or name.endswith(".localhost"):
            self.judge(host, IPv4Address("127.0.0.1"))

    def judge(self, host: str, address: Address) -> None:
        """Judge an address that `host` stands for.

        :raises UnsafeAddress: if media may not come from there.
        """
        kind = kind_of(address)
        if kind is Kind.PUBLIC or (kind is not Kind.NEVER and self._allowed(_plain(host), address, kind)):
            return
        raise self._refusal(_plain(host), kind, address)

    def _allowed(self, name: str, address: Address, kind: Kind) -> bool:
        if name in self._names or any(name.endswith(suffix) for suffix in self._suffixes):
            return True
        if any(form in network for form in (address, unwrap(address)) for network in self._networks):
            return True
        # Asked only now: the rule is made with each client, and most never meet such an address.
        base = literal(self._base_host)
        return kind in map(kind_of, resolve(self._base_host) if base is None else [base])

    def _refusal(self, name: str, kind: Kind, address: Address | None) -> UnsafeAddress:
        shown = f"{name[:100]} ({address})" if address is not None and name != str(address) else name[:100]
        remedy = "Nothing is ever fetched from there: check DNS and proxy of this worker, then ask the platform."
        if kind is not Kind.NEVER:
            remedy = (
                "If media of this platform are served there, write that host or its network into the connection's "
                "extra allowed_media_hosts; if not, check DNS of this worker."
            )
        return UnsafeAddress(
            f"a download link leads to {shown}, {kind.value}", next_step=remedy, platform=self._platform
        )

    def _allow(self, number: int, entry: str) -> None:
        network: Network | None = None
        with suppress(ValueError):
            network = ip_network(entry.strip("[]"))
        if network is not None:
            if never(network):
                raise _bad(number, entry, "is in a network from which nothing is ever fetched", "Leave it out.")
            self._networks.append(network)
            return
        wild, star, rest = entry.rpartition("*.")
        name = _asked_for(rest)
        if wild or not _NAME.fullmatch(name) or literal(name) is not None:
            raise _bad(
                number,
                entry,
                "is no host name, suffix, IP address or network",
                "Write entries such as media.example.com, *.example.com, 10.1.2.3 or 10.1.0.0/16, without a port.",
            )
        if star:
            self._suffixes.add(f".{name}")
        else:
            self._names.add(name)


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _asked_for(name: str) -> str:
    """Return a host name as requests asks for it: in lower case, in ASCII; an empty text for what is none."""
    with suppress(requests.RequestException, ValueError):
        url = requests.Request("GET", f"https://{name}").prepare().url or ""
        # Else a port, a path or a user came along.
        if url == f"https://{urlsplit(url).hostname}/":
            return _plain(urlsplit(url).hostname or "")
    return ""


def _bad(number: int, entry: str, fault: str, remedy: str) -> InvalidRequest:
    # A whole URL may hold a password or a signature.
    shown = (
        f"entry {number}" if any(mark in entry for mark in ("@", "?", "://")) else f"entry {number}, {entry[:60]!r},"
    )
    return InvalidRequest(f"allowed_media_hosts: {shown} {fault}", next_step=remedy)
