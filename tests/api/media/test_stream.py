"""Media streams: request headers, redirects, status codes and truncated bodies."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from urllib3.response import HTTPResponse

from airflow_provider_meetings.api.errors import (
    LinkExpired,
    MediaCorrupt,
    MeetingsApiError,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.body import _COMPRESSIONS
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.media.stream import CHUNK_BYTES, Position
from tests.contract.acme_api import QUOTA, Start, StartMedia, decode, token_auth
from tests.contract.leaks import error_text
from tests.contract.media.origin import Origin, chunked, json_body, raw_body, serve_origin, verbatim, video

COMPRESSIONS = {"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi"}


def test_media_host_receives_no_credentials(
    origin: Origin, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password S3CRET\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    origin.on("/token", json_body({"token": "t-one"}))
    origin.on("/api", json_body({"value": 1}, headers={"Set-Cookie": "session=S3CRET; Path=/"}))
    origin.on("/media", raw_body(b"", status=302, headers={"Location": "/media2?sign=b"}))
    origin.on("/media2", video(b"abc"))
    transport = start(origin.url)
    transport.call("GET", "/api", decode, quota=QUOTA, auth=token_auth(transport))
    with MediaSession(transport).stream(origin.url + "/media?sign=a") as stream:
        assert b"".join(stream.chunks()) == b"abc"
    media = [request for request in origin.requests if request.path.startswith("/media")]
    assert [request.query for request in media] == ["sign=a", "sign=b"]
    for request in media:
        assert not {"authorization", "cookie", "proxy-authorization", "referer"} & set(request.headers)
        assert "access_token" not in request.query
        assert request.headers["accept-encoding"] == "identity"


def test_signed_link_is_sent_unchanged(origin: Origin, start_media: StartMedia) -> None:
    origin.on("/media", video(b"abc"))
    query = "q-sign=a%2Fb%3D&x=1+2&y=%E8%93%9D"
    with start_media(origin.url).stream(f"{origin.url}/media?{query}") as stream:
        list(stream.chunks())
    assert origin.requests[0].query == query


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, LinkExpired),
        (403, LinkExpired),
        (404, LinkExpired),
        (410, LinkExpired),
        (429, RateLimited),
        (500, ServerError),
        (503, ServerError),
        (204, MediaCorrupt),
        (206, MediaCorrupt),
        (400, MediaCorrupt),
    ],
)
def test_status_of_media_host(
    origin: Origin, start_media: StartMedia, status: int, kind: type[MeetingsApiError]
) -> None:
    headers = {} if status == 204 else {"Content-Type": "video/mp4"}
    origin.on("/media", raw_body(b"" if status == 204 else b"x", status=status, headers=headers))
    with pytest.raises(kind, match=f"status {status}"):
        start_media(origin.url).stream(origin.url + "/media")


def test_length(origin: Origin, start_media: StartMedia) -> None:
    session = start_media(origin.url)
    origin.on("/known", video(b"abc"))
    origin.on("/unknown", chunked(b"ab", b"c", finished=True))
    for path, length in (("/known", 3), ("/unknown", None)):
        with session.stream(origin.url + path) as stream:
            assert stream.length == length
            assert b"".join(stream.chunks()) == b"abc"


def _spelled(coding: str, upper: list[bool], spaces: str) -> str:
    letters = (letter.upper() if up else letter for letter, up in zip(coding, upper, strict=False))
    return f"{spaces}{''.join(letters)}{coding[len(upper) :]}{spaces}"


CODINGS = st.lists(
    st.builds(
        _spelled,
        st.sampled_from(["identity", "none", "utf-8", "utf8", "binary", "aws-chunked", "", *sorted(COMPRESSIONS)]),
        st.lists(st.booleans(), max_size=8),
        st.sampled_from(["", " ", "\t"]),
    ),
    max_size=3,
).map(",".join)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Origin, MediaSession]]:
    """Serve to all examples of one test."""
    with serve_origin() as origin:
        transport = Transport(base_url=origin.url, platform="acme")
        session = MediaSession(transport)
        yield origin, session
        session.close()
        transport.close()


@settings(max_examples=60, deadline=None)
@given(CODINGS)
@example("Identity")
@example("UTF8")
@example("gzip")
@example("identity, GZIP")
def test_only_compressions_are_refused(shared: tuple[Origin, MediaSession], encoding: str) -> None:
    """A truncated gzip stream can be decompressed without an error. Other tokens change no byte."""
    origin, session = shared
    url = origin.on("/media", video(b"abc", {"Content-Encoding": encoding}))
    if {token.strip().lower() for token in encoding.split(",")} & COMPRESSIONS:
        with pytest.raises(MediaCorrupt, match="compressed the file"):
            session.stream(url)
    else:
        with session.stream(url) as stream:
            assert (stream.length, b"".join(stream.chunks())) == (3, b"abc")


def test_every_coding_that_urllib3_decodes_is_refused() -> None:
    assert set(HTTPResponse.CONTENT_DECODERS) <= COMPRESSIONS == _COMPRESSIONS


@pytest.mark.parametrize(
    ("status", "range_", "accepted"),
    [
        (203, None, True),
        (206, "bytes 0-2/3", True),
        (206, "Bytes 0-2/3", True),
        (206, "bytes=0-2/3", True),
        (206, "  bytes  0-2/3  ", True),
        (206, None, False),
        (206, "bytes 0-2/*", False),
        (206, "bytes 0-2/4", False),
        (206, "bytes 1-3/4", False),
        (206, "bytes 0-3/4", False),  # more than Content-Length
        (206, "bytes 0-1/2", False),  # less
    ],
)
@pytest.mark.parametrize("position", [None, Position(1, '"v1"', 9)])
def test_whole_file_with_another_status(
    origin: Origin,
    start_media: StartMedia,
    status: int,
    range_: str | None,
    accepted: bool,
    position: Position | None,
) -> None:
    headers = {"Content-Type": "video/mp4", **({"Content-Range": range_} if range_ else {})}
    url = origin.on("/media", raw_body(b"abc", status=status, headers=headers))
    if accepted:
        with start_media(origin.url).stream(url, position) as stream:
            assert (stream.start, stream.length, b"".join(stream.chunks())) == (0, 3, b"abc")
    else:
        with pytest.raises(MediaCorrupt, match=r"status 206|Content-Range"):
            start_media(origin.url).stream(url, position)


def test_whole_range_in_chunks_has_its_length(origin: Origin, start_media: StartMedia) -> None:
    headers = {"Content-Range": "bytes 0-4/5", "Transfer-Encoding": "chunked"}
    url = origin.on("/media", lambda handler: handler.send(206, headers, b"3\r\nabc\r\n0\r\n\r\n"))
    with start_media(origin.url).stream(url) as stream:
        assert (stream.length, b"".join(stream.chunks())) == (5, b"abc")


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "99999999"}, 3600.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Mon, 09 Nov 2026 20:00:07 GMT", "Date": "Mon, 09 Nov 2026 20:00:00 GMT"}, 7.0),
        ({"x-ogw-ratelimit-reset": "9", "Retry-After": "120"}, 9.0),
    ],
)
def test_requested_wait(
    origin: Origin, start_media: StartMedia, status: int, headers: dict[str, str], wait: float | None
) -> None:
    # Not raw_body: it sends a Date of its own first.
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": "0"}.items())
    url = origin.on("/media", verbatim(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode()))
    with pytest.raises(RateLimited if status == 429 else ServerError) as caught:
        start_media(origin.url).stream(url)
    assert caught.value.retry_after == wait
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("lengths", "length"),
    [
        (["3", "3"], 3),
        (["3, 3"], 3),
        (["3 "], 3),
        (["3 ", "3"], 3),
        (["3,3", "3"], 3),
        (["3", "4"], None),
        (["3, 4"], None),
    ],
)
def test_repeated_content_length(
    origin: Origin, start_media: StartMedia, lengths: list[str], length: int | None
) -> None:
    head = "".join(f"Content-Length: {value}\r\n" for value in lengths)
    url = origin.on("/media", verbatim(f"HTTP/1.1 200 OK\r\n{head}\r\nabc".encode()))
    if length is None:
        with pytest.raises(ServerError, match="InvalidHeader"):
            start_media(origin.url).stream(url)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()  # urllib3 leaves the socket of such an answer open
    else:
        with start_media(origin.url).stream(url) as stream:
            assert (stream.length, stream.detects_truncation) == (length, True)
            assert b"".join(stream.chunks()) == b"abc"


@pytest.mark.parametrize("length", ["abc", "-5", "", "9" * 5000, "1_0"])
def test_invalid_content_length_is_ignored(origin: Origin, start_media: StartMedia, length: str) -> None:
    origin.on("/media", video(b"abc", {"Content-Length": length}))
    with start_media(origin.url).stream(origin.url + "/media") as stream:
        assert (stream.length, stream.detects_truncation) == (None, False)


def test_negative_chunk_size_is_truncation(origin: Origin, start_media: StartMedia) -> None:
    head = {"Content-Type": "video/mp4", "Transfer-Encoding": "chunked"}
    origin.on("/media", lambda handler: handler.send(200, head, b"3\r\nabc\r\n-5\r\nabc\r\n"))
    with (
        start_media(origin.url).stream(origin.url + "/media") as stream,
        pytest.raises(ServerError, match=r"was cut after \d+ bytes"),
    ):
        b"".join(stream.chunks())


def test_chunks_are_at_most_one_mebibyte(origin: Origin, start_media: StartMedia) -> None:
    body = bytes(CHUNK_BYTES * 2 + 5)
    origin.on("/media", video(body))
    with start_media(origin.url).stream(origin.url + "/media") as stream:
        sizes = [len(chunk) for chunk in stream.chunks()]
    assert sum(sizes) == len(body)
    assert max(sizes) <= CHUNK_BYTES


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_truncated_body_is_detected(origin: Origin, start_media: StartMedia, framing: str) -> None:
    cut = video(b"abc", {"Content-Length": "10"}) if framing == "length" else chunked(b"abc", finished=False)
    origin.on("/media", cut)
    with (
        start_media(origin.url).stream(origin.url + "/media?sign=S3CRET") as stream,
        pytest.raises(ServerError, match="was cut") as caught,
    ):
        list(stream.chunks())
    assert "S3CRET" not in error_text(caught.value)
