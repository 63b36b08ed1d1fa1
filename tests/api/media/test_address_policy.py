from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import InvalidRequest, UnsafeAddress
from airflow_provider_meetings.api.http.redaction import is_http, scheme_of
from airflow_provider_meetings.api.media.address_policy import Kind, MediaAddresses, kind_of
from tests.contract.landing.names import patch_resolver

OPEN = "https://open.feishu.cn"
NEVER = ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "224.0.0.1", "0.0.0.0"]
INTERNAL = {"127.0.0.1": "loopback", "10.0.0.1": "private", "fd12::1": "private", "100.64.0.1": "shares"}
INTERNAL |= {"198.18.0.1": "special", "::ffff:10.0.0.1": "private", "64:ff9b::7f00:1": "loopback"}


def refusal(rule: MediaAddresses, host: str, address: str | None = None) -> UnsafeAddress:
    with pytest.raises(UnsafeAddress) as caught:
        rule.check_host(host) if address is None else rule.check(host, ip_address(address))
    assert host.rstrip(".").lower()[:60] in str(caught.value)
    return caught.value


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_allowed(address: str) -> None:
    MediaAddresses(OPEN).check("media.example.com", ip_address(address))
    MediaAddresses(OPEN).check_host(address)


@pytest.mark.parametrize(("address", "kind"), INTERNAL.items())
def test_internal_address_is_refused_with_next_step(monkeypatch: pytest.MonkeyPatch, address: str, kind: str) -> None:
    patch_resolver(monkeypatch)("open.feishu.cn", ["1.1.1.1"])
    error = refusal(MediaAddresses(OPEN, platform="acme"), "media.example.com", address)
    assert (error.platform, error.permanent) == ("acme", True)
    assert f"({ip_address(address)})" in str(error)
    assert kind in str(error)
    assert "allowed_media_hosts" in error.next_step


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize(
    "allowed", [("0.0.0.0/0", "::/0"), ("media.example.com",), ("*.example.com",)], ids=["all", "name", "suffix"]
)
def test_never_allowed_address_is_refused_despite_entries(address: str, allowed: tuple[str, ...]) -> None:
    for base in (OPEN, f"http://[{address}]" if ":" in address else f"http://{address}"):
        error = refusal(MediaAddresses(base, allowed), "media.example.com", address)
        assert "allowed_media_hosts" not in str(error)


@given(st.ip_addresses())
def test_non_public_address_is_refused(address: IPv4Address | IPv6Address) -> None:
    rule = MediaAddresses("https://1.1.1.1")
    if kind_of(address) is Kind.PUBLIC:
        rule.check("media.example.com", address)
    else:
        refusal(rule, "media.example.com", str(address))


@given(st.ip_addresses())
def test_allowing_all_networks_keeps_never_allowed(address: IPv4Address | IPv6Address) -> None:
    rule = MediaAddresses("https://1.1.1.1", ["0.0.0.0/0", "::/0"])
    if kind_of(address) is Kind.NEVER:
        refusal(rule, "media.example.com", str(address))
    else:
        rule.check("media.example.com", address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "[::1]",
        "::ffff:127.0.0.1", "localhost", "LOCALHOST", "localhost.", "media.localhost", "10.0.0.1", "0xa000001",
    ],
)  # fmt: skip
def test_literal_address_is_checked_without_resolver(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    names = patch_resolver(monkeypatch)
    names("open.feishu.cn", ["1.1.1.1"])
    names(host, ["1.1.1.1"])
    assert "allowed_media_hosts" in refusal(MediaAddresses(OPEN), host).next_step


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.16689662", "[::ffff:a9fe:a9fe]", "0",
        "metadata.google.internal", "METADATA.google.internal.", "metadata.tencentyun.com", "[fe80::1%25eth0]",
    ],
)  # fmt: skip
def test_literal_metadata_address_is_refused(host: str) -> None:
    rule = MediaAddresses(OPEN, ["metadata.google.internal", "*.google.internal", "*.tencentyun.com", "0.0.0.0/0"])
    assert "allowed_media_hosts" not in str(refusal(rule, host))


def test_name_is_not_refused_before_resolution() -> None:
    MediaAddresses(OPEN).check_host("media.example.com")


