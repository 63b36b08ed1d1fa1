from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import requests

from airflow_provider_meetings.api.errors import AnswerTooLong, ServerError
from airflow_provider_meetings.api.http import transport as transport_module
from airflow_provider_meetings.api.http.cancellation import CancellableAdapter
from airflow_provider_meetings.api.http.transport import Transport
from tests.contract.acme_api import QUOTA, Start, decode
from tests.contract.leaks import error_text
from tests.contract.media.endless import Endless
from tests.contract.media.origin import Answer, Handler, Origin, chunked, raw_body

LIMIT = 100_000
OK_HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(30_000_000))
BODY = b'{"value": 1}'
ZIPPED = gzip.compress(BODY)

SWOLLEN: dict[str, tuple[bytes, bytes]] = {
    "plain": (OK_HEAD + b"Content-Length: 500000000\r\n\r\n", bytes(2**16)),
    "without a length": (OK_HEAD + b"\r\n", bytes(2**16)),
    "chunked": (CHUNKED, b"10000\r\n" + bytes(2**16) + b"\r\n"),
    "chunks of one byte": (CHUNKED, b"1\r\nx\r\n" * 2**12),
    "one chunk": (CHUNKED + b"FFFFFFFFFFFF\r\n", bytes(2**16)),
    "chunk of a negative size": (CHUNKED + b"-1\r\n", bytes(2**16)),
    "gzip": (OK_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, b""),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 500000000\r\n\r\n", bytes(2**16)),
    "error": (b"HTTP/1.1 500 Oops\r\nContent-Length: 500000000\r\n\r\n", bytes(2**16)),
}


def encoded(body: bytes, coding: str) -> Answer:
    return raw_body(body, headers={"Content-Encoding": coding})


@pytest.fixture
def limited(origin: Origin, start: Start) -> Transport:
    return start(origin.url, answer_bytes=LIMIT)


