"""Media sessions through a proxy: the proxy resolves names, and the session still checks literal addresses."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import ServerError
from tests.contract.acme_api import StartMedia
from tests.contract.landing.names import Names
from tests.contract.media.certificate import NAME
from tests.contract.media.opening import OPEN, OpenSession, open_error, port, read, redirect_to
from tests.contract.media.origin import Origin, video
from tests.contract.media.proxy import Proxy, serve_proxy


@pytest.fixture
def proxy(origin: Origin, secure: Origin) -> Iterator[Proxy]:
    with serve_proxy() as proxy:
        proxy.names |= {"plain.example.com": port(origin.url), NAME: port(secure.url)}
        yield proxy


@pytest.mark.parametrize("configured_in", ["connection", "environment"])
def test_proxy_resolves_names(
    origin: Origin,
    secure: Origin,
    proxy: Proxy,
    session: OpenSession,
    names: Names,
    configured_in: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origin.on("/media", video(b"plain"))
    secure.on("/media", video(b"secure"))
    login = proxy.url.replace("//", "//app:pw@")
    if configured_in == "environment":
        monkeypatch.setenv("http_proxy", login)
        monkeypatch.setenv("https_proxy", login)
    opened = session(OPEN, proxy=login if configured_in == "connection" else None)
    # Only the proxy can resolve these names.
    assert read(opened, "http://plain.example.com/media?sign=a") == b"plain"
    assert read(opened, f"https://{NAME}/media?sign=a") == b"secure"
    assert proxy.requests == ["GET http://plain.example.com/media?sign=a", f"CONNECT {NAME}:443"]
    assert all("proxy-authorization" in headers for headers in proxy.headers)
    assert "proxy-authorization" not in secure.requests[0].headers


def test_no_proxy_is_respected(
    origin: Origin, proxy: Proxy, session: OpenSession, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "direct.example.com")
    names("direct.example.com", ["127.0.0.1"])
    origin.on("/media", video(b"abc"))
    link = f"http://direct.example.com:{port(origin.url)}/media"
    assert read(session(), link) == b"abc"
    assert "a loopback address" in open_error(session(OPEN), link)
    assert proxy.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "localhost",
        "10.0.0.1",
        "169.254.169.254",
        "metadata.google.internal",
        "[::1]",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_refused_address_is_not_sent_to_proxy(
    secure: Origin, proxy: Proxy, session: OpenSession, names: Names, host: str, scheme: str
) -> None:
    opened = session(OPEN, proxy=proxy.url)
    open_error(opened, f"{scheme}://{host}/media?sign=S3CRET")
    assert proxy.requests == []
    secure.on("/first", redirect_to(f"https://{host}/media?sign=S3CRET"))
    open_error(opened, f"https://{NAME}/first?sign=S3CRET")
    assert proxy.requests == [f"CONNECT {NAME}:443"]


def test_redirect_from_https_to_http_is_refused_through_proxy(
    secure: Origin, proxy: Proxy, session: OpenSession
) -> None:
    secure.on("/first", redirect_to("http://plain.example.com/media"))
    open_error(session(OPEN, proxy=proxy.url), f"https://{NAME}/first")
    assert proxy.requests == [f"CONNECT {NAME}:443"]


def test_ca_bundle_applies_through_proxy(secure: Origin, proxy: Proxy, session: OpenSession) -> None:
    secure.on("/media", video(b"abc"))
    open_error(session(OPEN, proxy=proxy.url, ca_bundle=None), f"https://{NAME}/media?sign=S3CRET", ServerError)
    assert secure.requests == []


def test_failed_proxy_is_named(session: OpenSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    opened = session(OPEN, proxy=f"http://app:S3CRET@127.0.0.1:{number}")
    assert "the proxy failed" in open_error(opened, f"https://{NAME}/media?sign=S3CRET", ServerError)


def test_media_use_proxy_and_ca_bundle_of_transport(
    secure: Origin, proxy: Proxy, start_media: StartMedia, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    secure.on("/media", video(b"abc"))
    with start_media(OPEN, proxy=proxy.url, ca_bundle=str(certificate[0])).stream(f"https://{NAME}/media") as stream:
        assert b"".join(stream.chunks()) == b"abc"
    assert proxy.requests == [f"CONNECT {NAME}:443"]
    with pytest.raises(ServerError, match="certificate"):
        start_media(OPEN, proxy=proxy.url).stream(f"https://{NAME}/media")
