"""Cancellation of landings, and timeouts for hosts whose responses never end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.landing.batch import land_all
from airflow_provider_meetings.api.landing.landing import Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.api.landing.transfer import Limits
from airflow_provider_meetings.api.media.stream import CHUNK_BYTES
from airflow_provider_meetings.api.models import MediaFile, Recording
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.local.writer import LocalWriter
from tests.contract.landing.bench import BODY, CHECKPOINT, OTHER, Bench
from tests.contract.landing.scripted import MEDIA, RECORDING, ScriptedClient
from tests.contract.media.endless import Endless
from tests.contract.media.opening import OpenSession, open_error, read
from tests.contract.media.origin import Handler, Origin, video

VIDEO = b'HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nETag: "v1"\r\nContent-Length: 99000000\r\n\r\n'
BEGINNING = VIDEO + BODY + bytes(CHUNK_BYTES)
NO_HEADERS = {
    "headers drip": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: ", b"x"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "no answer": (b"", b""),
}
NO_END = {"body trickles": (BEGINNING, b"x"), "body stalls": (BEGINNING, b"")}


class TaskTimeout(BaseException):
    """Like AirflowTaskTimeout, which is no Exception."""


class _ObservedStore(LocalStore):
    """Set `written` after the first chunk."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "file:///target")
        self.written = written = threading.Event()

        class ObservedWriter(LocalWriter):
            def write(self, chunk: bytes) -> None:
                super().write(chunk)
                written.set()

        self._writer_class = ObservedWriter

    def writer(self, key: str, plan: Plan) -> LocalWriter:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return self._writer_class(path, plan)


@pytest.mark.parametrize("name", [*NO_HEADERS, *NO_END])
def test_cancelled_landing_ends(bench: Bench, name: str) -> None:
    host = Endless(*{**NO_HEADERS, **NO_END}[name])
    bench.origin.on("/media", host)
    limits = Limits()
    client, store = ScriptedClient(bench.transport, bench.link), _ObservedStore(bench.root)
    landing = Landing(client, store, layout=Layout(), limits=limits)

    def files() -> Iterator[tuple[Recording, MediaFile]]:
        yield RECORDING, MEDIA
        assert (store.written if name in NO_END else host.started).wait(20)
        raise TaskTimeout

    def stop() -> None:
        limits.stop.set()
        client.interrupt()

    with pytest.raises(TaskTimeout):
        list(land_all(files(), landing.land, workers=2, stop=stop))
    assert host.disconnected.wait(20)
    assert bench.origin.count("/media") == 1
    assert (bench.root / CHECKPOINT).exists() == (name in NO_END)


@pytest.mark.parametrize("name", ["headers drip", "100 Continue"])
def test_slow_headers_time_out(origin: Origin, session: OpenSession, name: str) -> None:
    host = Endless(*NO_HEADERS[name])
    opened = session(answer_seconds=0.3)
    text = open_error(opened, origin.on("/media", host) + "?sign=S3CRET", ServerError)
    assert "no answer in time" in text
    assert host.disconnected.wait(20)
    # The session can still be used.
    assert read(opened, origin.on("/good", video(b"abc"))) == b"abc"


def test_slow_headers_of_proxy_time_out(origin: Origin, session: OpenSession) -> None:
    host = Endless(*NO_HEADERS["headers drip"])
    origin.on("http://media.example.com/", host)
    opened = session(proxy=origin.url, answer_seconds=0.3)
    assert "no answer in time" in open_error(opened, "http://media.example.com/?sign=S3CRET", ServerError)
    assert host.disconnected.wait(20)


def test_invalid_host_through_proxy_is_server_error(origin: Origin, session: OpenSession) -> None:
    text = open_error(session(proxy=origin.url), "http://cdn.example%20/media?sign=S3CRET", ServerError)
    assert "could not be reached" in text


def test_slow_body_has_no_time_limit(origin: Origin, session: OpenSession) -> None:
    headers_sent = threading.Event()

    def slow(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        headers_sent.set()
        origin.closing.wait(0.6)
        handler.wfile.write(b"def")

    assert read(session(answer_seconds=0.2), origin.on("/media", slow)) == b"abcdef"
    assert headers_sent.is_set()


def test_interrupt_of_tls_body_returns_no_ciphertext(secure: Origin, session: OpenSession) -> None:
    def endless(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99000000000\r\n\r\n")
        while not secure.closing.is_set():
            handler.wfile.write(bytes(2**16))

    opened = session()
    first_chunk = threading.Event()
    received: set[int] = set()

    def fetch() -> str:
        with opened.open(secure.on("/media", endless), {}) as response:
            try:
                for chunk in response.iter_content(1000):
                    received.update(chunk)
                    first_chunk.set()
            except OSError as error:
                return type(error).__name__
        return "whole"

    with ThreadPoolExecutor(1) as threads:
        fetching = threads.submit(fetch)
        assert first_chunk.wait(20)
        opened.interrupt()
        assert fetching.result(20) != "whole"
    assert received == {0}


def test_stalled_handshake_times_out(session: OpenSession) -> None:
    def listen(listener: socket.socket) -> bytes:
        listener.settimeout(20)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            while received := connection.recv(65536):
                pass
            return received

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        listening = threads.submit(listen, listener)
        opened = session(answer_seconds=0.3)
        # On a loaded machine, the timeout can expire before the connection is made.
        while not listening.done():
            open_error(opened, f"https://127.0.0.1:{listener.getsockname()[1]}/media?sign=S3CRET", ServerError)
        assert listening.result() == b""


def test_interrupted_session_opens_nothing(origin: Origin, session: OpenSession) -> None:
    opened = session()
    link = origin.on("/media", video(OTHER)) + "?sign=S3CRET"
    assert read(opened, link) == OTHER
    opened.interrupt()
    assert "the task is being stopped" in open_error(opened, link, ServerError)
    assert origin.count("/media") == 1
