"""Which addresses media may come from: a link, or a redirect behind it, must not lead into the networks around us."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, ip_network
from urllib.parse import urlsplit

import requests

from airflow_provider_meetings.api.errors import InvalidRequest, UnsafeAddress
from airflow_provider_meetings.api.networks import Address, Kind, Network, kind_of, literal, never, resolve, unwrap

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


def is_http(url: str) -> bool:
    """Tell whether `url` is an address of HTTP with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        return False


def scheme_of(url: str) -> str:
    """Return the scheme of a URL in lower case; an empty text where there is none."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


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
