from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.media.address_policy import Kind, kind_of, literal, never, resolve, unwrap

KINDS: list[tuple[Kind, list[str]]] = [
    (Kind.PUBLIC, ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.32.0.0"]),
    (Kind.PUBLIC, ["126.255.255.255", "128.0.0.0", "192.167.255.255", "192.169.0.0", "2606:4700::1111"]),
    (Kind.LOOPBACK, ["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"]),
    (Kind.PRIVATE, ["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"]),
    (Kind.PRIVATE, ["fc00::", "fd12:3456::1", "fdff:ffff::1", "fec0::1"]),
    (Kind.SHARED, ["100.64.0.0", "100.127.255.255"]),
    (Kind.SPECIAL, ["198.18.0.1", "198.19.255.255", "192.0.2.1", "203.0.113.7", "192.0.0.8", "2001:db8::1"]),
    (Kind.SPECIAL, ["2001:0:5ef5:79fd::1"]),  # Teredo
    (Kind.NEVER, ["0.0.0.0", "0.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255"]),
    (Kind.NEVER, ["168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"]),
    (Kind.NEVER, ["224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255", "ff02::1", "ffff::1"]),
    (Kind.NEVER, ["::", "fe80::", "febf:ffff::1", "fe80::1%eth0", "::127.0.0.1", "4000::1", "64:ff9b:1::1"]),
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in KINDS for text in texts])
def test_kind_of_address(kind: Kind, text: str) -> None:
    assert kind_of(ip_address(text)) is kind


@given(st.ip_addresses(v=4))
def test_ipv6_spelling_has_same_kind(address: IPv4Address) -> None:
    number = int(address)
    spellings = [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address((0x64 << 112) | (0xFF9B << 96) | number),
        IPv6Address((0x2002 << 112) | number << 80 | 1),
    ]
    for spelling in spellings:
        assert unwrap(spelling) == address
        assert kind_of(spelling) is kind_of(address)


@given(st.ip_addresses())
def test_public_addresses_are_global(address: IPv4Address | IPv6Address) -> None:
    if kind_of(address) is Kind.PUBLIC:
        unwrapped = unwrap(address)
        assert unwrapped.is_global
        assert not unwrapped.is_multicast
        assert not unwrapped.is_link_local


@given(st.ip_addresses(v=4))
def test_spellings_of_ipv4_address(address: IPv4Address) -> None:
    number = int(address)
    first, rest = number >> 24, number & 0xFFFFFF
    for spelling in (
        str(address),
        f"{address}.",
        str(number),
        hex(number),
        f"0{number:o}",
        f"{first}.{rest}",
        f"{hex(first)}.0{rest:o}",
        ".".join(f"0{part:o}" for part in address.packed),
        ".".join(hex(part) for part in address.packed),
    ):
        assert literal(spelling) == address
        assert resolve(spelling.rstrip(".")) == [address]


@pytest.mark.parametrize(
    "name",
    ["", "example.com", "1.example.com", "10.0.0.0.1", "127.0.0.256", "0x", "4294967296", "a:b", "1\0", "é", "x%"],
)
def test_name_is_no_address(name: str) -> None:
    assert literal(name) is None


@pytest.mark.parametrize("text", ["::1", "[::1]", "[::FFFF:127.0.0.1]", "fe80::1%eth0"])
def test_ipv6_address_with_and_without_brackets(text: str) -> None:
    assert literal(text) == ip_address(text.strip("[]"))


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("169.254.169.254", True),
        ("169.254.0.0/16", True),
        ("169.254.0.0/15", False),
        ("0.0.0.0/0", False),
        ("fe80::/64", True),
        ("::/0", False),
        ("10.0.0.0/8", False),
        ("100.100.100.200", True),
    ],
)
def test_never_allowed_networks(network: str, expected: bool) -> None:
    assert never(ip_network(network)) is expected


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".invalid", "a..b", ""])
def test_unresolvable_host_has_no_addresses(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror

    if host.startswith("no-such"):
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = resolve(host)
    assert found == [] or (host == "" and all(address.is_loopback for address in found))
