"""Host names that resolve to internal addresses; only the resolver is replaced."""

from __future__ import annotations

import logging
import socket

import pytest
from urllib3.connection import HTTPConnection, HTTPSConnection

from airflow_provider_meetings.api.errors import ServerError
from tests.contract.landing.names import PUBLIC, Names
from tests.contract.media.certificate import NAME
from tests.contract.media.opening import LOOPBACK, OPEN, OpenSession, open_error, port, read, redirect_to
from tests.contract.media.origin import Origin, video


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "name.example"]
)
def test_loopback_is_refused_before_connecting(session: OpenSession, names: Names, host: str) -> None:
    names("name.example", ["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        text = open_error(session(OPEN), f"http://{host}:{listener.getsockname()[1]}/media?sign=S3CRET")
        assert "a loopback address" in text
        assert "allowed_media_hosts" in text
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_host_with_one_refused_address_is_refused(session: OpenSession, names: Names) -> None:
    names("name.example", ["127.0.0.1", "10.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        text = open_error(session(LOOPBACK), f"http://name.example:{listener.getsockname()[1]}/media")
        assert "name.example (10.0.0.1), a private address" in text


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_dns_rebinding_is_refused(session: OpenSession, names: Names, scheme: str) -> None:
    lookups = names("rebind.example", [PUBLIC], ["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = f"{scheme}://rebind.example:{listener.getsockname()[1]}/media?sign=S3CRET"
        assert "rebind.example (127.0.0.1), a loopback address" in open_error(session(OPEN), link)
        assert len(lookups) == 2
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            assert connection.recv(1) == b""


@pytest.mark.parametrize("entry", ["media.example.com", "*.example.com", "127.0.0.1", "127.0.0.0/8"])
def test_allowed_host_is_fetched(origin: Origin, session: OpenSession, names: Names, entry: str) -> None:
    names(NAME, ["127.0.0.1"])
    origin.on("/media", video(b"abc"))
    link = f"http://{NAME}:{port(origin.url)}/media"
    assert read(session(OPEN, entry), link) == b"abc"
    open_error(session(OPEN, "media.example.org", "*.media.example.com", "127.0.0.2", "10.0.0.0/8"), link)
    assert origin.count("/media") == 1


def test_unreachable_host_is_server_error(session: OpenSession, names: Names) -> None:
    text = open_error(session(), "http://unknown.example/media?sign=S3CRET", ServerError)
    assert "http://unknown.example: no connection" in text
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    open_error(session(), f"http://127.0.0.1:{number}/media?sign=S3CRET", ServerError)


def test_links_are_not_logged(
    origin: Origin, session: OpenSession, names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    names(NAME, ["127.0.0.1"])
    origin.on("/first", redirect_to(f"http://{NAME}:{port(origin.url)}/media?sign=S3CRET"))
    origin.on("/media", video(b"abc"))
    assert read(session(), origin.url + "/first?sign=S3CRET") == b"abc"
    open_error(session(OPEN), origin.url + "/first?sign=S3CRET")
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert f"GET http://{NAME}:{port(origin.url)}/media?*** answered 200" in text
    assert "S3CRET" not in text


def test_ca_bundle_applies(secure: Origin, session: OpenSession, names: Names) -> None:
    names(NAME, ["127.0.0.1"])
    names("other.example.com", ["127.0.0.1"])
    secure.on("/media", video(b"abc"))
    assert read(session(), secure.url + "/media") == b"abc"
    assert read(session(), f"https://{NAME}:{port(secure.url)}/media") == b"abc"
    assert "certificate" in open_error(session(ca_bundle=None), secure.url + "/media?S3CRET", ServerError)
    assert "certificate" in open_error(session(), f"https://other.example.com:{port(secure.url)}/media", ServerError)
    assert "CA bundle" in open_error(session(ca_bundle="/nowhere/ca.pem"), secure.url + "/media", ServerError)


@pytest.mark.parametrize("connection", [HTTPConnection, HTTPSConnection])
def test_urllib3_connects_through_the_checked_method(connection: type[HTTPConnection]) -> None:
    """`_new_conn` is not public: if another release renames it, no address would be checked."""
    assert "_new_conn" in vars(HTTPConnection)
    assert "_new_conn" in connection.connect.__code__.co_names
    assert isinstance(HTTPConnection("media.example.com.")._dns_host, str)