@pytest.mark.parametrize(
    ("entry", "host", "address", "allowed"),
    [
        ("media.example.com", "media.example.com", "10.0.0.1", True),
        ("Media.Example.COM.", "media.example.com", "10.0.0.1", True),
        ("media.example.com", "MEDIA.example.com.", "10.0.0.1", True),
        ("media.example.com", "media.example.com", "127.0.0.1", True),
        ("media.example.com", "x.media.example.com", "10.0.0.1", False),
        ("media.example.com", "xmedia.example.com", "10.0.0.1", False),
        ("media.example.com", "media.example.com.evil.org", "10.0.0.1", False),
        ("*.example.com", "media.example.com", "10.0.0.1", True),
        ("*.example.com", "a.b.example.com", "10.0.0.1", True),
        ("*.example.com", "example.com", "10.0.0.1", False),
        ("*.example.com", "evilexample.com", "10.0.0.1", False),
        ("媒体.example.com", "xn--tqqy7y.example.com", "10.0.0.1", True),
        ("*.例子.cn", "a.xn--fsqu00a.cn", "10.0.0.1", True),
        ("my_store", "my_store", "10.0.0.1", True),
        ("10.0.0.1", "media.example.com", "10.0.0.1", True),
        ("10.0.0.1", "167772161", "10.0.0.1", True),
        ("10.0.0.1", "media.example.com", "::ffff:10.0.0.1", True),
        ("10.0.0.1", "media.example.com", "10.0.0.2", False),
        ("10.1.0.0/16", "media.example.com", "10.1.255.255", True),
        ("10.1.0.0/16", "media.example.com", "10.2.0.0", False),
        ("fd12::/16", "media.example.com", "fd12::7", True),
        ("[fd12::7]", "media.example.com", "fd12::7", True),
        ("64:ff9b::/96", "media.example.com", "64:ff9b::10.0.0.1", True),
        ("fd12::/16", "media.example.com", "10.0.0.1", False),
    ],
)
def test_allowed_entries(monkeypatch: pytest.MonkeyPatch, entry: str, host: str, address: str, allowed: bool) -> None:
    patch_resolver(monkeypatch)("open.feishu.cn", ["1.1.1.1"])
    rule = MediaAddresses(OPEN, ["other.example.org", entry])
    if allowed:
        rule.check(host, ip_address(address))
    else:
        refusal(rule, host, address)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (entry, repr(entry[:60]))
        for entry in (
            "", " ", "*", "*.", "*.*.example.com", "a*.example.com", "media.*", "a..b", ".example.com", "exam ple.com",
            "example.com:443", "example.com/x", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "2130706433", "0x7f.1",
            "*.10.0.0.1", "300.1.2.3/8", "x" * 64, "例" * 64, "a,b", "a;b",
        )
    ] + [
        ("https://media.example.com", "entry 2 is"),
        ("user@media.example.com", "entry 2 is"),
        ("media.example.com?sign=S3CRET", "entry 2 is"),
    ],
)  # fmt: skip
def test_invalid_entry_is_named(entry: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match="allowed_media_hosts: entry 2") as caught:
        MediaAddresses(OPEN, ["media.example.com", entry])
    assert message in str(caught.value)
    assert "S3CRET" not in str(caught.value)
    assert "*.example.com" in caught.value.next_step


@pytest.mark.parametrize("entry", ["169.254.169.254", "169.254.0.0/16", "fe80::/10", "100.100.100.200", "0.0.0.0"])
def test_never_allowed_entry_is_refused(entry: str) -> None:
    with pytest.raises(InvalidRequest, match="never allowed"):
        MediaAddresses(OPEN, [entry])


@pytest.mark.parametrize(
    ("base", "address", "allowed"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1", True),
        ("http://127.0.0.1:8080", "::1", True),
        ("http://[::1]", "127.0.0.2", True),
        ("http://2130706433", "127.0.0.1", True),
        ("http://127.0.0.1", "10.0.0.1", False),
        ("http://10.0.0.1", "192.168.0.1", True),
        ("http://10.0.0.1", "127.0.0.1", False),
        ("http://100.64.0.1", "100.64.0.2", True),
        ("http://100.64.0.1", "10.0.0.1", False),
        ("http://gateway.corp.example", "172.16.0.1", True),
        ("http://gateway.corp.example", "127.0.0.1", False),
        ("http://198.18.0.9", "198.18.0.10", True),
        ("http://198.18.0.9", "10.0.0.1", False),
        ("http://unknown.corp.example", "10.0.0.1", False),
    ],
)
def test_address_kind_of_api_is_allowed(
    monkeypatch: pytest.MonkeyPatch, base: str, address: str, allowed: bool
) -> None:
    patch_resolver(monkeypatch)("gateway.corp.example", ["10.9.9.9"])
    rule = MediaAddresses(base)
    if allowed:
        rule.check("media.example.com", ip_address(address))
    else:
        refusal(rule, "media.example.com", address)


def test_api_host_is_resolved_only_if_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    lookups = patch_resolver(monkeypatch)("gateway.corp.example", ["10.9.9.9"])
    rule = MediaAddresses("http://gateway.corp.example", ["10.1.0.0/16"])
    rule.check("media.example.com", ip_address("1.1.1.1"))
    rule.check("media.example.com", ip_address("10.1.0.1"))
    refusal(rule, "media.example.com", "169.254.1.1")
    assert lookups == []
    rule.check("media.example.com", ip_address("10.2.0.1"))
    assert lookups != []


@pytest.mark.parametrize(
    ("url", "scheme", "allowed"),
    [
        ("http://x", "http", True),
        ("HTTPS://x:1/y?z", "https", True),
        ("ftp://x", "ftp", False),
        ("data:,x", "data", False),
        ("FILE:///x", "file", False),
        ("//x", "", False),
        ("", "", False),
        ("x", "", False),
        ("http://", "http", False),
        ("http://[", "", False),
        ("http://x:0", "http", False),
        ("http://x:99999", "http", False),
    ],
)
def test_http_urls(url: str, scheme: str, allowed: bool) -> None:
    assert (is_http(url), scheme_of(url)) == (allowed, scheme)
