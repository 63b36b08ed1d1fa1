"""The deadline and the interrupt of API calls, in every phase."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from queue import SimpleQueue
from typing import Any

import pytest
import requests

from airflow_provider_meetings.api.errors import AnswerTooLong, ServerError
from airflow_provider_meetings.api.http import cancellation
from airflow_provider_meetings.api.http.cancellation import CancellableAdapter
from airflow_provider_meetings.api.http.transport import KEPT_ANSWER_SECONDS, Transport
from airflow_provider_meetings.coordination.oauth.token_store import MAX_REQUEST_SECONDS
from tests.contract.acme_api import OK, QUOTA, Start, decode, token_auth
from tests.contract.leaks import error_text
from tests.contract.media.endless import Endless
from tests.contract.media.origin import Handler, Origin

HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS: dict[str, tuple[bytes, bytes]] = {
    "no answer": (b"", b""),
    "status drips": (b"HTTP/1.1 2", b"0"),
    "headers drip": (HEAD + b"X: ", b"x"),
    "headers": (HEAD, b"X-Long: y\r\n" * 4),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body drips": (HEAD + b"Content-Length: 999\r\n\r\n", b"x"),
    "body stalls": (HEAD + b"Content-Length: 999\r\n\r\nabc", b""),
    "body without a length drips": (HEAD + b"\r\n", b"x"),
    "chunks drip": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "size of a chunk drips": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    "gzip drips": (HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0", b"name"),
}
DRIPPING = [name for name in ENDLESS if name != "headers"]  # after 100 headers, http.client gives up
Interrupt = Callable[[], None]


@pytest.fixture(params=["direct", "proxy", "tunnel", "token"])
def calls(request: pytest.FixtureRequest, origin: Origin, start: Start) -> Callable[..., Any]:
    """Return a function that makes a transport and one call, whose requests are all answered by `origin`."""
    way = request.param

    def prepare(answer: Endless, **arguments: Any) -> tuple[Transport, Callable[[], Any]]:
        base_url = {"proxy": "http://api.example.com", "tunnel": "https://api.example.com"}.get(way, origin.url)
        for path in ("/token", "/api", "http://api.example.com/api", "api.example.com:443"):
            origin.on(path, answer)
        if way in ("proxy", "tunnel"):
            arguments["proxy"] = origin.url
        transport = start(base_url, **arguments)
        auth = token_auth(transport) if way == "token" else None
        return transport, lambda: transport.call("GET", "/api", decode, quota=QUOTA, auth=auth)

    Handler.do_CONNECT = Handler.do_GET  # type: ignore[attr-defined]
    return prepare


@pytest.mark.parametrize("name", DRIPPING)
def test_deadline(origin: Origin, start: Start, name: str) -> None:
    host = Endless(*ENDLESS[name])
    origin.on("/api", host)
    origin.on("/good", OK)
    transport = start(origin.url, answer_seconds=1.0)
    with pytest.raises(AnswerTooLong, match=r"did not finish its answer to http://.*/api within 1 s") as caught:
        transport.call("GET", "/api", decode, quota=QUOTA, params={"secret": "S3CRET"})
    assert "S3CRET" not in error_text(caught.value)
    assert caught.value.lost
    assert host.disconnected.wait(20)
    assert origin.count("/api") == 1  # not repeated: four of them would take eight minutes
    assert transport.call("GET", "/good", decode, quota=QUOTA) == {"value": 1}


def test_deadline_in_every_way(calls: Callable[..., Any]) -> None:
    host = Endless(*ENDLESS["headers drip"])
    _, call = calls(host, answer_seconds=1.0)
    with pytest.raises(AnswerTooLong):
        call()
    assert host.disconnected.wait(20)


@pytest.mark.parametrize("name", DRIPPING)
def test_interrupt(origin: Origin, start: Start, name: str) -> None:
    host = Endless(*ENDLESS[name])
    origin.on("/api", host)
    transport = start(origin.url, sleep=None)
    with (
        interrupted_after(host.started, transport.interrupt) as left_at,
        pytest.raises(ServerError, match="the task is being stopped"),
    ):
        transport.call("GET", "/api", decode, quota=QUOTA)
    assert left_at() < 10
    assert host.disconnected.wait(20)
    assert origin.count("/api") == 1
    with pytest.raises(ServerError, match="the task is being stopped"):
        transport.call("GET", "/api", decode, quota=QUOTA)
    assert origin.count("/api") == 1


def test_interrupt_in_every_way(calls: Callable[..., Any]) -> None:
    host = Endless(*ENDLESS["headers drip"])
    transport, call = calls(host, sleep=None)
    with interrupted_after(host.started, transport.interrupt), pytest.raises(ServerError, match="being stopped"):
        call()
    assert host.disconnected.wait(20)


def test_interrupt_ends_calls_of_all_threads(origin: Origin, start: Start) -> None:
    hosts = [Endless(*ENDLESS["body drips"]) for _ in range(8)]
    origin.on("/api", *hosts)
    transport = start(origin.url, sleep=None)
    with ThreadPoolExecutor(8) as threads:
        calling = [threads.submit(transport.call, "GET", "/api", decode, quota=QUOTA) for _ in hosts]
        assert all(host.started.wait(20) for host in hosts)
        transport.interrupt()
        for call in calling:
            with pytest.raises(ServerError, match="being stopped"):
                call.result(10)
    assert all(host.disconnected.wait(20) for host in hosts)


class TaskTimeout(BaseException):
    """Like AirflowTaskTimeout, which is no Exception."""


@pytest.mark.parametrize("name", ["no answer", "headers drip", "body drips"])
def test_exception_of_signal_handler_leaves(origin: Origin, start: Start, name: str) -> None:
    host = Endless(*ENDLESS[name])
    origin.on("/api", host)
    with signalled_after(host.started), pytest.raises(TaskTimeout):
        start(origin.url, sleep=None).call("GET", "/api", decode, quota=QUOTA)
    assert host.disconnected.wait(20)
    assert origin.count("/api") == 1


@pytest.mark.parametrize("way", ["interrupt", "signal", "deadline"])
def test_lookup_of_name_holds_nobody(
    origin: Origin, start: Start, monkeypatch: pytest.MonkeyPatch, no_proxies: None, way: str
) -> None:
    """The resolver of the operating system cannot be interrupted: the call leaves it, and sends nothing later."""
    looked_up, go_on = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def slow(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host == "slow.example.com":
            looked_up.set()
            assert go_on.wait(60)
            host = "127.0.0.1"
        return real(host, port, *args, **kwargs)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        port = listener.getsockname()[1]
        transport = start(
            f"http://slow.example.com:{port}", sleep=None, answer_seconds=1.0 if way == "deadline" else 60
        )
        errors = {"signal": TaskTimeout, "deadline": AnswerTooLong}
        with (
            signalled_after(looked_up) if way == "signal" else nullcontext(),
            interrupted_after(looked_up, transport.interrupt) if way == "interrupt" else nullcontext(),
            pytest.raises(errors.get(way, ServerError)),
        ):
            transport.call("GET", "/api", decode, quota=QUOTA)
        go_on.set()
        listener.settimeout(20)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            assert connection.recv(1) == b""


@pytest.mark.parametrize("way", ["interrupt", "signal", "deadline"])
def test_connecting_holds_nobody(start: Start, no_proxies: None, way: str) -> None:
    """The host's queue of connections is full: it does not answer, and urllib3's own limit is ten seconds."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        transport = start(f"http://127.0.0.1:{port}", sleep=None, answer_seconds=1.0 if way == "deadline" else 60)
        connecting = threading.Event()
        connect = CancellableAdapter.send

        def send(self: CancellableAdapter, *args: Any, **kwargs: Any) -> Any:
            connecting.set()
            return connect(self, *args, **kwargs)

        stack.enter_context(pytest.MonkeyPatch.context()).setattr(CancellableAdapter, "send", send)
        errors = {"signal": TaskTimeout, "deadline": AnswerTooLong}
        started = time.monotonic()
        with (
            signalled_after(connecting) if way == "signal" else nullcontext(),
            interrupted_after(connecting, transport.interrupt) if way == "interrupt" else nullcontext(),
            pytest.raises(errors.get(way, ServerError)),
        ):
            transport.call("GET", "/api", decode, quota=QUOTA)
        assert time.monotonic() - started < 8