@pytest.mark.parametrize("name", SWOLLEN)
def test_swollen_answer_ends_at_limit(
    origin: Origin, limited: Transport, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    received = 0
    send = CancellableAdapter.send

    def counting(self: CancellableAdapter, *args: Any, **kwargs: Any) -> requests.Response:
        response = send(self, *args, **kwargs)
        read = response.raw.read1

        def read1(amount: int) -> bytes:
            nonlocal received
            chunk: bytes = read(amount)
            received += len(chunk)
            return chunk

        monkeypatch.setattr(response.raw, "read1", read1)
        return response

    monkeypatch.setattr(CancellableAdapter, "send", counting)
    host = Endless(*SWOLLEN[name])
    origin.on("/api", host)
    with pytest.raises(AnswerTooLong, match=r"/api with more than 100000 bytes") as caught:
        limited.call("GET", "/api", decode, quota=QUOTA, params={"secret": "S3CRET"})
    assert "S3CRET" not in error_text(caught.value)
    assert host.disconnected.wait(20)
    assert origin.count("/api") == 1  # not repeated
    assert received < LIMIT + 2**17


@pytest.mark.parametrize(
    ("start_of_answer", "repeated"),
    [(CHUNKED, b"1"), (CHUNKED + b"1;", b"x" * 2**16), (CHUNKED + b"0\r\nTrailer: ", b"x" * 2**16)],
)
def test_endless_line_between_chunks_is_error(
    origin: Origin, start: Start, start_of_answer: bytes, repeated: bytes
) -> None:
    host = Endless(start_of_answer, repeated)
    origin.on("/api", host)
    with pytest.raises(ServerError):
        start(origin.url, answer_seconds=1.0, max_attempts=1).call("GET", "/api", decode, quota=QUOTA)
    assert host.disconnected.wait(20)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", " Gzip ", "identity", "Identity", "", "none", "utf-8"])
def test_known_coding_is_decoded(origin: Origin, limited: Transport, coding: str) -> None:
    origin.on("/api", encoded(ZIPPED if "gzip" in coding.lower() else BODY, coding))
    assert limited.call("GET", "/api", decode, quota=QUOTA) == {"value": 1}
    assert origin.requests[0].headers["accept-encoding"] == "gzip"


def test_gzip_of_several_members_is_decoded(origin: Origin, limited: Transport) -> None:
    origin.on("/api", encoded(gzip.compress(BODY[:5]) + gzip.compress(BODY[5:]), "gzip"))
    assert limited.call("GET", "/api", decode, quota=QUOTA) == {"value": 1}


@pytest.mark.parametrize(
    "coding", ["gzip, gzip", "gzip,identity,GZIP", "deflate", "br", "zstd", "compress", "br, gzip"]
)
def test_coding_that_was_not_requested_is_error(origin: Origin, limited: Transport, coding: str) -> None:
    origin.on("/api", encoded(gzip.compress(BOMB), coding))
    with pytest.raises(ServerError, match=r"compressed its answer to /api as .*only gzip was requested"):
        limited.call("GET", "/api", lambda response: response.content, quota=QUOTA)


@pytest.mark.parametrize(
    "answer",
    [
        encoded(BODY, "gzip"),
        encoded(ZIPPED[:-12], "gzip"),
        encoded(ZIPPED[:-1], "gzip"),
        encoded(ZIPPED[:-8] + bytes(8), "gzip"),
        encoded(ZIPPED[:12] + b"\xff" * 20, "gzip"),
        encoded(zlib.compress(BODY), "gzip"),
        raw_body(BODY, headers={"Content-Length": "20"}),
        chunked(BODY, finished=False),
    ],
)
def test_damaged_body_is_typed_error(origin: Origin, limited: Transport, answer: Answer) -> None:
    """A truncated transcript must not be taken for the whole one."""
    origin.on("/api", answer)
    with pytest.raises(
        ServerError, match=r"could not be reached at http://127.0.0.1:\d+: the answer was cut off or is"
    ):
        limited.call("GET", "/api", lambda response: response.content, quota=QUOTA)
    assert origin.count("/api") == 4


@pytest.mark.parametrize("coding", ["", "gzip", "br"])
@pytest.mark.parametrize(("sent", "length"), [(12, 20), (LIMIT + 1, LIMIT + 1)])
def test_rate_limit_needs_no_readable_body(
    origin: Origin, limited: Transport, coding: str, sent: int, length: int
) -> None:
    headers = {"Content-Encoding": coding, "Content-Length": str(length)}
    origin.on("/api", raw_body(bytes(sent), status=429, headers=headers))
    found = limited.call("GET", "/api", lambda response: (response.status_code, response.content), quota=QUOTA)
    assert found == (429, b"")


@pytest.mark.parametrize("length", [0, 1, LIMIT, LIMIT + 1])
def test_limit_is_inclusive(origin: Origin, limited: Transport, length: int) -> None:
    body = bytes(range(256)) * 400
    origin.on("/api", raw_body(body[:length]))

    def content() -> bytes:
        received: bytes = limited.call("GET", "/api", lambda response: response.content, quota=QUOTA)
        return received

    if length > LIMIT:
        with pytest.raises(AnswerTooLong):
            content()
    else:
        assert content() == body[:length]


def test_limits_of_a_transport() -> None:
    """Two minutes and 64 MiB, unless the caller says otherwise."""
    assert (transport_module.ANSWER_SECONDS, transport_module.ANSWER_BYTES) == (120.0, 64 * 2**20)


def in_chunks(body: bytes) -> bytes:
    return b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def with_length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("framed", [in_chunks, with_length])
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_connection_is_used_again(
    origin: Origin, limited: Transport, framed: Callable[[bytes], bytes], coding: str
) -> None:
    clients: set[tuple[str, int]] = set()

    def answer(handler: Handler) -> None:
        body = ZIPPED if coding == "gzip" else BODY
        handler.wfile.write(OK_HEAD + b"Content-Encoding: %s\r\n" % coding.encode() + framed(body))
        handler.close_connection = False
        clients.add(handler.client_address)

    origin.on("/api", answer)
    for _ in range(10):
        assert limited.call("GET", "/api", decode, quota=QUOTA) == {"value": 1}
    assert len(clients) == 1
