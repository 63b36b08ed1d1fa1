"""Media sessions on real sockets: redirects, headers, cookies, connections and timeouts."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError, UnsafeAddress
from airflow_provider_meetings.api.http import transport
from tests.contract.landing.names import Names
from tests.contract.leaks import error_text
from tests.contract.media.opening import LOOPBACK, OpenSession, open_error, read, redirect_to
from tests.contract.media.origin import Handler, Origin, raw_body, serve_origin, video


def test_headers_are_sent_without_login(
    origin: Origin, session: OpenSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password S3CRET\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    origin.on("/first", redirect_to("/media?sign=b"))
    origin.on("/media", video(b"abc"))
    link = origin.url.replace("//", "//me:S3CRET@") + "/first?sign=a"
    assert read(session(), link, Range="bytes=7-") == b"abc"
    assert [request.query for request in origin.requests] == ["sign=a", "sign=b"]
    for request in origin.requests:
        assert request.headers["range"] == "bytes=7-"
        assert not {"authorization", "cookie", "referer", "proxy-authorization"} & set(request.headers)


def test_cookies_are_ignored(origin: Origin, session: OpenSession) -> None:
    cookie = {"Set-Cookie": "s=S3CRET; Path=/"}
    origin.on("/first", redirect_to("/media", headers=cookie))
    origin.on("/media", video(b"abc", cookie))
    opened = session()
    for _ in range(2):
        read(opened, origin.url + "/first")
    assert len(origin.requests) == 4
    assert all("cookie" not in request.headers for request in origin.requests)


def test_connections_are_reused_by_threads(session: OpenSession) -> None:
    peers: set[tuple[str, int]] = set()

    def keep_alive(handler: Handler) -> None:
        peers.add(handler.client_address)
        handler.close_connection = False
        handler.send_response(200)
        handler.send_header("Content-Length", "3")
        handler.end_headers()
        handler.wfile.write(handler.path[-3:].encode())

    with serve_origin() as origin:
        origin.on("/media", keep_alive)
        opened = session()
        for _ in range(5):
            assert read(opened, origin.url + "/media?000") == b"000"
        assert len(peers) == 1
        with ThreadPoolExecutor(8) as threads:
            queries = [f"{number:03}" for number in range(100)]
            found = [*threads.map(lambda text: read(opened, f"{origin.url}/media?{text}").decode(), queries)]
        assert found == queries
        assert len(peers) <= 9
        opened.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_limited_to_five(origin: Origin, session: OpenSession, status: int) -> None:
    for number in range(6):
        origin.on(f"/{number}", redirect_to(f"/{number + 1}?sign=S3CRET", status))
    origin.on("/6", video(b"abc"))
    assert read(session(), origin.url + "/1") == b"abc"
    assert "more than 5 redirects" in open_error(session(), origin.url + "/0", ServerError)
    assert origin.count("/6") == 1


def test_too_many_redirects_to_invalid_target(origin: Origin, session: OpenSession) -> None:
    for number in range(5):
        origin.on(f"/{number}", redirect_to(f"/{number + 1}"))
    origin.on("/5", redirect_to("http://x:99999/?sign=S3CRET"))
    open_error(session(), origin.url + "/0", ServerError)


def test_redirect_without_location_is_returned(origin: Origin, session: OpenSession) -> None:
    origin.on("/media", raw_body(b"", status=302))
    with session().open(origin.url + "/media", {}) as response:
        assert response.status_code == 302


@pytest.mark.parametrize("location", ["/媒体", "/%E5%AA%92%E4%BD%93", "//{host}/%E5%AA%92%E4%BD%93"])
def test_location_in_utf_8(origin: Origin, session: OpenSession, location: str) -> None:
    text = location.format(host=origin.url.partition("//")[2]).encode().decode("latin-1")
    origin.on("/first", redirect_to(text))
    origin.on("/%E5%AA%92%E4%BD%93", video(b"abc"))
    assert read(session(), origin.url + "/first") == b"abc"


def test_redirect_from_https_to_http_is_refused(origin: Origin, secure: Origin, session: OpenSession) -> None:
    origin.on("/up", redirect_to(secure.url + "/media"))
    origin.on("/media", video(b"plain"))
    secure.on("/media", video(b"secure"))
    secure.on("/down", redirect_to(origin.url + "/media?sign=S3CRET"))
    assert read(session(), origin.url + "/up") == b"secure"
    text = open_error(session(LOOPBACK, "127.0.0.0/8"), secure.url + "/down?sign=S3CRET")
    assert "from https to http" in text
    assert "allowed_media_hosts" not in text
    origin.on("/up", redirect_to(secure.url + "/down"))
    open_error(session(), origin.url + "/up")
    assert origin.count("/media") == 0


OTHER_SCHEMES = [
    "file:///etc/passwd?S3CRET",
    "ftp://127.0.0.1/S3CRET",
    "data:text/plain,S3CRET",
    "FILE:S3CRET",
    "gopher://x/S3CRET",
]
MALFORMED = ["http://[S3CRET", "http://:80/S3CRET", "http://127.0.0.1:99999/S3CRET", "http://127.0.0.1:0/S3CRET"]


@pytest.mark.parametrize(
    ("link", "kind"), [*((link, UnsafeAddress) for link in OTHER_SCHEMES), *((link, ServerError) for link in MALFORMED)]
)
def test_link_or_redirect_without_http_is_refused(
    origin: Origin, session: OpenSession, link: str, kind: type[MeetingsApiError]
) -> None:
    origin.on("/first", redirect_to(link))
    assert "no http(s) address" in open_error(session(), link, kind)
    assert "no http(s) address" in open_error(session(), origin.url + "/first", kind)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "2852039166", "[::ffff:169.254.169.254]", "metadata.google.internal", "somewhere.example"],
)
def test_redirect_to_metadata_service_is_refused(origin: Origin, session: OpenSession, names: Names, host: str) -> None:
    names("somewhere.example", ["169.254.169.254"])
    origin.on("/first", redirect_to(f"http://{host}/latest?sign=S3CRET"))
    text = open_error(session(LOOPBACK, "*.example", "0.0.0.0/0"), origin.url + "/first")
    assert "metadata" in text
    assert origin.count("/first") == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://?sign=S3CRET",
        "http://example.invalid:99999/x?sign=S3CRET",
        "http://*.invalid/x?sign=S3CRET",
        "http://" + "a" * 70 + ".invalid/x?sign=S3CRET",
        "http://[::1/x?sign=S3CRET",
        "//example.com/x?sign=S3CRET",
        "",
    ],
)
def test_invalid_link_is_server_error_without_link(session: OpenSession, url: str) -> None:
    open_error(session(), url, ServerError)


def test_read_timeout_applies_to_headers_and_body(
    origin: Origin, session: OpenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", 0.05)
    origin.on("/silent", origin.hang())
    origin.on("/half", origin.hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
    assert "no answer in time" in open_error(session(), origin.url + "/silent", ServerError)
    with (
        session().stream(origin.url + "/half?sign=S3CRET") as stream,
        pytest.raises(ServerError, match="cut after 0 of 9 bytes") as caught,
    ):
        list(stream.chunks())
    assert "S3CRET" not in error_text(caught.value)


def test_close_ends_idle_connections(session: OpenSession) -> None:
    received: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
            received.append(connection.recv(1))

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        server = threads.submit(serve, listener)
        opened = session()
        with opened.stream(f"http://127.0.0.1:{listener.getsockname()[1]}/media") as stream:
            assert b"".join(stream.chunks()) == b"abc"
        # A response keeps its pool open: urllib3 closes a pool when its last response is deleted.
        del stream
        assert not server.done()
        opened.close()
        server.result(5)
    assert received == [b""]
