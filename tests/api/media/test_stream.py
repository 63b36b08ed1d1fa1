"""Media streams: request headers, redirects, status codes and truncated bodies."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import (
    LinkExpired,
    MediaCorrupt,
    MeetingsApiError,
    ServerError,
)
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.media.stream import CHUNK_BYTES
from tests.contract.acme_api import QUOTA, Start, StartMedia, decode, token_auth
from tests.contract.leaks import error_text
from tests.contract.media.origin import Origin, chunked, json_body, raw_body, video


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
        (429, ServerError),
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


def test_compressed_body_is_refused(origin: Origin, start_media: StartMedia) -> None:
    """A truncated gzip stream can be decompressed without an error."""
    origin.on("/compressed", video(b"abc", {"Content-Encoding": "gzip"}))
    with pytest.raises(MediaCorrupt, match=r"compressed the file \('gzip'\)"):
        start_media(origin.url).stream(origin.url + "/compressed")


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