def test_answer_that_comes_with_the_interrupt_is_closed(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection would stay open until it is garbage."""

    class ReadLate(SimpleQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            for thread in threading.enumerate():
                if thread.name == "meetings request":
                    thread.join(60)
            return super().get(block, timeout)

    answers: list[requests.Response] = []

    def work() -> requests.Response:
        request = requests.Request("GET", f"{origin.url}/api").prepare()
        answers.append(adapter.send(request, stream=True, timeout=60))
        adapter.cancel()
        return answers[0]

    monkeypatch.setattr(cancellation, "SimpleQueue", ReadLate)
    origin.on("/api", OK)
    adapter = CancellableAdapter()
    with pytest.raises(requests.ConnectionError, match="interrupted"):
        adapter.exchange(work, 60)
    assert answers[0].raw.closed


def test_kept_call_is_not_interrupted(origin: Origin, start: Start) -> None:
    """The answer to a refresh token is its only successor."""
    asked, go_on = threading.Event(), threading.Event()

    def answer(handler: Handler) -> None:
        asked.set()
        assert go_on.wait(60)
        OK(handler)

    origin.on("/api", answer)
    transport = start(origin.url, sleep=None)
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(transport.call, "POST", "/api", decode, quota=QUOTA, kept=True)
        assert asked.wait(20)
        transport.interrupt()
        go_on.set()
        assert calling.result(20) == {"value": 1}


def test_kept_call_ends_before_others_stop_waiting(origin: Origin, start: Start) -> None:
    assert KEPT_ANSWER_SECONDS < MAX_REQUEST_SECONDS
    origin.on("/api", Endless(*ENDLESS["body drips"]))
    with pytest.raises(AnswerTooLong):
        start(origin.url, answer_seconds=0.3).call("POST", "/api", decode, quota=QUOTA, kept=True)


@contextmanager
def interrupted_after(event: threading.Event, interrupt: Interrupt) -> Iterator[Callable[[], float]]:
    """Interrupt when `event` is set; the yielded function returns the seconds from then to the end of the block."""
    at: list[float] = []

    def run() -> None:
        assert event.wait(20)
        at.append(time.monotonic())
        interrupt()

    thread = threading.Thread(target=run)
    thread.start()
    yield lambda: at[1] - at[0]
    at.append(time.monotonic())
    thread.join()


@contextmanager
def signalled_after(event: threading.Event) -> Iterator[None]:
    """Let a signal handler raise `TaskTimeout` in this thread when `event` is set."""

    def handle(*_: object) -> None:
        raise TaskTimeout

    before = signal.signal(signal.SIGUSR2, handle)
    main = threading.get_ident()
    with interrupted_after(event, lambda: signal.pthread_kill(main, signal.SIGUSR2)):
        try:
            yield
        finally:
            signal.signal(signal.SIGUSR2, before)
